"""A change of a declared type is seen before a row is taken in: nothing is rounded."""

from collections.abc import Iterator
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import duckdb
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from slate import Source, arrival_time, event_time, unique_id
from slate.assets.holds import unread
from slate.assets.intake import Intake
from slate.assets.raw_tables import follow_definition, prepare, require_declared_types
from slate.errors import ConfigurationError, DataError
from tests.orchestration.moves import AT, Connection, take

DATES = [datetime(2026, 3, 10), datetime(2026, 3, 10, 12, 30, 0, 1)]


def reading(kind: Any) -> type[Source]:
    """The source, at a time when its value was of some type."""
    annotations = {
        "reading_id": int, "event_ts": datetime, "received_at": datetime, "value": kind | None,
    }  # fmt: skip
    body = {
        "__annotations__": annotations, "__module__": __name__, "__doc__": "A reading.",
        "model": "stg_readings", "landing": "readings",
        "reading_id": unique_id(), "event_ts": event_time(), "received_at": arrival_time(),
    }  # fmt: skip
    return type("Reading", (Source,), body)


@pytest.fixture
def warehouse() -> Iterator[Connection]:
    with duckdb.connect() as connection:
        yield connection


def land(landing: Path, values: pa.Array, name: str = "07") -> Path:
    file = landing / "readings/2026-03-10" / f"{name}.parquet"
    file.parent.mkdir(parents=True, exist_ok=True)
    times = pa.array([AT] * len(values), pa.timestamp("us", "UTC"))
    ids = pa.array(range(len(values)))
    columns = {"reading_id": ids, "event_ts": times, "received_at": times, "value": values}
    pq.write_table(pa.table(columns), file)
    return file


def take_as(warehouse: Connection, landing: Path, kind: Any) -> Intake:
    source = reading(kind)
    prepare(warehouse, [source])
    return take(warehouse, landing, source)


def values(warehouse: Connection) -> list[Any]:
    found = warehouse.execute("select value from raw.readings order by _file, _row").fetchall()
    return [value for (value,) in found]


def test_a_landed_column_that_changes_type_is_not_rounded(
    warehouse: Connection, tmp_path: Path
) -> None:
    """As the definition stays, what does not fit it is refused, row by row."""
    land(tmp_path, pa.array([1, 2]))
    take_as(warehouse, tmp_path, int)
    land(tmp_path, pa.array([1.5, 2.0, 2.5, 3.25]), "07-b")
    assert take_as(warehouse, tmp_path, int) == Intake(1, 1, rows=1, quarantined=3)
    assert values(warehouse) == [1, 2, 2]
    reasons = warehouse.sql("select distinct reason from raw.quarantine").fetchall()
    assert reasons == [("value: not of type int",)]


@pytest.mark.parametrize(
    ("before", "after", "landed", "was", "becomes"),
    [
        (int, float, pa.array([1.5, 2.0, 3.25]), [2], [1.5, 2.0, 3.25]),
        (int, str, pa.array(["1", "one"]), [1], ["1", "one"]),
        (float, int, pa.array([1.5, 2.0]), [1.5, 2.0], [2]),
        (float, str, pa.array(["1.50", "x"]), [1.5], ["1.50", "x"]),
        (str, int, pa.array(["007", "x"]), ["007", "x"], [7]),
        (str, float, pa.array(["1.50", "x"]), ["1.50", "x"], [1.5]),
        (str, bool, pa.array(["true", "x"]), ["true", "x"], [True]),
        (bool, str, pa.array(["true", "x"]), [True], ["true", "x"]),
        (datetime, str, pa.array(["2026-03-10", "x"]), DATES[:1], ["2026-03-10", "x"]),
        (str, datetime, pa.array(["2026-03-10", "x"]), ["2026-03-10", "x"], DATES[:1]),
    ],
    ids=lambda value: getattr(value, "__name__", ""),
)
def test_a_changed_definition_reads_what_landed_again(
    warehouse: Connection, tmp_path: Path, before: Any, after: Any, landed: pa.Array,
    was: list[Any], becomes: list[Any],
) -> None:  # fmt: skip
    """Also what had been refused, or rounded: every row is taken in or refused anew."""
    land(tmp_path, landed)
    take_as(warehouse, tmp_path, before)
    assert values(warehouse) == was
    done = take_as(warehouse, tmp_path, after)
    assert (done.files, done.rows + done.quarantined) == (1, len(landed))
    assert values(warehouse) == becomes
    ((refused,),) = warehouse.sql("select count(*) from raw.quarantine").fetchall()
    assert (refused, unread(warehouse, reading(float))) == (len(landed) - len(becomes), [])


@pytest.mark.parametrize(
    ("before", "after", "held", "becomes"),
    [
        (int, float, [1, -(2**53)], [1.0, -(2.0**53)]),
        (int, float, [2**53 + 1], None),
        (int, str, [12], ["12"]),
        (int, bool, [1], None),
        (float, int, [2.0, -0.5], None),
        (float, int, [2.0, 4e15], [2, 4_000_000_000_000_000]),
        (float, int, [2.0**63], None),
        (float, bool, [1.0], None),
        (str, int, ["12", None], [12, None]),
        (str, int, ["12", "twelve"], None),
        (str, float, ["1.5"], [1.5]),
        (str, float, ["0.1000000000000000055"], None),
        (bool, str, [True], ["true"]),
        (bool, int, [True], None),
        (datetime, str, DATES, ["2026-03-10 00:00:00", "2026-03-10 12:30:00.000001"]),
        (datetime, int, DATES, None),
        (str, datetime, ["2026-03-10 00:00:00"], DATES[:1]),
        (str, datetime, ["soon"], None),
    ],
)
def test_rows_of_files_that_are_gone_stay_as_they_are_or_refuse_the_change(
    warehouse: Connection, tmp_path: Path, before: Any, after: Any, held: list[Any],
    becomes: list[Any] | None,
) -> None:  # fmt: skip
    file = land(tmp_path, pa.array(held))
    take_as(warehouse, tmp_path, before)
    file.unlink()
    if becomes is not None:
        assert take_as(warehouse, tmp_path, after) == Intake()
        assert values(warehouse) == becomes
        return
    wrong = (
        rf"Reading.value is a {after.__name__} now, which does not hold the \w+ values of \d rows "
        "of landing files that are gone, such as readings/2026-03-10/07.parquet: keep the type"
    )
    for _ in range(2):
        with pytest.raises(ConfigurationError, match=wrong):
            take_as(warehouse, tmp_path, after)
    assert values(warehouse) == held, "as before"


def test_a_column_that_is_added_is_read_from_what_landed(
    warehouse: Connection, tmp_path: Path
) -> None:
    class Reading(Source):
        model, landing = "stg_readings", "readings"
        reading_id: int = unique_id()
        event_ts: datetime = event_time()
        received_at: datetime = arrival_time()

    land(tmp_path, pa.array([1.5, None]))
    prepare(warehouse, [Reading])
    take(warehouse, tmp_path, Reading)
    assert take_as(warehouse, tmp_path, float).files == 1
    assert values(warehouse) == [1.5, None]


def test_until_files_are_read_again_nothing_is_built_of_them(
    warehouse: Connection, tmp_path: Path
) -> None:
    """As where a run is killed between the two."""
    land(tmp_path, pa.array([1, 2]))
    take_as(warehouse, tmp_path, int)
    source = reading(float)
    with pytest.raises(
        DataError, match=r"holds value as bigint, and Reading\.value is a float: mat"
    ):
        require_declared_types(warehouse, [source])
    follow_definition(warehouse, tmp_path, source)
    require_declared_types(warehouse, [source])
    (file,) = unread(warehouse, reading(float))
    assert (file.hour, file.held) == (AT.replace(tzinfo=None), True)
    assert take(warehouse, tmp_path, source, hours=[]) == Intake(1, rows=2)
    assert unread(warehouse, reading(float)) == []


@pytest.mark.parametrize("unit", ["s", "ms", "us", "ns"])
@pytest.mark.parametrize("zone", [None, "UTC", "America/New_York"])
def test_a_time_is_the_microsecond_that_it_lies_in(
    warehouse: Connection, tmp_path: Path, unit: str, zone: str | None
) -> None:
    """Also before 1970, where the microsecond below is farther from zero."""
    last = {"s": 0, "ms": 999, "us": 999_999, "ns": 999_999_600}[unit]
    second = {"s": 1, "ms": 10**3, "us": 10**6, "ns": 10**9}[unit]
    given = [59 * second + last, -1 * second + last, None]
    land(tmp_path, pa.array(given, pa.int64()).cast(pa.timestamp(unit, zone)))
    assert take_as(warehouse, tmp_path, datetime).quarantined == 0
    micros = {"s": 0, "ms": 999_000}.get(unit, 999_999)
    epoch = datetime(1970, 1, 1)
    assert values(warehouse) == [
        epoch + timedelta(seconds=59, microseconds=micros),
        epoch + timedelta(seconds=-1, microseconds=micros),
        None,
    ]


def test_an_arrival_a_nanosecond_before_the_hour_is_of_the_hour_before(
    warehouse: Connection, tmp_path: Path
) -> None:
    source = reading(float)
    prepare(warehouse, [source])
    file = land(tmp_path, pa.array([1.0]))
    table = pq.read_table(file)
    end = int(AT.timestamp() + 3600) * 10**9
    arrival = pa.array([end - 400], pa.timestamp("ns", "UTC"))
    pq.write_table(table.set_column(2, "received_at", arrival), file)
    assert take(warehouse, tmp_path, source) == Intake(1, rows=1)
    ((at,),) = warehouse.execute("select received_at from raw.readings").fetchall()
    assert at == AT.replace(minute=59, second=59, microsecond=999_999, tzinfo=None)
