"""`slate ui`: a free port, and a stop that leaves nothing behind."""

import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import pytest

from slate.cli.main import INTERRUPTED, PIPE_CLOSED
from slate.cli.ui import HOST, Interrupts, free_port, stop, the_only_one
from slate.compile.project import write
from slate.deployment import Deployment
from slate.errors import ConfigurationError
from tests.cli.conftest import Slate
from tests.orchestration import small
from tests.orchestration.parsed import parse_once
from tests.processes import is_alive

ROOT = Path(__file__).parents[2]
SECONDS, PAUSE = 20.0, 0.05

pytestmark = pytest.mark.skipif(not Path("/proc").is_dir(), reason="looks at processes in /proc")


def test_a_free_port_is_taken_as_it_is_and_a_taken_one_is_not() -> None:
    with socket.socket() as other:
        other.bind((HOST, 0))
        other.listen()
        taken: int = other.getsockname()[1]
        found = free_port(taken)
    assert found != taken
    assert free_port(found) == found


@pytest.fixture
def _own_signals() -> Iterator[None]:
    before = {number: signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)}
    yield
    for number, handler in before.items():
        signal.signal(number, handler)


@pytest.mark.usefixtures("_own_signals")
def test_a_stop_ends_what_does_not_end_by_itself() -> None:
    stubborn = "import signal, time; signal.signal(signal.SIGINT, signal.SIG_IGN); time.sleep(99)"
    script = (
        "import signal, subprocess, sys, time\n"
        # As `slate ui` does: what a shell starts in the background is deaf to interrupts.
        "signal.signal(signal.SIGINT, signal.default_int_handler)\n"
        "signal.pthread_sigmask(signal.SIG_UNBLOCK, [signal.SIGINT])\n"
        f"child = subprocess.Popen([sys.executable, '-c', {stubborn!r}])\n"
        "try:\n    print(child.pid, flush=True)\n    time.sleep(99)\n"
        "except KeyboardInterrupt:\n    pass\n"
    )
    with group([sys.executable, "-c", script], stdout=subprocess.PIPE) as leader:
        assert leader.stdout is not None
        child = int(leader.stdout.readline())
        assert is_alive(child)
        interrupts = Interrupts()
        # None that is meant for another test may end the wait.
        for number in (signal.SIGINT, signal.SIGTERM):
            signal.signal(number, signal.SIG_IGN)
        began = time.monotonic()
        stop(leader, interrupts)
        assert leader.returncode == 0, f"the leader did not end in {time.monotonic() - began:.1f} s"
        assert until_gone([child])


@pytest.mark.usefixtures("_own_signals")
def test_started_in_the_background_it_stops_when_told(bikes: Deployment, slate: Slate) -> None:
    command = [sys.executable, "-m", "slate.cli.main", "ui", "--port", "0"]
    with group(command, stderr=subprocess.PIPE, preexec_fn=deaf_to_interrupts) as launcher:
        assert launcher.stderr is not None
        for line in launcher.stderr:
            if b"starting Dagster" in line:
                break
        started = until_started(launcher.pid, 2)
        assert len(started) == 2, "the store and Dagster"
        assert (bikes.data / "dagster/dagster.yaml").is_file()
        second = slate("ui", "--port", "0")
        assert (second.code, second.out) == (1, "")
        assert f"Dagster runs on {bikes.data} already, at http://127.0.0.1:" in second.err
        launcher.send_signal(signal.SIGTERM)
        told = launcher.stderr.read().decode()
        assert launcher.wait() == INTERRUPTED, told
        assert "stopping" in told
        assert until_gone(started)


def test_dagster_does_not_outlive_a_launcher_that_nobody_listens_to(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    # It gets as far as to load the definitions.
    deployment = small.place(tmp_path, "views")
    write(deployment.registry, deployment.dbt_project)
    parse_once(deployment)
    monkeypatch.setenv("SLATE_CONFIG", str(deployment.root / "slate.toml"))
    monkeypatch.delenv("SLATE_DATA", raising=False)
    reader, writer = os.pipe()
    os.close(reader)
    command = [sys.executable, "-m", "slate.cli.main", "ui", "--port", "0"]
    with group(command, stdout=writer, stderr=subprocess.PIPE) as launcher:
        os.close(writer)
        started = until_started(launcher.pid, 2)
        assert len(started) == 2
        assert launcher.wait(6 * SECONDS) == PIPE_CLOSED
        assert until_gone(started)


def test_a_home_is_held_for_as_long_as_dagster_runs(tmp_path: Path) -> None:
    home = tmp_path / "dagster"
    home.mkdir()
    with the_only_one(home, "http://here:1") as lock:
        left = subprocess.Popen([sys.executable, "-c", "input()"], stdin=-1, pass_fds=[lock])
    with (
        pytest.raises(ConfigurationError, match=f"runs on {tmp_path} already, at http://here:1:"),
        the_only_one(home, "http://there:2"),
    ):
        pass
    left.communicate(b"\n")
    with the_only_one(home, "http://there:2"):
        assert (home / "ui").read_text() == "http://there:2"


def deaf_to_interrupts() -> None:
    """As a shell starts what ends in &."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)


@contextmanager
def group(command: Sequence[str], **options: Any) -> Iterator["subprocess.Popen[bytes]"]:
    """A process with a group of its own, of which nothing is left in the end."""
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    process = subprocess.Popen(command, env=environment, start_new_session=True, **options)
    with process:
        try:
            yield process
        finally:
            with suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)


def until_gone(processes: list[int]) -> bool:
    deadline = time.monotonic() + SECONDS
    while any(map(is_alive, processes)) and time.monotonic() < deadline:
        time.sleep(PAUSE)
    return not any(map(is_alive, processes))


def until_started(process: int, number: int) -> list[int]:
    """The children of a process, as soon as it has so many."""
    deadline = time.monotonic() + SECONDS
    children = Path(f"/proc/{process}/task/{process}/children")
    while len(found := children.read_text().split()) < number and time.monotonic() < deadline:
        time.sleep(PAUSE)
    return [int(child) for child in found]
