"""`slate ui`: a free port, and a stop that leaves nothing behind."""

import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from cli.main import INTERRUPTED
from cli.ui import HOST, WORKSPACE, Interrupts, free_port, stop
from slate.deployment import Deployment

ROOT = Path(__file__).parents[2]


def test_a_free_port_is_taken_as_it_is_and_a_taken_one_is_not() -> None:
    with socket.socket() as other:
        other.bind((HOST, 0))
        other.listen()
        taken: int = other.getsockname()[1]
        found = free_port(taken)
    assert found != taken
    assert free_port(found) == found


def test_the_workspace_is_there() -> None:
    assert WORKSPACE == ROOT / "workspace.yaml"
    assert WORKSPACE.is_file()


@pytest.fixture
def _own_signals() -> Iterator[None]:
    before = {number: signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)}
    yield
    for number, handler in before.items():
        signal.signal(number, handler)


def is_alive(process: int) -> bool:
    """Whether a process runs; one that ended and was not waited for does not."""
    try:
        return "Z" not in Path(f"/proc/{process}/stat").read_text().rsplit(")", 1)[1].split()[0]
    except FileNotFoundError:
        return False


def until_gone(processes: list[int]) -> bool:
    deadline = time.monotonic() + 20
    while any(map(is_alive, processes)) and time.monotonic() < deadline:
        time.sleep(0.05)
    return not any(map(is_alive, processes))


@pytest.mark.skipif(not Path("/proc").is_dir(), reason="looks at processes in /proc")
@pytest.mark.usefixtures("_own_signals")
def test_a_stop_ends_what_does_not_end_by_itself() -> None:
    stubborn = "import signal, time; signal.signal(signal.SIGINT, signal.SIG_IGN); time.sleep(99)"
    leader = subprocess.Popen(
        [
            *(sys.executable, "-c"),
            "import subprocess, sys, time\n"
            f"child = subprocess.Popen([sys.executable, '-c', {stubborn!r}])\n"
            "print(child.pid, flush=True)\n"
            "try:\n    time.sleep(99)\nexcept KeyboardInterrupt:\n    pass\n",
        ],
        stdout=subprocess.PIPE,
        start_new_session=True,
    )
    assert leader.stdout is not None
    child = int(leader.stdout.readline())
    assert is_alive(child)
    stop(leader, Interrupts())
    assert leader.returncode == 0
    assert until_gone([child])
    leader.stdout.close()


@pytest.mark.skipif(not Path("/proc").is_dir(), reason="looks at processes in /proc")
def test_started_in_the_background_it_stops_when_told(bikes: Deployment) -> None:
    launcher = subprocess.Popen(
        [sys.executable, "-m", "cli.main", "ui", "--port", "0"],
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
        # As a shell starts what ends in &.
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_IGN) and None,
    )
    assert launcher.stderr is not None
    for line in launcher.stderr:
        if "starting Dagster" in line:
            break
    started = descendants(launcher.pid)
    deadline = time.monotonic() + 20
    while len(started) < 2 and time.monotonic() < deadline:
        time.sleep(0.05)
        started = descendants(launcher.pid)
    assert (bikes.data / "dagster/dagster.yaml").is_file()
    launcher.send_signal(signal.SIGTERM)
    _, told = launcher.communicate(timeout=60)
    assert launcher.returncode == INTERRUPTED, told
    assert "stopping" in told
    assert until_gone(started)
    assert len(started) == 2, "the store and Dagster"


def descendants(process: int) -> list[int]:
    children = Path(f"/proc/{process}/task/{process}/children").read_text().split()
    return [int(child) for child in children]
