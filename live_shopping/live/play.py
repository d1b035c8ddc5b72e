"""The play: who takes part, and what there is to see."""

import time
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import replace
from typing import Any

import numpy as np
from rich.console import Group, RenderableType
from rich.text import Text

from live_shopping.feed import active_viewers, catalog, landed_until
from live_shopping.live.ranking import TOP, Feed
from live_shopping.live.stage import Client, Stage, ask
from live_shopping.live.taps import ORDERS, SERVICE, STREAM, Taps
from live_shopping.model.ranker import promoted_ranker
from live_shopping.simulator.crowd import Crowd, Programme, ordered
from slate.errors import DataError

DEFINITIONS = "live_shopping.live.services"
CANDIDATES, CROWD, ASKED = 2_000, 5_000, 200
NEWCOMERS = 5
"""So many sellers of whom nothing is counted yet get their first tap, if there are as many."""
TICK = 0.05
# What is 0 of a show and its seller of whom nothing is counted.
UNCOUNTED = (
    *("show_activity.views_1d", "show_activity.taps_1d"),
    *("seller_stats.views_30d", "seller_stats.taps_30d"),
)


@contextmanager
def live(stage: Stage) -> Iterator["Play"]:
    """Let it play until this is left.

    Raises:
        DataError: nobody is there to act, or nothing is live.
        StoreError: the store does not answer.
    """
    extended = replace(stage.deployment, definitions=DEFINITIONS)
    with stage.connect(extended) as client, ThreadPoolExecutor() as threads:
        play = Play(stage, client)
        try:
            play.begin(threads)
            yield play
        finally:
            stage.stop.set()


class Play:
    """A crowd, and a viewer whose feed follows their taps.

    Args:
        stage: what it plays on.
        client: a client that knows the definitions of ``DEFINITIONS``.
    """

    def __init__(self, stage: Stage, client: Client) -> None:
        self._stage, self._client = stage, client
        self._threads: list[Future[None]] = []
        landing = stage.deployment.landing
        at = landed_until(landing)
        if at is None:
            raise DataError(f"{landing} holds no events: nobody is known who could act")
        self._shows = catalog(landing, at, CANDIDATES)
        viewers = active_viewers(landing, at, CROWD)
        programme, newcomers = self._programmes(viewers[0] if viewers else "")
        if len(viewers) < 2 or not len(programme):
            raise DataError(
                f"{landing} has {len(viewers)} active viewers and {len(programme)} live shows at "
                f"{at:%Y-%m-%d %H:%M}: there is nothing to play"
            )
        self._viewer = self._idlest(viewers)
        others = [viewer for viewer in viewers if viewer != self._viewer]
        self._crowd = Crowd(np.random.default_rng(), others, programme)
        self._feed = Feed(self._shows, promoted_ranker(stage.deployment))
        self.step()
        tastes = self._tastes(programme)
        self._taps = Taps(stage, client, self._viewer, others[0], programme, newcomers, tastes)

    def begin(self, threads: ThreadPoolExecutor) -> None:
        """Let the crowd and the viewer act."""
        self._threads = [threads.submit(self._act), threads.submit(self._taps.run)]

    def step(self) -> None:
        """Rank the viewer's feed anew."""
        for thread in self._threads:
            if thread.done():
                thread.result()
        request = {"viewer_id": self._viewer, "show_id": self._shows.shows}
        self._feed.rank(ask(self._client, SERVICE, **request))

    def view(self) -> RenderableType:
        """The feed, and how fresh it is."""
        taste, ranked = self._taps.taste, f"{len(self._shows.shows):,} shows, ranked once a second"
        facts = Text.assemble(
            *(f"viewer {self._viewer} taps on ", (taste, "bold"), f": {self._freshness()}\n"),
            *("first taps of new sellers: ", self._newcomers(), "\n\n"),
            (f"the viewer's feed: top {TOP} of {ranked}", "dim"),
        )
        return Group(facts, self._feed.table(taste))

    def line(self) -> str:
        """The same in few words."""
        feed, taste = self._feed, self._taps.taste
        told = f"{taste} {feed.count(taste)} of top {TOP}, the best at {feed.best_place(taste)}"
        return f"{told}; {self._freshness()}; new sellers: {self._newcomers()}"

    def results(self) -> dict[str, float]:
        """What was measured, in milliseconds; NaN where there was no time for it."""
        p50, p99 = self._taps.percentiles()
        new_seller = float(np.median(self._taps.new_sellers or [np.nan]))
        return {"freshness_p50_ms": p50, "freshness_p99_ms": p99, "new_seller_ms": new_seller}

    def _programmes(self, viewer: str) -> tuple[Programme, Programme]:
        """What the crowd opens, and what nobody has: of the shows, by the published catalogue.

        The crowd has those that are live. Of sellers of whom nothing is counted yet a few are kept
        from it, one show each: live ones first, and no more than half of the sellers.
        """
        shows = self._shows.shows
        if not shows:
            return _programme([]), _programme([])
        rows = ask(self._client, "programme", show_id=shows).to_dicts()
        counts = ask(self._client, SERVICE, viewer_id=viewer, show_id=shows)
        counted = np.sum([counts[name] for name in UNCOUNTED], axis=0)
        listed = [
            row | {"show": show, "counted": count}
            for show, row, count in zip(shows, rows, counted.tolist(), strict=True)
            if row["show_catalog.seller_id"]
        ]
        listed.sort(key=lambda row: row["show_catalog.status"] != "live")
        new: dict[str, dict[str, Any]] = {}
        for row in listed:
            if not row["counted"]:
                new.setdefault(row["show_catalog.seller_id"], row)
        sellers = {row["show_catalog.seller_id"] for row in listed}
        kept = dict(list(new.items())[: min(NEWCOMERS, len(sellers) // 2)])
        live = [
            row
            for row in listed
            if row["show_catalog.status"] == "live" and row["show_catalog.seller_id"] not in kept
        ]
        return _programme(live), _programme(list(kept.values()))

    def _idlest(self, viewers: Sequence[str]) -> str:
        """The first of the busiest viewers who tapped least in the last minutes."""
        request = {"viewer_id": viewers[:ASKED], "show_id": self._shows.shows[0]}
        taps = ask(self._client, SERVICE, **request)["viewer_activity.taps_10m"]
        return viewers[int(np.argmin(taps))]

    def _tastes(self, programme: Programme) -> tuple[str, str]:
        """Two categories with many live shows that do not lead the feed yet."""
        live = Counter(programme.category.tolist())
        best = sorted(live, key=lambda category: (self._feed.count(category), -live[category]))
        return best[0], best[:2][-1]

    def _act(self) -> None:
        """The crowd: as many events a second as were asked for."""
        stage, began, written, since = self._stage, time.monotonic(), 0, _now()
        while not stage.stop.wait(TICK):
            due, until = int((time.monotonic() - began) * stage.rate) - written, _now()
            while due > 0 and not stage.stop.is_set():
                events = self._crowd.act(due, since, until)
                stage.write(STREAM, events)
                if (orders := ordered(events)).num_rows:
                    stage.write(ORDERS, orders)
                written, due = written + events.num_rows, due - events.num_rows
            since = until

    def _freshness(self) -> str:
        taken = self._taps.freshness.copy()
        if not taken:
            return "no tap yet"
        return (
            f"tap {len(taken)} in the answer after {taken[-1]:.0f} ms "
            f"(half within {np.median(taken):.0f}, all within {max(taken):.0f})"
        )

    def _newcomers(self) -> str:
        taken = self._taps.new_sellers.copy()
        if not taken:
            return "none yet"
        return f"{len(taken)} counted (half within {np.median(taken):.0f} ms)"


def _programme(rows: Sequence[Mapping[str, Any]]) -> Programme:
    return Programme(
        np.array([row["show"] for row in rows]),
        np.array([row["show_catalog.seller_id"] for row in rows]),
        np.array([row["show_catalog.category"] for row in rows]),
        np.array([row["show_catalog.start_price"] for row in rows], np.float64),
    )


def _now() -> int:
    """The time in microseconds."""
    return time.time_ns() // 1_000
