"""Connections for tasks: what ``slate.online.store.connections`` does for threads."""

import asyncio
import time
from asyncio import AbstractEventLoop
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from typing import Any, Self

from redis.asyncio import ConnectionPool, Redis
from redis.asyncio.connection import Connection, SSLConnection, UnixDomainSocketConnection
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff
from redis.connection import Connection as SyncConnection
from redis.connection import SSLConnection as SyncSSLConnection
from redis.connection import UnixDomainSocketConnection as SyncUnixDomainSocketConnection
from redis.exceptions import RedisError, ResponseError

from slate.errors import ClosedError
from slate.limits import check_timeout
from slate.online.store.addresses import options
from slate.online.store.channel import READ_SIZE
from slate.online.store.commands import Packed
from slate.online.store.flows import (
    CONNECTIONS,
    ExchangeError,
    Flow,
    Replicated,
    Step,
    T,
    busy,
    closed,
    cut,
    drive_async,
    late,
    unreachable,
)

# Deadlines are kept here, for all waits at once.
UNTIMED: dict[str, Any] = {
    "socket_timeout": None,
    "socket_connect_timeout": None,
    "socket_read_size": READ_SIZE,
    "retry": Retry(NoBackoff(), 0),
}
# How often the loop looks at what has come before a deadline that has passed is kept: where
# something else has held it up, replies may have been there in time.
LOOKS = 8


class AsyncConnections:
    """As many connections to the store as are at work at a time; for tasks of one event loop.

    Args:
        redis: a client of the store.
        timeout: how many seconds a flow has.
        most: how many connections there may be; who needs another one waits for its turn.

    Attributes:
        heard: when the store last said anything to anyone, by the monotonic clock.
    """

    def __init__(self, redis: Redis, timeout: float, most: int) -> None:
        self.redis = redis
        self.timeout = timeout
        self.most = most
        self.gate = asyncio.Semaphore(most)
        self.heard = 0.0
        self.closed = False
        self._loop: AbstractEventLoop | None = None

    @classmethod
    def to(cls, address: str, timeout: float) -> Self:
        """Connections to an address; see ``Connections.to``."""
        check_timeout(timeout)
        return cls.of(options(address), timeout)

    @classmethod
    def of(cls, address: Mapping[str, Any], timeout: float) -> Self:
        """Connections to an address that is read already; see ``Connections.of``."""
        given = dict(address)
        most = given.pop("max_connections", CONNECTIONS)
        kind = _ASYNC[given.pop("connection_class", SyncConnection)]
        return cls(Redis.from_pool(ConnectionPool(kind, most, **UNTIMED, **given)), timeout, most)

    async def run(self, flow: Flow[T], timeout: float | None = None) -> T:
        """Run a flow, and return what it returns; see ``Connections.run``.

        Raises:
            ClosedError: the connections are closed, or those of another event loop.
        """
        if self.closed:
            raise closed()
        self._loop = only_loop(self._loop)
        exchange = AsyncExchange(self, self.timeout if timeout is None else timeout)
        try:
            return await drive_async(flow, exchange)
        finally:
            await exchange.end()

    async def close(self) -> None:
        """Cut all connections; who asks from now on is told."""
        self.closed = True
        # Those of another event loop end with it.
        if self._loop in (None, asyncio.get_running_loop()):
            await self.redis.aclose()


def only_loop(known: AbstractEventLoop | None) -> AbstractEventLoop:
    """The event loop that runs.

    Args:
        known: the one in which the connections were used first; None before.

    Raises:
        ClosedError: it is another one.
    """
    loop = asyncio.get_running_loop()
    if known not in (None, loop):
        raise ClosedError(
            "its connections belong to the event loop that it was used on first: connect one "
            "in each event loop"
        )
    return loop


class AsyncExchange:
    """A flow's exchange with the store, over a connection that it holds from the first command."""

    def __init__(
        self, connections: AsyncConnections, timeout: float, began: float | None = None
    ) -> None:
        self._timeout = timeout
        self._connections = connections
        self._channel: AsyncChannel | None = None
        self._began = time.monotonic() if began is None else began

    async def __call__(self, step: Step) -> Any:
        """What a flow is sent for a step, or raises what is thrown in."""
        try:
            return await self._exchanged(step)
        except (ExchangeError, ResponseError):
            if self._connections.closed:
                raise closed() from None
            raise

    async def _exchanged(self, step: Step) -> Any:
        if isinstance(step, float):
            return await self._pause(step)
        if isinstance(step, Replicated):
            return []
        all_ = self._connections
        try:
            async with _until(self._began + self._timeout):
                reply = await (self._channel or await self._open()).exchange(step)
        except ResponseError:
            all_.heard = time.monotonic()
            raise
        except TimeoutError:
            if self._channel is None:
                raise busy(self._timeout, all_.most) from None
            # One that had less time than others tells nothing about what these may expect.
            lost = all_.heard < self._began and self._timeout >= all_.timeout
            raise late(self._timeout, lost) from None
        except (RedisError, OSError) as error:
            # What comes after it, if anything, has another connection.
            await self.end()
            raise cut(error) from error
        if step is None:
            all_.heard = time.monotonic()
        return reply

    async def _open(self) -> "AsyncChannel":
        await self._connections.gate.acquire()
        self._channel = AsyncChannel(self._connections.redis)
        if self._connections.closed:
            raise closed()
        try:
            await self._channel.connect()
        except TimeoutError:
            raise
        except (RedisError, OSError) as error:
            raise unreachable(error) from error
        return self._channel

    async def _pause(self, seconds: float) -> None:
        await self.end()
        await asyncio.sleep(seconds)
        self._began = time.monotonic()

    async def end(self) -> None:
        """Give the connection back."""
        if self._channel is not None:
            channel, self._channel = self._channel, None
            try:
                await channel.aclose()
            finally:
                self._connections.gate.release()


class AsyncChannel:
    """A ``Channel`` for asynchronous applications."""

    def __init__(self, redis: Redis) -> None:
        self._pool = redis.connection_pool
        self._connection: Any = None
        self._awaited = 0

    async def connect(self) -> None:
        """Take a connection, and make it if need be; see ``Channel.connect``."""
        self._connection = await self._pool.get_connection()  # type: ignore[no-untyped-call]

    async def exchange(self, command: Packed | None) -> Any:
        """Send commands, or with None await the next reply; see ``Channel.exchange``."""
        if command is not None:
            self._awaited += command.number
            await self._connection.send_packed_command([command.data])
            return None
        try:
            reply = await self._connection.read_response()
        except ResponseError:
            self._awaited -= 1
            raise
        self._awaited -= 1
        return reply

    async def aclose(self) -> None:
        """Give the connection back; see ``Channel.close``."""
        if self._connection is not None:
            if self._awaited:
                await self._connection.disconnect(nowait=True)
            await self._pool.release(self._connection)


@asynccontextmanager
async def _until(deadline: float) -> AsyncIterator[None]:
    """Give up what is awaited at a deadline of the monotonic clock.

    Raises:
        TimeoutError: it has passed.
    """
    loop = asyncio.get_running_loop()
    handle: asyncio.Handle
    async with asyncio.timeout(None) as timeout:

        def look(times: int) -> None:
            nonlocal handle
            if times:
                handle = loop.call_soon(look, times - 1)
            else:
                timeout.reschedule(loop.time())

        handle = loop.call_later(deadline - time.monotonic(), look, LOOKS)
        try:
            yield
        finally:
            handle.cancel()


_ASYNC = {
    SyncConnection: Connection,
    SyncSSLConnection: SSLConnection,
    SyncUnixDomainSocketConnection: UnixDomainSocketConnection,
}
