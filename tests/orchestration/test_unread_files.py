"""A file that cannot be read costs no other file anything, and its hour is not known."""

import errno
import os
import random
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from slate.assets.file_ledger import new_files
from slate.assets.holds import unread
from slate.assets.intake import Intake, take_in
from slate.assets.landing_files import landed
from slate.errors import DataError
from tests.deployments.bikes.definitions import Move
from tests.depth import either
from tests.orchestration.moves import HOUR, Connection, ids, land, moves, refused, take
from tests.parity.landing import landing_table


def cut_short(file: Path) -> None:
    content = file.read_bytes()
    file.write_bytes(content[: len(content) // 2])


def being_written(file: Path) -> None:
    """As a writer leaves it before the footer."""
    file.write_bytes(file.read_bytes()[:-200])


def emptied(file: Path) -> None:
    file.write_bytes(b"")


def no_parquet(file: Path) -> None:
    file.write_bytes(b"move_id,moved_at\n1,2026-03-10\n")


def pages_overwritten(file: Path) -> None:
    """The footer stays as it is."""
    content = bytearray(file.read_bytes())
    metadata = pq.ParquetFile(file).metadata
    start = metadata.row_group(0).column(0).data_page_offset
    content[start : start + 400] = b"\xff" * 400
    file.write_bytes(content)


def a_page_changed(file: Path) -> None:
    """One byte of a value, which only its checksum tells."""
    pq.write_table(
        landing_table(Move, moves(500)), file, write_page_checksum=True, compression="none"
    )
    content = bytearray(file.read_bytes())
    column = pq.ParquetFile(file).metadata.row_group(0).column(0)
    content[column.data_page_offset + column.total_compressed_size // 2] ^= 1
    file.write_bytes(content)


def without_a_column(file: Path) -> None:
    pq.write_table(landing_table(Move, moves(3)).drop(["kind"]), file)


def with_a_column_twice(file: Path) -> None:
    table = landing_table(Move, moves(3))
    pq.write_table(table.append_column("metres", table["metres"]), file)


def with_values_beyond_the_warehouse(file: Path) -> None:
    """Which Arrow holds, and DuckDB only tells of once it reads them, whosever they are."""
    table = landing_table(Move, moves(3))
    lengths = pa.array([1, 2**62, 3], pa.duration("s"))
    pq.write_table(table.set_column(table.column_names.index("minutes"), "minutes", lengths), file)


def led_to_nothing(file: Path) -> None:
    """As a link to a share that is not mounted."""
    file.unlink()
    file.symlink_to(file.parents[3] / "share" / file.name)


def led_in_a_circle(file: Path) -> None:
    file.unlink()
    file.symlink_to(file)


DAMAGES = [
    cut_short, being_written, emptied, no_parquet, pages_overwritten, a_page_changed,
    without_a_column, with_a_column_twice, with_values_beyond_the_warehouse, led_to_nothing,
    led_in_a_circle,
]  # fmt: skip


@pytest.mark.parametrize("damage", DAMAGES)
def test_it_alone_is_set_apart_and_named(
    warehouse: Connection, tmp_path: Path, damage: Callable[[Path], None]
) -> None:
    """In the midst of others, whose rows are read together with its own."""
    land(tmp_path, moves(2), "07-a")
    damage(land(tmp_path, moves(500, start=100), "07-b"))
    land(tmp_path, moves(2, start=5), "07-c")
    assert take(warehouse, tmp_path) == Intake(2, 0, rows=4, quarantined=0, unread=1)
    assert ids(warehouse) == [1, 2, 5, 6]
    ((row, reason, content),) = warehouse.sql(
        "select row, reason, content from raw.quarantine"
    ).fetchall()
    assert (row, content) == (None, "moves/2026-03-10/07-b.parquet")
    assert reason.startswith("the file ")
    (file,) = unread(warehouse, Move)
    assert (file.name, file.reason, file.held) == (content, reason, True)


def test_it_is_tried_again_each_time_whatever_is_asked_for(
    warehouse: Connection, tmp_path: Path
) -> None:
    file = land(tmp_path, moves(5), "07-b")
    whole = file.read_bytes()
    cut_short(file)
    assert take(warehouse, tmp_path) == Intake(unread=1)
    assert take(warehouse, tmp_path) == Intake(unread=1)
    assert len(refused(warehouse)) == 1
    file.write_bytes(whole)
    assert take(warehouse, tmp_path, hours=[]) == Intake(1, rows=5)
    assert (unread(warehouse, Move), refused(warehouse)) == ([], [])


def test_a_link_to_what_is_not_there_holds_its_hour_until_it_is(
    warehouse: Connection, tmp_path: Path
) -> None:
    landing, share = tmp_path / "landing", tmp_path / "share"
    file = land(landing, moves(2))
    share.mkdir()
    file.rename(share / "07.parquet")
    file.symlink_to(share / "07.parquet")
    share.rename(tmp_path / "away")
    for _ in range(2):
        assert take(warehouse, landing) == Intake(unread=1)
        assert take(warehouse, landing, hours=[]) == Intake(unread=1)
        (held,) = unread(warehouse, Move)
        assert held.reason == f"the file is a link to {share}/07.parquet, which is not there"
        assert held.held
    (tmp_path / "away").rename(share)
    assert take(warehouse, landing, hours=[]) == Intake(1, rows=2)
    assert unread(warehouse, Move) == []
    # It was known, so it holds nothing back when the share goes once more.
    share.rename(tmp_path / "away")
    assert [f.path for f in new_files(warehouse, Move, landed(landing, Move).files)] == [file]
    assert take(warehouse, landing) == Intake(unread=1)
    assert ([f.held for f in unread(warehouse, Move)], ids(warehouse)) == ([False], [1, 2])
    file.unlink()
    assert take(warehouse, landing) == Intake()
    assert unread(warehouse, Move) == []


def test_a_day_that_cannot_be_looked_into_is_not_known_until_it_can_be(
    warehouse: Connection, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    land(tmp_path, moves(2))
    folder = tmp_path / "moves" / "2026-03-10"
    with monkeypatch.context() as closed:
        # Root may look into any folder, so modes alone would not do.
        closed.setattr(os, "scandir", closed_to(folder))
        for _ in range(2):
            assert take(warehouse, tmp_path) == Intake(unread=1)
            assert take(warehouse, tmp_path, hours=[]) == Intake(unread=1)
        (held,) = unread(warehouse, Move)
        assert (held.name, held.hour, held.held) == (
            "moves/2026-03-10",
            HOUR.replace(hour=0),
            True,
        )
        assert held.reason == f"the folder {folder} cannot be looked into: Permission denied"
    assert take(warehouse, tmp_path) == Intake(1, rows=2)
    assert unread(warehouse, Move) == []


def test_a_link_to_a_days_folder_that_is_not_there_holds_the_day(
    warehouse: Connection, tmp_path: Path
) -> None:
    landing, share = tmp_path / "landing", tmp_path / "share"
    land(share, moves(2))
    (landing / "moves").mkdir(parents=True)
    (landing / "moves" / "2026-03-10").symlink_to(share / "moves" / "2026-03-10")
    share.rename(tmp_path / "away")
    assert take(warehouse, landing) == Intake(unread=1)
    (held,) = unread(warehouse, Move)
    assert (held.name, held.hour) == ("moves/2026-03-10", HOUR.replace(hour=0))
    assert held.reason.endswith("share/moves/2026-03-10, which is not there")
    (tmp_path / "away").rename(share)
    assert take(warehouse, landing) == Intake(1, rows=2)
    assert unread(warehouse, Move) == []


def test_other_folders_that_cannot_be_looked_into_are_told_of(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    land(tmp_path, moves(2))
    other = tmp_path / "moves" / "late"
    other.mkdir()
    with monkeypatch.context() as closed:
        closed.setattr(os, "scandir", closed_to(other))
        found = landed(tmp_path, Move)
    assert ([file.name for file in found.files], found.misnamed) == (
        ["moves/2026-03-10/07.parquet"],
        ["moves/late"],
    )
    monkeypatch.setattr(os, "scandir", closed_to(tmp_path / "moves"))
    with pytest.raises(DataError, match=f"the folder {tmp_path}/moves cannot be looked into"):
        landed(tmp_path, Move)
    monkeypatch.undo()
    away = tmp_path / "away"
    away.mkdir()
    (away / "moves").symlink_to(tmp_path / "nowhere")
    with pytest.raises(DataError, match=f"{away}/moves cannot be looked into: No such file"):
        landed(away, Move)
    assert landed(tmp_path / "none", Move).files == []


def closed_to(folder: Path) -> Callable[..., Any]:
    """What lists folders, all but one."""
    scandir = os.scandir

    def listed(path: Any) -> Any:
        if Path(path) == folder:
            raise PermissionError(errno.EACCES, os.strerror(errno.EACCES), str(path))
        return scandir(path)

    return listed


def test_what_is_taken_away_after_it_was_listed_is_no_news(
    warehouse: Connection, tmp_path: Path
) -> None:
    first, second = land(tmp_path, moves(2), "07-a"), land(tmp_path, moves(2, start=5), "07-b")
    take(warehouse, tmp_path)
    third = land(tmp_path, moves(2, start=9), "07-c")
    listed = landed(tmp_path, Move).files
    for file in (first, third):
        file.unlink()
    assert new_files(warehouse, Move, listed) == []
    assert take_in(warehouse, tmp_path, Move, listed) == Intake(known=1)
    assert (ids(warehouse), unread(warehouse, Move)) == ([1, 2, 5, 6], [])
    assert second.is_file()


@pytest.mark.parametrize("away", [Path.unlink, lambda f: f.rename(f.with_suffix(".parquet.bad"))])
def test_what_is_taken_away_holds_nothing_back(
    warehouse: Connection, tmp_path: Path, away: Callable[[Path], object]
) -> None:
    file = land(tmp_path, moves(5))
    cut_short(file)
    take(warehouse, tmp_path)
    away(file)
    assert take(warehouse, tmp_path) == Intake()
    assert unread(warehouse, Move) == []
    assert len(refused(warehouse)) == 1, "it is told of still"
    land(tmp_path, moves(2))
    assert take(warehouse, tmp_path) == Intake(1, rows=2)


def test_what_was_read_before_stays_until_it_is_whole_again(
    warehouse: Connection, tmp_path: Path
) -> None:
    file = land(tmp_path, [*moves(2), {**moves(1)[0], "kind": "?"}])
    take(warehouse, tmp_path)
    cut_short(file)
    assert take(warehouse, tmp_path) == Intake(unread=1)
    assert ids(warehouse) == [1, 2]
    assert [row for row, _ in refused(warehouse)] == [None, 2]
    (held,) = unread(warehouse, Move)
    assert not held.held
    land(tmp_path, moves(1, start=9))
    assert take(warehouse, tmp_path) == Intake(1, rows=1)
    assert (ids(warehouse), refused(warehouse)) == ([9], [])


def test_rows_that_are_no_text_are_refused_one_by_one(
    warehouse: Connection, tmp_path: Path
) -> None:
    table = landing_table(Move, moves(3))
    notes = pa.array([b"fine", b"\xff\xfe", None], pa.binary()).view(pa.string())
    land(tmp_path, table.set_column(table.column_names.index("note"), "note", notes))
    assert take(warehouse, tmp_path) == Intake(1, rows=2, quarantined=1)
    assert refused(warehouse) == [(1, "note: not a text in UTF-8")]


def test_random_damage_never_stops_the_others(warehouse: Connection, tmp_path: Path) -> None:
    """Whatever is overwritten: rows are taken in, or refused, or the file is set apart."""
    seed = random.randrange(2**32)
    print(f"seed {seed}")
    chance = random.Random(seed)
    whole = land(tmp_path, moves(2000), "07-b").read_bytes()
    land(tmp_path, moves(2, start=9000), "07-c")
    for _ in range(either(20, 60)):
        content = bytearray(whole)
        for _ in range(chance.choice([1, 8, 64])):
            content[chance.randrange(len(content))] = chance.randrange(256)
        (tmp_path / "moves/2026-03-10/07-b.parquet").write_bytes(content)
        take(warehouse, tmp_path)
        assert ids(warehouse)[-2:] == [9000, 9001] or ids(warehouse)[:2] == [9000, 9001]
