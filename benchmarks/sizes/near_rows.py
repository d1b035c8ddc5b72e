"""What near rows cost, against how many there are: loading, requests, memory, CPU at rest."""

import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import timedelta

import numpy as np

from benchmarks.engine import quantiles
from benchmarks.online import AS_OF, ASKED, BATCH, Share, ids, windows
from benchmarks.sizes import ten_features
from benchmarks.sizes.latency import (
    LOADING,
    TIMEOUT,
    deployment,
    require_equal,
    require_loaded,
)
from benchmarks.sizes.processes import Cpu, alone, memory_is_told, resident, warm
from slate.deployment import Deployment
from slate.online import FeatureClient, Publisher
from slate.online.near.generation_load import MOST_ROWS
from slate.online.near.near_views import NearViews
from slate.online.rows.instants import microseconds
from slate.online.serving.client import REFRESH
from slate.online.serving.live_services import Serving
from slate.online.store.connections import Connections
from slate.online.store.redis_client import connect

VIEW, SERVICE = ten_features.ItemActivity, ten_features.items.name
CANDIDATES, SETTLE = 2_000, 1.0
# Three tiles a row.
FEW: Share = {300: 0.05, 3_600: 0.1}
# The hop that moves half of the features.
HOP = timedelta(minutes=5)


@dataclass(frozen=True)
class NearRows:
    """What so many near rows cost.

    Attributes:
        rows: how many there are.
        load: the seconds until all are near.
        p50: the median of a request for some of them, in milliseconds.
        held, peak: the bytes of memory that a row takes once it is near, and at most meanwhile.
        idle: the CPU that keeping them takes while nothing happens, in percent of a core.
        hop: the seconds to decode all rows anew when a hop passes.
    """

    rows: int
    load: float
    p50: float
    held: float
    peak: float
    idle: float
    hop: float


def by_rows(address: str, sizes: Sequence[int], rounds: int, seconds: float) -> list[NearRows]:
    """Ever more rows of a near view of ten features, each time near in a process of its own."""
    print(
        f"\nnear rows of {len(VIEW.features)} features, a request for {CANDIDATES:,} of them; "
        f"of a view with more than {MOST_ROWS:,} rows none is kept near"
    )
    if not memory_is_told():
        print("  (memory is not measured here, as only Linux tells it)")
    found = []
    for size in sizes:
        publish(address, size)
        one = alone(_measured, address, size, rounds, seconds)
        print(
            f"  {size:>9,} rows   near in {one.load:6.2f} s   p50 {one.p50:6.2f} ms   "
            f"{one.held:6,.0f} bytes a row, {one.peak:6,.0f} at most   "
            f"idle {one.idle:5.2f} % of a core   a hop {one.hop:6.3f} s",
            flush=True,
        )
        found.append(one)
    return found


def publish(address: str, rows: int) -> None:
    """Publish so many rows, in an empty store."""
    with connect(address) as redis:
        redis.flushall()
        keys = ids("item", rows)
        parts = ({"item_id": keys[at : at + BATCH]} for at in range(0, rows, BATCH))
        Publisher(redis, "ten").publish(VIEW, (windows(VIEW, part, FEW) for part in parts), AS_OF)


def ten(address: str) -> Deployment:
    """The deployment that they are of."""
    return deployment("ten", ten_features.__name__, address)


def _measured(address: str, rows: int, rounds: int, seconds: float) -> NearRows:
    """What they cost this process, which does nothing else."""
    of = ten(address)
    registry = of.registry
    warm()
    before, began = resident(), time.perf_counter()
    views = NearViews.of(of, address)
    assert views is not None
    require_loaded(views.wait(LOADING))
    load = time.perf_counter() - began
    time.sleep(SETTLE)
    held, peak, cpu = resident() - before, resident(peak=True) - before, Cpu()
    time.sleep(seconds)
    idle = cpu.percent
    serving = Serving(registry, of.name, REFRESH, of.clock, near=views)
    with (
        FeatureClient(serving, Connections.to(address, TIMEOUT)) as near,
        FeatureClient.connect(of, timeout=TIMEOUT, near=False) as store,
    ):
        taken = []
        for number, items in enumerate(requests(rows, rounds)):
            if not number:
                require_equal(near.get(SERVICE, item_id=items), store.get(SERVICE, item_id=items),
                              VIEW.name)  # fmt: skip
            began = time.perf_counter()
            near.get(SERVICE, item_id=items).matrix()
            taken.append(time.perf_counter() - began)
    kept = views.get(VIEW.name)
    assert kept is not None
    assert kept.held is not None
    began = time.perf_counter()
    kept.held.columns.decode(microseconds(ASKED + HOP))
    hop = time.perf_counter() - began
    each = 1e6 / rows
    return NearRows(rows, load, quantiles(taken)[0], held * each, peak * each, idle, hop)


def requests(rows: int, number: int) -> Iterator[list[str]]:
    """So many requests, each for some of the rows."""
    random = np.random.default_rng(11)
    for _ in range(number):
        places = random.choice(rows, CANDIDATES, replace=False)
        yield [f"item_{place:07d}" for place in places]
