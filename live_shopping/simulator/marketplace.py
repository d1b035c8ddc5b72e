"""What the marketplace sells, where its people live, and how its day goes."""

import numpy as np

CATEGORIES = (
    "sneakers",
    "fashion",
    "trading_cards",
    "comics",
    "toys",
    "electronics",
    "watches",
    "jewelry",
    "beauty",
    "vintage",
    "home",
    "sports",
)
CATEGORY_SHARES = np.array([14, 14, 13, 5, 8, 10, 5, 7, 9, 6, 5, 4]) / 100
TYPICAL_PRICES = np.array([70, 25, 18, 12, 20, 90, 220, 60, 15, 30, 25, 40], dtype=np.float64)

COUNTRIES = ("US", "GB", "DE", "FR", "NL", "BR", "JP", "AU")
COUNTRY_SHARES = np.array([46, 14, 11, 9, 4, 7, 5, 4]) / 100
UTC_OFFSETS = np.array([-6, 0, 1, 1, 1, -3, 9, 10])

LANGUAGES = ("en", "de", "fr", "nl", "pt", "ja")
LANGUAGE_OF_COUNTRY = np.array([0, 0, 1, 2, 3, 4, 5, 0])

DEVICES = ("ios", "android", "web")
DEVICE_SHARES = np.array([52, 40, 8]) / 100

_BY_LOCAL_HOUR = np.array(
    [14, 8, 5, 3, 3, 4, 8, 14, 20, 23, 25, 27, 32, 30, 27, 27, 30, 36, 46, 58, 66, 64, 48, 28]
)
LOCAL_RHYTHM = _BY_LOCAL_HOUR / _BY_LOCAL_HOUR.mean()
"""How busy each hour of a local day is, 1 on average."""

UTC_RHYTHM = np.array(
    [COUNTRY_SHARES @ LOCAL_RHYTHM[(hour + UTC_OFFSETS) % 24] for hour in range(24)]
)
"""How busy each hour of a UTC day is for all countries together, 1 on average."""

_LOOKS = ("Rare", "Fresh", "Bargain", "Premium", "Surprise", "Weekend", "Midnight", "Collector")
_FORMS = ("drop", "auction", "clearance", "showcase", "unboxing", "sale")
TITLES = tuple(
    f"{look} {category.replace('_', ' ')} {form}"
    for category in CATEGORIES
    for look in _LOOKS
    for form in _FORMS
)
TITLES_PER_CATEGORY = len(_LOOKS) * len(_FORMS)
