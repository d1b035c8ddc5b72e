"""`slate ui`: Dagster's UI and daemon, on the deployment's data, until interrupted."""

import fcntl
import os
import signal
import socket
import subprocess
import sys
import time
from argparse import Namespace
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from slate.cli import processes
from slate.cli.text import Clock
from slate.deployment import load
from slate.errors import ConfigurationError
from slate.orchestration.home import prepare_home

HOST = "127.0.0.1"
PAUSE = 0.1
# Dagster gives its own processes a minute to end.
STOP_SECONDS = 70.0


class Interrupts:
    """Counts interrupts instead of raising them, so that none comes between a start and its stop.

    Attributes:
        number: how many there were.
    """

    def __init__(self) -> None:
        self.number = 0
        for number in (signal.SIGINT, signal.SIGTERM):
            signal.signal(number, self._count)

    def _count(self, *_: object) -> None:
        self.number += 1


def run(options: Namespace) -> int:
    """Start Dagster, print its address once it answers, and stop all of it when interrupted."""
    say = Clock()
    deployment = load()
    processes.prepare(deployment)
    home = prepare_home(deployment)
    interrupts = Interrupts()
    port = free_port(options.port)
    with (
        the_only_one(home, f"http://{HOST}:{port}") as lock,
        processes.store(deployment) as store,
    ):
        say(f"online store: {store}")
        say("starting Dagster, which takes about half a minute")
        dagster = subprocess.Popen(
            command(port), stdout=sys.stderr, start_new_session=True, pass_fds=[lock]
        )
        try:
            announced = False
            while dagster.poll() is None and not interrupts.number:
                if not announced and _answers(port):
                    say("Dagster is up; interrupt to stop")
                    print(f"http://{HOST}:{port}", flush=True)
                    announced = True
                time.sleep(PAUSE)
            if interrupts.number:
                say("stopping; interrupt once more to hurry")
        finally:
            # Also where nobody reads any more what is printed.
            stop(dagster, interrupts)
    if not interrupts.number:
        print(f"slate: Dagster ended by itself, with code {dagster.returncode}", file=sys.stderr)
        return 1
    raise KeyboardInterrupt


@contextmanager
def the_only_one(home: Path, address: str) -> Iterator[int]:
    """Be the only one to run Dagster on a home: a second daemon would start each run once more.

    Args:
        home: Dagster's home.
        address: where the UI is to be found.

    Yields:
        What Dagster is to hold too, so that it counts for as long as it runs.

    Raises:
        ConfigurationError: it runs already.
    """
    with (home / "ui").open("a+") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            file.seek(0)
            raise ConfigurationError(
                f"Dagster runs on {home.parent} already, at {file.read()}: open that, or stop it "
                "first; SLATE_DATA names another data folder"
            ) from None
        file.truncate(0)
        file.write(address)
        file.flush()
        yield file.fileno()


def command(port: int) -> list[str]:
    """What starts Dagster's UI and daemon."""
    return [
        *(sys.executable, "-m", "dagster", "dev"),
        *("--module-name", "slate.orchestration.definitions"),
        *("--host", HOST, "--port", str(port)),
    ]


def free_port(wanted: int) -> int:
    """The wanted port, or where it cannot be had, one that is free."""
    with socket.socket() as listener:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            listener.bind((HOST, wanted))
        except OSError:
            listener.bind((HOST, 0))
        port: int = listener.getsockname()[1]
        return port


def stop(leader: subprocess.Popen[bytes], interrupts: Interrupts) -> None:
    """Interrupt the leader of a process group; end what is left of the group after a while.

    Args:
        leader: the process that started the others.
        interrupts: one more of them ends the wait.
    """
    before, deadline = interrupts.number, time.monotonic() + STOP_SECONDS
    leader.send_signal(signal.SIGINT)
    while leader.poll() is None and time.monotonic() < deadline and interrupts.number == before:
        time.sleep(PAUSE)
    with suppress(ProcessLookupError):
        os.killpg(leader.pid, signal.SIGKILL)
    leader.wait()


def _answers(port: int) -> bool:
    with socket.socket() as caller:
        return caller.connect_ex((HOST, port)) == 0
