"""A demonstration that prepares in a process of its own."""

import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from slate.cli.preparing import preparing
from slate.deployment import Deployment, load
from slate.errors import DataError
from slate.processes import is_there
from tests.cli.conftest import BIKES
from tests.processes import is_alive

pytestmark = pytest.mark.process

DEMO = """
import os, time
from slate.errors import DataError

def prepare(deployment, say):
    (deployment.data / "process").write_text(str(os.getpid()))
    say("it began")
    if (deployment.data / "fails").exists():
        raise DataError("nothing can be simulated")
    if (deployment.data / "lasts").exists():
        time.sleep(60)
    (deployment.data / "landed").touch()
    say("all landed")
"""


@pytest.fixture
def deployment(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Deployment:
    root = tmp_path / "bikes"
    shutil.copytree(BIKES, root)
    (root / "slow_start.py").write_text(DEMO)
    config = root / "slate.toml"
    config.write_text(config.read_text() + '\ndemo = "slow_start"\n')
    monkeypatch.setenv("SLATE_CONFIG", str(config))
    monkeypatch.setenv("SLATE_DATA", str(tmp_path / "data"))
    monkeypatch.setenv("PYTHONPATH", str(Path(__file__).parents[2]))
    made = load()
    made.make_data()
    return made


def its_process(deployment: Deployment) -> int:
    """The process that prepares, once it has begun."""
    said = deployment.data / "process"
    wait_until(lambda: said.exists() and said.read_text() != "")
    return int(said.read_text())


def wait_until(holds: Callable[[], bool], seconds: float = 30.0) -> None:
    end = time.monotonic() + seconds
    while not holds():
        assert time.monotonic() < end
        time.sleep(0.05)


def test_it_tells_of_its_progress_and_is_waited_for(deployment: Deployment) -> None:
    told: list[str] = []
    with preparing(deployment, told.append) as wait:
        wait()
        assert (deployment.data / "landed").exists()
    assert told == ["it began", "all landed"]
    assert its_process(deployment) != os.getpid()


def test_what_fails_is_told_by_it_and_here(
    deployment: Deployment, capfd: pytest.CaptureFixture[str]
) -> None:
    (deployment.data / "fails").touch()
    with (
        preparing(deployment, lambda _: None) as wait,
        pytest.raises(DataError, match="slow_start could not bring its landing files up to now"),
    ):
        wait()
    assert capfd.readouterr().err == "slate: nothing can be simulated\n"


def test_it_ends_where_nobody_waits_for_it(deployment: Deployment) -> None:
    (deployment.data / "lasts").touch()
    with preparing(deployment, lambda _: None):
        process = its_process(deployment)
    assert not is_there(process)
    assert not (deployment.data / "landed").exists()


def test_it_ends_with_a_process_that_is_killed(deployment: Deployment) -> None:
    (deployment.data / "lasts").touch()
    script = (
        "from slate.cli.preparing import preparing\nfrom slate.deployment import load\n"
        "with preparing(load(), print) as wait:\n    wait()\n"
    )
    parent = subprocess.Popen([sys.executable, "-c", script])
    process = its_process(deployment)
    parent.send_signal(signal.SIGKILL)
    parent.wait()
    # Nobody waits for what has lost its parent but the system, if at all.
    wait_until(lambda: not is_alive(process))
