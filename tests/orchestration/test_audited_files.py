"""Which files of a log were audited, and which are old enough to go."""

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from slate.assets.answer_files import names
from slate.assets.audited_files import AuditedFiles, RemovedFiles, remove_audited

DAY = timedelta(days=1)
NOW = datetime(2026, 3, 10, tzinfo=UTC)


def named(days: float, number: int = 0) -> str:
    """A file whose last answer was stored so many days ago."""
    return f"{int((NOW - days * DAY).timestamp() * 1_000)}-{number}"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    for days in (9, 8, 5, 4, 2, 1):
        (tmp_path / f"{named(days)}.parquet").touch()
    return tmp_path


def audited(folder: Path, *days: float, waiting: float) -> None:
    found = AuditedFiles.of(folder)
    for one in days:
        found = found.after(named(one), waits=one == waiting)
        found.write(folder)


def test_one_that_waits_is_looked_at_again_and_keeps_no_other_from_it(folder: Path) -> None:
    audited(folder, 9, 8, 5, waiting=8)
    found = AuditedFiles.of(folder)
    assert list(found.to_look_at(folder)) == [named(days) for days in (8, 4, 2, 1)]
    assert named(9) in found
    assert named(8) not in found
    audited(folder, 8, 4, waiting=0)
    assert list(AuditedFiles.of(folder).to_look_at(folder)) == [named(2), named(1)]


def test_what_an_earlier_version_wrote_is_read(folder: Path) -> None:
    (folder / "audited.json").write_text(f'{{"last": "{named(5)}"}}')
    assert list(AuditedFiles.of(folder).to_look_at(folder)) == [named(n) for n in (4, 2, 1)]


def test_names_are_in_the_order_of_the_store(tmp_path: Path) -> None:
    wanted = ["999-2", "1000-2", "1000-10", "10000-0"]
    for name in reversed(wanted):
        (tmp_path / f"{name}.parquet").touch()
    assert names(tmp_path) == wanted
    assert wanted[3] not in AuditedFiles("1000-10")


def test_old_files_go_and_those_that_nobody_audited_later(folder: Path) -> None:
    audited(folder, 9, 8, 5, waiting=8)
    assert remove_audited(folder, 10 * DAY, NOW) == RemovedFiles(0, 0)
    # Of eight and of four days is what was not audited.
    assert remove_audited(folder, 3 * DAY, NOW) == RemovedFiles(3, 1)
    assert names(folder) == [named(days) for days in (4, 2, 1)]
    assert AuditedFiles.of(folder) == AuditedFiles(named(5))


def test_the_newest_stays(folder: Path) -> None:
    audited(folder, 9, 8, 5, 4, 2, 1, waiting=0)
    assert remove_audited(folder, timedelta(seconds=1), NOW).files == 5
    assert names(folder) == [named(1)]
