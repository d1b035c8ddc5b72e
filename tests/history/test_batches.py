"""Streams of rows: the same values, a part at a time, from whatever they come."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pandas as pd
import pyarrow as pa
import pyarrow.csv
import pyarrow.parquet as pq
import pytest

import slate
from slate.errors import DataError, RequestError
from tests.history.conftest import Asked, alike

pytestmark = pytest.mark.process


def read(asked: Asked, frames: Any, rows: int = 45, **options: Any) -> pa.Table:
    batches = slate.history_batches(
        "bike_choice", frames, rows=rows, deployment=asked.deployment, **options
    )
    return pa.Table.from_batches(batches)


def frames(asked: Asked) -> dict[str, Any]:
    return {
        "reader": asked.rows.to_reader(max_chunksize=7),
        "tables": [asked.rows.slice(start, 40) for start in range(0, asked.rows.num_rows, 40)],
        "pandas": (asked.rows.slice(start, 16).to_pandas() for start in range(0, 80, 16)),
    }


@pytest.mark.parametrize("kind", ["reader", "tables", "pandas"])
def test_any_frames(asked: Asked, kind: str) -> None:
    found = read(asked, frames(asked)[kind])
    assert found["label"].to_pylist() == list(range(asked.rows.num_rows))
    assert alike(found.select(asked.names), asked.values)


@pytest.mark.parametrize("ending", ["parquet", "csv", "jsonl", "folder"])
def test_files(asked: Asked, ending: str, tmp_path: Path) -> None:
    path = tmp_path / f"rows.{ending}"
    match ending:
        case "parquet":
            pq.write_table(asked.rows, path, row_group_size=9)
        case "csv":
            pyarrow.csv.write_csv(asked.rows, path)
        case "jsonl":
            frame = asked.rows.to_pandas()
            for name in ("offered_at", "leaves_at"):
                frame[name] = [None if pd.isna(t) else t.isoformat() for t in frame[name]]
            frame.to_json(path, orient="records", lines=True)
        case "folder":
            path.mkdir()
            pq.write_table(asked.rows.slice(0, 50), path / "1.parquet")
            pq.write_table(asked.rows.slice(50), path / "2.parquet")
    found = read(asked, path)
    assert found["label"].to_pylist() == list(range(asked.rows.num_rows))
    assert alike(found.select(asked.names), asked.values)


def test_keys_of_digits_stay_texts(asked: Asked, tmp_path: Path) -> None:
    """What a column of texts in a file is, the definitions say."""
    path = tmp_path / "rows.csv"
    path.write_text("rider_id,offered_at,note\n007,2026-03-10T12:00:00,NA\n,2026-03-10,\n")
    (batch,) = slate.history_batches(
        [asked.deployment.registry.views["rider_rides"]], path, deployment=asked.deployment
    )
    assert batch["rider_id"].to_pylist() == ["007", None]
    assert batch["note"].to_pylist() == ["NA", None]


def test_rows_are_read_as_they_are_asked_for(asked: Asked) -> None:
    taken = 0

    def source() -> Iterator[pa.Table]:
        nonlocal taken
        for start in range(0, asked.rows.num_rows, 10):
            taken += 10
            yield asked.rows.slice(start, 10)

    batches = slate.history_batches("bike_choice", source(), rows=20, deployment=asked.deployment)
    assert next(batches).num_rows == 20
    assert taken == 20


def test_no_rows(asked: Asked) -> None:
    found = read(asked, [asked.rows.slice(0, 0)])
    assert found.num_rows == 0
    assert found.column_names == [*asked.rows.column_names, *asked.names]
    assert list(slate.history_batches("bike_choice", [], deployment=asked.deployment)) == []


def test_progress_and_the_rows_of_a_fault(asked: Asked) -> None:
    said: list[str] = []
    late = asked.rows.to_pandas()
    late.loc[45, "offered_at"] = pd.Timestamp("2999-01-01", tz="UTC")
    with pytest.raises(RequestError, match=r"row 45 \(counted from 0\)"):
        read(asked, [late], rows=20, progress=said.append)
    assert "rider_profile as of 20 rows" in said
    assert any(text.startswith("20 rows done; rider_profile") for text in said)


def test_faults_of_streams(asked: Asked, tmp_path: Path) -> None:
    with pytest.raises(RequestError, match="the frames differ"):
        read(asked, [asked.rows, asked.rows.drop(["label"])], rows=1_000)
    with pytest.raises(RequestError, match="rows=0"):
        read(asked, [], rows=0)
    for name, content, said in (
        ("rows.txt", b"", r"\.txt is unknown"),
        ("rows.parquet", b"nothing", "is no Parquet file"),
        ("rows.parquet", b"PAR1, and no end", "is cut"),
        ("rows.jsonl", b"[1]", "first line is not a JSON object"),
        ("rows.jsonl", b"{", "cannot be read"),
        ("rows.csv", b"", "is empty"),
        ("rows.csv", b"PAR1", "is a Parquet file: let its name end"),
        ("rows.csv", b"rider_id,bike_id,offered_at\na,1,\xe9", "line 2 is not in UTF-8"),
    ):
        (tmp_path / name).write_bytes(content)
        with pytest.raises(DataError, match=said):
            read(asked, tmp_path / name)
    with pytest.raises(DataError, match="there is no file"):
        read(asked, tmp_path / "none.csv")
    (tmp_path / "rows.csv").write_text("rider_id,bike_id,offered_at\na,b,2026-03-10\n")
    with pytest.raises(DataError, match=r"rows\.csv cannot be read: .*invalid value 'b'"):
        list(
            slate.history_batches(
                [asked.deployment.registry.views["bike_use"]],
                tmp_path / "rows.csv",
                deployment=asked.deployment,
            )
        )
