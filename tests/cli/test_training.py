"""`slate training`: where a training set is, and whether it is of today's definitions."""

import json
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import duckdb
import pyarrow as pa
import pyarrow.dataset
import pyarrow.parquet as pq
import pytest

from slate.assets.training_sets import write_training_set
from slate.cli import training
from slate.compile.training import training_columns
from slate.deployment import Deployment
from slate.errors import DataError
from slate.kinds import Kind
from tests.cli.conftest import Slate

START = datetime(2026, 3, 1, 23, tzinfo=UTC)
VALUES: dict[Kind, Any] = {
    Kind.STRING: "north",
    Kind.INTEGER: 1,
    Kind.FLOAT: 0.5,
    Kind.BOOLEAN: True,
    Kind.TIME: START.replace(tzinfo=None),
}


@pytest.fixture
def written(bikes: Deployment) -> Path:
    """A training set of three rows of two days, half an hour apart."""
    plan = bikes.registry.plan("station_outlook")
    columns = {name: [VALUES[type_.kind]] * 3 for name, type_ in training_columns(plan).items()}
    columns["event_ts"] = [VALUES[Kind.TIME] + step * timedelta(minutes=30) for step in range(3)]
    folder = bikes.training / "station_outlook_v1"
    with duckdb.connect() as connection:
        connection.register("rows", pa.table(columns))
        connection.execute("create table station_outlook_v1 as from rows")
        return write_training_set(connection, plan, folder).path


def test_what_the_manifest_says(slate: Slate, written: Path) -> None:
    told = slate("training", "station_outlook")
    assert told.code == 0
    lines = [" ".join(line.split()) for line in told.out.splitlines()]
    assert lines[0] == str(written)
    assert "rows 3" in lines
    assert "days 2" in lines
    assert "event time 2026-03-01 23:00:00 UTC to 2026-03-02 00:00:00 UTC" in lines
    assert "OUTDATED" not in told.out


def test_the_lines_load_it(slate: Slate, written: Path) -> None:
    out = slate("training", "station_outlook").out.splitlines()
    (line,) = (line for line in out if line.startswith("PyArrow"))
    dataset = eval(line.removeprefix("PyArrow"), {"pyarrow": pyarrow})
    assert dataset.count_rows() == 3
    (line,) = (line for line in out if line.startswith("DuckDB"))
    assert len(eval(line.removeprefix("DuckDB"), {"duckdb": duckdb}).fetchall()) == 3


def test_other_definitions_are_told(slate: Slate, written: Path) -> None:
    manifest = written / "_manifest.json"
    raw = json.loads(manifest.read_text())
    definitions = raw["origin"]["definitions"]
    definitions["station_moves"] = "0123456789ab"
    definitions["old_view"] = "ba9876543210"
    now = definitions.pop("depot_profile")
    manifest.write_text(json.dumps(raw))
    lines = [
        " ".join(line.split()) for line in slate("training", "station_outlook").out.splitlines()
    ]
    (moves,) = (line for line in lines if line.startswith("station_moves"))
    assert moves.startswith("station_moves 0123456789ab OUTDATED: now ")
    assert "old_view ba9876543210 OUTDATED: no longer part of the service" in lines
    assert f"depot_profile {now} OUTDATED: not yet part of the training set" in lines


def test_none_was_written(slate: Slate) -> None:
    missed = slate("training", "station_outlook")
    assert missed.code == 1
    assert "holds no training set" in missed.err


def test_of_no_rows_nothing_is_written(tmp_path: Path) -> None:
    out = tmp_path / "set"
    with pytest.raises(DataError, match="there are no rows: give --spine a file that has some"):
        training._write(iter(()), out)
    assert not [*tmp_path.iterdir()]
    empty = pa.RecordBatch.from_pylist([], pa.schema([("a", pa.int64())]))
    assert training._write(iter([empty]), out) == (0, 1)
    assert pq.read_table(out / "part-00000.parquet").schema.names == ["a"]
