"""What is true: every event of a small marketplace, and what its features are by definition.

Each event of a key has its place in the order in which the events were written. Workers apply them
in that order, so what a row knows is always a beginning of the key's events: how many follows from
its own counts, and every other value follows from these events.
"""

import math
import threading
from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import cache
from typing import Any

import numpy as np

from live_shopping import definitions as shop
from slate.aggregates import Measure
from slate.features import Aggregated, Feature
from slate.views import FeatureView
from tests.parity.aggregates import meets, reduced
from tests.parity.answers import micros
from tests.parity.landing import moment

SHOWS, SELLERS, VIEWERS = 400, 400, 600
CATEGORIES = ("toys", "cards", "shoes", "books", "music")
# Shares are left out: of a viewer no feature counts them, so that nothing would tell how many.
KINDS = ("view", "tap", "chat", "bid", "purchase", "follow")
WEIGHTS = (0.4, 0.3, 0.1, 0.1, 0.05, 0.05)
HISTORY = 12_000
HOURS = 20

Key = tuple[str, ...]
Event = dict[str, Any]


@dataclass(frozen=True)
class Counted:
    """A view whose own counts tell how many of a key's events it knows.

    Attributes:
        view: the view.
        counts: features of one window that count each kind of event, but for those in ``unseen``.
        unseen: the kinds of event that no feature of the view sees.
        skipped: features that see them all the same.
    """

    view: type[FeatureView]
    counts: tuple[Feature, ...]
    unseen: frozenset[str] = frozenset()
    skipped: frozenset[str] = frozenset()


def _counted(
    view: Any, window: str, *measures: str, unseen: Sequence[str] = (), skipped: Sequence[str] = ()
) -> Counted:
    counts = tuple(view.features[f"{measure}_{window}"] for measure in measures)
    return Counted(view, counts, frozenset(unseen), frozenset(skipped))


COUNTED = (
    _counted(shop.ShowActivity, "1h", "views", "taps", "chats", "bids", "orders", "follows"),
    _counted(
        shop.SellerStats, "1d", "views", "taps", "bids", "orders", "follows", unseen=["chat"]
    ),
    _counted(shop.ViewerActivity, "1d", "views", "taps", "chats", "bids", "orders", "follows"),
    _counted(
        shop.ViewerSellerHistory,
        "30d",
        *("views", "taps", "orders", "follows"),
        unseen=["chat", "bid"],
        skipped=["last_seen"],
    ),
    _counted(
        shop.ViewerCategoryTaste, "30d", "views", "taps", "bids", "orders",
        unseen=["chat", "follow"],
    ),
)  # fmt: skip


class Truth:
    """All events so far, in the order in which they were written, and the tables' rows.

    Args:
        random: draws the events.
        began: the instant before which the first events arrived: the beginning of an hour.
    """

    def __init__(self, random: np.random.Generator, began: datetime) -> None:
        self.began = began
        self.shows = [f"show_{n:04d}" for n in range(SHOWS)]
        self.viewers = [f"viewer_{n:03d}" for n in range(VIEWERS)]
        self.seller_of = {show: f"seller_{n % SELLERS:03d}" for n, show in enumerate(self.shows)}
        self.category_of = {
            show: CATEGORIES[n % len(CATEGORIES)] for n, show in enumerate(self.shows)
        }
        self.price_of = {show: float(n % 90) + 0.5 for n, show in enumerate(self.shows)}
        self._random = random
        self._number = 0
        self._latest = 0
        self._lock = threading.Lock()
        self._of: dict[tuple[str, Key], list[Event]] = defaultdict(list)
        span = HOURS * 3_600_000_000
        ago = np.sort(random.integers(2_000_000, span, HISTORY))[::-1]
        self.history = [self._event(micros(began) - int(one)) for one in ago]
        self._keep(self.history)
        self.published = {of: len(events) for of, events in self._of.items()}

    def more(self, number: int) -> list[Event]:
        """So many events of just now, kept before anybody can know them."""
        now = micros(datetime.now(UTC))
        events = [self._event(max(now, self._latest + 1)) for _ in range(number)]
        self._keep(events)
        return events

    def _event(self, at: int) -> Event:
        random = self._random
        self._latest = at
        self._number += 1
        show = self.shows[int(random.integers(SHOWS))]
        kind = str(random.choice(KINDS, p=WEIGHTS))
        priced = kind in ("bid", "purchase")
        return {
            "event_id": f"e{self._number:08d}",
            "event_ts": moment(at),
            "viewer_id": self.viewers[int(random.integers(VIEWERS))],
            "show_id": show,
            "seller_id": self.seller_of[show],
            "category": self.category_of[show],
            "kind": kind,
            "price": round(float(random.lognormal(3, 1)), 2) if priced else None,
            "watch_seconds": float(random.exponential(60)) if kind == "view" else None,
        }

    def _keep(self, events: Sequence[Event]) -> None:
        with self._lock:
            for event in events:
                for one in COUNTED:
                    if event["kind"] not in one.unseen:
                        key = tuple(event[name] for name in one.view.entity.keys)
                        self._of[one.view.name, key].append(event)

    def events(self, view: type[FeatureView], key: Key, other: bool = False) -> list[Event]:
        """All events of a key that a view sees, in order.

        Args:
            view: the view.
            key: the key.
            other: whether as a generation knows them that is published of other values.
        """
        with self._lock:
            events = list(self._of[view.name, key])
        if other:
            known = self.known_before(view, key)
            events[:known] = map(_other, events[:known])
        return events

    def known_before(self, view: type[FeatureView], key: Key) -> int:
        """How many of them every published generation knows."""
        return self.published.get((view.name, key), 0)

    def sources(self, other: bool = False) -> dict[str, list[dict[str, Any]]]:
        """The rows of each source before the stream began, by the source's name.

        Args:
            other: whether prices, ratings and followers are others, so that two generations of
                one instant can be told apart by their values, of each view that has such.
        """
        history = map(_other, self.history) if other else self.history
        second = timedelta(seconds=1)
        listed = self.began - timedelta(days=2)
        known = {"event_ts": listed, "received_at": listed + second}
        sellers = sorted(set(self.seller_of.values()))
        return {
            shop.Event.name: [e | {"received_at": e["event_ts"] + second} for e in history],
            shop.Impression.name: [],
            shop.Order.name: [],
            shop.OrderOutcome.name: [],
            shop.ShowListingChange.name: [
                known
                | {
                    "change_id": show, "show_id": show, "seller_id": self.seller_of[show],
                    "category": self.category_of[show], "title": show, "language": "en",
                    "start_price": self.price_of[show] + other, "scheduled_at": listed,
                    "started_at": listed, "ended_at": None, "status": "live",
                }
                for show in self.shows
            ],
            shop.SellerAccountChange.name: [
                known
                | {
                    "change_id": seller, "seller_id": seller, "country": "nl", "joined_at": listed,
                    "rating": 4.5 - other, "verified": True, "followers": 7 + other,
                }
                for seller in sellers
            ],
            shop.ViewerAccountChange.name: [
                known
                | {
                    "change_id": viewer, "viewer_id": viewer, "country": "nl", "language": "en",
                    "signed_up_at": listed, "interests": "toys", "push_enabled": True,
                }
                for viewer in self.viewers
            ],
        }  # fmt: skip

    def attributes(self, show: str, other: bool = False) -> dict[str, Any]:
        """What the attribute views say of a show and its seller; ``other`` as of ``sources``."""
        return {
            "show_catalog.category": self.category_of[show],
            "show_catalog.status": "live",
            "show_catalog.start_price": self.price_of[show] + other,
            "seller_profile.rating": 4.5 - other,
            "seller_profile.verified": True,
            "seller_profile.followers": 7 + other,
        }


def _other(event: Event) -> Event:
    """An event as the generation of other values knows it."""
    price = event["price"]
    return event if price is None else event | {"price": price + 1}


def known_events(counted: Counted, events: list[Event], values: dict[str, Any], at: int) -> int:
    """How many of a key's events an answer knows, by its own counts; -1 if more than there are."""
    window = _aggregated(counted.counts[0]).window
    assert window is not None
    start = _start(window.length, window.hop, at)
    before = sum(micros(event["event_ts"]) < start for event in events)
    found = before + sum(int(values[count.name]) for count in counted.counts)
    return found if found <= len(events) else -1


def differences(
    counted: Counted, events: list[Event], values: dict[str, Any], at: int
) -> Iterator[str]:
    """What an answer says of these events otherwise than the definition does, in words."""
    for feature in counted.view.features.values():
        if feature.column in counted.skipped or feature.name not in values:
            continue
        expected, slack = _value(_aggregated(feature), events, at)
        if not _same(expected, values[feature.name], slack):
            yield f"{feature.name}: should be {expected!r}, is {values[feature.name]!r}"


@cache
def _meets(measure: Measure, kind: str) -> bool:
    """Whether a measure counts events of a kind: its filters are of the kind alone."""
    return meets(measure.where, {"kind": kind})


def _aggregated(feature: Feature) -> Aggregated:
    assert isinstance(feature, Aggregated)
    return feature


def _start(length: int, hop: int, at: int) -> int:
    return (at - length) // hop * hop


def _value(feature: Aggregated, events: list[Event], at: int) -> tuple[Any, float]:
    measure, window = feature.measure, feature.window
    start = -math.inf if window is None else _start(window.length, window.hop, at)
    inside = [
        event
        for event in events
        if start <= micros(event["event_ts"]) < at and _meets(measure, event["kind"])
    ]
    if measure.column is None:
        return len(inside), 0.0
    values = [event[measure.column] for event in inside if event[measure.column] is not None]
    if measure.function.name == "last":
        return (values[-1] if values else feature.default), 0.0
    if measure.function.name == "last_n":
        return values[::-1][: measure.length], 0.0
    return reduced(measure.function.name, values)


def _same(expected: Any, found: Any, slack: float) -> bool:
    if isinstance(found, float) and math.isnan(found):
        found = None
    if isinstance(expected, datetime) and isinstance(found, datetime):
        return micros(expected) == micros(found)
    if isinstance(expected, int | float) and isinstance(found, int | float):
        return abs(expected - found) <= slack
    return bool(expected == found)
