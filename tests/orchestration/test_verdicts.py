"""Verdicts: nothing goes out that its check held back, has not seen, or saw otherwise."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

import duckdb
import pytest

from slate.assets import builds, ledger_time, raw_tables, rule_changes, verdicts
from slate.assets.builds import Build
from slate.errors import DataError
from slate.views import FeatureView
from tests.deployments.bikes.definitions import BikeProfile, Move, Offer, StationMoves

Connection = duckdb.DuckDBPyConnection
VIEWS = [BikeProfile, StationMoves]
HOUR = datetime(2026, 3, 10, 12)


@pytest.fixture
def warehouse() -> Iterator[Connection]:
    """A warehouse that was built, with a few rows of what is published."""
    with duckdb.connect() as connection:
        raw_tables.prepare(connection, [Move, Offer])
        verdicts.prepare(connection)
        build(connection)
        rows = "select i as row, i % 3 as value, [i, null] as latest from range(9) t(i)"
        for table in ("station_moves_online_keys", "station_moves_online_tiles"):
            connection.execute(f"create table {table} as {rows}")
        connection.execute(f"create table bike_profile_current as {rows}")
        yield connection


def build(connection: Connection) -> None:
    builds.record(connection, Build(None, HOUR, {}, (), HOUR), whole=True)
    builds.record_views(connection, VIEWS)


@pytest.mark.parametrize("view", VIEWS)
def test_what_passed_goes_out(warehouse: Connection, view: type[FeatureView]) -> None:
    for passed in (False, True):
        verdicts.record(warehouse, view, passed)
    verdicts.require_passed(warehouse, [view])
    verdicts.require_unchanged(warehouse, view)


def test_what_failed_or_was_not_checked_does_not(warehouse: Connection) -> None:
    verdicts.record(warehouse, BikeProfile, True)
    with pytest.raises(DataError, match=r"^station_moves was not checked since it was built: run"):
        verdicts.require_passed(warehouse, VIEWS)
    verdicts.record(warehouse, StationMoves, True)
    verdicts.require_passed(warehouse, VIEWS)
    verdicts.record(warehouse, StationMoves, False)
    with pytest.raises(DataError, match=r"^station_moves did not pass its check, and is held back"):
        verdicts.require_passed(warehouse, VIEWS)


def test_what_was_built_since_is_checked_first(warehouse: Connection) -> None:
    verdicts.record(warehouse, BikeProfile, True)
    build(warehouse)
    with pytest.raises(DataError, match=r"^bike_profile was not checked since it was built"):
        verdicts.require_passed(warehouse, [BikeProfile])


def test_what_other_definitions_built_does_not_go_out(warehouse: Connection) -> None:
    """Be it that its check ran again since: that sees rows, not what they mean."""
    warehouse.execute("update raw.built_views set hash = 'another' where view = 'station_moves'")
    for view in VIEWS:
        verdicts.record(warehouse, view, True)
    verdicts.require_passed(warehouse, [BikeProfile])
    with pytest.raises(DataError, match=r"^station_moves is not built as it is defined now: run"):
        verdicts.require_passed(warehouse, [StationMoves])


def test_it_counts_what_came_last_though_the_machines_clock_was_set_back(
    warehouse: Connection, monkeypatch: pytest.MonkeyPatch
) -> None:
    verdicts.record(warehouse, BikeProfile, True)
    monkeypatch.setattr(ledger_time, "_now", lambda: HOUR)
    verdicts.record(warehouse, BikeProfile, False)
    with pytest.raises(DataError, match=r"^bike_profile did not pass its check"):
        verdicts.require_passed(warehouse, [BikeProfile])
    verdicts.record(warehouse, BikeProfile, True)
    build(warehouse)
    with pytest.raises(DataError, match=r"^bike_profile was not checked since it was built"):
        verdicts.require_passed(warehouse, [BikeProfile])


@pytest.mark.parametrize(
    "change",
    [
        "update {t} set value = value + 1 where row = 4",
        "update {t} set row = 8 - row",
        "update {t} set latest = [null, row] where row = 2",
        "update {t} set value = null where row = 0",
        "delete from {t} where row = 8",
        "insert into {t} values (8, 2, [8, null]), (8, 2, [8, null])",
    ],
)
@pytest.mark.parametrize(
    ("view", "table"),
    [
        (StationMoves, "station_moves_online_keys"),
        (StationMoves, "station_moves_online_tiles"),
        (BikeProfile, "bike_profile_current"),
    ],
)
def test_what_was_changed_by_others_since_is_not_published(
    warehouse: Connection, view: type[FeatureView], table: str, change: str
) -> None:
    verdicts.record(warehouse, view, True)
    warehouse.execute(change.format(t=table))
    with pytest.raises(DataError, match=f"{table}.* changed since {view.name} was checked"):
        verdicts.require_unchanged(warehouse, view)


def test_the_order_of_rows_is_no_change(warehouse: Connection) -> None:
    verdicts.record(warehouse, StationMoves, True)
    warehouse.execute(
        "create or replace table station_moves_online_tiles as "
        "from station_moves_online_tiles order by row desc"
    )
    verdicts.require_unchanged(warehouse, StationMoves)


def land(warehouse: Connection, source: str, rows: int, refused: int) -> None:
    warehouse.execute(
        "insert into raw.files (source, rows, quarantined, taken_in_at) values (?, ?, ?, ?)",
        [source, rows, refused, datetime.now(UTC).replace(tzinfo=None) + timedelta(seconds=1)],
    )


def test_batches_are_what_landed_since_a_view_was_good(warehouse: Connection) -> None:
    """A batch that held it back counts until it is good again, on its own and for each view."""

    def landed(view: type[FeatureView]) -> list[tuple[str, int, int]]:
        found = verdicts.landed_since_good(warehouse, view, [Move, Offer])
        return [(batch.source.name, batch.taken, batch.refused) for batch in found]

    assert landed(StationMoves) == [("move", 0, 0), ("offer", 0, 0)]
    land(warehouse, "move", 90, 10)
    verdicts.record(warehouse, StationMoves, True)
    land(warehouse, "move", 0, 7)
    land(warehouse, "offer", 5, 0)
    for _ in range(2):
        assert landed(StationMoves) == [("move", 0, 7), ("offer", 5, 0)]
        verdicts.record(warehouse, StationMoves, False)
    assert landed(BikeProfile) == [("move", 90, 17), ("offer", 5, 0)]
    verdicts.record(warehouse, StationMoves, True)
    assert landed(StationMoves) == [("move", 0, 0), ("offer", 0, 0)]


def test_where_a_source_takes_other_rows_all_of_them_count(warehouse: Connection) -> None:
    """Of the files alone that are read again, as those of refused rows, nearly all are refused."""

    def landed() -> list[tuple[int, int]]:
        found = verdicts.landed_since_good(warehouse, StationMoves, [Move])
        return [(batch.taken, batch.refused) for batch in found]

    land(warehouse, "move", 90, 10)
    rule_changes.prepare(warehouse)
    rule_changes.record(warehouse, Move)
    verdicts.record(warehouse, StationMoves, True)
    land(warehouse, "move", 0, 7)
    rule_changes.record(warehouse, Move)
    assert landed() == [(0, 7)]
    warehouse.execute("update raw.judged_by set rules = 'others'")
    rule_changes.record(warehouse, Move)
    assert landed() == [(90, 17)]
    verdicts.record(warehouse, StationMoves, True)
    assert landed() == [(0, 0)]
