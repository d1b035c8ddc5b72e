"""What is refused, and why: the same as the warehouse's intake says of the same rows."""

from datetime import UTC, date, datetime, timedelta, timezone
from decimal import Decimal
from pathlib import Path
from random import Random
from typing import Any

import duckdb
import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from assets.intake import landing_files, prepare, take_in
from online.stream.checks import refusals
from online.stream.typed import typed_batch, typed_events
from slate import Source, arrival_time, column, event_time, unique_id
from slate.errors import DataError
from tests.deployments.bikes.definitions import Move
from tests.online.stream.moves import NOON, move

TIME = pa.timestamp("us", tz="UTC")


class Reading(Source):
    """A column of every kind, with every constraint."""

    model, landing, stream = "stg_readings", "readings", "readings"
    reading_id: str = unique_id()
    event_ts: datetime = event_time()
    received_at: datetime = arrival_time()
    place: str = column(one_of=["here", "it's"], min="b")
    alias: str | None = column(max="m")
    number: int = column(min=-5, max=5)
    share: float = column(min=0, max=1)
    level: float | None = column(one_of=[1.0, 2.5])
    grade: int | None = column(one_of=[1, 2])
    works: bool
    spare: bool | None
    due_at: datetime | None = column(min=datetime(2026, 1, 1), max=datetime(2026, 6, 1))


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


def in_warehouse(source: type[Source], table: pa.Table, folder: Path) -> dict[int, str]:
    """Why the intake refuses rows, by their position."""
    path = folder / "landing" / source.landing / "2026-03-01/12.parquet"
    path.parent.mkdir(parents=True, exist_ok=True)
    arrived = pa.array([NOON] * table.num_rows, TIME)
    pq.write_table(table.append_column(source.arrival_time, arrived), path)
    with duckdb.connect() as connection:
        prepare(connection, [source])
        files = landing_files(folder / "landing", source, [NOON])
        take_in(connection, source, files)
        found = connection.execute("select row, reason from raw.quarantine order by row").fetchall()
    return dict(found)


TIMES = [datetime(2025, 12, 31), datetime(2026, 1, 1), datetime(2026, 6, 1, 0, 0, 0, 1)]
FAR_TIMES = [
    datetime(1969, 12, 31, 23, 59, 59, 999_999),
    datetime(1970, 1, 1),
    datetime(2100, 1, 1),
    datetime(2100, 1, 1, 0, 0, 0, 1),
]
FLOATS = [0.0, 1.0, 2.5, -1e-9, 1 + 1e-9, np.nan, np.inf, -np.inf, None]
VALUES: dict[str, list[Any]] = {
    "reading_id": ["a", "b", "", None],
    "event_ts": [*TIMES, *FAR_TIMES, None],
    "place": ["here", "it's", "here", "it's", "", "a", "é", None],
    "alias": ["a", "m", "ma", "é", "", None],
    "number": [*range(-6, 7), None],
    "share": FLOATS,
    "level": FLOATS,
    "grade": [0, 1, 2, 3, None],
    "works": [True, False, None],
    "spare": [True, False, None],
    "due_at": [*TIMES, None],
}


@pytest.mark.parametrize("seed", range(3))
def test_as_the_warehouse_refuses(tmp_path: Path, seed: int) -> None:
    draw = Random(seed)
    readings = [
        {name: draw.choice(values) for name, values in VALUES.items()} for _ in range(1_000)
    ]
    schema = pa.schema({name: Reading.columns[name].kind.arrow for name in VALUES})
    table = pa.Table.from_pylist(readings, schema)
    expected = in_warehouse(Reading, table, tmp_path)
    assert 500 < len(expected) < 1_000
    assert refusals(Reading, typed_events(Reading, readings)) == expected
    (batch,) = table.to_batches()
    assert refusals(Reading, typed_batch(Reading, batch)) == expected


# Each is read as the warehouse reads it. (A bool as a number, and a number as a bool, are not: the
# warehouse takes them.)
LOOSE_COLUMNS = [
    ("text", pa.int32(), [1, -2, None]),
    ("text", pa.large_string(), ["a", "", None]),
    ("text", pa.dictionary(pa.int8(), pa.string()), ["a", None, "b"]),
    ("number", pa.int8(), [1, None]),
    ("number", pa.uint64(), [1, 2**63, None]),
    ("number", pa.float32(), [1.0, 1.5, 3e38, np.nan, np.inf, None]),
    ("number", pa.float64(), [-4.0, 2.0**63, -(2.0**63), None]),
    ("number", pa.string(), ["12", "-3", "1.0", "1.5", "", "x", "1e3", None]),
    ("share", pa.int64(), [1, 2**60 + 1, None]),
    ("share", pa.float32(), [1.5, np.nan, None]),
    ("share", pa.string(), ["1.5", "-2", "1e400", "nan", "", "one", None]),
    ("works", pa.string(), ["true", "FALSE", "maybe", None]),
    ("due_at", pa.timestamp("us"), [datetime(2026, 1, 1), None]),
    ("due_at", pa.timestamp("us", tz="Europe/Oslo"), [datetime(2026, 7, 1, tzinfo=UTC), None]),
    ("due_at", pa.timestamp("ms"), [datetime(2026, 1, 1), None]),
    ("due_at", pa.timestamp("ns"), [1_767_225_600_000_000_001, None]),
    ("due_at", pa.date32(), [date(2026, 1, 1), None]),
    ("due_at", pa.string(), ["2026-01-01", "2026-01-01T10:00:00Z", "soon", "", None]),
]


@pytest.mark.parametrize(("name", "given_type", "values"), LOOSE_COLUMNS)
def test_other_types_are_read_as_the_warehouse_reads_them(
    tmp_path: Path, name: str, given_type: pa.DataType, values: list[Any]
) -> None:
    size = len(values)
    table = pa.table(
        {
            "reading_id": [str(i) for i in range(size)],
            "event_ts": pa.array([NOON] * size, TIME),
            name: pa.array(values, given_type),
        }
    )
    (batch,) = table.to_batches()
    typed = typed_batch(Loose, batch)
    found = refusals(Loose, typed)
    assert found == in_warehouse(Loose, table, tmp_path)
    path = tmp_path / "landing/loose/2026-03-01/12.parquet"
    sql = Loose.columns[name].kind.sql
    with duckdb.connect() as connection:
        connection.execute("set timezone = 'UTC'")
        kept = connection.execute(f"select try_cast({name} as {sql}) from '{path}'").fetchall()
    column = typed.columns[name]
    mine = (column.cast(pa.timestamp("us")) if name == "due_at" else column).to_pylist()
    for row, (value,) in enumerate(kept):
        assert row in found or mine[row] == value


@pytest.mark.parametrize(
    ("name", "value", "kept"),
    [
        ("text", 17, "17"),
        ("text", "", ""),
        ("number", 5.0, 5),
        ("number", "5", 5),
        ("number", "-5.0", -5),
        ("number", Decimal("5"), 5),
        ("number", np.int32(5), 5),
        ("number", -(2**63), -(2**63)),
        ("share", 5, 5.0),
        ("share", 2**60 + 1, float(2**60)),
        ("share", "0.5", 0.5),
        ("share", np.float32(0.5), 0.5),
        ("works", "True", True),
        ("works", np.bool_(False), False),
        ("due_at", "2026-03-01T12:00:00Z", NOON),
        # (Of a text with a zone, the warehouse forgets the zone.)
        ("due_at", "2026-03-01 13:00+01:00", NOON),
        ("due_at", "2026-03-01", datetime(2026, 3, 1, tzinfo=UTC)),
        ("due_at", date(2026, 3, 1), datetime(2026, 3, 1, tzinfo=UTC)),
        ("due_at", datetime(2026, 3, 1, 12), NOON),
        ("due_at", NOON.astimezone(timezone(timedelta(hours=5))), NOON),
        ("due_at", np.datetime64("2026-03-01T12:00:00"), NOON),
        ("due_at", np.datetime64("NaT"), None),
    ],
)
@pytest.mark.parametrize("beside", [None, "wrong"])
def test_values_of_other_types(name: str, value: Any, kept: Any, beside: Any) -> None:
    other = object() if beside else None
    events = [{"reading_id": "a", "event_ts": NOON, name: v} for v in (value, other)]
    typed = typed_events(Loose, events)
    assert typed.columns[name].to_pylist() == [kept, None]
    wrong = {1: f"{name}: not of type {Loose.columns[name].kind.value}"} if beside else {}
    assert refusals(Loose, typed) == wrong


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("text", 1.5),
        ("text", True),
        ("text", b"bytes"),
        ("text", "\ud800"),
        ("text", ["a"]),
        ("number", True),
        ("number", 1.5),
        ("number", 2**63),
        ("number", "1_000"),
        ("number", "٣"),
        ("number", float("nan")),
        ("number", Decimal("NaN")),
        ("share", False),
        ("share", 10**400),
        ("share", "1_0"),
        ("share", {"a": 1}),
        ("works", 1),
        ("works", "yes"),
        ("due_at", 1_767_225_600),
        ("due_at", "1767225601"),
        ("due_at", "2026-02-30"),
        ("due_at", True),
    ],
)
def test_what_has_no_one_meaning_is_of_no_type(name: str, value: Any) -> None:
    event = {"reading_id": "a", "event_ts": NOON, name: value}
    kind = Loose.columns[name].kind.value
    reason = {0: f"{name}: not of type {kind}"}
    assert refusals(Loose, typed_events(Loose, [event])) == reason


def test_several_reasons() -> None:
    events = [
        move(1),
        move(2, kind="fly", free_docks=61, celsius=float("inf")),
        move(3, move_id=None, moved_at="yesterday", minutes=-1, electric=None),
    ]
    assert refusals(Move, typed_events(Move, events)) == {
        1: "kind: not one of 'take', 'return', 'service', 'rider''s swap'; free_docks: above 60; "
        "celsius: not a finite number",
        2: "move_id: missing; moved_at: not of type datetime; electric: missing; minutes: below 0",
    }


def test_columns_that_are_not_there_are_null() -> None:
    reasons = refusals(Move, typed_events(Move, [{"move_id": 1, "moved_at": NOON}]))
    assert reasons[0].split("; ") == [
        f"{name}: missing"
        for name in ("station_id", "bike_id", "kind", "electric", "free_docks", "celsius")
    ]


def test_no_events() -> None:
    typed = typed_events(Move, [])
    assert typed.rows == 0
    assert refusals(Move, typed) == {}


def test_the_arrival_is_passed_over() -> None:
    typed = typed_events(Move, [move(1, heard_at="whenever")])
    assert "heard_at" not in typed.columns
    assert not refusals(Move, typed)


def test_unknown_columns_are_refused_with_a_hint() -> None:
    with pytest.raises(DataError, match="Move has no column 'minute', did you mean 'minutes'"):
        typed_events(Move, [move(1), move(2, minute=3)])
    with pytest.raises(DataError, match="is a mapping of its columns, and 7 is none"):
        typed_events(Move, [move(1), 7])  # type: ignore[list-item]
