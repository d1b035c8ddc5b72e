"""The online store: where it is, and how it is spoken to."""

from collections.abc import Iterable
from contextlib import closing
from typing import Any

from redis import Redis
from redis.asyncio import Redis as AsyncRedis
from redis.asyncio.retry import Retry as AsyncRetry
from redis.backoff import NoBackoff
from redis.retry import Retry

from online.commands import Packed
from online.embedded import EmbeddedServer
from slate.deployment import Deployment

# A reply is megabytes: read it in few pieces.
READ_SIZE = 1 << 20
# Once more, for a pooled connection that the server has closed meanwhile.
RETRIES = 1


def open_store(deployment: Deployment) -> tuple[str, EmbeddedServer | None]:
    """The store's address, and where the deployment has none of its own, the embedded server.

    Raises:
        StoreError: the embedded server cannot be started.
    """
    if deployment.redis:
        return deployment.redis, None
    deployment.make_data()
    server = EmbeddedServer.attach(deployment.data / "redis")
    return server.address, server


def shown(address: str) -> str:
    """A store's address as it may be printed: without names, passwords and options.

    Examples:
        >>> shown("redis://slate:secret@cache:6379/0?password=secret")
        'redis://cache:6379/0'
    """
    scheme, colon, rest = address.partition("://")
    if not colon:
        scheme, rest = "", address
    place, _, options = rest.partition("?")
    # What is before an @ is a secret, and may hold a ? that should have been escaped.
    place = "..." if "@" in options else place.rpartition("@")[2]
    return f"{scheme}{colon}{place}"


def connect(address: str, timeout: float | None = None) -> Redis:
    """A client of the store.

    Args:
        address: ``redis://``, ``rediss://`` or ``unix://``.
        timeout: after how many seconds a command fails; None waits for ever.
    """
    return Redis.from_url(
        address,
        socket_timeout=timeout,
        socket_connect_timeout=timeout,
        socket_read_size=READ_SIZE,
        retry=Retry(NoBackoff(), RETRIES),
    )


def connect_async(address: str, timeout: float | None = None) -> AsyncRedis:
    """An asynchronous client of the store; see ``connect``."""
    return AsyncRedis.from_url(
        address,
        socket_timeout=timeout,
        socket_connect_timeout=timeout,
        socket_read_size=READ_SIZE,
        retry=AsyncRetry(NoBackoff(), RETRIES),
    )


class Channel:
    """A connection of its own for as long as it is open, so that commands can be sent ahead."""

    def __init__(self, redis: Redis) -> None:
        self._pool = redis.connection_pool
        self._connection: Any = None
        self._awaited = 0

    def exchange(self, command: Packed | None) -> Any:
        """Send commands, or with None wait for the next reply.

        Raises:
            RedisError: the store cannot be reached, or refuses.
        """
        if self._connection is None:
            self._connection = self._pool.get_connection()
        if command is not None:
            self._connection.send_packed_command([command.data])
            self._awaited += command.number
            return None
        reply = self._connection.read_response()
        self._awaited -= 1
        return reply

    def close(self, cut: bool = False) -> None:
        """Give the connection back; cut it on demand, or if nobody waits for replies to come."""
        if self._connection is not None:
            if cut or self._awaited:
                self._connection.disconnect()
            self._pool.release(self._connection)


def send(redis: Redis, commands: Iterable[Packed]) -> None:
    """Send commands, one after another, and then await the replies.

    Raises:
        RedisError: the store cannot be reached, or refuses one of them.
    """
    with closing(Channel(redis)) as channel:
        sent = 0
        for command in commands:
            channel.exchange(command)
            sent += command.number
        for _ in range(sent):
            channel.exchange(None)


class AsyncChannel:
    """A ``Channel`` for asynchronous applications."""

    def __init__(self, redis: AsyncRedis) -> None:
        self._pool = redis.connection_pool
        self._connection: Any = None
        self._awaited = 0

    async def exchange(self, command: Packed | None) -> Any:
        """Send commands, or with None await the next reply; see ``Channel.exchange``."""
        if self._connection is None:
            self._connection = await self._pool.get_connection()  # type: ignore[no-untyped-call]
        if command is not None:
            await self._connection.send_packed_command([command.data])
            self._awaited += command.number
            return None
        reply = await self._connection.read_response()
        self._awaited -= 1
        return reply

    async def aclose(self) -> None:
        """Give the connection back; see ``Channel.close``."""
        if self._connection is not None:
            if self._awaited:
                await self._connection.disconnect(nowait=True)
            await self._pool.release(self._connection)
