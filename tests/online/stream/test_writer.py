"""Writing: all of a write at once, to every stream that it belongs to, or nothing."""

import asyncio
import socket
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from random import Random
from typing import Any

import pyarrow as pa
import pytest
from redis import Redis

from slate.deployment import Deployment
from slate.errors import ClosedError, DataError, StoreError, UnknownNameError
from slate.online import AsyncEventWriter, EventWriter, StreamFullError, Written
from slate.online.rows.partitioning import PARTITIONS, partition
from slate.online.store.stream_names import LOG, StreamNames, Unit, units
from slate.online.stream.events.block_schemas import ID
from slate.online.stream.events.blocks import Blocks, Events
from slate.online.stream.writing.write_flow import MOST_AT_ONCE
from tests.deployments.bikes.definitions import Checkup, Count, Move
from tests.depth import either
from tests.online.stream.moves import NOON, move, us

LOG_UNIT = Unit("bikes", Move, LOG)
ROUTES = ["station_id", "rider_id", "bike_id"]
# More than there are connections.
MANY = either(300, 1_000)


@pytest.fixture
def writer(bikes: Deployment) -> Iterator[EventWriter]:
    with EventWriter.connect(bikes, Move) as writer:
        yield writer


def read(redis: Redis, unit: Unit) -> Events:
    return Blocks(redis, "bikes", Move).read(redis.xrange(unit.stream))  # type: ignore[arg-type]


def streams(redis: Redis) -> dict[str, tuple[Any, ...]]:
    """All that is on any stream."""
    return {
        f"{unit.route}:{unit.number}": (redis.xrange(unit.stream), redis.get(unit.pending))
        for unit in bike_units()
    }


def bike_units() -> list[Unit]:
    return [LOG_UNIT] + [
        Unit("bikes", Move, route, number) for route in ROUTES for number in range(PARTITIONS)
    ]


def test_the_routes_are_those_of_the_views(bikes: Deployment) -> None:
    found = units("bikes", bikes.registry, Move)
    assert {(unit.route, unit.number) for unit in found} == {
        (unit.route, unit.number) for unit in bike_units()
    }


@pytest.mark.parametrize("size", [1, 2, 7, 300])
@pytest.mark.parametrize("form", ["mappings", "table", "batch", "chunked table"])
def test_every_event_is_once_on_the_log_and_on_the_stream_of_each_key(
    redis: Redis, writer: EventWriter, size: int, form: str
) -> None:
    draw = Random(size)
    riders = [None, "ann", "bob", *(f"r{i}" for i in range(40))]
    events: Any = [move(i, rider_id=draw.choice(riders)) for i in range(size)]
    by_id = {event["move_id"]: event for event in events}
    given = events
    if form != "mappings":
        given = pa.Table.from_pylist(events)
    if form == "batch":
        (given,) = given.to_batches()
    if form == "chunked table":
        given = pa.concat_tables([given.slice(0, size // 3), given.slice(size // 3)])
    before = us(datetime.now(UTC))
    result = writer.write(given)
    after = us(datetime.now(UTC))
    assert (result.written, result.refused) == (size, [])
    assert before <= result.arrival <= after
    found = read(redis, LOG_UNIT)
    assert found.table["move_id"].to_pylist() == list(by_id)
    assert set(found.table["heard_at"].cast(pa.int64()).to_pylist()) == {result.arrival}
    assert redis.get(LOG_UNIT.pending) == str(size).encode()
    hashes = dict(zip(found.table["move_id"].to_pylist(), found.table[ID].to_pylist(), strict=True))
    for unit in bike_units()[1:]:
        part = read(redis, unit)
        ids = part.table["move_id"].to_pylist()
        assert ids == [
            number
            for number, event in by_id.items()
            if event[unit.route] is not None and partition(event[unit.route]) == unit.number
        ]
        assert part.table[ID].to_pylist() == [hashes[number] for number in ids]
        assert set(part.table["heard_at"].cast(pa.int64()).to_pylist()) <= {result.arrival}
        assert int(redis.get(unit.pending) or 0) == len(ids)  # type: ignore[arg-type]
        assert redis.exists(unit.stream) == bool(ids)


def test_bad_events_are_returned_and_the_others_written(redis: Redis, writer: EventWriter) -> None:
    bad = [move(2, kind="fly"), {"move_id": 3}]
    result = writer.write([move(1), *bad, move(4, heard_at="passed over", celsius=5)])
    assert result.written == 2
    assert [(found.place, found.arrival) for found in result.refused] == [(1, 0), (2, 0)]
    assert result.refused[0].reason.startswith("kind: not one of 'take'")
    assert result.refused[1].reason.startswith("moved_at: missing; station_id: missing")
    assert result.refused[1].event == {"move_id": 3}
    assert read(redis, LOG_UNIT).table["move_id"].to_pylist() == [1, 4]


def test_one_event_with_an_unknown_column_costs_no_other(redis: Redis, writer: EventWriter) -> None:
    events: list[Any] = [move(1), move(2, minute=5), None, move(4)]
    result = writer.write(events)
    assert result.written == 2
    assert [(found.place, found.reason) for found in result.refused] == [
        (1, "no column 'minute', did you mean 'minutes'?"),
        (2, "not a mapping of its columns"),
    ]
    first, second = result.refused
    assert first.event is not None
    assert first.event["minute"] == 5
    assert second.event is None
    assert read(redis, LOG_UNIT).table["move_id"].to_pylist() == [1, 4]


def test_bad_rows_of_tables_are_returned_too(writer: EventWriter) -> None:
    table = pa.table(
        {
            **pa.Table.from_pylist([move(i) for i in range(3)]).to_pydict(),
            "booked_for": pa.array([0, 1 << 61, 2], pa.timestamp("us")),
            "note": pa.array(["a", "b", None], pa.dictionary(pa.int32(), pa.string())),
            "kind": ["take", "fly", "return"],
        }
    )
    result = writer.write(table)
    assert result.written == 2
    (refusal,) = result.refused
    assert refusal.place == 1
    assert refusal.event is not None
    assert refusal.event["kind"] == "fly"


def test_nothing_to_write(redis: Redis, writer: EventWriter) -> None:
    assert writer.write([]) == Written(0, 0, [])
    assert writer.write(pa.table({"move_id": pa.array([], pa.int64())})) == Written(0, 0, [])
    assert writer.write([move(1, kind="fly")]).written == 0
    assert redis.keys() == []


def test_strict_writes_all_or_nothing(redis: Redis, writer: EventWriter) -> None:
    many = [move(i) for i in range(MOST_AT_ONCE)]
    with pytest.raises(DataError, match=r"1 of these events are refused.*kind: not one of"):
        writer.write([*many, move(1, kind="fly")], strict=True)
    with pytest.raises(DataError, match="no column 'minute', did you mean 'minutes'"):
        writer.write([*many, move(1, minute=2)], strict=True)
    with pytest.raises(DataError, match="no column 'kinds', did you mean 'kind'"):
        writer.write(pa.table({"kinds": ["take"]}))
    with pytest.raises(DataError, match="have a column twice: note, note"):
        writer.write(pa.table([["a"], ["b"]], names=["note", "note"]))
    assert redis.keys() == []
    assert writer.write([move(1)], strict=True).written == 1


def test_large_writes_are_cut(redis: Redis, writer: EventWriter) -> None:
    size = 2 * MOST_AT_ONCE + 5
    wrong = {5: "x", MOST_AT_ONCE + 1: "y"}
    events = [move(i, kind=wrong.get(i, "take")) for i in range(size)]
    result = writer.write(events)
    assert result.written == size - 2
    assert [found.place for found in result.refused] == list(wrong)
    entries: Any = redis.xrange(LOG_UNIT.stream)
    numbers = [MOST_AT_ONCE - 1, MOST_AT_ONCE - 1, 5]
    assert [int(fields[b"n"]) for _, fields in entries] == numbers
    assert int(entries[-1][1][b"a"]) == result.arrival
    ids = [i for i in range(size) if i not in wrong]
    assert read(redis, LOG_UNIT).table["move_id"].to_pylist() == ids


def test_arrivals_ascend_whatever_the_clock_does(bikes: Deployment, redis: Redis) -> None:
    clock = iter([1000, 1000, 400, 5000, 5001, 4000])
    with EventWriter.connect(bikes, "move", now=lambda: next(clock)) as writer:
        found = [writer.write([move(1)]).arrival for _ in range(5)]
        assert found == [1000, 1001, 1002, 5000, 5001]
        redis.set(StreamNames("bikes", Move).floor, us(NOON))
        assert writer.write([move(1)]).arrival == us(NOON)


def test_arrivals_of_writers_at_once_differ(bikes: Deployment, redis: Redis) -> None:
    def write() -> None:
        with EventWriter.connect(bikes, Move) as writer:
            for number in range(50):
                writer.write([move(number)])

    threads = [threading.Thread(target=write) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    entries: Any = redis.xrange(LOG_UNIT.stream)
    arrivals = [int(fields[b"a"]) for _, fields in entries]
    assert len(arrivals) == 200
    assert arrivals == sorted(set(arrivals))


def full_of(redis: Redis, unit: Unit, pending: int) -> None:
    redis.set(unit.pending, pending)


@pytest.mark.parametrize("unit", [0, 1 + 2, 1 + PARTITIONS + partition("rider 1")])
def test_a_full_stream_takes_nothing(bikes: Deployment, redis: Redis, unit: int) -> None:
    full = bike_units()[unit]
    with EventWriter.connect(bikes, Move, limit=100) as writer:
        station = next(i for i in range(99) if partition(i) == 2)
        event = move(1, station_id=station)
        writer.write([event])
        full_of(redis, full, 100)
        before = streams(redis), redis.get(StreamNames("bikes", Move).clock)
        with pytest.raises(StreamFullError, match="is full: 100 of its events wait") as caught:
            writer.write([event])
        error = caught.value
        assert (error.stream, error.pending, error.limit) == (full.stream, 100, 100)
        assert error.written == 0
        assert (streams(redis), redis.get(StreamNames("bikes", Move).clock)) == before
        full_of(redis, full, 99)
        assert writer.write([event]).written == 1
        other = move(2, station_id=station + 1, rider_id=None)
        if unit:  # a full partition is in nobody else's way
            full_of(redis, full, 100)
            assert writer.write([other]).written == 1


def test_what_was_written_before_a_stream_was_full_is_told(bikes: Deployment, redis: Redis) -> None:
    with EventWriter.connect(bikes, Move, limit=10) as writer:
        with pytest.raises(StreamFullError) as caught:
            writer.write([move(i) for i in range(25)])
        assert caught.value.written == 10
        assert isinstance(caught.value, StoreError)
    assert redis.xlen(LOG_UNIT.stream) == 1


def test_a_writer_can_wait_for_room(bikes: Deployment, redis: Redis) -> None:
    with EventWriter.connect(bikes, Move, limit=10) as writer:
        writer.write([move(i) for i in range(10)])
        began = time.monotonic()
        with pytest.raises(StreamFullError):
            writer.write([move(10)], wait=0.2)
        assert 0.2 <= time.monotonic() - began < 2

        def drain() -> None:
            time.sleep(0.1)
            for unit in bike_units():
                redis.delete(unit.pending)

        thread = threading.Thread(target=drain)
        thread.start()
        assert writer.write([move(10)], wait=30).written == 1
        thread.join()


def test_scripts_and_schemas_that_a_store_forgot_are_told_again(
    redis: Redis, writer: EventWriter
) -> None:
    schemas = StreamNames("bikes", Move).schemas
    for number in range(3):
        assert writer.write([move(number)]).written == 1
        assert redis.hlen(schemas) == 1
        redis.script_flush()
        redis.delete(schemas)
    assert read(redis, LOG_UNIT).table["move_id"].to_pylist() == [0, 1, 2]


def test_a_store_that_is_not_there(bikes: Deployment) -> None:
    gone = replace(bikes, redis=f"unix://{bikes.data}/none.sock")
    with (
        EventWriter.connect(gone, Move) as writer,
        pytest.raises(StoreError, match=r"'moves' cannot be written .*write these events again"),
    ):
        writer.write([move(1)])


def test_an_embedded_store_is_started(bikes: Deployment, monkeypatch: pytest.MonkeyPatch) -> None:
    with EventWriter.connect(replace(bikes, redis=""), Move) as writer:
        assert writer.write([move(1)]).written == 1
    assert (bikes.data / "redis/appendonlydir").exists()


def test_sources_are_known_by_class_name_and_stream(bikes: Deployment, redis: Redis) -> None:
    for source in (Move, "move", "moves"):
        with EventWriter.connect(bikes, source) as writer:
            writer.write([move(1)])
    assert redis.xlen(LOG_UNIT.stream) == 3
    with EventWriter.connect(bikes, Checkup) as other:
        checkup = {"checkup_id": "c", "event_ts": NOON, "bike_id": 1, "fault": False}
        assert other.write([checkup]).written == 1
    assert redis.xlen(Unit("bikes", Checkup, LOG).stream) == 1
    with pytest.raises(UnknownNameError, match="no source 'mov': did you mean 'move'"):
        EventWriter.connect(bikes, "mov")
    with pytest.raises(UnknownNameError, match=r"name the source .*checkup, move"):
        EventWriter.connect(bikes)
    with pytest.raises(DataError, match=r"Count has no stream.*stream = 'count'"):
        EventWriter.connect(bikes, Count)
    with pytest.raises(DataError, match="limit=0: a stream must hold one event"):
        EventWriter.connect(bikes, Move, limit=0)


def test_an_asynchronous_writer_writes_the_same(bikes: Deployment, redis: Redis) -> None:
    at = us(NOON)

    async def write() -> list[Written]:
        async with AsyncEventWriter.connect(bikes, Move, limit=2, now=lambda: at) as writer:
            results = [await writer.write([move(1), move(2, kind="fly")])]
            redis.script_flush()
            results.append(await writer.write([move(3)]))
            with pytest.raises(StreamFullError):
                await writer.write([move(4)], wait=0.05)
            return results

    first, second = asyncio.run(write())
    assert (first.written, first.arrival, len(first.refused)) == (1, at, 1)
    assert (second.written, second.arrival) == (1, at + 1)
    found = read(redis, LOG_UNIT).table["heard_at"].to_pylist()
    assert found == [NOON, NOON + timedelta(microseconds=1)]


def test_many_writes_at_once(bikes: Deployment, redis: Redis) -> None:
    async def gather() -> list[Written]:
        async with AsyncEventWriter.connect(bikes, Move, timeout=60) as writer:
            return await asyncio.gather(*(writer.write([move(n)]) for n in range(MANY)))

    written = asyncio.run(gather())
    with (
        EventWriter.connect(bikes, Move, timeout=60) as writer,
        ThreadPoolExecutor(200) as threads,
    ):
        written += threads.map(lambda n: writer.write([move(n)]), range(MANY, 2 * MANY))
    assert [(one.written, one.refused) for one in written] == [(1, [])] * 2 * MANY
    assert sorted(read(redis, LOG_UNIT).table["move_id"].to_pylist()) == list(range(2 * MANY))
    assert len({one.arrival for one in written}) == 2 * MANY


def test_a_writer_that_waits_for_room_keeps_no_connection(bikes: Deployment, redis: Redis) -> None:
    one = replace(bikes, redis=f"{bikes.redis}?max_connections=1")
    with (
        EventWriter.connect(one, Move, limit=1, timeout=2) as writer,
        ThreadPoolExecutor(1) as threads,
    ):
        assert writer.write([move(1)]).written == 1
        waiting = threads.submit(writer.write, [move(2)], wait=20)
        time.sleep(0.1)
        with pytest.raises(StreamFullError):
            writer.write([move(3)])
        for unit in bike_units():
            redis.set(unit.pending, 0)
        assert waiting.result().written == 1


def test_a_store_that_says_nothing_is_given_up_in_time(bikes: Deployment) -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        address = f"redis://:secret@127.0.0.1:{silent.getsockname()[1]}"
        gone = replace(bikes, redis=address)

        async def write() -> None:
            async with AsyncEventWriter.connect(gone, Move, timeout=0.3) as writer:
                await writer.write([move(1)])

        def write_in_thread() -> None:
            with EventWriter.connect(gone, Move, timeout=0.3) as writer:
                writer.write([move(1)])

        for attempt in (write_in_thread, lambda: asyncio.run(write())):
            begun = time.monotonic()
            with pytest.raises(StoreError, match=r"has not answered within 0.3 s\): write") as late:
                attempt()
            assert time.monotonic() - begun < 3
            assert "secret" not in str(late.value)


def test_after_its_end_a_writer_says_so(bikes: Deployment) -> None:
    writer = EventWriter.connect(bikes, Move)
    writer.close()
    with pytest.raises(ClosedError, match="it is closed: connect another one"):
        writer.write([move(1)])
    asynchronous = AsyncEventWriter.connect(bikes, Move)
    with asyncio.Runner() as first:
        assert first.run(asynchronous.write([move(1)])).written == 1
        with pytest.raises(ClosedError, match="belong to the event loop"):
            asyncio.run(asynchronous.write([move(2)]))
        first.run(asynchronous.close())


@pytest.mark.parametrize(
    ("wrong", "reason"),
    [
        ({"rider_id": "r" * 1_025}, "rider_id: longer than 1,024 bytes"),
        ({"rider_id": "é" * 513}, "rider_id: longer than 1,024 bytes"),
        ({"note": "é" * 32_769}, "note: longer than 65,536 bytes"),
    ],
)
def test_what_is_too_long_is_refused(
    writer: EventWriter, wrong: dict[str, Any], reason: str
) -> None:
    result = writer.write([move(1, **wrong), move(2, rider_id="é" * 512, note="é" * 32_768)])
    assert result.written == 1
    assert [(one.place, one.reason) for one in result.refused] == [(0, reason)]
    table = pa.table({name: [value] for name, value in move(3, **wrong).items()})
    assert [one.reason for one in writer.write(table).refused] == [reason]
