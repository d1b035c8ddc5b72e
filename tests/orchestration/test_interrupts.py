"""A run that is interrupted at the terminal, or has no room on its disk."""

import os
import signal
import subprocess
import sys
from contextlib import suppress
from pathlib import Path

import dagster as dg
import pytest

from cli.main import INTERRUPTED
from orchestration.interrupts import interrupts
from orchestration.runs import run_everything
from slate.deployment import Deployment
from tests.orchestration.bikes import Landing, happenings, place
from tests.orchestration.outcomes import runs, wrong_training

ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="module")
def landing(tmp_path_factory: pytest.TempPathFactory) -> tuple[Deployment, Landing]:
    deployment = place(tmp_path_factory.mktemp("bikes"))
    landing = Landing(deployment)
    landing.write(happenings(deployment.registry, 3, -4, 2))
    return deployment, landing


def interrupted(deployment: Deployment, line: str) -> tuple[int, list[str]]:
    """Run the chain and interrupt it, with all that it started, when it has printed a line.

    Returns:
        The exit code, and what it printed after that.
    """
    environment = os.environ | {
        "SLATE_CONFIG": str(deployment.root / "slate.toml"),
        "SLATE_REDIS": "unix:///nowhere",
        "PYTHONPATH": str(ROOT),
    }
    process = subprocess.Popen(
        [sys.executable, "-m", "cli.main", "run"],
        env=environment,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )
    assert process.stderr is not None
    try:
        for told in process.stderr:
            if line in told:
                os.killpg(process.pid, signal.SIGINT)
                break
        rest = process.stderr.read().splitlines()
        return process.wait(60), rest
    finally:
        process.stderr.close()
        with suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)


def test_a_run_that_is_interrupted_is_canceled(landing: tuple[Deployment, Landing]) -> None:
    deployment, _ = landing
    code, told = interrupted(deployment, "OK created")
    assert code == INTERRUPTED, told
    assert told[-1] == "interrupted"
    assert not [line for line in told if "Traceback" in line or "Error" in line], "\n".join(told)
    assert runs(deployment)[0].record.status is dg.DagsterRunStatus.CANCELED


def test_the_next_run_goes_on_from_there(landing: tuple[Deployment, Landing]) -> None:
    deployment, files = landing
    assert run_everything(deployment)
    assert wrong_training(deployment, files.sources) == []


def test_an_interrupt_is_told_of_whoever_handles_it() -> None:
    def handled(*_: object) -> None:
        pass

    before = signal.signal(signal.SIGINT, handled)
    try:
        with interrupts() as interrupted:
            assert not interrupted()
            os.kill(os.getpid(), signal.SIGINT)
            assert interrupted()
            assert not interrupted()
        with interrupts() as interrupted:
            assert not interrupted()
    finally:
        signal.signal(signal.SIGINT, before)


def test_a_disk_without_room_is_told_of_in_one_line(landing: tuple[Deployment, Landing]) -> None:
    deployment, _ = landing
    environment = os.environ | {
        "SLATE_CONFIG": str(deployment.root / "slate.toml"),
        "PYTHONPATH": str(ROOT),
    }
    command = ["bash", "-c", 'ulimit -f 100; exec "$@"', "bash", sys.executable, "-m", "cli.main"]
    done = subprocess.run(
        [*command, "run"], env=environment, capture_output=True, text=True, timeout=120, check=False
    )
    assert done.returncode == 1
    assert done.stderr.splitlines()[-1].startswith(f"slate: {deployment.data} cannot be written (")
    assert "Traceback" not in done.stderr
