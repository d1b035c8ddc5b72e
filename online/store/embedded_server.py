"""The embedded store: a real server, started where a deployment names none.

The first process to attach to a folder's server starts it, the last one to leave stops it, and
where all that used it were killed, it ends by itself. It listens on a unix socket in its folder, or
where that path is too long for a socket, in a private temporary folder that the folder's file
``socket`` names.

Who uses it holds the folder's named pipe ``users`` open for writing, and the system closes that
with the process, however it ends. Whoever reads the pipe learns whether anybody is left.
"""

import atexit
import contextlib
import fcntl
import logging
import os
import shutil
import signal
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import quote

from redis.exceptions import RedisError

from slate.errors import StoreError
from slate.online.store.embedded_process import PAUSE, answers, client, reap, start
from slate.online.store.persistence import refusal, unsaved

logger = logging.getLogger(__name__)

# A unix socket's path has 104 bytes on macOS and 108 on Linux, with its end.
LONGEST_PATH = 100
STOP_SECONDS = 60.0

_USERS = "users"


class EmbeddedServer:
    """A running server, for as long as this object or another uses it.

    Args:
        folder: where it keeps its data.
        socket: its unix socket.
        user: what holds the pipe of its users open.
        started: whether this object started it.

    Attributes:
        folder: where it keeps its data.
        socket: its unix socket.
        started: whether this object started it.
    """

    def __init__(self, folder: Path, socket: Path, user: int, started: bool) -> None:
        self.folder = folder
        self.socket = socket
        self.started = started
        self._user: int | None = user
        self._process = os.getpid()
        atexit.register(self.stop)

    @property
    def address(self) -> str:
        """Its address, as ``slate.online.store.redis_client.connect`` takes it."""
        return _address(self.socket)

    @classmethod
    def running(cls, folder: Path) -> str | None:
        """The address of this folder's server; None where none runs, and none is started."""
        socket = _recorded(folder.absolute())
        return _address(socket) if socket is not None and socket.exists() else None

    @classmethod
    def in_use(cls, folder: Path) -> bool:
        """Whether any process uses this folder's server; none is started."""
        return (folder / _USERS).exists() and _used(folder)

    @classmethod
    def attach(cls, folder: Path) -> "EmbeddedServer":
        """The server of this folder; started if none runs there.

        Waits until it has loaded what it holds.

        Raises:
            StoreError: it cannot be started, or one that runs does not answer.
        """
        folder = folder.absolute()
        try:
            folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            with _lock(folder):
                socket = _socket(folder)
                if not _used(folder):
                    # It may not have ended yet, where all that used it were killed just now.
                    _shut_down(socket, folder)
                user, reader = _use(folder)
                try:
                    started = not answers(socket)
                    if started:
                        start(folder, socket, reader)
                except BaseException:
                    os.close(user)
                    raise
                finally:
                    os.close(reader)
        except OSError as error:
            raise StoreError(
                f"the embedded store in {folder} cannot be started ({error}): fix that, or set "
                "`redis` in slate.toml to the address of a server of your own"
            ) from error
        server = cls(folder, socket, user, started)
        server._warn()
        return server

    def revive(self) -> bool:
        """Start it again where it does not answer, as after a crash; tell whether that was so.

        Raises:
            StoreError: it cannot be started.
        """
        with _lock(self.folder):
            if answers(self.socket):
                return False
            reader = os.open(self.folder / _USERS, os.O_RDONLY | os.O_NONBLOCK)
            try:
                start(self.folder, self.socket, reader)
            finally:
                os.close(reader)
            return True

    def stop(self) -> None:
        """Leave it, and stop it where nobody else uses it.

        What it was told is in its file by then. Where that cannot be written, as on a full disk,
        the log says so.
        """
        user, self._user = self._user, None
        # A forked child holds a copy of this object, but it is its parent's.
        if user is None or self._process != os.getpid():
            return
        atexit.unregister(self.stop)
        if not self.folder.exists():  # with it went what others would find it by
            os.close(user)
            return
        with _lock(self.folder):
            # Asked before, as it may end as soon as nobody uses it.
            lost = self._unsaved()
            os.close(user)
            if _used(self.folder):
                return
            if lost:
                logger.error(
                    "the embedded store in %s stops, and what was written to it last is not saved: "
                    "%s. Make room there; then `slate run` publishes again",
                    self.folder,
                    lost,
                )
            _shut_down(self.socket, self.folder)
            if self.socket.parent != self.folder:
                shutil.rmtree(self.socket.parent, ignore_errors=True)
                (self.folder / "socket").unlink(missing_ok=True)

    def _unsaved(self) -> str | None:
        with contextlib.suppress(RedisError), client(self.socket) as redis:
            return unsaved(redis)
        return None

    def _warn(self) -> None:
        """Tell where it cannot save, so that it is known before something is written."""
        with contextlib.suppress(RedisError), client(self.socket) as redis:
            if reason := refusal(redis):
                logger.warning(
                    "the embedded store in %s cannot save, so it takes no writes until it can: %s",
                    self.folder,
                    reason,
                )

    def __enter__(self) -> "EmbeddedServer":
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()


def _use(folder: Path) -> tuple[int, int]:
    """Count as a user for as long as the first is open; the second tells when all have left."""
    reader = os.open(folder / _USERS, os.O_RDONLY | os.O_NONBLOCK)
    return os.open(folder / _USERS, os.O_WRONLY), reader


def _used(folder: Path) -> bool:
    """Whether any process uses the server of a folder."""
    pipe = folder / _USERS
    if not pipe.exists():
        os.mkfifo(pipe, 0o600)
    reader = os.open(pipe, os.O_RDONLY | os.O_NONBLOCK)
    try:
        return bool(os.read(reader, 1))
    except BlockingIOError:  # nothing was written, but somebody could
        return True
    finally:
        os.close(reader)


def _shut_down(socket: Path, folder: Path) -> None:
    """Stop the server that listens here, if one does."""
    number = None
    with contextlib.suppress(RedisError), client(socket) as redis:
        number = int(redis.info("server")["process_id"])
        redis.shutdown(nosave=True, force=True)
    deadline = time.monotonic() + STOP_SECONDS
    while number is not None and answers(socket):
        if time.monotonic() > deadline:
            logger.error(
                "the embedded store in %s did not stop within %.0f s and was killed: see %s",
                folder,
                STOP_SECONDS,
                folder / "redis.log",
            )
            with contextlib.suppress(ProcessLookupError):
                os.kill(number, signal.SIGKILL)
        time.sleep(PAUSE)
    reap()


@contextlib.contextmanager
def _lock(folder: Path) -> Iterator[None]:
    """One process at a time, and none for ever: the lock ends with the process."""
    with (folder / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


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
