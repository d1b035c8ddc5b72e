"""Which files are taken in: by their names, wherever they lie; others are told of, not lost."""

from pathlib import Path

import pyarrow.parquet as pq
import pytest

from slate.assets.intake import Intake
from slate.assets.landed_rows import misspelt
from slate.assets.landing_files import landed
from tests.deployments.bikes.definitions import Move
from tests.orchestration.moves import HOUR, Connection, ids, land, moves, take


@pytest.mark.parametrize(
    "name",
    [
        "lines-18.parquet",
        "18.csv",
        "2026-03-10/18.csv",
        "2026-03-10/18.parquet.gz",
        "2026-03-10/24.parquet",
        "2026-03-10/seven.parquet",
        "2026-03-10/7.parquet",
        "2026-13-99/07.parquet",
        "20260310/07.parquet",
        "2026-03-10/late/07.parquet",
        "price=9/2026-03-10/07.parquet",
    ],
)
def test_a_file_of_another_name_is_told_of(tmp_path: Path, name: str) -> None:
    land(tmp_path, moves(1))
    other = tmp_path / "moves" / name
    other.parent.mkdir(parents=True, exist_ok=True)
    other.write_bytes(b"")
    found = landed(tmp_path, Move)
    assert [file.name for file in found.files] == ["moves/2026-03-10/07.parquet"]
    assert found.misnamed == [f"moves/{name}"]


def test_a_misspelt_column_that_may_be_null_is_noticed(tmp_path: Path) -> None:
    land(tmp_path, moves(1))
    (file,) = landed(tmp_path, Move).files
    assert misspelt(Move, file.path) == {}
    table = pq.read_table(file.path)
    names = ["rider" if name == "rider_id" else name for name in table.column_names]
    pq.write_table(table.rename_columns(names), file.path)
    assert misspelt(Move, file.path) == {"rider_id": "rider"}


@pytest.mark.parametrize(
    "name",
    [
        "2026-03-10/.07.parquet",
        "2026-03-10/07.parquet.tmp",
        "2026-03-10/07.parquet.bad",
        "2026-03-10/_SUCCESS",
        "2026-03-10/.07.parquet.crc",
        "_temporary/0/07.parquet",
        ".git/07.parquet",
    ],
)
def test_what_is_hidden_unfinished_or_set_aside_is_passed_over(tmp_path: Path, name: str) -> None:
    other = tmp_path / "moves" / name
    other.parent.mkdir(parents=True)
    other.write_bytes(b"")
    found = landed(tmp_path, Move)
    assert (found.files, found.misnamed) == ([], [])


def test_a_days_folder_may_be_a_link_and_no_other_is_followed(
    warehouse: Connection, tmp_path: Path
) -> None:
    land(tmp_path / "share", moves(2))
    top = tmp_path / "moves"
    top.mkdir()
    (top / "2026-03-10").symlink_to(tmp_path / "share" / "moves" / "2026-03-10")
    (top / "circle").symlink_to(top)
    found = landed(tmp_path, Move)
    assert [file.name for file in found.files] == ["moves/2026-03-10/07.parquet"]
    assert found.misnamed == ["moves/circle"]
    assert take(warehouse, tmp_path).rows == 2


@pytest.mark.parametrize("name", ["07", "07-late", "0730", "07 o'clock", '07-"x"', "07-[a-z]*?"])
def test_a_name_begins_with_the_hour(warehouse: Connection, tmp_path: Path, name: str) -> None:
    land(tmp_path, moves(2), name)
    land(tmp_path, moves(1, start=7), "07-a")
    assert {file.hour for file in landed(tmp_path, Move).files} == {HOUR}
    assert take(warehouse, tmp_path).rows == 3


@pytest.mark.parametrize(
    "folder", ["a b", "it's", 'a"b', "[abc]", "*", "price=9", "{a,b}", "a?b", "ä", "100%"]
)
def test_a_folder_may_be_called_anything(
    warehouse: Connection, tmp_path: Path, folder: str
) -> None:
    """Hive's way of naming folders says nothing of the rows in them."""
    land(tmp_path / folder, moves(2))
    land(tmp_path / "abc", moves(2, start=5))
    assert take(warehouse, tmp_path / folder) == Intake(1, rows=2)
    assert ids(warehouse) == [1, 2]
