"""A value is taken or refused alike, and kept alike, whether a file or the stream brings it."""

from datetime import datetime
from decimal import Decimal
from typing import Any

import duckdb
import numpy as np
import pandas as pd
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
from slate.online.store.stream_names import LOG, Unit
from slate.online.stream.events.blocks import Blocks
from slate.online.stream.writing.write_flow import Writing
from slate.registry import Registry
from tests.online.stream.odd_values import DAY, NAN, NOON, TYPED, WRONG


class Loose(Source):
    """A column of every kind, without constraints."""

    model, landing, stream = "stg_loose", "loose", "loose"
    reading_id: str = unique_id()
    event_ts: datetime = event_time()
    received_at: datetime = arrival_time()
    text: str | None
    number: int | None
    share: float | None
    works: bool | None
    due_at: datetime | None


Outcome = dict[str, Any]


def table(place: int) -> pa.Table:
    """A case as a table; its rows are known by the case and their position."""
    name, given, cases = TYPED[place]
    values = [_plain(given, value) for value in cases]
    ids = [f"{place} {row}" for row in range(len(values))]
    return pa.table(
        {
            "reading_id": ids,
            "event_ts": pa.array([NOON] * len(ids), pa.timestamp("us", "UTC")),
            name: pa.array(values, given),
        }
    )


def _plain(given: pa.DataType, value: Any) -> Any:
    if isinstance(value, tuple):
        return dict(value) if pa.types.is_struct(given) else list(value)
    return value


def expected(place: int) -> Outcome:
    """What becomes of each value: what is kept of it, or why it is refused."""
    name, _, cases = TYPED[place]
    kind = Loose.columns[name].kind.value
    return {
        f"{place} {row}": f"{name}: not of type {kind}" if kept is WRONG else kept
        for row, kept in enumerate(cases.values())
    }


EXPECTED = {id_: kept for place in range(len(TYPED)) for id_, kept in expected(place).items()}


@pytest.fixture(scope="module")
def from_files(tmp_path_factory: pytest.TempPathFactory) -> Outcome:
    """What becomes of the values in the warehouse's way, by id."""
    landing = tmp_path_factory.mktemp("landing")
    folder = landing / "loose/2026-03-01"
    folder.mkdir(parents=True)
    for place in range(len(TYPED)):
        found = table(place)
        arrivals = pa.array([NOON] * found.num_rows, pa.timestamp("us", "UTC"))
        pq.write_table(
            found.append_column("received_at", arrivals), folder / f"12-{place:03}.parquet"
        )
    outcome: Outcome = {}
    with duckdb.connect() as connection:
        prepare(connection, [Loose])
        take_in(connection, landing, Loose, landed(landing, Loose).files)
        columns = ", ".join(name for name in Loose.columns if name != "due_at")
        for row in (
            connection.sql(f"select {columns}, due_at::timestamptz as due_at from raw.loose")
            .to_arrow_table()
            .to_pylist()
        ):
            place = int(row["reading_id"].split()[0])
            outcome[row["reading_id"]] = row[TYPED[place][0]]
        outcome |= dict(
            connection.execute(
                "select content->>'reading_id', reason from raw.quarantine"
            ).fetchall()
        )
    return outcome


@pytest.fixture
def writer(redis: Redis, deployment: Deployment) -> EventWriter:
    registry = Registry.of([Loose])
    return EventWriter(
        Writing(registry, deployment.name, Loose, 10_000, None), Connections.to(deployment.redis, 5)
    )


def streamed(redis: Redis, deployment: Deployment) -> list[dict[str, Any]]:
    """The events on the log."""
    entries: Any = redis.xrange(Unit(deployment.name, Loose, LOG).stream)
    found = Blocks(redis, deployment.name, Loose).read(entries)
    assert not found.refused
    return list(found.table.to_pylist())


@pytest.mark.parametrize("form", ["tables", "mappings"])
def test_files_and_the_stream_take_the_same(
    redis: Redis, deployment: Deployment, writer: EventWriter, from_files: Outcome, form: str
) -> None:
    outcome: Outcome = {}
    for place in range(len(TYPED)):
        given: Any = table(place)
        if form == "mappings":
            try:
                given = given.to_pylist()
            except (ValueError, OverflowError):
                continue  # times that Python does not have
        for refusal in writer.write(given).refused:
            assert refusal.event is not None
            outcome[refusal.event["reading_id"]] = refusal.reason
    for event in streamed(redis, deployment):
        place = int(event["reading_id"].split()[0])
        outcome[event["reading_id"]] = event[TYPED[place][0]]
    if form == "tables":
        assert len(outcome) == len(EXPECTED) > 83
    assert outcome == {id_: EXPECTED[id_] for id_ in outcome}
    assert outcome == {id_: from_files[id_] for id_ in outcome}


def test_no_value_is_lost_in_a_file(from_files: Outcome) -> None:
    assert from_files == EXPECTED


@pytest.mark.parametrize(
    ("name", "value", "kept"),
    [
        ("text", 2**70, str(2**70)),
        ("text", "\ud800", WRONG),
        ("text", ["a"], WRONG),
        ("text", {"a": 1}, WRONG),
        ("text", np.str_("a"), "a"),
        ("text", NAN, None),
        ("text", pd.NA, None),
        ("number", np.int32(5), 5),
        ("number", Decimal("5"), 5),
        ("number", Decimal("NaN"), None),
        ("number", 2**63, WRONG),
        ("number", 10**400, WRONG),
        ("number", np.bool_(True), WRONG),
        ("share", np.float32(0.5), 0.5),
        ("share", 10**400, WRONG),
        ("share", 2**64, 2.0**64),
        ("share", 1j, WRONG),
        ("works", np.bool_(False), False),
        ("works", object(), WRONG),
        ("due_at", np.datetime64("2026-03-01T12:00:00"), NOON),
        ("due_at", np.datetime64(1_772_366_400_000_000_999, "ns"), NOON),
        ("due_at", np.datetime64("NaT"), None),
        ("due_at", np.datetime64("20000-01-01"), WRONG),
        ("due_at", pd.Timestamp(1_772_366_400_000_000_999), NOON),
        ("due_at", pd.Timestamp("2026-03-01", tz="UTC"), DAY),
        ("due_at", pd.NaT, None),
        ("due_at", np.timedelta64(5, "s"), WRONG),
    ],
)
def test_what_only_python_has(
    redis: Redis, deployment: Deployment, writer: EventWriter, name: str, value: Any, kept: Any
) -> None:
    event = {"reading_id": "a", "event_ts": NOON, name: value}
    # Beside an ordinary value too, as Arrow takes a column of these as it is.
    refused = writer.write([event, {"reading_id": "b", "event_ts": NOON}]).refused
    found = {event["reading_id"]: event[name] for event in streamed(redis, deployment)}
    if kept is WRONG:
        reason = f"{name}: not of type {Loose.columns[name].kind.value}"
        assert [refusal.reason for refusal in refused] == [reason]
        assert found == {"b": None}
    else:
        assert refused == []
        assert found == {"a": kept, "b": None}
