"""Dead letters: told as they are, and written again if they can be."""

import json
from datetime import datetime

import pytest
from redis import Redis

from slate import Source, arrival_time, column, event_time, unique_id
from slate.deployment import Deployment
from slate.errors import StoreError
from slate.online import EventWriter, StreamFullError
from slate.online.store.connections import Connections
from slate.online.store.stream_names import LOG, StreamNames, Unit
from slate.online.stream.archive.log_archive import Archive
from slate.online.stream.dead_letters import overflow_files
from slate.online.stream.dead_letters.letter_format import fields, refusal
from slate.online.stream.dead_letters.overflow_files import folder
from slate.online.stream.dead_letters.queue import DeadLetters
from slate.online.stream.events.blocks import Refusal
from slate.online.stream.writing.write_flow import Writing
from tests.online.stream.effects import Effects, Killed
from tests.online.stream.log import DAY, MINUTE, Log
from tests.online.stream.moves import NOON, us


def visits(*kinds: str) -> type[Source]:
    """Visits of these kinds, as defined at some time."""

    class Visit(Source):
        model, landing, stream = "stg_visits", "visits", "visits"
        visit_id: int = unique_id(horizon="1h")
        event_ts: datetime = event_time()
        received_at: datetime = arrival_time()
        kind: str = column(one_of=kinds)
        share: float | None

    return Visit


class Desk:
    """Visits that are written, archived and replayed under definitions that change."""

    def __init__(self, redis: Redis, deployment: Deployment) -> None:
        self.redis = redis
        self.deployment = deployment
        self.now = us(NOON)

    def writer(self, source: type[Source], limit: int = 5_000) -> EventWriter:
        registry = self.deployment.registry
        writing = Writing(registry, "bikes", source, limit, lambda: self.now)
        return EventWriter(writing, Connections.to(self.deployment.redis, 5))

    def archive(self, source: type[Source]) -> None:
        Archive(self.redis, self.deployment, source, flush=0, now=lambda: self.now).step()

    def letters(self, source: type[Source]) -> DeadLetters:
        return DeadLetters(self.redis, "bikes", source)

    def archived(self, source: type[Source]) -> list[int]:
        archive = Archive(self.redis, self.deployment, source)
        tables = archive.read_since(0)
        return [number for table in tables for number in table["visit_id"].to_pylist()]


@pytest.fixture
def desk(redis: Redis, bikes: Deployment) -> Desk:
    return Desk(redis, bikes)


OLD, NEW = visits("come", "go", "stay"), visits("come", "go")


def test_letters_are_kept_as_they_are() -> None:
    for found in (
        Refusal("a: missing; b: é", 5, {"a": None, "b": "é", "c": 1.5}),
        Refusal("no entry", 0, raw=b"\x00\xff"),
        Refusal("no entry", 7),
    ):
        stored = {
            name.encode(): value if isinstance(value, bytes) else str(value).encode()
            for name, value in fields(found).items()
        }
        assert refusal(stored) == found


def test_letters_are_read_in_order(desk: Desk) -> None:
    desk.writer(OLD).write(
        [{"visit_id": i, "event_ts": NOON, "kind": "stay"} for i in range(2_500)]
    )
    desk.archive(NEW)
    letters = desk.letters(NEW)
    assert len(letters) == 2_500
    found = [letter.refusal.event for letter in letters.read()]
    assert [event and event["visit_id"] for event in found] == list(range(2_500))
    assert len(list(letters.read(7))) == 7
    assert len(list(letters.read(1_234))) == 1_234
    first = next(letters.read())
    assert first.kept == ""
    assert first.refusal.reason == "kind: not one of 'come', 'go'"
    assert first.refusal.arrival == us(NOON)
    event = {"visit_id": 0, "event_ts": NOON.isoformat(), "kind": "stay", "share": None}
    assert first.refusal.event == event
    assert list(letters.read(0)) == []


def moved(desk: Desk, source: type[Source]) -> list[int]:
    """The visits that lie in files."""
    files = folder(desk.deployment, source).glob("*.jsonl")
    lines = [json.loads(line) for file in files for line in file.read_text().splitlines()]
    return sorted(line["event"]["visit_id"] for line in lines)


@pytest.mark.parametrize("bound", [("MOST", 60), ("MOST_BYTES", 10_000)])
def test_the_oldest_make_room_for_later_ones(
    desk: Desk, monkeypatch: pytest.MonkeyPatch, bound: tuple[str, int]
) -> None:
    monkeypatch.setattr(overflow_files, *bound)
    monkeypatch.setattr(overflow_files, "AT_ONCE", 7)
    long_ago = {"event_ts": NOON - 3 * DAY, "kind": "go"}
    desk.writer(OLD).write(
        [{"visit_id": i, "event_ts": NOON, "kind": "stay"} for i in range(100)]
        + [{"visit_id": 1_000, **long_ago}]
    )
    desk.archive(NEW)
    letters = desk.letters(NEW)
    assert letters.moved + len(letters) == 101
    assert 0 < len(letters) <= 60
    held = [letter.refusal.event["visit_id"] for letter in letters.read() if letter.refusal.event]
    assert moved(desk, NEW) + held == [*range(100), 1_000]
    # Late ones have landed, and need no file.
    monkeypatch.setattr(overflow_files, "MOST", 0)
    overflow_files.make_room(desk.redis, desk.deployment, NEW)
    assert (len(letters), letters.moved) == (0, 101)
    assert moved(desk, NEW) == [*range(100)]
    assert desk.archived(NEW) == [1_000]


def test_none_is_lost_where_moving_them_is_killed(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    desk.writer(OLD).write([{"visit_id": i, "event_ts": NOON, "kind": "stay"} for i in range(20)])
    desk.archive(NEW)
    monkeypatch.setattr(overflow_files, "MOST", 0)
    monkeypatch.setattr(overflow_files, "AT_ONCE", 7)
    effects = Effects(monkeypatch)
    for number in range(100):
        try:
            with effects.killed_before(number):
                overflow_files.make_room(desk.redis, desk.deployment, NEW)
            break
        except Killed:
            held = {letter.refusal.event["visit_id"] for letter in desk.letters(NEW).read()}  # type: ignore[index]
            assert held | {*moved(desk, NEW)} == {*range(20)}
    assert number > 8
    assert moved(desk, NEW) == [*range(20)]
    assert (len(desk.letters(NEW)), desk.letters(NEW).moved) == (0, 20)


def test_replay_writes_what_the_definition_allows_by_now(desk: Desk) -> None:
    kinds = ["come", "stay", "wave", "stay", "go"]
    first = visits("come", "go", "stay", "wave")
    desk.writer(first).write(
        [{"visit_id": i, "event_ts": NOON, "kind": kind} for i, kind in enumerate(kinds)]
    )
    desk.archive(NEW)
    letters = desk.letters(OLD)
    assert desk.archived(OLD) == [0, 4]
    assert len(letters) == 3
    replay = letters.replay(desk.writer(OLD))
    assert (replay.written, replay.kept) == (2, [])
    (left,) = replay.refused
    assert left.refusal.reason == "kind: not one of 'come', 'go', 'stay'"
    assert left.refusal.arrival == us(NOON)
    assert [letter.id for letter in letters.read()] == [left.id]
    desk.archive(OLD)
    assert desk.archived(OLD) == [0, 4, 1, 3]
    assert len(letters) == 1


def test_late_and_unreadable_ones_are_kept_and_say_why(log: Log) -> None:
    log.write(3 * DAY, MINUTE)
    log.smuggle(b=b"damaged")
    log.archive().step()
    source = log.deployment.registry.sources["move"]
    letters = DeadLetters(log.redis, "bikes", source)
    with EventWriter.connect(log.deployment, "move") as writer:
        replay = letters.replay(writer)
    assert (replay.written, replay.refused) == (0, [])
    assert [letter.kept for letter in replay.kept] == [
        "it is not an event that can be read",
        "it came too late to be applied, and the archive has it for the warehouse",
    ]
    assert len(letters) == 2
    assert log.redis.xlen(Unit("bikes", source, LOG).stream) == 0


@pytest.fixture
def log(redis: Redis, bikes: Deployment) -> Log:
    return Log(redis, bikes)


def test_columns_that_are_no_more_are_passed_over(desk: Desk) -> None:
    letter = {"visit_id": 1, "event_ts": NOON.isoformat(), "kind": "go", "color": "red"}
    found = {"reason": "gone: missing", "arrival": "5", "event": json.dumps(letter)}
    desk.redis.xadd(StreamNames("bikes", NEW).dead, found)  # type: ignore[arg-type]
    assert desk.letters(NEW).replay(desk.writer(NEW)).written == 1
    assert len(desk.letters(NEW)) == 0


def test_numbers_that_are_none_stay_refused(desk: Desk) -> None:
    event = {"visit_id": 1, "event_ts": NOON, "kind": "stay", "share": 0.5}
    desk.writer(OLD).write([event])
    desk.archive(NEW)
    letters = desk.letters(NEW)
    assert [letter.refusal.event for letter in letters.read()] == [
        event | {"event_ts": NOON.isoformat()}
    ]
    assert letters.replay(desk.writer(NEW)).written == 0


def test_what_a_full_stream_does_not_take_is_a_dead_letter_still(desk: Desk) -> None:
    desk.writer(OLD).write(
        [{"visit_id": i, "event_ts": NOON, "kind": "stay"} for i in range(2_500)]
    )
    desk.archive(NEW)
    letters = desk.letters(OLD)
    with pytest.raises(StreamFullError):
        letters.replay(desk.writer(OLD, limit=1_500))
    assert len(letters) == 1_500
    desk.archive(OLD)
    assert letters.replay(desk.writer(OLD)).written == 1_500
    desk.archive(OLD)
    assert sorted(desk.archived(OLD)) == list(range(2_500))


def test_what_is_refused_while_it_is_replayed_waits_for_the_next_time(desk: Desk) -> None:
    desk.writer(OLD).write([{"visit_id": 1, "event_ts": NOON, "kind": "stay"}])
    desk.archive(NEW)
    letters = desk.letters(OLD)
    assert letters.replay(desk.writer(OLD)).written == 1
    desk.archive(NEW)  # by a worker that does not know of the change
    assert len(letters) == 1


def test_a_store_that_is_not_there(desk: Desk, bikes: Deployment) -> None:
    gone = Redis.from_url(f"unix://{bikes.data}/none.sock")
    letters = DeadLetters(gone, "bikes", NEW)
    with pytest.raises(StoreError, match="dead letters cannot be read"):
        len(letters)
    with pytest.raises(StoreError, match="dead letters cannot be read"):
        next(letters.read())
