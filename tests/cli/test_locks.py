"""`slate lock`, and what `slate check` and `slate run` say of a version that is locked."""

import shutil
from pathlib import Path

import pytest

from slate.deployment import load
from slate.locks.standing import lock_new, standing
from tests.cli.conftest import BIKES, Slate

FULL, NARROW = "bikes.definitions", "bikes.narrow"


@pytest.fixture
def folder(monkeypatch: pytest.MonkeyPatch, tmp_path: Path, slate_here: Slate) -> Path:
    """A deployment of the narrow bike-share, compiled, and never locked."""
    ignore = shutil.ignore_patterns("generated", "target", "logs", "definitions", "*.py")
    shutil.copytree(BIKES, tmp_path, ignore=ignore, dirs_exist_ok=True)
    monkeypatch.setenv("SLATE_CONFIG", str(tmp_path / "slate.toml"))
    monkeypatch.delenv("SLATE_DATA", raising=False)
    define(tmp_path, FULL, NARROW)
    assert slate_here("compile").code == 0
    return tmp_path


def define(folder: Path, old: str, new: str) -> None:
    config = folder / "slate.toml"
    config.write_text(config.read_text().replace(old, new))


def test_a_version_is_locked_held_to_that_and_changed_on_purpose(
    slate_here: Slate, folder: Path
) -> None:
    untold = slate_here("check")
    assert untold.code == 0
    assert untold.err.startswith("slate: not locked: bike_choice_v2, station_outlook_v1. A change")
    lock = folder / "locks/bike_choice_v2.toml"
    lock.parent.write_text("in the way")
    refused = slate_here("lock")
    assert (refused.code, refused.err.partition(" cannot")[0]) == (1, f"slate: {lock}")
    lock.parent.unlink()
    assert slate_here("lock").out.splitlines()[0] == str(lock)
    assert (slate_here("check").code, slate_here("check").err) == (0, "")
    assert slate_here("lock").out == "", "nothing is new"

    define(folder, NARROW, FULL)
    assert slate_here("compile").code == 0
    held = lock.read_text()
    for command in ("check", "lock", "run", "serve"):
        refused = slate_here(command)
        assert refused.code == 1
        lines = refused.err.splitlines()
        assert lines[0] == (
            "slate: bike_choice_v2 is locked, and its models would be given something else:"
        )
        assert "    new in the service: leave it out of this version by `without`" in lines
        assert lines[-1].startswith("  Leave bike_choice_v2 as it is locked, and make the change")
        assert "in version=3. Where" in lines[-1]
        assert "station_outlook" not in refused.err, "the other one is what it was"
        assert lock.read_text() == held
    assert not (folder / "data").exists(), "nothing ran"

    assert slate_here("lock", "--accept", "bike_choice_v2").out == f"{lock}\n"
    assert slate_here("check").code == 0


def test_each_version_has_to_be_locked_once_one_is(slate_here: Slate, folder: Path) -> None:
    slate_here("lock")
    outlook = folder / "locks/station_outlook_v1.toml"
    outlook.unlink()
    refused = slate_here("check")
    assert refused.code == 1
    assert refused.err.startswith("slate: not locked: station_outlook_v1. ")
    assert slate_here("lock").out == f"{outlook}\n"


def test_new_versions_are_locked_where_any_is_and_by_no_preview(
    slate_here: Slate, folder: Path
) -> None:
    deployment = load(folder / "slate.toml")
    assert lock_new(deployment, standing(deployment)) == []
    slate_here("lock")
    outlook = folder / "locks/station_outlook_v1.toml"
    was = outlook.read_text()
    outlook.unlink()
    preview = deployment.preview("review")
    assert lock_new(preview, standing(preview)) == []
    assert not outlook.exists()
    assert lock_new(deployment, standing(deployment)) == [outlook]
    assert outlook.read_text() == was
    assert slate_here("check").code == 0


def test_a_version_that_is_no_longer_defined_is_told_of(slate_here: Slate, folder: Path) -> None:
    slate_here("lock")
    outlook, former = (folder / f"locks/station_{name}_v1.toml" for name in ("outlook", "former"))
    former.write_text(outlook.read_text().replace('"station_outlook"', '"station_former"'))
    for command in ("check", "lock"):
        refused = slate_here(command)
        assert refused.code == 1
        assert refused.err.startswith("slate: station_former_v1 is locked, and no longer defined")
    missed = slate_here("lock", "--accept", "station_form_v1")
    assert (missed.code, missed.err) == (
        1,
        "slate: --accept: there is no version 'station_form_v1' of a service: did you mean "
        "'station_former_v1'?\n",
    )
    assert slate_here("lock", "--accept", "station_former_v1").code == 0
    assert not former.exists()
    assert outlook.exists()
