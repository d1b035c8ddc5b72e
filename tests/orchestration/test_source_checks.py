"""Checks of sources and views by the clock: what did not land, what was refused, how old it is."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

import dagster as dg
import duckdb
import pytest

from slate import FeatureView, Source
from slate.assets import raw_tables
from slate.assets.freshness import freshness
from slate.assets.landing_files import ONE_HOUR
from slate.assets.source_checks import few_refused, hours_landed, landed_before, newest_arrival
from tests.deployments.bikes.definitions import BikeProfile, Move

NOON = datetime(2026, 3, 10, 12)
NOW = NOON.replace(tzinfo=UTC)


@pytest.fixture
def warehouse() -> Iterator[duckdb.DuckDBPyConnection]:
    with duckdb.connect() as connection:
        raw_tables.prepare(connection, [Move])
        yield connection


def land(warehouse: duckdb.DuckDBPyConnection, hour: int, rows: int, refused: int = 0) -> None:
    """A file for an hour around noon."""
    warehouse.execute(
        """insert into raw.files (source, name, hour, rows, quarantined)
        values ('move', ?, ?, ?, ?)""",
        [f"{hour}", NOON + hour * ONE_HOUR, rows, refused],
    )


@pytest.mark.parametrize(
    ("landed", "passed", "says"),
    [
        (range(-30, 0), True, "all of the last 24 hours have a file"),
        (range(-5, 0), True, "all of the last 5 hours have a file"),
        ([-9, *range(-4, -1)], False, "5 of the last 9 hours have no file: 2026-03-10 11:00, "),
        (range(-200, -100), False, "24 of the last 24 hours have no file: "),
        ([], False, "24 of the last 24 hours have no file: "),
    ],
)
def test_hours_without_a_file_are_told(
    warehouse: duckdb.DuckDBPyConnection, landed: list[int], passed: bool, says: str
) -> None:
    """A source that landed for the first time a while ago is not told of the time before it."""
    for hour in landed:
        land(warehouse, hour, rows=3)
    result = hours_landed(landed_before(warehouse, Move, NOON), NOON, [])
    assert (result.passed, result.severity) == (passed, dg.AssetCheckSeverity.WARN)
    assert str(result.description).startswith(says)


def test_files_of_hours_that_are_not_over_are_told(warehouse: duckdb.DuckDBPyConnection) -> None:
    for hour in (-1, 3):
        land(warehouse, hour, rows=3)
    waiting = [NOON + 3 * ONE_HOUR, datetime(2030, 1, 1)]
    result = hours_landed(landed_before(warehouse, Move, NOON), NOON, waiting)
    assert result.passed
    assert result.description == (
        "files wait for hours that are not over by the clock: 2026-03-10 15:00, 2030-01-01 00:00"
    )


@pytest.mark.parametrize(
    ("rows", "refused", "passed"), [(5, 5, True), (0, 1, False), (4, 5, False), (0, 0, True)]
)
def test_an_hour_of_which_most_rows_were_refused_is_told(
    warehouse: duckdb.DuckDBPyConnection, rows: int, refused: int, passed: bool
) -> None:
    """However many good rows the hours beside it have."""
    for hour in range(-10, -1):
        land(warehouse, hour, rows=1_000)
    land(warehouse, -1, rows, refused)
    result = few_refused(Move, landed_before(warehouse, Move, NOON))
    assert (result.passed, result.severity) == (passed, dg.AssetCheckSeverity.WARN)
    assert ("2026-03-10 11:00" in str(result.description)) is not passed


@pytest.mark.parametrize("definition", [Move, BikeProfile])
@pytest.mark.parametrize(
    ("limit", "age", "passed"),
    [
        ("", timedelta(days=999), True),
        ("2h", timedelta(hours=2), True),
        ("2h", timedelta(hours=2, microseconds=1), False),
    ],
)
def test_age_is_measured_by_the_clock_and_limited_by_the_definition(
    definition: type[Source] | type[FeatureView],
    limit: str, age: timedelta, passed: bool, monkeypatch: pytest.MonkeyPatch,
) -> None:  # fmt: skip
    monkeypatch.setattr(definition, "fresh_within", limit)
    monkeypatch.setattr(definition, "fresh_within_us", 7_200_000_000 if limit else None)
    result = freshness(definition, NOW - age, NOW)
    assert (result.passed, result.severity) == (passed, dg.AssetCheckSeverity.ERROR)
    assert result.metadata["age_seconds"].value == pytest.approx(age.total_seconds(), abs=0.1)
    assert freshness(definition, None, NOW).passed == (not limit)


def test_what_is_dated_beyond_the_clock_makes_nothing_fresh(
    warehouse: duckdb.DuckDBPyConnection,
) -> None:
    assert newest_arrival(warehouse, Move, NOW) is None
    for hour in (-5, 1):
        warehouse.execute(
            f"insert into raw.moves ({Move.arrival_time}) values (?)", [NOON + hour * ONE_HOUR]
        )
    assert newest_arrival(warehouse, Move, NOW) == NOW - 5 * ONE_HOUR
