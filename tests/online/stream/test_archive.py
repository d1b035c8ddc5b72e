"""The archive: every event in the landing files once, wherever it was killed."""

import time
from base64 import b64decode
from collections.abc import Callable
from datetime import datetime, timedelta
from pathlib import Path
from random import Random
from typing import Any

import duckdb
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from redis import Redis

from slate import Source, arrival_time, event_time, unique_id
from slate.assets.intake import take_in
from slate.assets.landing_files import landed
from slate.assets.raw_tables import prepare
from slate.deployment import Deployment
from slate.online import EventWriter
from slate.online.store.connections import Connections
from slate.online.store.stream_names import LOG, StreamNames, Unit
from slate.online.stream.archive.archive_files import ArchiveFiles
from slate.online.stream.archive.log_archive import Archive, ArchiveStep
from slate.online.stream.events.block_schemas import events_schema
from slate.online.stream.events.blocks import Blocks
from slate.online.stream.writing.write_flow import Writing
from slate.windows import HOUR
from tests.deployments.bikes.definitions import Move
from tests.depth import either
from tests.online.stream.effects import Effects, Killed
from tests.online.stream.log import DAY, MINUTE, NAMES, UNIT, Log, rows, script
from tests.online.stream.moves import NOON, block, entry, move, us

NOON_HOUR = us(NOON) // HOUR
# Before which effects it is killed or held up: the steps of the script repeat them.
EFFECTS = range(0, 10_000, either(3, 1))


@pytest.fixture
def log(redis: Redis, bikes: Deployment) -> Log:
    return Log(redis, bikes)


@pytest.fixture
def effects(monkeypatch: pytest.MonkeyPatch) -> Effects:
    return Effects(monkeypatch)


def test_a_closed_hour_is_one_landing_file(log: Log) -> None:
    archive = log.archive()
    log.write(*[MINUTE] * 3)
    assert archive.step() == ArchiveStep(events=3)
    log.write(MINUTE, 3 * DAY)
    assert archive.step() == ArchiveStep(events=2, late=1)
    assert archive.step() == ArchiveStep()
    assert len(log.parts()) == 2
    assert log.landed() == []
    log.pass_time(hours=1)
    log.write(MINUTE)
    assert archive.step() == ArchiveStep(events=1, closed=(NOON_HOUR,))
    (path,) = (log.deployment.landing / "moves").glob("*/*")
    assert path.relative_to(log.deployment.landing).as_posix() == (
        "moves/2026-03-01/12-stream.parquet"
    )
    assert pq.read_schema(path) == pa.schema(
        {name: column.kind.arrow for name, column in Move.columns.items()}
    )
    assert len(log.parts()) == 1
    log.check_done()


def test_an_hour_without_successor_is_closed_by_time(log: Log) -> None:
    archive = log.archive()
    log.write(MINUTE)
    archive.step()
    log.now = (NOON_HOUR + 1) * HOUR - 1
    assert archive.step().closed == ()
    log.now += 1
    assert archive.step().closed == (NOON_HOUR,)
    log.check_done()


def test_the_stores_clock_closes_hours(log: Log) -> None:
    log.write(MINUTE)
    archive = log.archive(now=None)
    assert archive.step() == ArchiveStep(events=1)
    assert archive.step() == ArchiveStep(closed=(NOON_HOUR,))
    # An event that is written now is not of that hour, even if the clock was.
    log.write(MINUTE)
    assert log.rows[-1][1] // HOUR > NOON_HOUR
    seconds, _ = log.redis.time()
    assert log.now // HOUR >= seconds * 1_000_000 // HOUR - 1


def test_several_hours_at_once(log: Log) -> None:
    for _ in range(4):
        log.write(MINUTE, MINUTE)
        log.pass_time(hours=1)
    archive = log.archive()
    # The last hour is over too, but more of its events might have come while these were read.
    assert archive.step().closed == (NOON_HOUR, NOON_HOUR + 1, NOON_HOUR + 2)
    assert archive.step().closed == (NOON_HOUR + 3,)
    log.check_done()


def test_what_the_warehouse_takes_in(log: Log) -> None:
    script(log, log.archive().step)
    landing = log.deployment.landing
    with duckdb.connect() as connection:
        prepare(connection, [Move])
        intake = take_in(connection, landing, Move, landed(landing, Move).files)
        taken = connection.execute(
            "select move_id, epoch_us(heard_at) from raw.moves order by _file, _row"
        ).fetchall()
        ahead = "select count(*) from raw.moves where moved_at > heard_at"
        assert connection.execute(ahead).fetchone() == (0,)
    assert (intake.files, intake.quarantined) == (2, 0)
    assert taken == log.rows


def test_dead_letters(log: Log) -> None:
    log.write(2 * DAY, 2 * DAY + timedelta(microseconds=1), 9 * DAY)
    log.smuggle()
    log.smuggle(n=b"7")
    step = log.archive().step()
    assert (step.events, step.refused, step.late) == (4, 2, 2)
    found = [fields for _, fields in log.redis.xrange(NAMES.dead)]
    reasons = [letter[b"reason"].decode() for letter in found]
    assert reasons[0].startswith("no entry: its block is not as many events")
    assert reasons[1].startswith("kind: not one of 'take'")
    assert reasons[2:] == [
        f"late: it arrived {age} after it happened, and 2d is the most"
        for age in ("2 days, 0:00:00.000001", "9 days, 0:00:00")
    ]
    assert [int(letter[b"arrival"]) for letter in found[2:]] == [log.rows[0][1]] * 2
    assert b'"moved_at": "2026-02-20T12:00:00+00:00"' in found[3][b"event"]
    assert b"heard_at" not in found[3][b"event"]
    assert b64decode(found[0][b"raw"]) == block([move(6), move(7, kind="fly")])


def test_few_events_wait_for_more(log: Log) -> None:
    archive = log.archive(flush=0.3, most=4)
    log.write(MINUTE)
    assert archive.step().events == 1  # the first step takes up what is there
    log.write(MINUTE)
    assert archive.step().events == 0
    log.write(MINUTE, MINUTE)
    assert archive.step().events == 0
    log.write(MINUTE)
    assert archive.step().events == 4
    log.write(MINUTE)
    assert archive.step().events == 0
    time.sleep(0.35)
    assert archive.step().events == 1


def test_a_step_takes_about_as_much_as_it_may(log: Log) -> None:
    for size in (3, 1, 4, 2, 5, 9, 1, 1):
        log.write(*[MINUTE] * size)
    archive = log.archive(most=6)
    assert [archive.step().events for _ in range(5)] == [8, 7, 9, 2, 0]
    log.check_done()


def test_many_entries(log: Log, bikes: Deployment) -> None:
    at = us(NOON)
    with log.redis.pipeline(transaction=False) as pipe:
        for number in range(3_000):
            _, fields = entry([move(number)], at + number)
            pipe.xadd(UNIT.stream, dict(fields))
        pipe.execute()
    with EventWriter.connect(bikes, Move, now=lambda: at) as writer:
        writer.write([])
        writer.write([move(3_000)])  # and with it the schema
    log.redis.set(UNIT.pending, 3_001)
    archive = log.archive(most=2_000)
    assert [archive.step().events for _ in range(3)] == [2_000, 1_001, 0]
    assert log.redis.get(UNIT.pending) == b"0"


class Ping(Source):
    """Of which no history is kept here."""

    model, stream = "stg_pings", "pings"
    ping_id: int = unique_id(horizon="1h")
    event_ts: datetime = event_time()
    received_at: datetime = arrival_time()


def test_a_source_without_landing_files_keeps_its_dead_letters_alone(
    bikes: Deployment, redis: Redis
) -> None:
    at = us(NOON)
    writing = Writing(bikes.registry, "bikes", Ping, 100, lambda: at)
    with EventWriter(writing, Connections.to(bikes.redis, 5)) as writer:
        writer.write([{"ping_id": 1, "event_ts": NOON - DAY}, {"ping_id": 2, "event_ts": NOON}])
    archive = Archive(redis, bikes, Ping, flush=0)
    assert archive.step() == ArchiveStep(events=2, late=1)
    assert archive.step() == ArchiveStep()
    assert redis.xlen(StreamNames("bikes", Ping).dead) == 1
    assert redis.xlen(Unit("bikes", Ping, LOG).stream) == 0
    assert list(archive.read_since(0)) == []
    assert not (bikes.data / "stream").exists()


def test_reading_back(log: Log) -> None:
    steps: list[list[Any]] = []

    def step() -> ArchiveStep:
        done = log.archive().step()
        # The smuggled come with their writes; all that was written is found, landed or not.
        assert log.found() == log.rows
        hours = sorted({arrival // HOUR for _, arrival in log.rows})
        for hour in [*hours, hours[-1] + 1]:
            assert log.found(hour) == [row for row in log.rows if row[1] // HOUR >= hour]
        steps.append(log.landed())
        return done

    script(log, step)
    assert len(steps[0]) == 0 < len(steps[-1])
    for table in log.archive().read_since(0):
        assert table.schema == events_schema(Move)


def test_reading_back_gives_what_the_log_gave(log: Log) -> None:
    log.write(MINUTE, -MINUTE, 9 * DAY)
    log.smuggle()
    entries = log.redis.xrange(UNIT.stream)
    expected = Blocks(log.redis, "bikes", Move).read(entries).table
    log.archive().step()
    found = pa.concat_tables(log.archive().read_since(0))
    assert found.equals(expected)


@pytest.mark.parametrize("at", range(6))
def test_hours_may_be_closed_while_they_are_read(log: Log, at: int) -> None:
    for _ in range(4):
        log.write(*[MINUTE] * 3)
        log.archive().step()
    log.pass_time(hours=1)
    log.write(MINUTE)
    expected = log.rows
    found = []
    reading = log.archive().read_since(0)
    for place in range(20):
        if place == at:
            log.archive().step()
        found += [table for table in [next(reading, None)] if table is not None]
    log.archive().step()
    # What was archived after it began may be there, or not.
    assert rows(found) in (expected, expected[:-1])


def test_killed_before_any_effect(log: Log, effects: Effects, redis: Redis) -> None:
    """After each kill another archive goes on, and nothing is lost, and nothing is there twice."""
    kills = 0
    for number in EFFECTS:
        redis.flushall()
        again = Log(redis, log.deployment)
        remove(log.deployment)
        killed = run_killed(again, effects, number)
        kills += killed
        again.check_done()
        if not killed:
            break
    assert kills > 40 / EFFECTS.step


def run_killed(log: Log, effects: Effects, number: int) -> bool:
    """Run the script with an archive that is killed after so many effects; say whether it was."""
    archive = log.archive()
    killed = False
    left = number

    def step() -> ArchiveStep:
        nonlocal archive, killed, left
        if killed:
            return archive.step()
        before = effects.number
        try:
            with effects.killed_before(left):
                done = archive.step()
        except Killed:
            killed = True
            archive = log.archive()
            return archive.step()
        left -= effects.number - before
        return done

    script(log, step)
    return killed


def test_parts_that_overlap_land_once_also_by_another_definition(tmp_path: Path) -> None:
    """An archive was killed before it moved on, and its successor has one column more."""
    files = ArchiveFiles(tmp_path / "parts", tmp_path / "landing", Move)
    arrivals = [NOON_HOUR * HOUR + number for number in range(5)]
    table = pa.table({Move.arrival_time: pa.array(arrivals, pa.timestamp("us")), "id": range(5)})
    files.write(table[:3])
    files.write(table.append_column("more", pa.nulls(5, pa.string())))
    files.close(NOON_HOUR)
    landed = sorted((tmp_path / "landing").rglob("*.parquet"), key=lambda path: path.stem)
    assert [pq.read_table(path)["id"].to_pylist() for path in landed] == [[0, 1, 2], [3, 4]]


def test_two_archives_at_once(log: Log, effects: Effects, redis: Redis) -> None:
    """One is held up before any of its effects, while another does its work, and then goes on."""
    for number in EFFECTS:
        redis.flushall()
        again = Log(redis, log.deployment)
        remove(log.deployment)
        interrupted = run_interrupted(again, effects, number)
        again.check_done()
        if not interrupted:
            break
    assert number > 40


def run_interrupted(log: Log, effects: Effects, number: int) -> bool:
    archive, other = log.archive(), log.archive()
    interrupted = False
    left = number

    def rival() -> None:
        nonlocal interrupted
        interrupted = True
        # Its events come in other parts, and it closes what is over.
        log.write(MINUTE)
        other.step()
        other.step()

    def step() -> ArchiveStep:
        nonlocal left
        before = effects.number
        with effects.interrupted_before(left, rival):
            done = archive.step()
        left -= effects.number - before
        return done

    script(log, step)
    archive.step()
    return interrupted


@pytest.mark.parametrize(
    "seed", [0, *(pytest.param(seed, marks=pytest.mark.thorough) for seed in range(1, 4))]
)
def test_random_histories(log: Log, effects: Effects, seed: int) -> None:
    """Several archives that are killed and held up at random, over writes of all sorts."""
    draw = Random(seed)
    archives = [log.archive(most=draw.choice([5, 200])) for _ in range(3)]
    actions: list[Callable[[], None]] = [
        lambda: log.write(
            *(draw.choice([MINUTE, DAY, 3 * DAY]) for _ in range(draw.randint(1, 9)))
        ),
        lambda: log.smuggle(),
        lambda: log.smuggle(b=b"damaged"),
        lambda: log.pass_time(minutes=draw.choice([1, 20, 70])),
    ]

    for _ in range(120):
        draw.choice(actions)()
        place = draw.randrange(3)
        how = draw.random()
        try:
            if how < 0.4:
                with effects.killed_before(draw.randrange(25)):
                    archives[place].step()
            elif how < 0.8:
                rival = archives[(place + 1) % 3]
                with effects.interrupted_before(draw.randrange(25), lambda a=rival: a.step()):  # type: ignore[misc]
                    archives[place].step()
        except Killed:
            archives[place] = log.archive(most=draw.choice([5, 200]))
        assert set(log.landed()) <= set(log.rows)
    for _ in range(2 + len(log.rows) // 5):
        archives[0].step()
    log.check_done()


def remove(deployment: Deployment) -> None:
    for folder in (deployment.landing, deployment.data / "stream"):
        for path in folder.rglob("*.*"):
            path.unlink()
