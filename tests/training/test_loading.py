"""Any tool reads a training set in one line, also one without rows."""

from collections.abc import Callable
from datetime import date
from pathlib import Path
from typing import Any

import duckdb
import pandas
import polars
import pyarrow as pa
import pyarrow.dataset
import pytest

from slate.assets.manifests import load_manifest
from slate.assets.training_sets import write_training_set
from slate.plans import Plan
from tests.training.table import Row, expected, fill, offers, ordered

Warehouse = duckdb.DuckDBPyConnection


def with_pandas(current: Path) -> pa.Table:
    return pa.Table.from_pandas(pandas.read_parquet(current))


def with_polars(current: Path) -> pa.Table:
    return polars.read_parquet(current / "*/*.parquet", hive_partitioning=True).to_arrow()


def with_polars_scan(current: Path) -> pa.Table:
    return polars.scan_parquet(current / "*/*.parquet", hive_partitioning=True).collect().to_arrow()


def with_duckdb(current: Path) -> pa.Table:
    relation = duckdb.sql(f"from '{current}/*/*.parquet'")
    assert relation is not None
    return relation.to_arrow_table()


def with_pyarrow(current: Path) -> pa.Table:
    return pyarrow.dataset.dataset(current, partitioning="hive").to_table()


LOADERS = [with_pandas, with_polars, with_polars_scan, with_duckdb, with_pyarrow]
Loader = Callable[[Path], pa.Table]


def plain(table: pa.Table) -> list[Row]:
    def value(name: str, of: Any) -> Any:
        return date.fromisoformat(of) if name == "day" and isinstance(of, str) else of

    rows = [{name: value(name, of) for name, of in row.items()} for row in table.to_pylist()]
    return ordered(rows)


@pytest.mark.parametrize("load", LOADERS)
@pytest.mark.parametrize("resolved", [True, False])
def test_in_one_line(
    warehouse: Warehouse, plan: Plan, folder: Path, load: Loader, resolved: bool
) -> None:
    write_training_set(warehouse, plan, folder)
    current = folder / "current"
    loaded = load(current.resolve() if resolved else current)
    wanted = [expected(row) | {"day": row["offered_at"].date()} for row in ordered(offers())]
    assert loaded.column_names == list(wanted[0])
    assert plain(loaded) == wanted


@pytest.mark.parametrize("load", LOADERS)
def test_in_one_line_without_rows(
    warehouse: Warehouse, plan: Plan, folder: Path, load: Loader
) -> None:
    full = load(write_training_set(warehouse, plan, folder / "full").path)
    fill(warehouse, plan, [])
    written = write_training_set(warehouse, plan, folder / "empty")
    empty = load(folder / "empty" / "current")
    assert empty.num_rows == 0
    assert empty.column_names == full.column_names
    if load is not with_pandas:
        assert empty.schema == full.schema
    assert (written.manifest.rows, written.manifest.days, written.written) == (0, (), ())
    assert (written.manifest.first, written.manifest.last) == (None, None)
    assert written.manifest == load_manifest(folder / "empty")


def test_rows_come_and_go(warehouse: Warehouse, plan: Plan, folder: Path) -> None:
    fill(warehouse, plan, [])
    write_training_set(warehouse, plan, folder)
    assert write_training_set(warehouse, plan, folder).path.name == "000001"
    fill(warehouse, plan, offers((0,)))
    write_training_set(warehouse, plan, folder, [])
    assert set(with_pyarrow(folder / "current")["day"].to_pylist()) == {"2026-03-01"}
    fill(warehouse, plan, [])
    write_training_set(warehouse, plan, folder, [])
    assert with_pyarrow(folder / "current").num_rows == 0
    assert load_manifest(folder).rows == 0
