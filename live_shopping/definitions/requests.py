"""What only the moment of asking can tell."""

from typing import Annotated

import numpy as np

from live_shopping.definitions.orders import (
    AddressOrders,
    DeviceOrders,
    SellerOrders,
    ViewerOrders,
)
from live_shopping.definitions.pairs import ViewerCategoryTaste, ViewerSellerHistory
from live_shopping.definitions.sellers import SellerProfile, SellerStats
from live_shopping.definitions.shows import ShowActivity, ShowCatalog
from live_shopping.definitions.sources import DEVICES
from live_shopping.definitions.viewers import ViewerActivity, ViewerProfile
from slate import Array, RequestFeatures, now, request_input, resolver

MINUTE = np.timedelta64(1, "m")
HOUR = np.timedelta64(1, "h")
DAY = np.timedelta64(1, "D")


class FeedRequest(RequestFeatures):
    """A viewer's feed, at the moment it is opened."""

    device: str = request_input(default="web", one_of=DEVICES)
    on_phone: bool = device != "web"
    hour: float = (now() - now().astype("M8[D]")) / np.timedelta64(1, "h")  # of the day, UTC

    minutes_live: float = (now() - ShowCatalog.started_at) / MINUTE  # null before the start
    minutes_to_start: float = (ShowCatalog.scheduled_at - now()) / MINUTE
    is_live: bool = ShowCatalog.status == "live"
    account_days: float = (now() - ViewerProfile.signed_up_at) / DAY
    seller_days: float = (now() - SellerProfile.joined_at) / DAY
    idle_minutes: float = (now() - ViewerActivity.last_seen) / MINUTE
    since_seller_minutes: float = (now() - ViewerSellerHistory.last_seen) / MINUTE
    since_tap_minutes: float = (now() - ViewerCategoryTaste.last_tap) / MINUTE

    # What the viewer pays for an order, in dollars.
    usual_price: float = ViewerActivity.spend["30d"] / np.maximum(ViewerActivity.orders["30d"], 1)
    price_gap: float = np.log1p(ShowCatalog.start_price) - np.log1p(usual_price)
    show_tap_rate: float = ShowActivity.taps["1h"] / np.maximum(ShowActivity.views["1h"], 1)
    seller_tap_rate: float = SellerStats.taps["30d"] / np.maximum(SellerStats.views["30d"], 1)
    seller_order_rate: float = SellerStats.orders["30d"] / np.maximum(SellerStats.taps["30d"], 1)
    order_momentum: float = (
        ShowActivity.orders["10m"] * 6 / np.maximum(ShowActivity.orders["1h"], 1)
    )

    # The share of the viewer's taps that went to this show's category: of this session, of a month.
    mood: float = ViewerCategoryTaste.taps["10m"] / np.maximum(ViewerActivity.taps["10m"], 1)
    taste: float = ViewerCategoryTaste.taps["30d"] / np.maximum(ViewerActivity.taps["30d"], 1)
    drift: float = mood - taste
    same_category: bool = ViewerActivity.last_category == ShowCatalog.category
    told_interest: bool = ViewerProfile.interests == ShowCatalog.category
    own_language: bool = ViewerProfile.language == ShowCatalog.language
    own_country: bool = ViewerProfile.country == SellerProfile.country

    @resolver
    def heat(
        views: Annotated[Array, ShowActivity.views["10m"]],
        bids: Annotated[Array, ShowActivity.bids["10m"]],
        orders: Annotated[Array, ShowActivity.orders["10m"]],
    ) -> Annotated[Array, float]:
        """How hot the show runs: its last ten minutes, weighed by how much each act costs."""
        weights = np.array([1.0, 4.0, 16.0])
        heat: Array = np.stack([views, bids, orders], axis=-1) @ weights
        return np.log1p(heat)


class OrderRequest(RequestFeatures):
    """An order, at the moment it is placed and before it is known to be one."""

    price: float = request_input()  # dollars
    account_hours: float = (now() - ViewerProfile.signed_up_at) / HOUR
    seller_days: float = (now() - SellerProfile.joined_at) / DAY
    since_first_order_hours: float = (now() - ViewerOrders.first_order) / HOUR
    minutes_watched_1d: float = ViewerActivity.watched["1d"] / 60
    first_order: bool = ViewerOrders.orders["30d"] == 0
    # An account of days that orders for the first time, and from a seller of weeks.
    new_on_new: bool = first_order & (account_hours < 72) & (seller_days < 14)
    # How far the price is from what is usual: 0 is as usual, 1 is 2.7 times as much.
    above_usual: float = np.log1p(price) - np.log1p(ViewerOrders.usual_price)
    above_sellers_usual: float = np.log1p(price) - np.log1p(SellerOrders.usual_price)
    # Others who ordered from the same device, or to the same address.
    shared: int = np.maximum(DeviceOrders.accounts["1d"], AddressOrders.accounts["1d"])
    burst: float = DeviceOrders.orders["10m"] * 6 / np.maximum(DeviceOrders.orders["1h"], 1)
    without_watching: bool = (ViewerActivity.watched["1d"] == 0) & (ViewerActivity.taps["1d"] == 0)
