"""The demonstration: a simulated marketplace, and feeds ranked with the features made from it."""

import sys
import time
from collections.abc import Callable
from datetime import datetime
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np
from rich import box
from rich.console import Console
from rich.table import Table

from live_shopping.feed import WEIGHTS, Catalog, active_viewers, catalog, landed_until, score
from live_shopping.simulator import Progress, SimulationConfig, simulate
from slate.deployment import Deployment
from slate.errors import DataError, StoreError
from slate.states import State

# What ranks is loaded where it is used: scikit-learn alone takes seconds.
if TYPE_CHECKING:
    from contextlib import AbstractContextManager

    from live_shopping.live.play import Play
    from live_shopping.live.stage import Stage
    from live_shopping.model.ranker import Ranker

__all__ = ["live", "prepare", "show"]

SERVICE = "feed_ranking"
# The version that the model is trained for.
VERSION = f"{SERVICE}_v1"
CANDIDATES = 2_000
FEEDS, TOP = 3, 10
WARM_UP, REQUESTS, VIEWERS = 20, 500, 200
RANKED = 200
SECONDS_BETWEEN_WORDS = 3.0

# The telling ones of the service's features, and what they are called in a table.
COLUMNS = {
    "show_catalog.category": "category",
    "show_catalog.status": "status",
    "seller_profile.rating": "rating",
    "feed_request.mood": "mood",
    "feed_request.taste": "taste",
    "show_activity.taps_10m": "taps 10m",
    "show_activity.taps_1h": "taps 1h",
    "feed_request.minutes_live": "minutes live",
    "feed_request.price_gap": "price gap",
}

TEXTS = ("show", "title", "category", "status")

Say = Callable[[str], None]


class Client(Protocol):
    """What is asked for features: a `slate.online.FeatureClient`."""

    def get(self, service: str, /, at: datetime | None = None, **keys_and_inputs: Any) -> Any:
        """The answer to a request."""


def prepare(deployment: Deployment, say: Say) -> None:
    """Simulate the hours that are over by the deployment's clock and have not landed yet.

    Where others than the simulator landed some, nothing is.
    """

    def told(progress: Progress) -> None:
        if progress.hour.hour == 23 or progress.done == progress.total:
            say(
                f"simulated {progress.done} of {progress.total} hours, up to "
                f"{progress.hour:%Y-%m-%d %H:%M}: {progress.rows:,} rows"
            )

    say(f"simulating what is missing in {deployment.landing}")
    try:
        end = deployment.now().replace(minute=0, second=0, microsecond=0)
        summary = simulate(SimulationConfig(data=deployment.data, end=end), told)
    except DataError as error:
        say(f"{error}. Going on with what has landed")
        return
    if not summary.hours:
        say("nothing is missing")


def live(stage: "Stage") -> "AbstractContextManager[Play]":
    """Let a crowd act in the shows, and one viewer's feed follow their taps, until it is left.

    Raises:
        DataError: nobody is there to act, or nothing is live.
        StoreError: the store does not answer.
    """
    from live_shopping import live as played

    return played.live(stage)


def show(client: Client, deployment: Deployment, say: Say) -> None:
    """Rank the feeds of a few viewers, then measure how long such requests take.

    Raises:
        DataError: there is nobody to rank a feed for, or nothing to rank.
        StoreError: the store does not answer.
    """
    from live_shopping.model.ranker import promoted_ranker

    at = landed_until(deployment.landing)
    if at is None:
        raise DataError(f"{deployment.landing} holds no events: there is no feed to rank")
    say(f"reading from the landing files what can be watched at {at:%Y-%m-%d %H:%M}")
    shows = catalog(deployment.landing, at, CANDIDATES)
    viewers = active_viewers(deployment.landing, at, VIEWERS)
    if not (shows.shows and viewers):
        raise DataError(
            f"{deployment.landing} has {len(viewers)} active viewers and {len(shows.shows)} shows "
            f"to watch at {at:%Y-%m-%d %H:%M}: there is no feed to rank"
        )
    ranker = promoted_ranker(deployment)
    _print_ranker(ranker)
    for viewer in viewers[:FEEDS]:
        _print_feed(client, viewer, shows, at, ranker)
    if ranker is not None:
        _print_stages(client, viewers, shows, ranker)
    _print_latency(client, viewers, shows, say)


def _print_ranker(ranker: "Ranker | None") -> None:
    """What the feeds are ranked by."""
    if ranker is None:
        terms = [f"{weight:+g} {name.split('.')[1]}" for name, weight in WEIGHTS.items()]
        print(f"\nscore, as no model is trained yet: {' '.join(terms)}")
        return
    facts = ranker.model.facts
    metrics, telling = facts.metrics, [name.split(".")[1] for name in facts.importances][:5]
    print(
        f"\nmodel: version={facts.version} ndcg_10={metrics.ndcg:.4f} auc={metrics.auc:.4f} "
        f"logloss={metrics.logloss:.4f} judged_rows={metrics.rows}"
    )
    print(f"score: its probability of a tap; the most telling features are {', '.join(telling)}")


def _print_feed(
    client: Client, viewer: str, shows: Catalog, at: datetime, ranker: "Ranker | None"
) -> None:
    answer = client.get(VERSION, at=at, viewer_id=viewer, show_id=shows.shows)
    if answer.errors:
        raise StoreError(answer.errors[0])
    if ranker is None:
        worth = score(answer)
        order = np.argsort(-worth, kind="stable")
    else:
        ranked = ranker.rank(answer)
        worth, order = ranked.scores, ranked.order
    table = Table(
        title=f"{viewer}, whose last category is {answer['viewer_activity.last_category'][0]}: "
        f"top {TOP} of {len(shows.shows):,} shows at {at:%Y-%m-%d %H:%M} UTC",
        title_justify="left",
        box=box.SIMPLE_HEAD if sys.stdout.isatty() else None,
    )
    for name in ("show", "title", *COLUMNS.values(), "score"):
        table.add_column(name, no_wrap=True, justify="left" if name in TEXTS else "right")
    for place in order[:TOP]:
        cells = [_cell(answer, name, int(place)) for name in COLUMNS]
        table.add_row(shows.shows[place], shows.titles[place], *cells, f"{worth[place]:.2f}")
    print()
    Console(width=None if sys.stdout.isatty() else 200).print(table)


def _cell(answer: Any, name: str, place: int) -> str:
    value, of_view = answer[name][place], answer.states.get(name.partition(".")[0])
    text = str(value)
    if isinstance(value, float):
        text = "-" if np.isnan(value) else f"{value:.2f}"
    # Those of a request have no row of their own.
    return text if of_view is None else State(of_view.state[place]).beside(text)


def _print_stages(client: Client, viewers: list[str], shows: Catalog, ranker: "Ranker") -> None:
    """How long whole feeds take, and in which stage."""
    stages: dict[str, list[float]] = {"features": [], "model": [], "order": []}
    for number in range(-WARM_UP, RANKED):
        began = time.perf_counter()
        answer = client.get(VERSION, viewer_id=viewers[number % len(viewers)], show_id=shows.shows)
        found = time.perf_counter() - began
        ranked = ranker.rank(answer, request_id=str(number))
        if number >= 0:
            for stage, seconds in {"features": found, **ranked.seconds}.items():
                stages[stage].append(seconds)
    whole = np.sum(list(stages.values()), axis=0)
    p50, p99 = np.percentile(whole, (50, 99)) * 1e3
    shares = " ".join(f"{name}={np.sum(took) / whole.sum():.0%}" for name, took in stages.items())
    print(f"\nfeed: rows={answer.rows} p50_ms={p50:.1f} p99_ms={p99:.1f} {shares}")


def _print_latency(client: Client, viewers: list[str], shows: Catalog, say: Say) -> None:
    say(f"{REQUESTS:,} requests of {len(shows.shows):,} shows each, as of now")
    seconds = np.empty(REQUESTS)
    words = time.monotonic()
    for number in range(-WARM_UP, REQUESTS):
        viewer = viewers[number % len(viewers)]
        begin = time.perf_counter()
        answer = client.get(VERSION, viewer_id=viewer, show_id=shows.shows)
        answer.matrix()
        if number >= 0:
            seconds[number] = time.perf_counter() - begin
        if answer.errors:
            raise StoreError(answer.errors[0])
        if time.monotonic() - words > SECONDS_BETWEEN_WORDS:
            words = time.monotonic()
            say(f"{max(number, 0):,} requests, {np.median(seconds[: max(number, 1)]) * 1e3:.1f} ms")
    p50, p99 = np.percentile(seconds, (50, 99)) * 1e3
    features = len(answer.names)
    rate = REQUESTS * answer.rows * features / seconds.sum()
    print(
        f"\n{REQUESTS:,} requests of {answer.rows:,} shows x {features} features: "
        f"half within {p50:.1f} ms, 99 % within {p99:.1f} ms"
    )
    print(
        f"answer: service={SERVICE} rows={answer.rows} features={features} "
        f"p50_ms={p50:.2f} p99_ms={p99:.2f} features_per_s={rate:.0f}"
    )
