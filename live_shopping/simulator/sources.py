"""The landing sources: their columns, and what can be wrong in them."""

from dataclasses import dataclass

import pyarrow as pa

from live_shopping.simulator.dirt import (
    MISSPELT_KINDS,
    SHARE_CLOCK_AHEAD,
    Dirt,
    dated_1969,
    dated_2106,
    misspelt_kind,
    negative_price,
    no_number_for_price,
    no_value,
)
from live_shopping.simulator.encoding import (
    Encoder,
    identifier,
    instant,
    number,
    number_of_kinds,
    number_or_null,
    word,
)
from live_shopping.simulator.marketplace import CATEGORIES, COUNTRIES, DEVICES, LANGUAGES, TITLES
from live_shopping.simulator.rows import Rows
from live_shopping.simulator.shows import STATUSES
from live_shopping.simulator.visits import BID, KINDS, PURCHASE, VIEW

_VIEWER = identifier("viewer", "v", 8)
_SHOW = identifier("show", "sh", 12)
_SELLER = identifier("seller", "se", 8)
_CHANGE = identifier("id", "c", 16)
_WHEN = {"event_ts": instant("event_ts"), "received_at": instant("received_at")}
_ORDER = identifier("id", "o", 16)
_PLACED = {
    "viewer_id": _VIEWER,
    "show_id": _SHOW,
    "seller_id": _SELLER,
    "device_id": identifier("device", "d", 8),
    "address_id": identifier("address", "a", 8),
    "price": number("price", pa.float64()),
}
_WRONG_DATES = (dated_1969, dated_2106)


@dataclass(frozen=True, slots=True, eq=False)
class LandingSource:
    """A source of the landing area.

    Attributes:
        name: Name of its directory.
        columns: Encoders of its columns, in order.
        dirt: What goes wrong in it.
    """

    name: str
    columns: dict[str, Encoder]
    dirt: Dirt

    def table(self, rows: Rows) -> pa.Table:
        """Return rows as they are written."""
        return pa.table({name: encode(rows) for name, encode in self.columns.items()})


EVENTS = LandingSource(
    "events",
    {"event_id": identifier("id", "e", 16)}
    | _WHEN
    | {
        "viewer_id": _VIEWER,
        "show_id": _SHOW,
        "seller_id": _SELLER,
        "category": word("category", CATEGORIES),
        "kind": word("kind", (*KINDS, *MISSPELT_KINDS)),
        "price": number_of_kinds("price", BID, PURCHASE),
        "watch_seconds": number_of_kinds("watch_seconds", VIEW),
    },
    Dirt(
        flaws=(
            no_value("viewer"),
            no_value("id"),
            misspelt_kind,
            negative_price,
            no_number_for_price,
            *_WRONG_DATES,
        ),
        clock_ahead=SHARE_CLOCK_AHEAD,
    ),
)

IMPRESSIONS = LandingSource(
    "impressions",
    {"impression_id": identifier("id", "i", 16), "request_id": identifier("request", "q", 16)}
    | _WHEN
    | {
        "viewer_id": _VIEWER,
        "show_id": _SHOW,
        "position": number("position", pa.int32()),
        "device": word("device", DEVICES),
        "tapped": number("tapped", pa.bool_()),
        "purchased": number("purchased", pa.bool_()),
        "watch_seconds": number("watch_seconds", pa.float64()),
    },
    Dirt(flaws=(no_value("viewer"), no_value("id"), *_WRONG_DATES)),
)

VIEWER_ACCOUNTS = LandingSource(
    "viewer_accounts",
    {"change_id": _CHANGE}
    | _WHEN
    | {
        "viewer_id": _VIEWER,
        "country": word("country", COUNTRIES),
        "language": word("language", LANGUAGES),
        "signed_up_at": instant("signed_up_at"),
        "interests": word("interest", CATEGORIES),
        "push_enabled": number("push_enabled", pa.bool_()),
    },
    Dirt(flaws=(no_value("viewer"), no_value("id"), *_WRONG_DATES)),
)

SELLER_ACCOUNTS = LandingSource(
    "seller_accounts",
    {"change_id": _CHANGE}
    | _WHEN
    | {
        "seller_id": _SELLER,
        "country": word("country", COUNTRIES),
        "joined_at": instant("joined_at"),
        "rating": number_or_null("rating"),
        "verified": number("verified", pa.bool_()),
        "followers": number("followers", pa.int64()),
    },
    Dirt(flaws=(no_value("seller"), no_value("id"), *_WRONG_DATES)),
)

SHOW_LISTINGS = LandingSource(
    "show_listings",
    {"change_id": _CHANGE}
    | _WHEN
    | {
        "show_id": _SHOW,
        "seller_id": _SELLER,
        "category": word("category", CATEGORIES),
        "title": word("title", TITLES),
        "language": word("language", LANGUAGES),
        "start_price": number("start_price", pa.float64()),
        "scheduled_at": instant("scheduled_at"),
        "started_at": instant("started_at"),
        "ended_at": instant("ended_at"),
        "status": word("status", STATUSES),
    },
    Dirt(flaws=(no_value("show"), no_value("id"), *_WRONG_DATES)),
)

ORDERS = LandingSource(
    "orders",
    {"order_id": _ORDER} | _WHEN | _PLACED,
    Dirt(
        flaws=(no_value("viewer"), no_value("id"), no_value("device"), *_WRONG_DATES),
        clock_ahead=SHARE_CLOCK_AHEAD,
    ),
)

ORDER_OUTCOMES = LandingSource(
    "order_outcomes",
    {"order_id": _ORDER} | _WHEN | _PLACED | {"charged_back": number("charged_back", pa.bool_())},
    Dirt(flaws=(no_value("viewer"), no_value("id"), *_WRONG_DATES)),
)

SOURCES = (
    EVENTS,
    IMPRESSIONS,
    VIEWER_ACCOUNTS,
    SELLER_ACCOUNTS,
    SHOW_LISTINGS,
    ORDERS,
    ORDER_OUTCOMES,
)
