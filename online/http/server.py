"""Running the server: one process that serves, or several that share a socket and one that watches.

A server that is told to end closes its socket first. Connections that are open have their next
answer yet, which tells their end; when all have ended, or after a while, it ends itself.
"""

import asyncio
import logging
import os
import signal
import socket
import subprocess
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress

from uvicorn import Config, Server

from slate.errors import ConfigurationError
from slate.online.http.application import Application
from slate.online.http.protocol import Protocol

logger = logging.getLogger(__name__)

# How many seconds a connection on which nothing is asked is kept, and how long it may take to end.
KEPT, LAST_WORDS, ENDING = 75, 0.5, 30
BACKLOG = 2_048
WATCH = 0.1
# A process that gives up sooner than after this many seconds would do so again.
YOUNG = 5.0


def listen(host: str, port: int) -> socket.socket:
    """A socket that accepts connections.

    Args:
        host: a name or an address of this machine.
        port: the port; 0 for a free one.

    Raises:
        ConfigurationError: it cannot be had.
    """
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    try:
        return socket.create_server((host, port), family=family, backlog=BACKLOG)
    except (OSError, UnicodeError) as error:
        raise ConfigurationError(
            f"{host}:{port} cannot be listened on ({error}): give another --host or --port, or end "
            "what has it"
        ) from error


class _Draining(Server):
    """A server that loses no request when it ends, and ends with the process that watches it."""

    def __init__(
        self,
        config: Config,
        application: Application,
        started: Callable[[], None],
        watcher: int | None,
    ) -> None:
        super().__init__(config)
        self._application = application
        self._told = started
        self._watcher = watcher

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        self._told()

    async def on_tick(self, counter: int) -> bool:
        # Without the process that watches nobody would end this one.
        alone = self._watcher not in (None, os.getppid())
        return await super().on_tick(counter) or alone

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        self._application.draining = True
        waiting = [one for listening in sockets or [] for one in _waiting(listening)]
        for server in self.servers:
            server.close()
        for listening in sockets or []:
            listening.close()
        for connection in waiting:
            await asyncio.get_running_loop().connect_accepted_socket(self._protocol, connection)
        deadline = time.monotonic() + LAST_WORDS
        while self.server_state.connections and time.monotonic() < deadline:
            await asyncio.sleep(WATCH / 10)
        await super().shutdown(sockets)

    def _protocol(self) -> Protocol:
        return Protocol(self.config, self.server_state, self.lifespan.state)


def _waiting(listening: socket.socket) -> Iterator[socket.socket]:
    """The connections that the system has accepted, and would cut with the socket's end."""
    listening.setblocking(False)
    with suppress(OSError):
        while True:
            yield listening.accept()[0]


def serve(
    application: Application,
    listening: socket.socket,
    started: Callable[[], None],
    watcher: int | None = None,
) -> None:
    """Serve in this process until it is interrupted or terminated.

    Args:
        application: what answers.
        listening: the socket.
        started: called once requests are answered.
        watcher: the process that watches this one, which ends with it.
    """
    config = Config(
        application,
        http=Protocol,
        loop="auto",
        ws="none",
        lifespan="on",
        log_config=None,
        access_log=False,
        server_header=False,
        backlog=BACKLOG,
        timeout_keep_alive=KEPT,
        timeout_graceful_shutdown=ENDING,
    )
    # After a clean end the server gives its signal on, which is to do nothing then.
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, _nothing)
    _Draining(config, application, started, watcher).run([listening])


def _nothing(*_: object) -> None: ...


def watch(
    commands: Sequence[Sequence[str]],
    listening: socket.socket,
    ended: Callable[[int], None],
) -> int:
    """Run processes until this one is interrupted or terminated; the exit code.

    One that dies is started again, unless it gives up while it starts. One that is killed is
    started again whenever that is: what the system does to one is no reason to end the others.

    Args:
        commands: what starts each of them; they inherit the socket's descriptor.
        listening: the socket that they share.
        ended: told the id of each that ended.
    """
    stop: list[int] = []
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda number, _: stop.append(number))

    def start(command: Sequence[str]) -> tuple[subprocess.Popen[bytes], float]:
        # An interrupt of the terminal comes by way of this process.
        one = subprocess.Popen(command, pass_fds=[listening.fileno()], process_group=0)
        return one, time.monotonic()

    running = [start(command) for command in commands]
    failed = False
    while not stop and not failed:
        time.sleep(WATCH)
        for place, (one, began) in enumerate(running):
            if one.poll() is not None and not stop:
                ended(one.pid)
                failed = time.monotonic() - began < YOUNG and one.returncode > 0
                if failed:
                    break
                logger.error("a serving process ended (%s), and is started again", one.returncode)
                running[place] = start(commands[place])
    listening.close()
    for one, _ in running:
        one.terminate()
    for one, _ in running:
        try:
            one.wait(ENDING + YOUNG)
        except subprocess.TimeoutExpired:
            one.kill()
    return 1 if failed else 0


def inherited(descriptor: int) -> socket.socket:
    """The socket that another process listens on."""
    # As it is: with another descriptor left open, the socket would not end with this one.
    return socket.socket(fileno=descriptor)
