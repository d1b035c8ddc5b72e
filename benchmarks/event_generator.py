"""Events of a made-up marketplace, as many as asked for, and writing them at a rate."""

import time
from datetime import UTC, datetime
from typing import Any

import numpy as np
import pyarrow as pa

from slate.deployment import Deployment
from slate.online import EventWriter

VIEWERS, SHOWS, SELLERS = 200_000, 4_000, 2_000
# The share of events with which a viewer has gone on to another show.
MOVES = 0.1
KINDS = ("view", "tap", "chat", "bid", "purchase", "follow", "share")
SHARES = (0.45, 0.25, 0.15, 0.08, 0.03, 0.03, 0.01)
CATEGORIES = ("toys", "cards", "shoes", "books", "music", "plants", "games", "art")
# The seconds between writes, and how many events may wait.
TICK = 0.02
LIMIT = 5_000_000
_VIEWERS, _SHOWS, _SELLERS = (
    pa.array([f"{prefix}{n:08d}" for n in range(number)])
    for prefix, number in (("v", VIEWERS), ("sh", SHOWS), ("s", SELLERS))
)


class Events:
    """Events without end, drawn as viewers and shows are: a few have most of them.

    A viewer stays in a show for some events, and goes on to another.

    Args:
        seed: of the random numbers; also what sets the ids of several apart.
    """

    def __init__(self, seed: int) -> None:
        self._random = np.random.default_rng(seed)
        self._prefix = f"{seed}-{time.time_ns()}"
        self._number = 0
        self._show = self._shows(VIEWERS)

    def make(self, number: int) -> pa.Table:
        """So many events of just now."""
        random = self._random
        viewer = (VIEWERS * random.power(0.6, number)).astype(np.int64)
        moving = viewer[random.random(number) < MOVES]
        self._show[moving] = self._shows(len(moving))
        show = self._show[viewer]
        kind = random.choice(len(KINDS), number, p=SHARES)
        price = np.where(np.isin(kind, [3, 4]), random.lognormal(3, 1, number), np.nan)
        watched = np.where(kind == 0, random.exponential(60, number), np.nan)
        now = datetime.now(UTC)
        ids = [f"{self._prefix}-{n}" for n in range(self._number, self._number + number)]
        self._number += number
        return pa.table(
            {
                "event_id": ids,
                "event_ts": pa.array([now] * number, pa.timestamp("us", "UTC")),
                "viewer_id": _VIEWERS.take(pa.array(viewer)),
                "show_id": _SHOWS.take(pa.array(show)),
                "seller_id": _SELLERS.take(pa.array(show % SELLERS)),
                "category": _picked(CATEGORIES, show % len(CATEGORIES)),
                "kind": _picked(KINDS, kind),
                "price": pa.array(price, pa.float64(), from_pandas=True),
                "watch_seconds": pa.array(watched, pa.float64(), from_pandas=True),
            }
        )

    def _shows(self, number: int) -> Any:
        return (SHOWS * self._random.power(0.4, number)).astype(np.int64)


def _picked(texts: tuple[str, ...], numbers: Any) -> pa.Array:
    return pa.array(texts).take(pa.array(numbers))


def generate(deployment: Deployment, rate: float, seconds: float, done: Any) -> None:
    """Write events at a rate, and tell how many that were."""
    events, written, began = Events(int(rate)), 0, time.monotonic()
    with EventWriter.connect(deployment, "event", limit=LIMIT) as writer:
        while (now := time.monotonic() - began) < seconds:
            due = int(now * rate) - written
            if due:
                writer.write(events.make(due), wait=60)
                written += due
            time.sleep(max(TICK - (time.monotonic() - began - now), 0))
    done.put(written)
