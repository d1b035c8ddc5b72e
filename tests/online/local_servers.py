"""Real servers on this machine, of the embedded server's kind."""

import socket
import subprocess
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

from redis import Redis
from redis.backoff import NoBackoff
from redis.exceptions import RedisError
from redis.retry import Retry

from slate.online.store.embedded_process import binary

START_SECONDS = 20.0
# The server, and beside it what ends it with the tests, however they end.
_RUN = 'exec 3<&0; "$@" 3<&- & server=$!; { read -r _ <&3; kill -9 "$server"; } & wait "$server"'


class LocalServer:
    """A server, started.

    Args:
        folder: where it keeps its data; made if need be.
        settings: its settings, or lines of a file that it may change.
        password: what clients tell it.
        words: further words of its command.
    """

    def __init__(
        self,
        folder: Path,
        settings: dict[str, Any] | str,
        password: str | None = None,
        words: tuple[str, ...] = (),
    ) -> None:
        (self.port,) = free_ports(1)
        self._folder, self._password = folder, password
        folder.mkdir(exist_ok=True)
        given = ["--port", self.port, "--bind", "127.0.0.1", "--dir", folder]
        if isinstance(settings, str):
            (folder / "conf").write_text(settings)
            given.insert(0, folder / "conf")
        else:
            given += [part for name, value in settings.items() for part in (f"--{name}", value)]
        self._command = [str(part) for part in (*given, *words)]
        self.start()

    def start(self) -> None:
        """Start it, and wait until it answers."""
        with (self._folder / "log").open("ab") as log:
            self._process = subprocess.Popen(
                ["sh", "-c", _RUN, "node", str(binary()), *self._command],
                stdin=subprocess.PIPE,
                stdout=log,
                stderr=log,
            )
        retry = Retry(NoBackoff(), 0)
        self.redis: Any = Redis(
            port=self.port, password=self._password, retry=retry, socket_timeout=5
        )
        until(self._answers)

    def _answers(self) -> bool:
        with suppress(RedisError):
            return bool(self.redis.ping())
        return False

    def kill(self) -> None:
        """Kill it."""
        assert self._process.stdin is not None
        self._process.stdin.close()
        self._process.wait()
        self.redis.close()


def until(true: Callable[[], bool], seconds: float = START_SECONDS) -> None:
    """Wait until something is so."""
    deadline = time.monotonic() + seconds
    while not true():
        assert time.monotonic() < deadline, "the servers do not get there in time"
        time.sleep(0.02)


def free_ports(number: int) -> list[int]:
    """Ports that nobody listens on."""
    sockets = [socket.socket() for _ in range(number)]
    for one in sockets:
        one.bind(("127.0.0.1", 0))
    ports = [int(one.getsockname()[1]) for one in sockets]
    for one in sockets:
        one.close()
    return ports
