"""What may befall an archive: real kills, a lost store, a full disk, a changed definition."""

import os
import time
from collections.abc import Callable
from datetime import datetime
from itertools import pairwise
from multiprocessing import get_context
from multiprocessing.process import BaseProcess
from random import Random

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from redis import Redis

from slate import Source, arrival_time, event_time, unique_id
from slate.assets.publishing import archived_since
from slate.deployment import Deployment
from slate.errors import DataError
from slate.online import EventWriter
from slate.online.store.connections import Connections
from slate.online.store.stream_names import LOG, StreamNames, Unit
from slate.online.stream.archive.archive_files import ArchiveFiles
from slate.online.stream.archive.log_archive import Archive
from slate.online.stream.writing.write_flow import Writing
from slate.windows import HOUR
from tests.deployments.bikes.definitions import Move
from tests.online.stream.archive_process import archive
from tests.online.stream.log import MINUTE, NAMES, UNIT, Log, Row, instant_of, rows
from tests.online.stream.moves import NOON, move, us

NOON_HOUR = us(NOON) // HOUR

START_SECONDS = 60


@pytest.fixture
def log(redis: Redis, bikes: Deployment) -> Log:
    return Log(redis, bikes)


@pytest.mark.process
def test_sigkill(log: Log, redis: Redis, bikes: Deployment) -> None:
    """Two archives run at once, each killed and started anew many times, while events come."""
    draw = Random(0)
    redis.set("now", log.now)
    kills = 0
    # Forked from one that has imported what they need.
    context = get_context("forkserver")
    context.set_forkserver_preload(["__main__", archive.__module__])
    running: list[BaseProcess] = []
    try:
        for turn in range(9):
            if len(running) == 2:
                victim = running.pop(draw.randrange(2))
                victim.kill()
                victim.join()
                kills += 1
            reader, writer = context.Pipe(duplex=False)
            process: BaseProcess = context.Process(
                target=archive, args=(bikes.redis, bikes.data, writer)
            )
            process.start()
            running.append(process)
            writer.close()
            with reader:
                assert reader.poll(START_SECONDS), "an archive does not begin"
                reader.recv_bytes()
            # Hours go by however slow the machine is.
            log.write(MINUTE)
            log.pass_time(minutes=45)
            deadline = time.monotonic() + draw.uniform(0, 0.3)
            while time.monotonic() < deadline or turn % 4 == 0:
                log.write(*[MINUTE] * draw.randint(1, 20))
                if draw.random() < 0.1:
                    log.smuggle()
                if draw.random() < 0.1:
                    log.pass_time(minutes=25)
                redis.set("now", log.now)
                if time.monotonic() >= deadline:
                    break
    finally:
        for process in running:
            process.kill()
            process.join()
    assert kills == 7
    log.write(MINUTE)
    last = log.archive()
    while last.step().events:
        pass
    last.step()
    assert len({arrival // HOUR for _, arrival in log.rows}) > 3
    log.check_done()


def test_a_lost_store(log: Log, redis: Redis) -> None:
    """Nothing of what was archived is lost, or there twice; the hour goes on in new parts."""
    log.write(MINUTE, MINUTE)
    log.pass_time(hours=1)
    log.write(MINUTE)
    log.archive().step()
    first, last = log.rows[0][1], log.rows[-1][1]
    redis.flushall()
    assert log.found() == log.rows
    archive = log.archive()
    archive.step()
    assert redis.get(NAMES.first) == str(first).encode()
    # Even if the clock went back meanwhile.
    log.now -= 30 * 60_000_000
    log.write(MINUTE)
    assert log.rows[-1][1] == last + 1
    archive.step()
    assert log.found() == log.rows
    log.pass_time(hours=1)
    archive.step()
    log.check_done()


def test_a_store_that_was_restored(log: Log, redis: Redis) -> None:
    """What it forgot to have archived is archived again, to the same effect."""
    log.write(MINUTE)
    log.archive().step()
    log.write(MINUTE, MINUTE)
    log.write(MINUTE)
    names = (UNIT.stream, UNIT.position, UNIT.pending)
    before = {name: redis.dump(name) for name in names}
    archive = log.archive(most=1)
    archive.step()
    archive.step()
    log.pass_time(hours=1)
    for _ in range(3):
        archive.step()
    assert len(log.landed()) == 4
    for name, value in before.items():
        redis.restore(name, 0, value, replace=True)  # type: ignore[arg-type]
    archive = log.archive()
    archive.step()
    assert log.found() == log.rows
    archive.step()
    log.check_done()


def test_events_of_a_closed_hour_land_beside(log: Log, redis: Redis) -> None:
    """As of a store that was lost, and whose clock went back: it cannot be, and is no loss."""
    log.write(MINUTE)
    log.archive().step()
    log.pass_time(hours=1)
    log.archive().step()
    redis.delete(NAMES.clock, NAMES.floor)
    log.now = us(NOON) + 10
    log.write(MINUTE, MINUTE)
    archive = log.archive()
    redis.delete(NAMES.floor)
    archive.step()
    assert log.found() == log.rows
    log.pass_time(hours=2)
    archive.step()
    assert log.landed() == log.found() == log.rows
    names = sorted(path.name for path in (log.deployment.landing / "moves").glob("*/*"))
    assert names == [f"12-stream-{log.rows[-1][1]}.parquet", "12-stream.parquet"]
    assert log.parts() == []


def test_a_disk_that_takes_nothing(log: Log) -> None:
    log.write(MINUTE)
    folder = log.deployment.data / "stream"
    folder.write_text("in the way")
    archive = log.archive()
    with pytest.raises(DataError, match=r"archive of the stream 'moves' cannot go on: .*stay in"):
        archive.step()
    assert log.redis.xlen(UNIT.stream) == 1
    folder.unlink()
    assert archive.step().events == 1
    log.check_done()


def test_a_file_in_the_way_of_a_days_folder_is_told_of(log: Log) -> None:
    log.write(MINUTE)
    log.archive().step()
    log.pass_time(hours=1)
    day = log.deployment.landing / "moves/2026-03-01"
    day.parent.mkdir(parents=True)
    day.write_text("in the way")
    with pytest.raises(DataError, match=f"cannot go on: .*{day}"):
        log.archive().step()
    day.unlink()
    log.archive().step()
    log.check_done()


def test_a_part_that_is_damaged_stops_its_hour_alone(log: Log) -> None:
    log.write(MINUTE)
    log.archive().step()
    (part,) = log.parts()
    good = part.read_bytes()
    part.write_bytes(good[:-8])
    log.pass_time(hours=1)
    log.write(MINUTE)
    log.pass_time(hours=1)
    log.write(MINUTE)
    archive = log.archive(flush=60)
    for _ in range(2):
        with pytest.raises(DataError, match=rf"cannot go on: {part} cannot be read \(.*: put a"):
            archive.step()
    assert log.landed() == log.rows[1:2]
    part.write_bytes(good)
    archive.step()
    log.check_done()


def _cut(good: bytes) -> bytes:
    return good[: len(good) // 2]


def _empty(_: bytes) -> bytes:
    return b""


def _one_byte(good: bytes) -> bytes:
    """A byte within a page, which may leave it one that can be unpacked."""
    place = good.index(b"\x28\xb5\x2f\xfd") + 12
    return good[:place] + bytes([good[place] ^ 1]) + good[place + 1 :]


def _pages(good: bytes) -> bytes:
    return good[:10] + b"\xff" * 90 + good[100:]


def _other(_: bytes) -> bytes:
    buffer = pa.BufferOutputStream()
    pq.write_table(pa.table({"heard_at": ["noon"]}), buffer)
    written: bytes = buffer.getvalue().to_pybytes()
    return written


@pytest.mark.parametrize("damaged", [_cut, _empty, _one_byte, _pages, _other])
def test_a_landing_file_that_is_damaged_is_named_and_stops_no_archive(
    log: Log, redis: Redis, damaged: Callable[[bytes], bytes]
) -> None:
    log.write(MINUTE)
    log.pass_time(hours=1)
    log.archive().step()
    log.archive().step()
    (path,) = (log.deployment.landing / "moves").glob("*/*")
    good = path.read_bytes()
    path.write_bytes(damaged(good))
    told = rf"{path} cannot be read \(.*: put a good copy in its place, or move it out of"
    with pytest.raises(DataError, match=told):
        log.found()
    assert log.found(NOON_HOUR + 1) == []
    view = log.deployment.registry.views["rider_rides"]
    assert archived_since(log.deployment, view) == NOON.replace(tzinfo=None)
    # Neither the first instant nor the floor is known from the store any more.
    redis.delete(NAMES.first, NAMES.floor)
    log.write(MINUTE)
    log.pass_time(hours=1)
    archive = log.archive()
    assert archive.step().events == 1
    assert log.found(NOON_HOUR + 1) == log.rows[1:]
    assert int(redis.get(NAMES.first)) // HOUR == NOON_HOUR
    path.write_bytes(good)
    archive.step()
    log.check_done()


def test_forgotten_files_are_removed(log: Log) -> None:
    log.write(MINUTE)
    log.archive().step()
    day = log.parts()[0].parent
    old, new = day / ".12-1-2.abc.tmp", day / ".12-3-4.def.tmp"
    empty = day.with_name("2026-01-01")
    empty.mkdir()
    for path in (old, new):
        path.write_bytes(b"half")
    hours_ago = time.time() - 7_200
    for path in (old, empty):
        os.utime(path, (hours_ago, hours_ago))
    log.archive().step()
    assert not old.exists()
    assert not empty.exists()
    assert new.exists()
    log.check_done()


class Visit(Source):
    model, landing, stream = "stg_visits", "visits", "visits"
    visit_id: int = unique_id()
    event_ts: datetime = event_time()
    received_at: datetime = arrival_time()
    place: str


def changed() -> type[Source]:
    class Visit(Source):
        model, landing, stream = "stg_visits", "visits", "visits"
        visit_id: int = unique_id()
        event_ts: datetime = event_time()
        received_at: datetime = arrival_time()
        place: str | None
        guests: int | None

    return Visit


def test_a_definition_that_changes_within_an_hour(bikes: Deployment, redis: Redis) -> None:
    clock = us(NOON)
    after = changed()

    def write(source: type[Source], **event: object) -> None:
        nonlocal clock
        clock += 1
        writing = Writing(bikes.registry, "bikes", source, 100, lambda: clock)
        event = {"visit_id": clock - us(NOON), "event_ts": NOON, **event}
        with EventWriter(writing, Connections.to(bikes.redis, 5)) as writer:
            assert writer.write([event]).refused == []

    def archive(source: type[Source]) -> Archive:
        return Archive(redis, bikes, source, flush=0, now=lambda: clock)

    write(Visit, place="here")
    write(Visit, place="there")
    archive(Visit).step()
    write(Visit, place="older writer")
    write(after, place=None, guests=2)
    archive(after).step()
    expected = [
        (1, "here", None),
        (2, "there", None),
        (3, "older writer", None),
        (4, None, 2),
    ]

    def found() -> list[tuple[object, ...]]:
        table = pa.concat_tables(archive(after).read_since(0))
        return [
            (row["visit_id"], row["place"], row["guests"])
            for row in table.select(["visit_id", "place", "guests"]).to_pylist()
        ]

    assert found() == expected
    clock += HOUR
    archive(after).step()
    assert found() == expected
    paths = sorted((bikes.landing / "visits").glob("*/*"), key=lambda path: path.stem)
    assert [pq.read_metadata(path).num_rows for path in paths] == [2, 2]
    assert "guests" not in pq.read_schema(paths[0]).names
    # What the definition refuses by now is left out: no row of a view could be made of it.
    before = pa.concat_tables(archive(Visit).read_since(0))
    assert before["visit_id"].to_pylist() == [1, 2, 3]
    assert redis.xlen(StreamNames("bikes", after).dead) == 0
    assert redis.xlen(Unit("bikes", after, LOG).stream) == 0


def test_merging_holds_few_rows_at_once(bikes: Deployment, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("slate.online.stream.archive.archive_files.ROW_GROUP", 100)
    files = ArchiveFiles(bikes.data / "parts", bikes.landing / "moves", Move)
    written: list[Row] = []
    schema = pa.schema({name: column.kind.arrow for name, column in Move.columns.items()})
    for part in range(30):
        events = [
            move(part * 20 + i, heard_at=instant_of(us(NOON) + part * 10 + i // 3))
            for i in range(20)
        ]
        files.write(pa.Table.from_pylist(events, schema))
        written += rows([pa.Table.from_pylist(events, schema)])
    files.close(NOON_HOUR)
    (path,) = bikes.landing.glob("moves/*/*")
    metadata = pq.read_metadata(path)
    assert [metadata.row_group(i).num_rows for i in range(metadata.num_row_groups)] == [100] * 6
    assert rows([pq.read_table(path)]) == written
    # A write's events come together, though they are in several row groups.
    tables = list(files.read(0))
    assert rows(tables) == written
    arrivals = [set(table["heard_at"].to_pylist()) for table in tables]
    assert all(not a & b for a, b in pairwise(arrivals))
    assert files.span() == (us(NOON), us(NOON) + 296)
