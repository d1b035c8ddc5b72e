"""A crowd in real time: viewers open the shows that are live, do something there, and leave."""

from collections.abc import Sequence
from dataclasses import dataclass
from uuid import uuid4

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from live_shopping.simulator.clock import SECOND
from live_shopping.simulator.encoding import INSTANT
from live_shopping.simulator.marketplace import CATEGORIES
from live_shopping.simulator.randomness import pick
from live_shopping.simulator.rows import Array, Floats, Ints
from live_shopping.simulator.sellers import POPULARITY_EXPONENT
from live_shopping.simulator.visits import (
    ACTION_SHARES,
    ACTIONS,
    BID,
    KINDS,
    PURCHASE,
    TAP,
    VIEW,
)

LEAVES, BUYS = 0.12, 0.01
"""Chances that the next thing a viewer does in a show is to leave it, or to buy."""
MOOD_WEIGHT = 6.0
"""How much likelier than others a show of the category is opened that a viewer is after."""


@dataclass(frozen=True)
class Programme:
    """The shows that are live: a value of each for every show.

    Attributes:
        show, seller, category: ids and words.
        price: what bids are about, in dollars.
    """

    show: Array
    seller: Array
    category: Array
    price: Floats

    def __len__(self) -> int:
        return len(self.show)


class Crowd:
    """Viewers who are about at the same time.

    Args:
        rng: source of randomness.
        viewers: their ids.
        programme: what they can watch; one show at least.
    """

    def __init__(
        self, rng: np.random.Generator, viewers: Sequence[str], programme: Programme
    ) -> None:
        self._rng = rng
        self._viewers = np.array(viewers)
        self._programme = programme
        # No show yet, and for none since any time.
        self._show = np.full(len(viewers), -1)
        self._since = np.zeros(len(viewers), np.int64)
        self._mood = rng.integers(0, len(CATEGORIES), len(viewers))
        popularity = (rng.permutation(len(programme)) + 1.0) ** -POPULARITY_EXPONENT
        liked = programme.category == np.array(CATEGORIES)[:, None]
        # Of each mood a row.
        self._bounds = np.cumsum(popularity * np.where(liked, MOOD_WEIGHT, 1.0), axis=1)
        self._prefix, self._written = f"live-{uuid4().hex[:12]}", 0

    def act(self, most: int, since: int, until: int) -> pa.Table:
        """What they do next, in order of time: an event each of as many viewers, or all.

        Args:
            most: how many events, if there are as many viewers.
            since: the instant after which they happen, in microseconds.
            until: the instant up to which they do.
        """
        who = self._rng.permutation(len(self._viewers))[:most]
        size = len(who)
        away = self._show[who] < 0
        leaving = ~away & (self._rng.random(size) < LEAVES)
        kind = ACTIONS[pick(self._rng, ACTION_SHARES, size)]
        kind[self._rng.random(size) < BUYS] = PURCHASE
        kind[leaving], kind[away] = VIEW, TAP
        show = np.where(away, self._opened(who), self._show[who])
        when = np.sort(until - (self._rng.random(size) * (until - since)).astype(np.int64))
        watched = np.where(leaving, np.maximum(when - self._since[who], 0) / SECOND, np.nan)
        self._since[who] = np.where(away, when, self._since[who])
        self._show[who] = np.where(leaving, -1, show)

        priced = (kind == BID) | (kind == PURCHASE)
        raised = np.exp(0.25 * self._rng.standard_normal(size))
        price = np.where(priced, np.round(self._programme.price[show] * raised, 2), np.nan)
        first, self._written = self._written, self._written + size
        return pa.table(
            {
                "event_id": [f"{self._prefix}-{n}" for n in range(first, self._written)],
                "event_ts": pa.array(when, pa.int64()).cast(INSTANT),
                "viewer_id": self._viewers[who].tolist(),
                "show_id": self._programme.show[show].tolist(),
                "seller_id": self._programme.seller[show].tolist(),
                "category": self._programme.category[show].tolist(),
                "kind": np.array(KINDS)[kind].tolist(),
                "price": pa.array(price, pa.float64(), from_pandas=True),
                "watch_seconds": pa.array(watched, pa.float64(), from_pandas=True),
            }
        )

    def _opened(self, who: Ints) -> Ints:
        """A show for each viewer: as often as it is popular, and to the viewer's mood."""
        bounds = self._bounds[self._mood[who]]
        drawn = self._rng.random(len(who)) * bounds[:, -1]
        opened: Ints = (bounds <= drawn[:, None]).sum(axis=1)
        return opened


def ordered(events: pa.Table) -> pa.Table:
    """What is ordered by some events of a crowd: a row for each purchase.

    Args:
        events: what it did, as ``Crowd.act`` tells.
    """
    bought = events.filter(pc.equal(events["kind"], "purchase"))
    viewer = bought["viewer_id"].to_pylist()
    return pa.table(
        {
            "order_id": bought["event_id"],
            "event_ts": bought["event_ts"],
            "viewer_id": bought["viewer_id"],
            "show_id": bought["show_id"],
            "seller_id": bought["seller_id"],
            "device_id": [f"live-device of {one}" for one in viewer],
            "address_id": [f"live-address of {one}" for one in viewer],
            "price": bought["price"],
        }
    )
