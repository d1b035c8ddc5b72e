"""`slate training --spine`: a training set of anybody's rows, as Parquet."""

import shutil
from pathlib import Path

import polars as pl
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

import slate as definitions
from slate.cli import training
from slate.deployment import Deployment
from tests.cli.conftest import Slate
from tests.history.conftest import built, happened


@pytest.fixture(scope="module")
def asked(tmp_path_factory: pytest.TempPathFactory) -> Deployment:
    """A warehouse that holds what happened: of what is asked here it has all."""
    return built(tmp_path_factory.mktemp("bikes"))


@pytest.fixture
def spine(asked: Deployment, bikes: Deployment, tmp_path: Path) -> Path:
    """Rows about stations, in a file; the warehouse holds what happened there."""
    bikes.make_data()
    shutil.copy(asked.warehouse, bikes.warehouse)
    asks = [
        ask for ask in happened(asked).asks(bikes.registry) if ask.service.name == "station_outlook"
    ]
    rows = [
        {**ask.keys, "expected": 1.5, "event_ts": ask.at, "full": number % 2 == 0}
        for number, ask in enumerate(asks)
    ]
    path = tmp_path / "rows.parquet"
    pq.write_table(pa.Table.from_pylist(rows), path)
    return path


def test_rows_of_a_file(
    slate: Slate,
    spine: Path,
    bikes: Deployment,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(training, "PART_ROWS", 10)
    monkeypatch.setattr(training, "REPORT_SECONDS", 0.01)
    out = tmp_path / "made" / "set"
    made = slate("training", "station_outlook", "--spine", str(spine), "--out", str(out))
    assert made.code == 0, made.err
    given = pq.read_table(spine)
    wanted = definitions.history("station_outlook", given, deployment=bikes)
    lines = [" ".join(line.split()) for line in made.out.splitlines()]
    assert lines[0] == str(out)
    assert f"rows {given.num_rows}" in lines
    assert f"columns {wanted.num_columns}" in lines
    (line,) = (line for line in made.out.splitlines() if line.startswith("Polars"))
    found = eval(line.removeprefix("Polars"), {"polars": pl}).to_arrow()
    assert found.column_names == wanted.column_names
    assert found["full"].to_pylist() == given["full"].to_pylist()
    name = "station_moves.moves_7d"
    assert found[name].to_pylist() == wanted[name].to_pylist()
    assert " as of " in made.err
    assert [path.name for path in out.parent.iterdir()] == ["set"]


def test_what_is_there_is_not_written_over(slate: Slate, spine: Path, tmp_path: Path) -> None:
    out = tmp_path / "set"
    out.mkdir()
    (out / "mine").touch()
    missed = slate("training", "station_outlook", "--spine", str(spine), "--out", str(out))
    assert missed.code == 1
    assert "is there already" in missed.err
    assert [path.name for path in out.iterdir()] == ["mine"]


def test_of_a_fault_nothing_is_left(slate: Slate, spine: Path, tmp_path: Path) -> None:
    pq.write_table(pq.read_table(spine).drop(["expected"]), spine)
    out = tmp_path / "set"
    missed = slate("training", "station_outlook", "--spine", str(spine), "--out", str(out))
    assert missed.code == 1
    assert "needs a column expected" in missed.err
    assert [path.name for path in tmp_path.glob("*set*")] == []


@pytest.mark.parametrize("given", [["--spine", "x.csv"], ["--out", "x"], ["--at", "when"]])
def test_options_that_go_together(slate: Slate, given: list[str]) -> None:
    missed = slate("training", "station_outlook", *given)
    assert missed.code == 2
    assert "give --spine FILE, or --from log, and --out DIR together" in missed.err
