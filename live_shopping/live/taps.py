"""Taps that are waited for, each until an answer knows it: how fresh features are."""

import time
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from uuid import uuid4

import numpy as np

from live_shopping.live.stage import Client, Stage, ask
from live_shopping.simulator.clock import to_micros
from live_shopping.simulator.crowd import Programme

STREAM, ORDERS, SERVICE = "events", "orders", "feed_ranking_v1"
POLL = 0.005
PAUSE = (0.4, 1.2)
# The crowd comes first.
WARM_UP = 2.0
# The taste changes after this share of the time: what was tapped before is still in the window.
FIRST_TASTE = 1 / 4


class Taps:
    """A viewer who taps on shows of one category, and after a while on those of another.

    Args:
        stage: where taps are written.
        client: what is asked for them.
        viewer: who taps.
        friend: who opens the first show of a new seller.
        programme: the shows that are live.
        tastes: the two categories.

    Attributes:
        freshness: the milliseconds from each tap to an answer that knows it.
        new_seller: those from a new seller's first tap to an answer that counts it for the show and
            for the seller; NaN until it was measured.
        taste: the category of now.
    """

    def __init__(
        self,
        stage: Stage,
        client: Client,
        viewer: str,
        friend: str,
        programme: Programme,
        tastes: tuple[str, str],
    ) -> None:
        self.freshness: list[float] = []
        self.new_seller = np.nan
        self.taste = tastes[0]
        self._stage, self._client = stage, client
        self._viewer, self._friend = viewer, friend
        self._programme, self._tastes = programme, tastes
        self._rng = np.random.default_rng()

    def run(self) -> None:
        """Tap until the play is over; before that, once in a new seller's show."""
        stage, began = self._stage, time.monotonic()
        stage.stop.wait(WARM_UP)
        self.new_seller = self._first_of_seller()
        while not stage.stop.is_set():
            self.taste = self._tastes[time.monotonic() - began > stage.seconds * FIRST_TASTE]
            milliseconds = self._tap()
            if not np.isnan(milliseconds):
                self.freshness.append(milliseconds)
            stage.stop.wait(self._rng.uniform(*PAUSE))

    def percentiles(self) -> tuple[float, float]:
        """Of the freshness: what half and 99 % of the taps were within; NaN if there are none."""
        p50, p99 = np.percentile(self.freshness or [np.nan], (50, 99))
        return float(p50), float(p99)

    def _tap(self) -> float:
        shows = self._programme
        row = self._rng.choice(np.flatnonzero(shows.category == self.taste))
        keys = {"viewer_id": self._viewer, "show_id": str(shows.show[row])}

        def known(happened: int) -> bool:
            seen = ask(self._client, SERVICE, **keys)["viewer_activity.last_seen"][0]
            return bool(seen >= np.datetime64(happened, "us"))

        more = {"seller_id": str(shows.seller[row]), "category": self.taste}
        return self._measure(keys | more, known)

    def _first_of_seller(self) -> float:
        new = uuid4().hex[:12]
        keys = {"show_id": f"sh-{new}", "seller_id": f"se-{new}"}

        def counted(_: int) -> bool:
            answer = ask(self._client, "newcomers", **keys)
            counts = answer["show_activity.taps_10m"][0], answer["seller_stats.taps_1h"][0]
            return all(count >= 1 for count in counts)

        return self._measure(keys | {"viewer_id": self._friend, "category": self.taste}, counted)

    def _measure(self, columns: Mapping[str, str], known: Callable[[int], bool]) -> float:
        """Write a tap, and wait until an answer knows it.

        Args:
            columns: who taps on what.
            known: given when it happened, asks whether it is in the answer.

        Returns:
            The milliseconds from before it is written until after that answer; NaN if the play is
            over before.
        """
        began, now = time.perf_counter(), datetime.now(UTC)
        event = {**columns, "event_id": f"live-{uuid4().hex}", "event_ts": now, "kind": "tap"}
        arrival = self._stage.write(STREAM, [event])
        # Where the store's clock is behind, an event counts as of its arrival.
        happened = min(to_micros(now), arrival)
        while not self._stage.stop.is_set():
            if known(happened):
                return (time.perf_counter() - began) * 1e3
            time.sleep(POLL)
        return np.nan
