"""`slate ui`: Dagster's UI and daemon, on the deployment's data, until interrupted."""

import os
import signal
import socket
import subprocess
import sys
import time
from argparse import Namespace
from contextlib import suppress
from pathlib import Path

from cli import processes
from cli.text import Say, clock
from orchestration.home import prepare_home
from slate.deployment import load

HOST = "127.0.0.1"
WORKSPACE = Path(__file__).resolve().parents[1] / "workspace.yaml"
PAUSE = 0.2
# Dagster gives its own processes a minute to end.
STOP_SECONDS = 70.0


def run(options: Namespace) -> int:
    """Start Dagster, print its address once it answers, and stop all of it when interrupted."""
    say = clock()
    deployment = load()
    processes.prepare(deployment)
    prepare_home(deployment)
    port = free_port(options.port)
    with processes.store(deployment) as address:
        say(f"online store: {address}")
        say("starting Dagster: half a minute")
        dagster = subprocess.Popen(command(port), stdout=sys.stderr, start_new_session=True)
        try:
            return _attend(dagster, port, say)
        finally:
            say("stopping")
            stop(dagster)


def command(port: int) -> list[str]:
    """What starts Dagster's UI and daemon."""
    return [
        *(sys.executable, "-m", "dagster", "dev"),
        *("--workspace", str(WORKSPACE)),
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


def stop(leader: subprocess.Popen[bytes]) -> None:
    """Interrupt the leader of a process group; end what of the group is left after a while."""
    try:
        leader.send_signal(signal.SIGINT)
        leader.wait(STOP_SECONDS)
    except subprocess.TimeoutExpired:
        print(f"slate: Dagster did not end in {STOP_SECONDS:.0f} s: killing it", file=sys.stderr)
    finally:
        with suppress(ProcessLookupError):
            os.killpg(leader.pid, signal.SIGKILL)
        leader.wait()


def _attend(dagster: subprocess.Popen[bytes], port: int, say: Say) -> int:
    """Wait until Dagster ends; say when it answers."""
    while dagster.poll() is None and not _answers(port):
        time.sleep(PAUSE)
    if dagster.poll() is None:
        say("Dagster is up; interrupt to stop")
        print(f"http://{HOST}:{port}", flush=True)
    code = dagster.wait()
    print(f"slate: Dagster ended by itself, with code {code}", file=sys.stderr)
    return 1


def _answers(port: int) -> bool:
    with socket.socket() as caller:
        return caller.connect_ex((HOST, port)) == 0
