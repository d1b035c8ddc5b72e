"""dbt for tests: loaded once for a test run, in one process that its calls are forked from.

To load dbt takes a core three seconds, more than most of what tests have it do. So their processes
find a `dbt` first on their path that hands its arguments, files, folder and environment to a server
of this module, which has it loaded and forks for each call a process that is dbt. The program lives
as long as that one does: it passes signals on, ends as it ended, and takes it along where it is
killed itself. The first call starts the server, and it ends with the process that owns it.

A test that sets the path anew meets dbt as users do.
"""

import fcntl
import json
import os
import shlex
import signal
import socket
import subprocess
import sys
import time
from contextlib import suppress
from pathlib import Path
from select import select
from types import FrameType
from typing import Any, NoReturn

_SOCKET, _LOCK = "dbt.sock", "dbt.lock"
# The bytes of a number that is told.
_NUMBER = 8
_SECONDS = 60
_LONGEST_ADDRESS = 100


def program(folder: Path) -> Path | None:
    """The folder of a program `dbt`; None where the system does not have what it takes.

    Args:
        folder: where it is written, if it is not there yet. All who have it share its server.
    """
    if not hasattr(os, "pidfd_open") or len(str(folder / _SOCKET)) > _LONGEST_ADDRESS:
        return None
    folder.mkdir(exist_ok=True)
    # Workers of a test run come and go with the process that started them.
    owner = os.getppid() if "PYTEST_XDIST_WORKER" in os.environ else os.getpid()
    # Without what else this environment has: that takes time, too.
    words = (sys.executable, "-IS", __file__, "call", str(folder), str(owner))
    written = folder / f"dbt.{os.getpid()}"
    written.write_text(f'#!/bin/sh\nexec {shlex.join(words)} "$@"\n')
    written.chmod(0o755)
    written.rename(folder / "dbt")
    return folder


def _call(folder: Path, owner: int, arguments: list[str]) -> int:
    """Have the server run dbt, and end as that does."""
    told = {
        "arguments": arguments,
        "folder": str(Path.cwd()),
        "environment": dict(os.environ),
        "blocked": [int(one) for one in signal.pthread_sigmask(signal.SIG_BLOCK, [])],
    }
    with _connected(folder, owner) as connection:
        _send(connection, told, [0, 1, 2])
        process = _number(connection)

        def pass_on(number: int, _: FrameType | None) -> None:
            with suppress(ProcessLookupError):
                os.kill(process, number)

        signal.signal(signal.SIGINT, pass_on)
        signal.signal(signal.SIGTERM, pass_on)
        status = _number(connection)
    if status < 0:
        signal.signal(-status, signal.SIG_DFL)
        os.kill(os.getpid(), -status)
    return status


def _connected(folder: Path, owner: int) -> socket.socket:
    """A connection to the server, which is started where there is none."""
    connection = socket.socket(socket.AF_UNIX)
    address = str(folder / _SOCKET)
    with suppress(OSError):
        connection.connect(address)
        return connection
    with (folder / _LOCK).open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        with suppress(OSError):
            connection.connect(address)
            return connection
        subprocess.Popen(
            [sys.executable, __file__, "serve", str(folder), str(owner)],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            start_new_session=True,
        )
        end = time.monotonic() + _SECONDS
        while True:
            try:
                connection.connect(address)
            except OSError:
                if time.monotonic() > end:
                    raise
                time.sleep(0.02)
            else:
                return connection


def _serve(folder: Path, owner: int) -> None:
    """Fork for each call, as long as the owner lives."""
    import dbt.adapters.duckdb
    import dbt.cli.main  # noqa: F401

    # Who is forked is waited for by nobody.
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)
    address = folder / _SOCKET
    with suppress(FileNotFoundError):
        address.unlink()
    with socket.socket(socket.AF_UNIX) as server:
        server.bind(str(address))
        server.listen()
        while _lives(owner):
            if select([server], [], [], 1)[0]:
                connection, _ = server.accept()
                if os.fork() == 0:
                    server.close()
                    _keep(connection)
                connection.close()


def _lives(process: int) -> bool:
    try:
        os.kill(process, 0)
    except ProcessLookupError:
        return False
    return True


def _keep(connection: socket.socket) -> NoReturn:
    """Have dbt run in a process of its own, and tell how it ended; unheard, it is killed."""
    signal.signal(signal.SIGCHLD, signal.SIG_DFL)
    told, files = _receive(connection)
    process = os.fork()
    if process == 0:
        connection.close()
        _dbt(told, files)
    for file in files:
        os.close(file)
    connection.sendall(process.to_bytes(_NUMBER))
    ended = os.pidfd_open(process)
    if ended not in select([ended, connection], [], [])[0]:
        os.kill(process, signal.SIGKILL)
    _, status = os.waitpid(process, 0)
    with suppress(OSError):
        connection.sendall(os.waitstatus_to_exitcode(status).to_bytes(_NUMBER, signed=True))
    os._exit(0)


def _dbt(told: dict[str, Any], files: list[int]) -> NoReturn:
    from dbt.cli.main import cli

    for number, file in enumerate(files):
        os.dup2(file, number)
        os.close(file)
    os.chdir(told["folder"])
    os.environ.clear()
    os.environ.update(told["environment"])
    time.tzset()
    signal.pthread_sigmask(signal.SIG_SETMASK, told["blocked"])
    sys.argv = ["dbt", *told["arguments"]]
    sys.exit(cli())


def _send(connection: socket.socket, told: object, files: list[int]) -> None:
    text = json.dumps(told).encode()
    socket.send_fds(connection, [len(text).to_bytes(_NUMBER)], files)
    connection.sendall(text)


def _receive(connection: socket.socket) -> tuple[Any, list[int]]:
    length, files, _, _ = socket.recv_fds(connection, _NUMBER, 3)
    text = b""
    while len(text) < int.from_bytes(length):
        text += connection.recv(1 << 16)
    return json.loads(text), files


def _number(connection: socket.socket) -> int:
    told = connection.recv(_NUMBER, socket.MSG_WAITALL)
    if len(told) < _NUMBER:
        raise ConnectionError("the server that runs dbt for tests is gone")
    return int.from_bytes(told, signed=True)


if __name__ == "__main__":
    _, _what, _folder, _owner, *_arguments = sys.argv
    if _what == "call":
        sys.exit(_call(Path(_folder), int(_owner), _arguments))
    _serve(Path(_folder), int(_owner))
