"""How fast features are published, and served from a real store.

Run it with ``python -m benchmarks.online``.
"""

import asyncio
import tempfile
import time
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from unittest.mock import patch

import numpy as np
import pyarrow as pa
from redis import Redis

from live_shopping import definitions as shop
from slate import Registry
from slate.aggregates import TileColumn
from slate.kinds import Kind
from slate.online import Answer, AsyncFeatureClient, FeatureClient, Publisher, Rows
from slate.online.rows import envelope
from slate.online.rows.instants import microseconds
from slate.online.rows.keys import Keys
from slate.online.serving.client import REFRESH
from slate.online.serving.live_services import Serving
from slate.online.serving.lookup import Lookup
from slate.online.serving.service_plan import ServicePlan
from slate.online.store.async_connections import AsyncConnections
from slate.online.store.channel import Channel
from slate.online.store.connections import Connections
from slate.online.store.embedded_server import EmbeddedServer
from slate.online.store.generations import pointers, whole_field
from slate.online.store.redis_client import connect
from slate.online.store.stream_names import definition, units
from slate.online.stream.applying.applier import Applier
from slate.online.stream.writing.write_flow import Writing
from slate.online.stream.writing.writer import EventWriter
from slate.views import FeatureView

SHOWS, SELLERS, VIEWERS, CATEGORIES = 2_000, 1_500, 500, 24
SELLERS_OF_A_VIEWER = 150
MANY, BATCH = 1_000_000, 100_000
REQUESTS, WARM = 1_000, 20
STREAMED = 50_000
TIMEOUT = 10.0
AT_ONCE, THREADS, FEW_SHOWS, PATIENT = 1_000, 100, 20, 60.0
AS_OF = datetime(2026, 11, 1, 20, tzinfo=UTC)
ASKED = AS_OF + timedelta(seconds=45)

# What share of a window's tiles have events, by the size of tile in seconds.
Share = dict[int, float]
BUSY = {5: 0.5, 30: 0.9, 300: 0.9, 3_600: 0.25, 86_400: 0.5}
QUIET = {5: 0.2, 30: 0.5, 300: 0.5, 3_600: 0.3, 86_400: 0.6}
RARE = {5: 0.01, 30: 0.02, 300: 0.05, 3_600: 0.05, 86_400: 0.2}
FEW = {5: 0.01, 30: 0.02, 300: 0.05, 3_600: 0.04, 86_400: 0.06}

random = np.random.default_rng(7)


def ids(name: str, number: int) -> np.ndarray[Any, Any]:
    """So many keys."""
    return np.array([f"{name}_{position:07d}" for position in range(number)])


def times(rows: int, back: timedelta, as_of: datetime = AS_OF) -> pa.Array:
    """Random times before the publish."""
    ago = random.integers(1, back // timedelta(microseconds=1), rows)
    return pa.array(microseconds(as_of) - ago, pa.timestamp("us"))


def attributes(
    view: type[FeatureView], keys: dict[str, Any], as_of: datetime = AS_OF, **given: Any
) -> Rows:
    """Random attributes for each key."""
    rows = len(next(iter(keys.values())))
    values: dict[Kind, Callable[[], Any]] = {
        Kind.STRING: lambda: random.choice(["en", "de", "pt-BR", "scheduled"], rows),
        Kind.INTEGER: lambda: random.integers(0, 10_000, rows),
        Kind.FLOAT: lambda: random.random(rows) * 5,
        Kind.BOOLEAN: lambda: random.random(rows) < 0.5,
        Kind.TIME: lambda: times(rows, timedelta(days=300), as_of),
    }
    columns = {name: values[f.kind]() for name, f in view.features.items() if name not in given}
    happened = times(rows, timedelta(days=30), as_of)
    return Rows(pa.table({**keys, "event_ts": happened, **columns, **given}))


def windows(
    view: type[FeatureView], keys: dict[str, Any], share: Share, as_of: datetime = AS_OF
) -> Rows:
    """Random tiles and last values for each key."""
    rows = len(next(iter(keys.values())))
    lengths: dict[int, int] = {}
    for measure in view.measures.values():
        for window in () if measure.lasting else measure.windows:
            lengths[window.hop] = max(lengths.get(window.hop, 0), window.length)
    parts = []
    for size, length in lengths.items():
        row, back = np.nonzero(random.random((rows, length // size)) < share[size // 1_000_000])
        hop = np.full(len(row), size // 1_000_000)
        parts.append([row, hop, (microseconds(as_of) - 1) // size - back])
    tiles = np.concatenate(parts, axis=1)
    tiles = tiles[:, np.lexsort(tiles[::-1])]
    columns: dict[str, Any] = dict(zip(("row", "hop", "tile"), tiles, strict=True))
    heads: dict[str, Any] = {**keys, "event_ts": times(rows, timedelta(hours=1), as_of)}
    for measure in view.measures.values():
        for partial in measure.columns:
            name = measure.tile_column(partial.suffix)
            if measure.lasting:
                heads[name] = latest(partial, rows, as_of)
            elif partial.kind is Kind.INTEGER:
                columns[name] = random.integers(0, 9, tiles.shape[1])
            else:
                columns[name] = random.random(tiles.shape[1]) * 100
    return Rows(pa.table(heads), pa.table(columns))


def latest(partial: TileColumn, rows: int, as_of: datetime) -> pa.Array:
    """Random last values: one a row, or lists as long as they may be."""
    if partial.length is None:
        return lasts(partial.kind, rows, as_of)
    offsets = pa.array(np.arange(rows + 1) * partial.length, pa.int32())
    return pa.ListArray.from_arrays(offsets, lasts(partial.kind, rows * partial.length, as_of))


def lasts(kind: Kind, rows: int, as_of: datetime) -> pa.Array:
    """Random last values."""
    at = times(rows, timedelta(hours=1), as_of)
    values: dict[Kind, Callable[[], Any]] = {
        Kind.STRING: lambda: pa.array(random.choice(ids("show", 500), rows)),
        Kind.FLOAT: lambda: pa.array(random.random(rows)),
        Kind.TIME: lambda: at,
    }
    fields = {"event_ts": at, "received_at": at, "id": pa.array(ids("e", rows))}
    fields["value"] = values[kind]()
    return pa.StructArray.from_arrays(list(fields.values()), list(fields))


def marketplace(shows: int = SHOWS) -> Iterator[tuple[type[FeatureView], Rows]]:
    """Rows of every view that feed_ranking reads."""
    show, seller, viewer = ids("show", shows), ids("seller", SELLERS), ids("viewer", VIEWERS)
    category = ids("category", CATEGORIES)
    listed: dict[str, Any] = {
        "seller_id": random.choice(seller, shows),
        "category": random.choice(category, shows),
    }
    yield shop.ShowCatalog, attributes(shop.ShowCatalog, {"show_id": show}, **listed)
    yield shop.ShowActivity, windows(shop.ShowActivity, {"show_id": show}, BUSY)
    yield shop.SellerProfile, attributes(shop.SellerProfile, {"seller_id": seller})
    yield shop.SellerStats, windows(shop.SellerStats, {"seller_id": seller}, BUSY)
    yield shop.ViewerProfile, attributes(shop.ViewerProfile, {"viewer_id": viewer})
    yield shop.ViewerActivity, windows(shop.ViewerActivity, {"viewer_id": viewer}, QUIET)
    known = [random.choice(seller, SELLERS_OF_A_VIEWER, replace=False) for _ in viewer]
    pairs = {
        "viewer_id": np.repeat(viewer, SELLERS_OF_A_VIEWER),
        "seller_id": np.concatenate(known),
    }
    yield shop.ViewerSellerHistory, windows(shop.ViewerSellerHistory, pairs, RARE)
    pairs = {
        "viewer_id": np.repeat(viewer, CATEGORIES),
        "category": np.tile(category, VIEWERS),
    }
    yield shop.ViewerCategoryTaste, windows(shop.ViewerCategoryTaste, pairs, RARE)


@contextmanager
def timed(owner: type, method: str, spent: list[float]) -> Iterator[None]:
    """Note how long each call of a method takes."""
    wrapped = getattr(owner, method)

    def call(*arguments: Any) -> Any:
        begun = time.perf_counter()
        try:
            return wrapped(*arguments)
        finally:
            spent.append(time.perf_counter() - begun)

    setattr(owner, method, call)
    try:
        yield
    finally:
        setattr(owner, method, wrapped)


def publish_marketplace(redis: Redis, as_of: datetime, shows: int = SHOWS) -> None:
    """Publish all views of the marketplace, each in one batch."""
    publisher = Publisher(redis, "bench")
    for view, rows in marketplace(shows):
        publisher.publish(view, [rows], as_of)


def stream(connections: Connections, redis: Redis, registry: Registry, shows: int = SHOWS) -> None:
    """Apply events of all shows that arrived since the publish."""
    show, seller, viewer = ids("show", shows), ids("seller", SELLERS), ids("viewer", VIEWERS)
    source = registry.sources[shop.Event.name]
    arrivals = iter(range(microseconds(AS_OF), microseconds(ASKED), 10_000))
    writing = Writing(registry, "bench", source, 10 * STREAMED, lambda: next(arrivals))
    writer = EventWriter(writing, connections)
    for start in range(0, STREAMED, 1_000):
        happened = microseconds(AS_OF) + random.integers(0, 1_000_000, 1_000)
        rows = {
            "event_id": ids("e", STREAMED)[start : start + 1_000],
            "event_ts": pa.array(happened, pa.timestamp("us", "UTC")),
            "viewer_id": random.choice(viewer, 1_000),
            "show_id": random.choice(show, 1_000),
            "seller_id": random.choice(seller, 1_000),
            "category": random.choice(ids("category", CATEGORIES), 1_000),
            "kind": random.choice(list(shop.sources.KINDS), 1_000),
            "price": random.random(1_000) * 100,
            "watch_seconds": random.random(1_000) * 100,
        }
        writer.write(pa.table(rows), strict=True)
    # As workers say that began before anything streamed: there is nothing to be made anew.
    whole: dict[Any, Any] = {whole_field(definition(view)): "1" for view in registry.views.values()}
    redis.hset(pointers("bench"), mapping=whole)
    applier, everything = Applier(redis, "bench", registry), units("bench", registry, source)
    while applier.step(everything).arrival:
        pass


def serve(connections: Connections, registry: Registry, what: str) -> None:
    """Ask for all shows, for one viewer after another."""
    serving = Serving(registry, "bench", REFRESH)
    show, viewer = ids("show", SHOWS).tolist(), ids("viewer", VIEWERS).tolist()
    spans: dict[str, list[float]] = defaultdict(list)
    read: list[float] = []
    decode: list[float] = []
    compute: list[float] = []
    with (
        timed(Channel, "exchange", read),
        timed(Lookup, "_take_in", decode),
        timed(ServicePlan, "compute", compute),
    ):
        for number in range(-WARM, REQUESTS):
            for noted in (read, decode, compute):
                noted.clear()
            given = {"viewer_id": viewer[number % VIEWERS], "show_id": show}
            begun = time.perf_counter()
            found = connections.run(serving.lookup("feed_ranking", ASKED, given))
            answered = time.perf_counter()
            found.matrix()
            if number >= 0:
                spans["request"].append(answered - begun)
                spans["  read"].append(sum(read))
                spans["  decode, merge"].append(sum(decode))
                spans["  expressions"].append(sum(compute))
                spans["as a matrix"].append(time.perf_counter() - answered)
    assert not found.errors
    print(f"\nfeed_ranking: {SHOWS:,} candidates x {len(found.names)} features, {what}")
    for part, taken in spans.items():
        p50, p99 = np.quantile(taken, [0.5, 0.99]) * 1_000
        print(f"  {part:<16} p50 {p50:6.2f} ms   p99 {p99:6.2f} ms")
    rate = REQUESTS * SHOWS * len(found.names) / sum(spans["request"])
    print(f"  {rate / 1e6:.1f} million features/s, one request after another")


def at_once(address: str, registry: Registry) -> None:
    """Ask for few shows each, a thousand times at once: in tasks, and in threads."""
    show, viewer = ids("show", SHOWS).tolist(), ids("viewer", VIEWERS).tolist()

    def given(number: int) -> dict[str, Any]:
        return {"viewer_id": viewer[number % VIEWERS], "show_id": show[:FEW_SHOWS]}

    async def tasks() -> list[tuple[Answer, float]]:
        connections = AsyncConnections.to(address, PATIENT)
        async with AsyncFeatureClient(Serving(registry, "bench", REFRESH), connections) as client:

            async def ask(number: int) -> tuple[Answer, float]:
                begun = time.perf_counter()
                found = await client.get("feed_ranking", at=ASKED, **given(number))
                return found, time.perf_counter() - begun

            return await asyncio.gather(*map(ask, range(AT_ONCE)))

    def threads() -> list[tuple[Answer, float]]:
        connections = Connections.to(address, PATIENT)
        with (
            FeatureClient(Serving(registry, "bench", REFRESH), connections) as client,
            ThreadPoolExecutor(THREADS) as pool,
        ):

            def ask(number: int) -> tuple[Answer, float]:
                begun = time.perf_counter()
                found = client.get("feed_ranking", at=ASKED, **given(number))
                return found, time.perf_counter() - begun

            return list(pool.map(ask, range(AT_ONCE)))

    print(f"\n{AT_ONCE:,} requests at once, {FEW_SHOWS} candidates each")
    ways: dict[str, Callable[[], list[tuple[Answer, float]]]] = {
        "tasks": lambda: asyncio.run(tasks()),
        f"{THREADS} threads": threads,
    }
    for how, ask_all in ways.items():
        begun = time.perf_counter()
        answers = ask_all()
        taken = time.perf_counter() - begun
        whole = sum(not found.errors for found, _ in answers)
        p99 = np.quantile([each for _, each in answers], 0.99)
        print(f"  {how:<12} {taken:5.2f} s, p99 {p99:5.2f} s, {whole:,} answered whole")


def trusting(*_: Any) -> list[int]:
    """What verifies no value, for who believes what the store says."""
    return []


def checksums(connections: Connections, registry: Registry, what: str) -> None:
    """Ask with and without verifying what is read, in turns."""
    serving = Serving(registry, "bench", REFRESH)
    show, viewer = ids("show", SHOWS).tolist(), ids("viewer", VIEWERS).tolist()
    taken: dict[bool, list[float]] = {True: [], False: []}
    for number in range(-WARM, REQUESTS):
        given = {"viewer_id": viewer[number % VIEWERS], "show_id": show}
        for verified in (True, False) if number % 2 else (False, True):
            with ExitStack() as patches:
                if not verified:
                    patches.enter_context(patch.object(envelope, "_changed", trusting))
                    patches.enter_context(patch.object(Keys, "sums", None))
                begun = time.perf_counter()
                connections.run(serving.lookup("feed_ranking", ASKED, given))
                if number >= 0:
                    taken[verified].append(time.perf_counter() - begun)
    with_, without = (np.quantile(taken[verified], 0.5) for verified in (True, False))
    print(
        f"  checksums, {what}: p50 {with_ * 1_000:.2f} ms with them and {without * 1_000:.2f} ms "
        f"without, in turns: {with_ / without:.3f} times as long"
    )


def publish(publisher: Publisher, view: type[FeatureView], batches: Iterable[Rows]) -> None:
    """Publish a view's rows and say how fast; all of them are made before."""
    batches = list(batches)
    tiles = sum(rows.tiles.num_rows for rows in batches if rows.tiles)
    begun = time.perf_counter()
    live = publisher.publish(view, batches, AS_OF)
    taken = time.perf_counter() - begun
    print(
        f"  {view.name:<22} {live.rows:>9,} rows: {live.rows / taken:>8,.0f} rows/s, "
        f"{tiles / live.rows:4.1f} tiles and {live.size / live.rows:5,.0f} bytes a row, "
        f"{live.size / 1e6:,.0f} MB"
    )


def run() -> None:
    """Publish a marketplace and serve it, then publish a million rows of each kind of view."""
    with tempfile.TemporaryDirectory() as folder, EmbeddedServer.attach(Path(folder)) as server:
        redis = connect(server.address)
        connections = Connections.to(server.address, TIMEOUT)
        publisher = Publisher(redis, "bench")
        print("publish")
        for view, rows in marketplace():
            publish(publisher, view, [rows])
        registry = Registry.from_module(shop)
        serve(connections, registry, "as published")
        checksums(connections, registry, "as published")
        stream(connections, redis, registry)
        serve(connections, registry, f"and {STREAMED:,} events streamed since")
        checksums(connections, registry, "and streamed since")
        at_once(server.address, registry)
        redis.flushall()
        print("\npublish many")
        viewer = ids("viewer", MANY)
        parts = [{"viewer_id": viewer[at : at + BATCH]} for at in range(0, MANY, BATCH)]
        few = (windows(shop.ViewerActivity, keys, FEW) for keys in parts)
        publish(publisher, shop.ViewerProfile, (attributes(shop.ViewerProfile, k) for k in parts))
        publish(publisher, shop.ViewerActivity, few)
        redis.flushall()


if __name__ == "__main__":
    run()
