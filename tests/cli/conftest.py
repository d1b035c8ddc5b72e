from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import pytest

from cli.main import command
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
def bikes(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Deployment:
    """The bike-share, with a data folder of its own; commands of the test are about it."""
    monkeypatch.setenv("SLATE_CONFIG", str(BIKES / "slate.toml"))
    monkeypatch.setenv("SLATE_DATA", str(tmp_path / "data"))
    monkeypatch.delenv("SLATE_REDIS", raising=False)
    return load()


@pytest.fixture
def slate(bikes: Deployment, capsys: pytest.CaptureFixture[str]) -> Slate:
    """`slate` in this process."""

    def run(*arguments: str) -> Outcome:
        capsys.readouterr()
        try:
            code = command(arguments)
        except SystemExit as usage:  # as argparse ends
            code = int(str(usage.code))
        return Outcome(code, *capsys.readouterr())

    return run
