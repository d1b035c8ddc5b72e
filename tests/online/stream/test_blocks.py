"""Blocks: what was written is read, and what is not a block harms nothing."""

from collections.abc import Callable
from datetime import datetime, timedelta
from hashlib import blake2b
from itertools import pairwise
from random import Random
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
from redis import Redis

from slate import Source, arrival_time, column, event_time, unique_id
from slate.online.store.stream_names import StreamNames
from slate.online.stream.events.arrived_events import revalidated
from slate.online.stream.events.block_schemas import ID, block_schema, digest, events_schema
from slate.online.stream.events.blocks import Blocks, late
from slate.online.stream.events.redis_entries import Entry, number
from tests.deployments.bikes.definitions import Move
from tests.online.stream.moves import NOON, block, entry, former_schema, move, us

AT = us(NOON) + 5_000_000
OWN = digest(block_schema(Move)).encode()
TYPES = {**{name: c.kind.arrow for name, c in Move.columns.items()}, ID: pa.uint64()}


@pytest.fixture
def blocks(redis: Redis) -> Blocks:
    known_schema(redis, former_schema())
    return Blocks(redis, "bikes", Move)


def known_schema(redis: Redis, schema: pa.Schema) -> tuple[pa.Schema, bytes]:
    """A schema that the store knows, as that of a definition before this one."""
    redis.hset(StreamNames("bikes", Move).schemas, digest(schema), schema.serialize().to_pybytes())
    return schema, digest(schema).encode()


@pytest.mark.parametrize("schema", [block_schema(Move), former_schema()])
def test_what_was_written_is_read(blocks: Blocks, schema: pa.Schema) -> None:
    draw = Random(1)
    events = [
        move(
            i,
            rider_id=draw.choice([None, "", "é", "r" * 300]),
            locked=draw.choice([None, True, False]),
            minutes=draw.choice([None, 0.0, 1e100]),
            metres=draw.choice([None, 2**63 - 1]),
            booked_for=draw.choice([None, NOON, datetime(1900, 1, 1, tzinfo=NOON.tzinfo)]),
        )
        for i in range(500)
    ]
    cuts = sorted({0, 500, *(draw.randrange(500) for _ in range(60))})
    runs = [events[a:b] for a, b in pairwise(cuts)]
    key = digest(schema).encode()
    entries = [entry(run, AT + place, s=key) for place, run in enumerate(runs)]
    read = blocks.read(entries)
    assert read.refused == []
    assert read.table.schema == events_schema(Move) == pa.schema(TYPES)
    assert read.entry.tolist() == [place for place, run in enumerate(runs) for _ in run]
    expected = [
        {name: {**event, "heard_at": arrived}[name] for name in Move.columns}
        for place, run in enumerate(runs)
        for event in run
        for arrived in [NOON + timedelta(seconds=5, microseconds=place)]
    ]
    assert read.table.drop_columns([ID]).to_pylist() == expected
    hashes = [blake2b(str(i).encode(), digest_size=8).digest() for i in range(500)]
    assert read.table[ID].to_pylist() == [int.from_bytes(h, "little") for h in hashes]


def test_nothing_to_read(blocks: Blocks) -> None:
    read = blocks.read([])
    assert read.table.schema == pa.schema(TYPES)
    assert (read.table.num_rows, len(read.entry), read.refused) == (0, 0, [])
    assert late(read, Move).tolist() == []
    assert blocks.read([entry([], AT)]).table.num_rows == 0


def test_an_event_time_after_the_arrival_counts_as_of_it(blocks: Blocks) -> None:
    times = [NOON, NOON + timedelta(seconds=5, microseconds=1), NOON + timedelta(days=900)]
    read = blocks.read([entry([move(i, moved_at=at) for i, at in enumerate(times)], AT)])
    assert read.table["moved_at"].to_pylist() == [NOON, *[NOON + timedelta(seconds=5)] * 2]


def test_bad_events_are_left_out_and_told(blocks: Blocks) -> None:
    bad = move(2, kind="fly", minutes=float("inf"), booked_for=NOON)
    entries = [entry([move(1), bad], AT), entry([move(3)], AT + 1)]
    read = blocks.read(entries)
    assert read.table["move_id"].to_pylist() == [1, 3]
    assert read.entry.tolist() == [0, 1]
    (refusal,) = read.refused
    assert refusal.reason == (
        "kind: not one of 'take', 'return', 'service', 'rider''s swap'; "
        "minutes: not within 1e+100 of zero"
    )
    assert refusal.arrival == AT
    at = NOON.isoformat()
    assert refusal.event == bad | {"minutes": "inf", "moved_at": at, "booked_for": at}


def test_events_that_their_writer_checked_are_not_checked_again(blocks: Blocks) -> None:
    events = [move(1), move(2, kind="fly")]
    assert len(blocks.read([entry(events, AT)]).refused) == 1
    assert blocks.read([entry(events, AT, s=OWN)]).table["kind"].to_pylist() == ["take", "fly"]


def test_a_rule_that_changes_is_another_definition() -> None:
    def ride(metres: Any) -> type[Source]:
        members = {
            "__module__": __name__,
            "__annotations__": {
                "ride_id": int,
                "event_ts": datetime,
                "received_at": datetime,
                "metres": int | None,
            },
            "model": "stg_rides",
            "ride_id": unique_id(),
            "event_ts": event_time(),
            "received_at": arrival_time(),
            "metres": metres,
        }
        return type("Ride", (Source,), members)

    digests = [digest(block_schema(ride(column(min=least)))) for least in (0, 0, 1, None)]
    assert digests[0] == digests[1]
    assert len(set(digests)) == 3


WRONG: dict[str, Callable[[Entry], dict[str, bytes | None]]] = {
    "no arrival": lambda good: {"a": None},
    "an arrival that is none": lambda good: {"a": b"soon"},
    "an arrival before 1970": lambda good: {"a": b"-1"},
    "an arrival beyond all times": lambda good: {"a": b"9" * 19},
    "no number": lambda good: {"n": None},
    "a negative number": lambda good: {"n": b"-2"},
    "another number": lambda good: {"n": b"3"},
    "no schema": lambda good: {"s": None},
    "an unknown schema": lambda good: {"s": b"\xff"},
    "no block": lambda good: {"b": None},
    "an empty block": lambda good: {"b": b""},
    "half a block": lambda good: {"b": good[1][b"b"][: len(good[1][b"b"]) // 2]},
    "a block and a half": lambda good: {"b": good[1][b"b"][: len(good[1][b"b"]) // 2] * 3},
    "text": lambda good: {"b": b"an event"},
    "a schema": lambda good: {"b": block_schema(Move).serialize().to_pybytes()},
}


@pytest.mark.parametrize("name", WRONG)
@pytest.mark.parametrize("place", range(3))
def test_what_is_no_block_is_refused_alone(blocks: Blocks, name: str, place: int) -> None:
    good = entry([move(1), move(2)], AT)
    entries = [good, good]
    wrong = entry([move(1), move(2)], AT, **WRONG[name](good))
    entries.insert(place, wrong)
    read = blocks.read(entries)
    assert read.table["move_id"].to_pylist() == [1, 2, 1, 2]
    assert read.entry.tolist() == [at for at in range(3) if at != place for _ in range(2)]
    (refusal,) = read.refused
    assert refusal.reason.startswith("no entry: ")
    assert (refusal.event, refusal.raw) == (None, wrong[1].get(b"b"))
    # What cannot be read still counts as pending what it was counted as.
    assert number(wrong) == {"no number": 0, "another number": 3, "a negative number": -2}.get(
        name, 2
    )


@pytest.mark.parametrize("schema", [block_schema(Move), former_schema()])
def test_damaged_blocks_are_refused_or_read(blocks: Blocks, schema: pa.Schema) -> None:
    whole = block([move(i, note="é" * i) for i in range(20)])
    good = entry([move(1)], AT)
    draw = Random(2)
    for _ in range(300):
        damaged = bytearray(whole)
        for _ in range(draw.randint(1, 4)):
            damaged[draw.randrange(len(damaged))] = draw.randrange(256)
        entries = [
            good,
            entry([move(0)] * 20, AT, s=digest(schema).encode(), b=bytes(damaged)),
            good,
        ]
        read = blocks.read(entries)
        read.table.validate(full=True)
        assert {0, 2} <= set(read.entry.tolist())
        assert read.table.num_rows - 2 + sum(1 if r.raw is None else 20 for r in read.refused) == 20


def test_texts_that_are_none_are_refused(blocks: Blocks) -> None:
    wrong = block([move(1, note="aaaa")]).replace(b"aaaa", b"\xff\xfe\xfd\xfc")
    read = blocks.read([entry([move(1)], AT, b=wrong), entry([move(2)], AT)])
    assert read.table["move_id"].to_pylist() == [2]
    assert read.refused[0].raw == wrong


def test_events_of_an_older_definition(blocks: Blocks, redis: Redis) -> None:
    now = {field.name: field for field in block_schema(Move)}
    del now["note"]
    older = [
        *now.values(),
        pa.field("color", pa.string()),  # since taken away
    ]
    older[0] = pa.field("move_id", pa.string())  # since an int
    schema, key = known_schema(redis, pa.schema(older))
    rows = [move(7) | {"move_id": "7", "color": "red", ID: 70}, move(8) | {"move_id": "x", ID: 80}]
    old = pa.RecordBatch.from_pylist(rows, schema).serialize().to_pybytes()
    entries = [
        entry([move(1)], AT),
        entry([move(7), move(8)], AT, b=old, s=key),
        entry([move(2)], AT),
    ]
    read = blocks.read(entries)
    assert read.table["move_id"].to_pylist() == [1, 7, 2]
    assert read.entry.tolist() == [0, 1, 2]
    assert read.table["note"].to_pylist() == ["a note", None, "a note"]
    assert read.table[ID].to_pylist()[1] == 70
    (refusal,) = read.refused
    assert refusal.reason == "move_id: not of type int"
    assert refusal.event is not None
    assert refusal.event["move_id"] == "x"


def test_events_of_a_definition_without_a_column_that_there_has_to_be(
    blocks: Blocks, redis: Redis
) -> None:
    fields = [f for f in block_schema(Move) if f.name not in ("kind", ID)]
    schema, key = known_schema(redis, pa.schema(fields))
    old = pa.RecordBatch.from_pylist([move(7)], schema).serialize().to_pybytes()
    read = blocks.read([entry([move(7)], AT, b=old, s=key)])
    assert [refusal.reason for refusal in read.refused] == ["kind: missing"]


def test_ids_are_hashed_where_a_block_brings_none(blocks: Blocks, redis: Redis) -> None:
    schema, key = known_schema(redis, pa.schema([f for f in block_schema(Move) if f.name != ID]))
    bare = pa.RecordBatch.from_pylist([move(7)], schema).serialize().to_pybytes()
    read = blocks.read([entry([move(7)], AT), entry([move(7)], AT, b=bare, s=key)])
    assert read.table[ID][0] == read.table[ID][1]


def test_a_schema_is_learnt_when_it_comes(redis: Redis) -> None:
    blocks = Blocks(redis, "bikes", Move)
    assert len(blocks.read([entry([move(1)], AT)]).refused) == 1
    known_schema(redis, former_schema())
    assert blocks.read([entry([move(1)], AT)]).refused == []
    redis.delete(StreamNames("bikes", Move).schemas)
    assert blocks.read([entry([move(1)], AT)]).refused == []


@pytest.mark.parametrize(("before", "expected"), [(0, False), (1, True)])
def test_late_is_older_than_the_horizon(blocks: Blocks, before: int, expected: bool) -> None:
    at = NOON + timedelta(seconds=5) - timedelta(days=2, microseconds=before)
    read = blocks.read([entry([move(1), move(2, moved_at=at)], AT)])
    assert late(read, Move).tolist() == [False, expected]


def test_archived_events_are_checked_like_new_ones() -> None:
    rows: list[dict[str, Any]] = [move(1), move(2, kind="fly")]
    schema = pa.schema([f for f in block_schema(Move) if f.name != ID])
    table, bad = revalidated(
        Move, pa.RecordBatch.from_pylist(rows, schema), np.array([us(NOON) - 1, AT])
    )
    assert table.schema == events_schema(Move)
    assert table["moved_at"][0] == table["heard_at"][0]
    assert list(bad) == [1]
