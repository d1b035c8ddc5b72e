"""What is refused, and why: the same as the warehouse's intake says of the same rows."""

from datetime import datetime
from pathlib import Path
from random import Random
from typing import Any

import duckdb
import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from slate import Source, arrival_time, column, event_time, unique_id
from slate.assets.intake import take_in
from slate.assets.landing_files import landed
from slate.assets.raw_tables import prepare
from slate.online.stream.events.validation import coerce_batch, coerce_events, refusals
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


def in_warehouse(source: type[Source], table: pa.Table, folder: Path) -> dict[int, str]:
    """Why the intake refuses rows, by their position."""
    path = folder / "landing" / source.landing / "2026-03-01/12.parquet"
    path.parent.mkdir(parents=True, exist_ok=True)
    arrived = pa.array([NOON] * table.num_rows, TIME)
    pq.write_table(table.append_column(source.arrival_time, arrived), path)
    with duckdb.connect() as connection:
        prepare(connection, [source])
        files = landed(folder / "landing", source).files
        take_in(connection, folder / "landing", source, files)
        found = connection.execute("select row, reason from raw.quarantine order by row").fetchall()
    return dict(found)


TIMES = [datetime(2025, 12, 31), datetime(2026, 1, 1), datetime(2026, 6, 1, 0, 0, 0, 1)]
FAR_TIMES = [
    datetime(1969, 12, 31, 23, 59, 59, 999_999),
    datetime(1970, 1, 1),
    datetime(2100, 1, 1),
    datetime(2100, 1, 1, 0, 0, 0, 1),
]
FLOATS = [0.0, 1.0, 2.5, -1e-9, 1 + 1e-9, np.nan, np.inf, -np.inf, 1e100, 1.1e100, -2e100, None]
VALUES: dict[str, list[Any]] = {
    "reading_id": ["a", "b", "", "é" * 512, "é" * 512 + "x", None],
    "event_ts": [*TIMES, *FAR_TIMES, None],
    "place": ["here", "it's", "here", "it's", "", "a", "é", None],
    "alias": ["a", "m", "ma", "é", "", "a" * 65_536, "a" * 65_537, None],
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
    readings = [{name: draw.choice(values) for name, values in VALUES.items()} for _ in range(400)]
    schema = pa.schema({name: Reading.columns[name].kind.arrow for name in VALUES})
    table = pa.Table.from_pylist(readings, schema)
    expected = in_warehouse(Reading, table, tmp_path)
    assert 200 < len(expected) <= 400
    assert refusals(Reading, coerce_events(Reading, readings)) == expected
    (batch,) = table.to_batches()
    assert refusals(Reading, coerce_batch(Reading, batch)) == expected


def test_several_reasons() -> None:
    events = [
        move(1),
        move(2, kind="fly", free_docks=61, celsius=float("inf")),
        move(3, move_id=None, moved_at="yesterday", minutes=-1, electric=None),
    ]
    assert refusals(Move, coerce_events(Move, events)) == {
        1: "kind: not one of 'take', 'return', 'service', 'rider''s swap'; free_docks: above 60; "
        "celsius: not within 1e+100 of zero",
        2: "move_id: missing; moved_at: not of type datetime; electric: missing; minutes: below 0",
    }


def test_columns_that_are_not_there_are_null() -> None:
    reasons = refusals(Move, coerce_events(Move, [{"move_id": 1, "moved_at": NOON}]))
    assert reasons[0].split("; ") == [
        f"{name}: missing"
        for name in ("station_id", "bike_id", "kind", "electric", "free_docks", "celsius")
    ]


def test_no_events() -> None:
    typed = coerce_events(Move, [])
    assert typed.rows == 0
    assert refusals(Move, typed) == {}


def test_the_arrival_is_passed_over() -> None:
    typed = coerce_events(Move, [move(1, heard_at="whenever")])
    assert "heard_at" not in typed.columns
    assert not refusals(Move, typed)


def test_unknown_columns_are_refused_with_a_hint() -> None:
    with_name = [move(0), move(1, minute=3), move(2, id=3, xyz=1, kind="fly"), 7]
    reasons = refusals(Move, coerce_events(Move, with_name))  # type: ignore[arg-type]
    assert reasons == {
        1: "no column 'minute', did you mean 'minutes'?",
        2: "no column 'id', 'id' of the file is 'move_id' here; no column 'xyz', known: "
        f"{', '.join(sorted(Move.columns))}; kind: not one of 'take', 'return', 'service', "
        "'rider''s swap'",
        3: "not a mapping of its columns",
    }
