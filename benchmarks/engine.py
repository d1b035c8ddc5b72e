"""How fast a feed request is answered in process, beside what others would do for the same numbers.

Six ways to one matrix, in turns, each checked against the others::

    near     Slate, shows and sellers near
    store    Slate, everything read from the store
    floor    bare NumPy: all values at hand in tables of this process, expressions computed
    mget     a packed value for each candidate, computed before, fetched by one MGET
    hmget    a hash for each candidate, computed before, fetched by a pipeline of HMGET
    feast    Feast, with ``--feast FOLDER``: the same numbers from a feature view of its own

The last three hold the answer itself, for one viewer and instant: nothing is left to be found,
merged or computed. Run it with ``python -m benchmarks.engine``, where nothing else runs.
"""

import argparse
import json
import multiprocessing
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from contextlib import ExitStack
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from redis import Redis

from benchmarks.online import (
    ASKED,
    SHOWS,
    STREAMED,
    TIMEOUT,
    VIEWERS,
    ids,
    publish_marketplace,
    stream,
    timed,
)
from live_shopping import definitions as shop
from slate import Registry
from slate.encoded import Operand, array
from slate.executor import compute
from slate.expressions import NOW, Array, Expr
from slate.features import Computed, Feature
from slate.online.near.keeper import Keeper
from slate.online.near.near_view import NearView
from slate.online.near.near_views import NearViews
from slate.online.rows.instants import microseconds
from slate.online.serving.client import REFRESH
from slate.online.serving.live_services import Serving
from slate.online.serving.lookup import Lookup
from slate.online.serving.service_plan import ServicePlan
from slate.online.store.channel import Channel
from slate.online.store.connections import Connections
from slate.online.store.embedded_server import EmbeddedServer
from slate.online.store.redis_client import connect

SERVICE = "feed_ranking"
ROUNDS, WARM, SECONDS = 400, 20, 8.0
SIZES = (1, 100, 500, 2_000, 5_000)
# How many viewers' feeds are asked for in one call, beside one.
VIEWERS_AT_ONCE = 10
FEAST, FEAST_SIZES, FEAST_ROUNDS = "feast[redis]", (100, 500, 2_000), 10
# A hundred hashes of so many fields a request is slow enough to be asked less often.
HMGET_EVERY = 10

Way = Callable[[int], Array]


class Slate:
    """Slate in process, with near views or without.

    Args:
        address: the store's.
        registry: the definitions.
        near: whether views are kept near.
    """

    def __init__(self, address: str, registry: Registry, near: bool) -> None:
        self._connections = Connections.to(address, TIMEOUT)
        self._near = None
        if near:
            now = microseconds(ASKED)
            keeper = Keeper(connect(address), "bench", registry, lambda: now)
            keeper.start()
            self._near = NearViews(keeper)
            assert self._near.wait(TIMEOUT)
        self._serving = Serving(registry, "bench", REFRESH, near=self._near)
        self.show, self.viewer = ids("show", SHOWS).tolist(), ids("viewer", VIEWERS).tolist()

    def ask(self, number: int, rows: int = SHOWS, viewers: int = 1) -> Any:
        """The answer to a viewer's feed request, or to those of several in one call."""
        shows = self.show[:rows] if rows <= SHOWS else (self.show * (rows // SHOWS + 1))[:rows]
        asking: list[str] | str = self.viewer[number % VIEWERS]
        if viewers > 1:
            some = (self.viewer[(number + place) % VIEWERS] for place in range(viewers))
            asking, shows = [viewer for viewer in some for _ in shows], shows * viewers
        given = {"viewer_id": asking, "show_id": shows}
        return self._connections.run(self._serving.lookup(SERVICE, ASKED, given))

    def matrix(self, number: int, rows: int = SHOWS, viewers: int = 1) -> Array:
        """The same, as a matrix."""
        return np.asarray(self.ask(number, rows, viewers).matrix())

    def close(self) -> None:
        """Close its connections."""
        if self._near is not None:
            self._near.close()
        self._connections.close()


class Floor:
    """Bare NumPy on the values of one viewer's answer: what any engine has to do at the least.

    Stored features lie in tables by candidate, of the viewer in one row; ids lead to rows by a
    dict; request features are computed, and all is written into one matrix.
    """

    def __init__(self, plan: Any, answer: Any, shows: list[str]) -> None:
        self._plan = plan
        self._slots = {show: place for place, show in enumerate(shows)}
        self._shows = shows
        values = {feature: answer.columns[feature] for feature in plan.service.features}
        self._numbers = [feature for feature in values if feature.name in answer.matrix_names]
        # Of the viewer there is one value, of the candidates as many as they are.
        stored = {f: v for f, v in values.items() if not isinstance(f, Computed)}
        self._constant: dict[Expr, Array] = {f: v for f, v in stored.items() if len(v) == 1}
        self._columns: dict[Expr, Array] = {f: v for f, v in stored.items() if len(v) > 1}
        self._given: dict[Expr, Array] = {}

    def given(self, values: dict[Expr, Array]) -> None:
        """What expressions read besides the service's own features, and the request's inputs."""
        for expr, found in values.items():
            if expr in self._constant or expr in self._columns or isinstance(expr, Computed):
                continue
            if isinstance(expr, Feature) and len(found) > 1:
                self._columns[expr] = found
            elif isinstance(expr, Feature) or expr is NOW:
                self._given[expr] = found

    def matrix(self, _: int) -> Array:
        """The matrix."""
        slots = np.fromiter(map(self._slots.__getitem__, self._shows), np.int64, len(self._shows))
        values: dict[Expr, Operand] = {**self._constant, **self._given}
        # Strings are not copied: NumPy takes them one by one, and nothing that counts reads them.
        values |= {
            f: column if column.dtype.kind == "T" else column.take(slots)
            for f, column in self._columns.items()
        }
        compute(self._plan, values)
        matrix = np.empty((len(slots), len(self._numbers)), np.float32, order="F")
        for place, feature in enumerate(self._numbers):
            matrix[:, place] = array(values[feature])
        return matrix


def packed(redis: Redis, wanted: Array, shows: list[str]) -> Way:
    """A value for each candidate, fetched by one MGET."""
    names = [f"packed:{show}" for show in shows]
    rows = np.ascontiguousarray(wanted)
    store: Any = redis
    store.mset({name: row.tobytes() for name, row in zip(names, rows, strict=True)})

    def fetch(_: int) -> Array:
        found = b"".join(store.mget(names))
        return np.frombuffer(found, np.float32).reshape(len(names), -1)

    return fetch


def hashes(redis: Redis, wanted: Array, names: tuple[str, ...], shows: list[str]) -> Way:
    """A hash for each candidate, fetched by a pipeline."""
    store: Any = redis
    with store.pipeline(transaction=False) as pipeline:
        for show, row in zip(shows, wanted.tolist(), strict=True):
            pipeline.hset(f"hash:{show}", mapping=dict(zip(names, map(repr, row), strict=True)))
        pipeline.execute()

    def fetch(_: int) -> Array:
        with store.pipeline(transaction=False) as pipeline:
            for show in shows:
                pipeline.hmget(f"hash:{show}", *names)
            return np.array(pipeline.execute(), "S32").astype(np.float32)

    return fetch


class Feast:
    """Feast's current release, in an environment of its own, asked for the same numbers.

    Args:
        environment: where it is installed, or will be.
        folder: where it keeps what it needs.
        address: the store's.
        matrix: the numbers, a row for each candidate.
    """

    def __init__(self, environment: Path, folder: Path, address: str, matrix: Array) -> None:
        python = environment / "bin" / "python"
        if not python.exists():
            print(f"installing Feast into {environment}", flush=True)
            subprocess.run([sys.executable, "-m", "venv", environment], check=True)
            subprocess.run([python, "-m", "pip", "install", "--quiet", FEAST], check=True)
        folder.mkdir()
        np.save(folder / "matrix.npy", matrix)
        script = Path(__file__).with_name("feast_rival.py")
        self._process = subprocess.Popen(
            [python, script, folder, address.removeprefix("unix://")],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            text=True,
            env=os.environ | {"FEAST_USAGE": "False"},
        )
        self._told()
        assert np.array_equal(np.load(folder / "answer.npy"), matrix, equal_nan=True)

    def _told(self) -> Any:
        assert self._process.stdout is not None
        return json.loads(self._process.stdout.readline())

    def ask(self, rows: int) -> float:
        """How many seconds a request for so many candidates takes."""
        assert self._process.stdin is not None
        self._process.stdin.write(f"{rows}\n")
        self._process.stdin.flush()
        return float(self._told())

    def close(self) -> None:
        """End it."""
        self._process.kill()
        self._process.wait()


def beside_feast(near: Slate, feast: Feast, rounds: int) -> str:
    """How long Feast and near views take for the same candidates, in turns."""
    told = []
    print("  candidates, near and Feast, p50")
    for size in FEAST_SIZES:
        taken: dict[str, list[float]] = {"near": [], "feast": []}
        for number in range(-1, rounds):
            begun = time.perf_counter()
            near.matrix(number, size)
            if number >= 0:
                taken["near"].append(time.perf_counter() - begun)
                taken["feast"].append(feast.ask(size))
        both = [quantiles(taken[name])[0] for name in ("near", "feast")]
        told.append(f"{both[1] / both[0]:.0f}")
        print(f"    {size:>6,} {both[0]:7.2f} ms {both[1]:7.2f} ms   {told[-1]} times as long")
    return f"feast_ratio={told[-1]}"


def quantiles(taken: list[float]) -> tuple[float, float]:
    """The median and the 99th percentile, in milliseconds."""
    p50, p99 = np.quantile(taken, [0.5, 0.99]) * 1_000
    return float(p50), float(p99)


def compared(ways: dict[str, Way], rounds: int) -> dict[str, list[float]]:
    """How long each way takes, in turns."""
    taken: dict[str, list[float]] = {name: [] for name in ways}
    for number in range(-WARM, rounds):
        for name, way in ways.items():
            if name == "hmget" and number % HMGET_EVERY:
                continue
            begun = time.perf_counter()
            way(number)
            if number >= 0:
                taken[name].append(time.perf_counter() - begun)
    return taken


def stages(slate: Slate, rounds: int) -> None:
    """Where the time of a request goes."""
    spans: dict[str, list[float]] = {}
    parts = {
        "near rows": (NearView, "take"),
        "read": (Channel, "exchange"),
        "decode, merge": (Lookup, "_take_in"),
        "expressions": (ServicePlan, "compute"),
    }
    with ExitStack() as stack:
        noted: dict[str, list[float]] = {name: [] for name in parts}
        for name, (owner, method) in parts.items():
            stack.enter_context(timed(owner, method, noted[name]))
        for number in range(-WARM, rounds):
            for one in noted.values():
                one.clear()
            begun = time.perf_counter()
            found = slate.ask(number)
            answered = time.perf_counter()
            found.matrix()
            ended = time.perf_counter()
            if number >= 0:
                for name, one in noted.items():
                    spans.setdefault(name, []).append(sum(one))
                spans.setdefault("all of the request", []).append(answered - begun)
                spans.setdefault("matrix", []).append(ended - answered)
    for name, taken in spans.items():
        print(f"    {name:<20} p50 {quantiles(taken)[0]:6.2f} ms")


def rate(address: str, seconds: float, viewers: int, start: Any, told: Any) -> None:
    """Ask for feeds, one call after another, for some time; tells how many features a second."""
    registry = Registry.from_module(shop)
    slate = Slate(address, registry, near=True)
    for number in range(WARM):
        rows = len(slate.matrix(number, viewers=viewers))
    features = len(slate.ask(0).names)
    start.wait()
    begun, asked = time.perf_counter(), 0
    while time.perf_counter() - begun < seconds:
        slate.matrix(asked, viewers=viewers)
        asked += 1
    told.put(asked * rows * features / (time.perf_counter() - begun))
    slate.close()


def rates(address: str, processes: int, seconds: float, viewers: int = 1) -> float:
    """Features a second that processes are answered with, all in all."""
    context = multiprocessing.get_context("spawn")
    start, told = context.Barrier(processes), context.Queue()
    running = [
        context.Process(target=rate, args=(address, seconds, viewers, start, told))
        for _ in range(processes)
    ]
    for process in running:
        process.start()
    total = sum(told.get() for _ in running)
    for process in running:
        process.join()
    return float(total)


def floor_of(slate: Slate, registry: Registry) -> Floor:
    """The floor of the first viewer's request."""
    plan = registry.plan(SERVICE)
    kept: dict[Expr, Array] = {}
    computed = ServicePlan.compute

    def note(self: ServicePlan, values: dict[Expr, Operand]) -> Any:
        kept.update({expr: array(found) for expr, found in values.items()})
        return computed(self, values)

    ServicePlan.compute = note  # type: ignore[method-assign]
    try:
        answer = slate.ask(0)
    finally:
        ServicePlan.compute = computed  # type: ignore[method-assign]
    floor = Floor(plan, answer, slate.show)
    floor.given(kept)
    return floor


def by_size(near: Slate, store: Slate, rounds: int) -> None:
    """How long requests for few and for many candidates take."""
    print("  candidates, near and from the store, p50")
    for size in SIZES:
        ways: dict[str, Way] = {
            "near": partial(near.matrix, rows=size),
            "store": partial(store.matrix, rows=size),
        }
        taken = compared(ways, rounds)
        both = [quantiles(taken[name])[0] for name in ways]
        print(f"    {size:>6,} {both[0]:7.2f} ms {both[1]:7.2f} ms")


def measure(
    address: str,
    redis: Redis,
    registry: Registry,
    rounds: int,
    what: str,
    feast: Path | None = None,
) -> str:
    """Compare all ways, and print what was found; gives the figures of the last line."""
    near, store = Slate(address, registry, near=True), Slate(address, registry, near=False)
    try:
        wanted, names = near.matrix(0), near.ask(0).matrix_names
        floor = floor_of(store, registry)
        ways: dict[str, Way] = {
            "near": near.matrix,
            "store": store.matrix,
            "floor": floor.matrix,
            "mget": packed(redis, wanted, near.show),
            "hmget": hashes(redis, wanted, names, near.show),
        }
        for name, way in ways.items():
            assert np.array_equal(way(0), wanted, equal_nan=True), f"{name} is another matrix"
        read = near.ask(0).states
        assert read["show_activity"].behind > 0, "the near views were not asked"
        taken = compared(ways, rounds)
        features = len(near.ask(0).names)
        print(f"\n{SERVICE}: {SHOWS:,} candidates x {features} features, {what}, with the matrix")
        found = {name: quantiles(one) for name, one in taken.items()}
        for name, (p50, p99) in found.items():
            ratio = found["near"][0] / p50
            print(
                f"  {name:<6} p50 {p50:7.2f} ms   p99 {p99:7.2f} ms   near takes {ratio:5.2f} of it"
            )
        print("  near, by stage")
        stages(near, rounds // 4)
        if what != "as published":
            by_size(near, store, rounds // 4)
        beside = ""
        if feast is not None:
            with tempfile.TemporaryDirectory() as folder:
                rival = Feast(feast, Path(folder) / "feast", address, wanted)
                try:
                    beside = " " + beside_feast(near, rival, FEAST_ROUNDS)
                finally:
                    rival.close()
        p50, p99 = found["near"]
        return (
            f"rows={SHOWS} features={features} p50_ms={p50:.2f} p99_ms={p99:.2f} "
            f"floor_ratio={p50 / found['floor'][0]:.2f} mget_ratio={p50 / found['mget'][0]:.2f} "
            f"hmget_ratio={p50 / found['hmget'][0]:.3f} store_ratio={p50 / found['store'][0]:.2f}"
            f"{beside}"
        )
    finally:
        near.close()
        store.close()


def main() -> None:
    """The command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=ROUNDS)
    parser.add_argument("--seconds", type=float, default=SECONDS)
    parser.add_argument(
        "--feast",
        type=Path,
        metavar="FOLDER",
        help="ask Feast too, in an environment of its own there; it is made where it is missing",
    )
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder, EmbeddedServer.attach(Path(folder)) as server:
        address, redis = server.address, connect(server.address)
        registry = Registry.from_module(shop)
        publish_marketplace(redis, ASKED.replace(second=0))
        measure(address, redis, registry, options.rounds, "as published")
        connections = Connections.to(address, TIMEOUT)
        stream(connections, redis, registry)
        connections.close()
        time.sleep(1.5 * REFRESH)
        what = f"and {STREAMED:,} events streamed since"
        figures = measure(address, redis, registry, options.rounds, what, options.feast)
        told = [f"engine: streamed={STREAMED} {figures}"]
        for viewers, name in ((VIEWERS_AT_ONCE, "together"), (1, "features")):
            one, two = (rates(address, number, options.seconds, viewers) for number in (1, 2))
            print(
                f"\n{one / 1e6:.1f} million features/s of one process, {two / 1e6:.1f} of two, "
                f"{viewers} viewer{'s' * (viewers > 1)} a call"
            )
            told.append(f"{name}_per_s_1={one:.0f} {name}_per_s_2={two:.0f}")
        print(" ".join(told), flush=True)


if __name__ == "__main__":
    main()
