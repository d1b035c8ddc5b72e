"""Taps that are waited for, each until an answer knows it: how fresh features are."""

import time
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from typing import Any
from uuid import uuid4

import numpy as np

from live_shopping.live.stage import Client, Stage, ask
from live_shopping.simulator.clock import SECOND, to_micros
from live_shopping.simulator.crowd import Programme
from live_shopping.simulator.visits import MEDIAN_WATCH

STREAM, ORDERS, SERVICE = "events", "orders", "feed_ranking_v1"
POLL = 0.005
PAUSE = (0.4, 1.2)
# The crowd comes first.
WARM_UP = 2.0
# The taste changes after this share of the time: what was tapped before is still in the window.
FIRST_TASTE = 1 / 4
# How far looks differ in length, as the deviation of their logarithm.
WATCH_SPREAD = 0.5


class Taps:
    """A viewer who opens shows of one category, and after a while those of another.

    A look is told as long as those of the simulator, though the next one begins at once.

    Args:
        stage: where taps are written.
        client: what is asked for them.
        viewer: who taps.
        friend: who opens shows of new sellers.
        programme: the shows that are live.
        newcomers: shows of sellers of whom nothing is counted yet, which nobody else opens.
        tastes: the two categories.

    Attributes:
        freshness: the milliseconds from each tap to an answer that knows it.
        new_sellers: those from each new seller's first tap to an answer that counts it for the show
            and for the seller, in the service that ranks.
        taste: the category of now.
    """

    def __init__(
        self,
        stage: Stage,
        client: Client,
        viewer: str,
        friend: str,
        programme: Programme,
        newcomers: Programme,
        tastes: tuple[str, str],
    ) -> None:
        self.freshness: list[float] = []
        self.new_sellers: list[float] = []
        self.taste = tastes[0]
        self._stage, self._client = stage, client
        self._viewer, self._friend = viewer, friend
        self._programme, self._newcomers, self._tastes = programme, newcomers, tastes
        self._rng = np.random.default_rng()

    def run(self) -> None:
        """Open shows until the play is over; before that, those of new sellers are."""
        stage, began = self._stage, time.monotonic()
        stage.stop.wait(WARM_UP)
        for row in range(len(self._newcomers)):
            _keep(self.new_sellers, self._first_of_seller(row))
        while not stage.stop.is_set():
            self.taste = self._tastes[time.monotonic() - began > stage.seconds * FIRST_TASTE]
            row = self._rng.choice(np.flatnonzero(self._programme.category == self.taste))
            _keep(self.freshness, self._tap(row))
            stage.stop.wait(self._rng.uniform(*PAUSE))
            if not stage.stop.is_set():
                self._look(row)

    def percentiles(self) -> tuple[float, float]:
        """Of the freshness: what half and 99 % of the taps were within; NaN if there are none."""
        p50, p99 = np.percentile(self.freshness or [np.nan], (50, 99))
        return float(p50), float(p99)

    def _tap(self, row: int) -> float:
        columns = _columns(self._programme, row) | {"viewer_id": self._viewer}

        def known(happened: int) -> bool:
            keys = {name: columns[name] for name in ("viewer_id", "show_id")}
            seen = ask(self._client, SERVICE, **keys)["viewer_activity.last_seen"][0]
            return bool(seen >= np.datetime64(happened, "us"))

        return self._measure(columns, known)

    def _look(self, row: int) -> None:
        """The viewer leaves a show."""
        watched = MEDIAN_WATCH / SECOND * self._rng.lognormal(0, WATCH_SPREAD)
        columns = _columns(self._programme, row) | {"viewer_id": self._viewer}
        self._stage.write(STREAM, [_event(columns, "view") | {"watch_seconds": round(watched, 1)}])

    def _first_of_seller(self, row: int) -> float:
        columns = _columns(self._newcomers, row) | {"viewer_id": self._friend}

        def counted(_: int) -> bool:
            keys = {name: columns[name] for name in ("viewer_id", "show_id")}
            answer = ask(self._client, SERVICE, **keys)
            counts = answer["show_activity.taps_10m"][0], answer["seller_stats.taps_1h"][0]
            return all(count >= 1 for count in counts)

        return self._measure(columns, counted)

    def _measure(self, columns: Mapping[str, str], known: Callable[[int], bool]) -> float:
        """Write a tap, and wait until an answer knows it.

        Args:
            columns: who taps on what.
            known: given when it happened, asks whether it is in the answer.

        Returns:
            The milliseconds from before it is written until after that answer; NaN if the play is
            over before.
        """
        began, event = time.perf_counter(), _event(columns, "tap")
        arrival = self._stage.write(STREAM, [event])
        # Where the store's clock is behind, an event counts as of its arrival.
        happened = min(to_micros(event["event_ts"]), arrival)
        while not self._stage.stop.is_set():
            if known(happened):
                return (time.perf_counter() - began) * 1e3
            time.sleep(POLL)
        return np.nan


def _columns(shows: Programme, row: int) -> dict[str, str]:
    """A show, its seller and its category, as events name them."""
    show, seller, category = (
        str(names[row]) for names in (shows.show, shows.seller, shows.category)
    )
    return {"show_id": show, "seller_id": seller, "category": category}


def _event(columns: Mapping[str, str], kind: str) -> dict[str, Any]:
    now = datetime.now(UTC)
    return {**columns, "event_id": f"live-{uuid4().hex}", "event_ts": now, "kind": kind}


def _keep(measured: list[float], milliseconds: float) -> None:
    if not np.isnan(milliseconds):
        measured.append(milliseconds)
