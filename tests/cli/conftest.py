import shutil
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from slate.cli.main import command
from slate.compile.project import write
from slate.deployment import Deployment, load

BIKES = Path(__file__).parents[1] / "deployments/bikes"


@dataclass(frozen=True)
class Outcome:
    """How a command ended, and what it wrote."""

    code: int
    out: str
    err: str


Slate = Callable[..., Outcome]


@pytest.fixture
def empty_folder(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[Path]:
    """A working directory with nothing in it, for a deployment of its own."""
    for name in ("SLATE_CONFIG", "SLATE_DATA", "SLATE_REDIS", "SLATE_CLOCK", "SLATE_ENV"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setattr(sys, "path", [*sys.path])
    folder = tmp_path / "empty"
    folder.mkdir()
    monkeypatch.chdir(folder)
    before = set(sys.modules)
    yield folder
    # What was imported from here is another module for the next test.
    for name in set(sys.modules) - before:
        if str(folder) in str(getattr(sys.modules[name], "__file__", "")):
            del sys.modules[name]


@pytest.fixture
def bikes(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Deployment:
    """The bike-share, with a data folder of its own; commands of the test are about it."""
    monkeypatch.setenv("SLATE_CONFIG", str(BIKES / "slate.toml"))
    monkeypatch.setenv("SLATE_DATA", str(tmp_path / "data"))
    monkeypatch.delenv("SLATE_REDIS", raising=False)
    monkeypatch.delenv("SLATE_ENV", raising=False)
    return load()


@pytest.fixture
def up_to_date(bikes: Deployment, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """The bike-share in a folder of its own, where its generated files are up to date."""
    folder = tmp_path / "up_to_date"
    ignored = shutil.ignore_patterns("target", "logs", "generated")
    shutil.copytree(BIKES / "dbt_project", folder / "dbt_project", ignore=ignored)
    shutil.copy(BIKES / "slate.toml", folder)
    monkeypatch.setenv("SLATE_CONFIG", str(folder / "slate.toml"))
    write(bikes.registry, folder / "dbt_project")


@pytest.fixture
def slate(bikes: Deployment, slate_here: Slate) -> Slate:
    """`slate` in this process, about the bike-share."""
    return slate_here


@pytest.fixture
def slate_here(capsys: pytest.CaptureFixture[str]) -> Slate:
    """`slate` in this process, about the deployment of the working directory."""

    def run(*arguments: str) -> Outcome:
        capsys.readouterr()
        try:
            code = command(arguments)
        except SystemExit as usage:  # as argparse ends
            code = int(str(usage.code))
        return Outcome(code, *capsys.readouterr())

    return run
