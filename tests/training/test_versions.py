"""A training set changes as a whole, and only where its table did."""

import os
import shutil
from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta
from errno import EPERM
from pathlib import Path

import duckdb
import pytest

from slate.assets.manifests import load_manifest
from slate.assets.training_sets import write_training_set
from slate.plans import Plan
from tests.training import delivery
from tests.training.table import fill, offers
from tests.training.test_rows import read, wanted

Warehouse = duckdb.DuckDBPyConnection

FIRST, SECOND, THIRD = (date(2026, 3, day) for day in (1, 2, 3))


class CrashError(Exception):
    pass


def crash(*_: object, **__: object) -> None:
    raise CrashError


def inodes(version: Path) -> dict[date, int]:
    return {
        date.fromisoformat(file.parent.name.removeprefix("day=")): file.stat().st_ino
        for file in version.glob("day=*/data.parquet")
    }


def state(folder: Path) -> dict[str, bytes]:
    files = sorted((folder / "current").rglob("*"))
    return {str(file): file.read_bytes() for file in files if file.is_file()}


def versions(folder: Path) -> list[str]:
    return sorted(path.name for path in (folder / "versions").iterdir())


def test_layout(warehouse: Warehouse, plan: Plan, folder: Path) -> None:
    written = write_training_set(warehouse, plan, folder)
    assert sorted(str(path.relative_to(folder)) for path in folder.rglob("*.*")) == [
        "versions/000001/_manifest.json",
        *(f"versions/000001/day=2026-03-0{day}/data.parquet" for day in (1, 2, 3)),
    ]
    assert (folder / "current").readlink() == Path("versions/000001")
    assert written.path == (folder / "current").resolve()
    assert written.manifest == load_manifest(folder)
    assert written.written == (FIRST, SECOND, THIRD)


def test_only_the_days_told_are_written(warehouse: Warehouse, plan: Plan, folder: Path) -> None:
    before = write_training_set(warehouse, plan, folder)
    warehouse.execute('update delivery_v1 set tip = 1000, "courier_trips.trips_1h" = 77')
    after = write_training_set(warehouse, plan, folder, [SECOND])
    assert after.written == (SECOND,)
    old, new = inodes(before.path), inodes(after.path)
    assert [day for day in new if new[day] != old[day]] == [SECOND]
    rows = offers()
    for row in rows:
        if row["offered_at"].date() == SECOND:
            row |= {"tip": 1000.0, "courier_trips.trips_1h": 77}
    assert read(after.path) == wanted(rows)
    changed = [day.day for day in after.manifest.days if day not in before.manifest.days]
    assert changed == [SECOND]
    assert after.manifest.statistics["tip"].greatest == 1000
    assert after.manifest.rows == 33


def test_without_days_all_are_written(warehouse: Warehouse, plan: Plan, folder: Path) -> None:
    before = write_training_set(warehouse, plan, folder)
    after = write_training_set(warehouse, plan, folder)
    assert after.written == (FIRST, SECOND, THIRD)
    assert not set(inodes(before.path).values()) & set(inodes(after.path).values())


def test_a_day_that_nobody_told_of_is_found_by_its_rows(
    warehouse: Warehouse, plan: Plan, folder: Path
) -> None:
    write_training_set(warehouse, plan, folder)
    rows = [*offers((0, 1)), *offers((2,), each=12), *offers((3,))]
    fill(warehouse, plan, rows)
    after = write_training_set(warehouse, plan, folder, [])
    assert after.written == (THIRD, date(2026, 3, 4))
    assert read(after.path) == wanted(rows)


def test_a_day_without_rows_disappears(warehouse: Warehouse, plan: Plan, folder: Path) -> None:
    write_training_set(warehouse, plan, folder)
    fill(warehouse, plan, offers((0, 2)))
    after = write_training_set(warehouse, plan, folder, [SECOND])
    assert after.written == ()
    assert sorted(inodes(after.path)) == [FIRST, THIRD]
    assert [day.day for day in after.manifest.days] == [FIRST, THIRD]
    assert after.manifest.rows == 22


def test_where_nothing_changed_nothing_is_written(
    warehouse: Warehouse, plan: Plan, folder: Path
) -> None:
    first = write_training_set(warehouse, plan, folder)
    again = write_training_set(warehouse, plan, folder, [date(2026, 2, 1)])
    assert (again.path, again.manifest, again.written) == (first.path, first.manifest, ())
    assert versions(folder) == ["000001"]


@pytest.mark.parametrize(
    "changed",
    [
        pytest.param(lambda: delivery.plan(6), id="expression"),
        pytest.param(lambda: delivery.plan(5, 1, delivery.CourierProfile.depot_id), id="feature"),
    ],
)
def test_days_of_two_definitions_never_mix(
    warehouse: Warehouse, plan: Plan, folder: Path, changed: Callable[[], Plan]
) -> None:
    before = write_training_set(warehouse, plan, folder)
    after = write_training_set(warehouse, changed(), folder, [SECOND])
    assert after.written == (FIRST, SECOND, THIRD)
    assert not set(inodes(before.path).values()) & set(inodes(after.path).values())
    assert after.manifest.origin != before.manifest.origin


def test_the_same_definition_read_anew_is_the_same(
    warehouse: Warehouse, plan: Plan, folder: Path
) -> None:
    write_training_set(warehouse, plan, folder)
    assert write_training_set(warehouse, delivery.plan(), folder, [FIRST]).written == (FIRST,)


def test_where_there_are_no_links_days_are_copied(
    warehouse: Warehouse, plan: Plan, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: object) -> None:
        raise OSError(EPERM, "no links here")

    before = write_training_set(warehouse, plan, folder)
    monkeypatch.setattr(os, "link", refuse)
    after = write_training_set(warehouse, plan, folder, [SECOND])
    assert after.written == (SECOND,)
    assert not set(inodes(before.path).values()) & set(inodes(after.path).values())
    assert read(after.path) == wanted(offers())


def test_the_version_before_stays_and_older_ones_go(
    warehouse: Warehouse, plan: Plan, folder: Path
) -> None:
    for number in range(1, 12):
        write_training_set(warehouse, plan, folder, [FIRST])
        kept = range(max(1, number - 1), number + 1)
        assert versions(folder) == [f"{kept_number:06}" for kept_number in kept]
        fill(warehouse, plan, offers((0, 1, 2), each=11 + number))


def test_a_reader_holds_on_to_its_version(warehouse: Warehouse, plan: Plan, folder: Path) -> None:
    write_training_set(warehouse, plan, folder)
    held = (folder / "current").resolve()
    fill(warehouse, plan, offers((5,)))
    write_training_set(warehouse, plan, folder)
    assert read(held) == wanted(offers())
    assert read(folder / "current") == wanted(offers((5,)))


def test_a_crash_between_days_leaves_the_set(
    warehouse: Warehouse, plan: Plan, folder: Path
) -> None:
    write_training_set(warehouse, plan, folder)
    before = state(folder)
    rows = offers((0, 1, 4), each=20)
    fill(warehouse, plan, rows)

    def after_a_day(rows: int) -> None:
        if rows > 20:
            raise CrashError

    with pytest.raises(CrashError):
        write_training_set(warehouse, plan, folder, progress=after_a_day)
    assert state(folder) == before
    assert versions(folder) == ["000001", "000002"]
    # The warehouse can be used, also by a writer; and what the crash left is gone.
    assert warehouse.execute("delete from delivery_v1 where taken").fetchall()
    after = write_training_set(warehouse, plan, folder)
    assert read(after.path) == wanted([row for row in rows if not row["taken"]])
    assert versions(folder) == ["000001", "000002"]
    assert sorted(inodes(after.path)) == [FIRST, SECOND, date(2026, 3, 5)]


def test_a_crash_in_the_first_version_leaves_no_set(
    warehouse: Warehouse, plan: Plan, folder: Path
) -> None:
    with pytest.raises(CrashError):
        write_training_set(warehouse, plan, folder, progress=crash)
    assert not (folder / "current").exists()
    assert read(write_training_set(warehouse, plan, folder).path) == wanted(offers())
    assert versions(folder) == ["000001"]


def test_a_crash_before_the_switch_leaves_the_set(
    warehouse: Warehouse, plan: Plan, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write_training_set(warehouse, plan, folder)
    before = state(folder)
    fill(warehouse, plan, offers((5,)))
    with monkeypatch.context() as patched:
        patched.setattr(Path, "replace", crash)
        with pytest.raises(CrashError):
            write_training_set(warehouse, plan, folder)
    assert state(folder) == before
    after = write_training_set(warehouse, plan, folder)
    assert read(after.path) == wanted(offers((5,)))
    assert sorted(path.name for path in folder.iterdir()) == ["current", "versions"]


def test_a_crash_after_the_switch_leaves_the_new_set(
    warehouse: Warehouse, plan: Plan, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for each in (11, 12):
        fill(warehouse, plan, offers(each=each))
        write_training_set(warehouse, plan, folder)
    fill(warehouse, plan, offers((5,)))
    with monkeypatch.context() as patched:
        patched.setattr(shutil, "rmtree", crash)
        with pytest.raises(CrashError):
            write_training_set(warehouse, plan, folder)
    assert versions(folder) == ["000001", "000002", "000003"]
    assert read(folder / "current") == wanted(offers((5,)))
    write_training_set(warehouse, plan, folder)
    assert versions(folder) == ["000003", "000004"]


def test_a_set_put_back_to_the_version_before_goes_on_from_there(
    warehouse: Warehouse, plan: Plan, folder: Path
) -> None:
    write_training_set(warehouse, plan, folder)
    warehouse.execute("update delivery_v1 set tip = 1000")
    write_training_set(warehouse, plan, folder)
    (folder / "current").unlink()
    (folder / "current").symlink_to("versions/000001")
    after = write_training_set(warehouse, plan, folder, [SECOND])
    dearest = [day.statistics["tip"].greatest == 1000 for day in after.manifest.days]
    assert dearest == [False, True, False]
    assert versions(folder) == ["000001", "000002"]


def test_one_state_of_the_table_is_read(warehouse: Warehouse, plan: Plan, folder: Path) -> None:
    def meanwhile(_: int) -> None:
        warehouse.execute("delete from delivery_v1")

    assert read(write_training_set(warehouse, plan, folder, progress=meanwhile).path) == wanted(
        offers()
    )


def test_progress_counts_the_rows_written(warehouse: Warehouse, plan: Plan, folder: Path) -> None:
    seen: list[int] = []
    write_training_set(warehouse, plan, folder, progress=seen.append)
    assert seen == [11, 22, 33]
    seen.clear()
    write_training_set(warehouse, plan, folder, [SECOND], progress=seen.append)
    assert seen == [11]


def test_the_manifest_tells_what_there_is(warehouse: Warehouse, plan: Plan, folder: Path) -> None:
    start, reading = datetime.now(UTC), list[datetime]()
    path = write_training_set(
        warehouse, plan, folder, progress=lambda rows: reading.append(datetime.now(UTC))
    ).path
    manifest = load_manifest(folder)
    assert manifest.rows == 33
    assert manifest.first == datetime(2026, 3, 1, tzinfo=UTC)
    assert manifest.last == datetime(2026, 3, 4, tzinfo=UTC) - timedelta(microseconds=1)
    assert [(day.day, day.rows) for day in manifest.days] == [
        (FIRST, 11),
        (SECOND, 11),
        (THIRD, 11),
    ]
    for day in manifest.days:
        assert day.bytes == (path / f"day={day.day}" / "data.parquet").stat().st_size
    assert start <= manifest.written_at <= reading[0]
