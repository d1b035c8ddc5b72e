"""How long a request takes, against how many candidates it names and how many features it has."""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import numpy as np

from benchmarks.engine import compared, quantiles
from benchmarks.online import (
    AS_OF,
    ASKED,
    VIEWERS,
    Share,
    attributes,
    ids,
    publish_marketplace,
    stream,
    windows,
)
from benchmarks.sizes import wide
from slate.deployment import Deployment
from slate.online import Answer, FeatureClient, Publisher
from slate.online.store.connections import Connections
from slate.online.store.redis_client import connect

ROOT = Path(__file__).parents[2]
FEED = "feed_ranking"
# The seconds that a request may wait for the store, and for which near views may be loaded.
TIMEOUT, LOADING = 60.0, 600.0
# Of a view's tiles those that have events, by their size in seconds.
SOME: Share = {300: 0.3, 3_600: 0.2, 21_600: 0.3, 86_400: 0.5}

Asking = Callable[[FeatureClient, int], Answer]


@dataclass(frozen=True)
class Latency:
    """How long requests of one size take, in milliseconds.

    Attributes:
        size: how many candidates, or how many features.
        near: the median and the 99th percentile where rows are near.
        store: the same where all rows are read from the store.
    """

    size: int
    near: tuple[float, float]
    store: tuple[float, float]


def deployment(name: str, definitions: str, address: str) -> Deployment:
    """A deployment whose clock stands still a moment after what is published."""
    return Deployment(name, definitions, ROOT, ROOT, ROOT, address, clock=ASKED)


@contextmanager
def clients(of: Deployment, max_rows: int) -> Iterator[tuple[FeatureClient, FeatureClient]]:
    """A client with near views, all loaded, and one that reads from the store."""
    connect = partial(FeatureClient.connect, of, timeout=TIMEOUT, max_rows=max_rows)
    with connect(near=True) as near, connect(near=False) as store:
        require_loaded(near.wait_until_near(LOADING))
        yield near, store


def require_loaded(ready: bool) -> None:
    """End where near views were not loaded in time."""
    if not ready:
        raise SystemExit(f"near views were not loaded within {LOADING:.0f} s")


def require_equal(near: Answer, store: Answer, view: str) -> None:
    """See that two answers are the same, and that a view of the first one was near."""
    assert not near.errors, near.errors
    assert not store.errors, store.errors
    assert near.states[view].behind > 0, f"{view} was read from the store"
    assert np.array_equal(near.matrix(), store.matrix(), equal_nan=True), "near is another matrix"


def by_candidates(address: str, sizes: Sequence[int], rounds: int) -> list[Latency]:
    """A feed, asked for ever more candidates, each of them another show."""
    most = max(sizes)
    feed = deployment("bench", "live_shopping.definitions", address)
    redis, connections = connect(address), Connections.to(address, TIMEOUT)
    publish_marketplace(redis, AS_OF, most)
    stream(connections, redis, feed.registry, most)
    connections.close()
    viewer, show = ids("viewer", VIEWERS).tolist(), ids("show", most).tolist()
    print("\na feed by candidates, near and from the store, with events streamed since the publish")
    found = []
    with clients(feed, most) as (near, store):
        for size in sizes:

            def ask(client: FeatureClient, number: int, shows: list[str] = show[:size]) -> Answer:
                return client.get(FEED, viewer_id=viewer[number % VIEWERS], show_id=shows)

            require_equal(ask(near, 0), ask(store, 0), "show_activity")
            found.append(in_turns(size, near, store, ask, rounds))
    return found


def by_features(address: str, sizes: Sequence[int], rows: int, rounds: int) -> list[Latency]:
    """Services of ever more features, each asked for as many items."""
    of = deployment("wide", wide.__name__, address)
    publisher = Publisher(connect(address), of.name)
    items = ids("item", rows)
    for view in wide.VIEWS:
        keys = {"item_id": items}
        made = windows(view, keys, SOME) if view.windowed else attributes(view, keys)
        publisher.publish(view, [made], AS_OF)
    named = items.tolist()
    print(f"\n{rows:,} candidates by features, near and from the store")
    found = []
    with clients(of, rows) as (near, store):
        for size in sizes:

            def ask(client: FeatureClient, _: int, service: str = f"wide_{size}") -> Answer:
                return client.get(service, item_id=named)

            answer = ask(near, 0)
            assert len(answer.names) == size
            require_equal(answer, ask(store, 0), wide.activity_1.name)
            found.append(in_turns(size, near, store, ask, rounds))
    return found


def in_turns(
    size: int, near: FeatureClient, store: FeatureClient, ask: Asking, rounds: int
) -> Latency:
    """How long both clients take, with the matrix; prints a line."""
    ways = {
        "near": lambda number: ask(near, number).matrix(),
        "store": lambda number: ask(store, number).matrix(),
    }
    taken = compared(ways, rounds)
    found = Latency(size, quantiles(taken["near"]), quantiles(taken["store"]))
    print(
        f"  {size:>6,}   near p50 {found.near[0]:8.2f} ms   p99 {found.near[1]:8.2f} ms   "
        f"store p50 {found.store[0]:8.2f} ms   p99 {found.store[1]:8.2f} ms",
        flush=True,
    )
    return found
