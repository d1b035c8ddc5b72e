"""The wheel: what is installed, by which names, and that it works where the repository is not."""

import os
import shutil
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

pytestmark = pytest.mark.process

ROOT = Path(__file__).parents[1]
FOLDERS = ("slate", "online", "quality", "assets", "orchestration", "cli", "live_shopping")
PLATFORM = {"dagster", "dbt", "duckdb", "great_expectations", "rich"}


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Built from a copy, as building leaves files beside its sources."""
    copy = tmp_path_factory.mktemp("source")
    for name in FOLDERS:
        ignored = shutil.ignore_patterns("__pycache__")
        shutil.copytree(ROOT / name, copy / name, symlinks=True, ignore=ignored)
    for name in ("pyproject.toml", "README.md", "LICENSE"):
        shutil.copy(ROOT / name, copy)
    subprocess.run(
        [sys.executable, "-c", "from setuptools.build_meta import *; build_wheel('dist')"],
        cwd=copy,
        check=True,
        capture_output=True,
        timeout=120,
    )
    (found,) = (copy / "dist").glob("*.whl")
    return found


@pytest.fixture(scope="module")
def site(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("site")
    zipfile.ZipFile(wheel).extractall(folder)
    return folder


def run(site: Path, folder: Path, *arguments: str) -> "subprocess.CompletedProcess[str]":
    """Python with what the wheel holds, in a folder outside of the repository."""
    others = {name: value for name, value in os.environ.items() if not name.startswith("SLATE_")}
    return subprocess.run(
        [sys.executable, *arguments],
        env={**others, "PYTHONPATH": str(site)},
        cwd=folder,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )


def test_it_has_one_name(wheel: Path) -> None:
    names = {name.split("/")[0] for name in zipfile.ZipFile(wheel).namelist()}
    assert {name for name in names if not name.endswith(".dist-info")} == {"slate"}


def test_it_holds_every_file_of_its_packages(site: Path) -> None:
    names = set(FOLDERS) - {"live_shopping"}
    files = {
        Path(name if name == "slate" else f"slate/{name}", path.relative_to(ROOT / name))
        for name in names
        for path in (ROOT / name).rglob("*")
        if path.is_file() and "__pycache__" not in path.parts
    }
    assert files == {
        path.relative_to(site) for path in (site / "slate").rglob("*") if path.is_file()
    }


def test_the_command_works_from_it(site: Path, tmp_path: Path) -> None:
    shutil.copy(ROOT / "docs/own_data/orders.csv", tmp_path)
    init = run(site, tmp_path, "-m", "slate.cli", "init", "my_shop", "--from", "orders.csv")
    assert init.returncode == 0, init.stderr
    load = ("load", "order", "orders.csv", "--arrival", "placed_at + 5m")
    loaded = run(site, tmp_path, "-m", "slate.cli", *load)
    assert loaded.returncode == 0, loaded.stderr
    script = (
        "import slate.cli.main, slate.online\n"
        "assert slate.cli.main.command(['check']) == 0\n"
        "print(slate.__file__, slate.online.__file__, slate.cli.__file__)"
    )
    checked = run(site, tmp_path, "-c", script)
    assert checked.returncode == 0, checked.stderr
    places = checked.stdout.splitlines()[-1].split()
    assert len(places) == 3
    assert all(place.startswith(str(site)) for place in places)


def test_the_client_alone_says_what_a_command_needs(site: Path, tmp_path: Path) -> None:
    """Where what the platform needs is not installed, looking up works and the rest says so."""
    script = (
        "import sys\n"
        f"for name in {sorted(PLATFORM)}:\n    sys.modules[name] = None\n"
        "from slate.online import AsyncFeatureClient, EventWriter, FeatureClient\n"
        "from slate.cli.main import command\n"
        "sys.exit(command(sys.argv[1:]))"
    )
    shutil.copy(ROOT / "docs/own_data/orders.csv", tmp_path)
    refused = run(site, tmp_path, "-c", script, "init", "my_shop", "--from", "orders.csv")
    assert refused.returncode == 1
    assert refused.stderr == (
        "slate: `slate init` needs duckdb, which is not installed: install slate[platform], not "
        "slate alone\n"
    )
    made = run(site, tmp_path, "-m", "slate.cli", "init", "my_shop", "--from", "orders.csv")
    assert made.returncode == 0, made.stderr
    assert run(site, tmp_path, "-c", script, "list").returncode == 0
