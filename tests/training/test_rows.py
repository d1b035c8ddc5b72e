"""Every value of a training set is what its row and the definitions say."""

from collections.abc import Sequence
from datetime import datetime
from pathlib import Path

import duckdb
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from slate.assets import training_rows
from slate.assets.training_sets import write_training_set
from slate.compile.training import training_columns
from slate.errors import DataError
from slate.plans import Plan
from tests.training.table import Row, expected, fill, offers, ordered

Warehouse = duckdb.DuckDBPyConnection


def read(version: Path) -> list[Row]:
    files = sorted(version.glob("day=*/data.parquet"))
    return [row for file in files for row in pq.ParquetFile(file).read().to_pylist()]


def wanted(rows: Sequence[Row]) -> list[Row]:
    return [expected(row) for row in ordered(rows)]


def test_values_columns_and_order(warehouse: Warehouse, plan: Plan, folder: Path) -> None:
    written = write_training_set(warehouse, plan, folder)
    got, want = read(written.path), wanted(offers())
    assert got == want
    assert list(got[0]) == list(want[0])


def test_the_cases_that_are_meant_to_occur_do() -> None:
    rows = wanted(offers())
    for name in rows[0]:
        kinds = {type(row[name]) for row in rows}
        nullable = name in {"weather", "stops", "load", "hurry", "due", "tip"} or name.endswith(
            ("alias", "rating", "joined_at", "usual_1d", "called", "due")
        )
        assert (type(None) in kinds) >= nullable, name
    assert {row["offer_request.weather"] for row in rows} == {"dry", "fog ☁", "storm"}
    assert {row["offer_request.share"] for row in rows} >= {None, float("inf")}
    instants = [row["offered_at"] for row in rows]
    assert len(set(instants)) < len(instants)


def test_kinds(warehouse: Warehouse, plan: Plan, folder: Path) -> None:
    path = write_training_set(warehouse, plan, folder).path
    found = pq.read_schema(path / "day=2026-03-01" / "data.parquet")
    for feature in plan.service.features:
        assert found.field(feature.name).type == feature.value_type.arrow, feature
    for column in plan.service.spine.columns.values():
        assert found.field(column.name).type == column.kind.arrow, column
    assert found.field("offered_at").type == pa.timestamp("us", tz="UTC")


@pytest.mark.parametrize(("batch", "at_once"), [(2048, 10**9), (10**9, 1), (300, 1500)])
def test_a_day_in_parts(
    warehouse: Warehouse,
    plan: Plan,
    folder: Path,
    batch: int,
    at_once: int,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(training_rows, "BATCH_ROWS", batch)
    monkeypatch.setattr(training_rows, "SORTED_ROWS", at_once)
    # More than DuckDB hands over at once, and all in three hours of one day.
    rows = [row | {"offer_id": f"{row['offer_id']}-{n}"} for n in range(90) for row in offers()]
    for number, row in enumerate(rows):
        hour, minute = divmod(number % 150, 50)
        row["offered_at"] = datetime(2026, 3, 1, 21 + hour, minute, 59, 999_999)
    fill(warehouse, plan, rows)
    path = write_training_set(warehouse, plan, folder).path
    assert read(path) == wanted(rows)
    groups = pq.ParquetFile(path / "day=2026-03-01" / "data.parquet").num_row_groups
    assert groups > 1


def test_of_features_on_the_way_none_is_written(
    warehouse: Warehouse, plan: Plan, folder: Path
) -> None:
    way = "courier_profile.depot_id"
    assert way in training_columns(plan)
    assert way not in read(write_training_set(warehouse, plan, folder).path)[0]


def test_a_missing_table_is_named(plan: Plan, folder: Path) -> None:
    with (
        duckdb.connect() as empty,
        pytest.raises(DataError, match=r"no table delivery_v1.*dbt build"),
    ):
        write_training_set(empty, plan, folder)


def test_a_column_that_the_table_lacks_is_named(
    warehouse: Warehouse, plan: Plan, folder: Path
) -> None:
    warehouse.execute('alter table delivery_v1 drop column "courier_trips.usual_1d"')
    with pytest.raises(DataError, match=r"no column courier_trips\.usual_1d.*full-refresh"):
        write_training_set(warehouse, plan, folder)


@pytest.mark.parametrize("name", ["depot_profile.crew", "courier_profile.electric"])
def test_a_feature_that_is_never_null_is_not_written_as_null(
    warehouse: Warehouse, plan: Plan, folder: Path, name: str
) -> None:
    warehouse.execute(f"update delivery_v1 set \"{name}\" = null where offer_id = 'offer-2-004'")
    with pytest.raises(DataError, match=name):
        write_training_set(warehouse, plan, folder)
