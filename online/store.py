"""The online store: where it is, and how it is spoken to."""

from typing import Any

from redis import Redis
from redis.asyncio import Redis as AsyncRedis
from redis.asyncio.retry import Retry as AsyncRetry
from redis.backoff import NoBackoff
from redis.retry import Retry

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
    server = EmbeddedServer.attach(deployment.data / "redis")
    return server.address, server


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


def ask(redis: Redis, command: bytes) -> Any:
    """Send the store a command as bytes, and wait for the reply.

    Raises:
        RedisError: the store cannot be reached, or refuses.
    """
    pool = redis.connection_pool
    connection = pool.get_connection()
    try:
        connection.send_packed_command([command])  # type: ignore[no-untyped-call]
        return connection.read_response()
    finally:
        pool.release(connection)


async def ask_async(redis: AsyncRedis, command: bytes) -> Any:
    """Send the store a command as bytes, and await the reply; see ``ask``."""
    pool = redis.connection_pool
    connection = await pool.get_connection()  # type: ignore[no-untyped-call]
    try:
        await connection.send_packed_command([command])
        return await connection.read_response()
    finally:
        await pool.release(connection)


def connect_async(address: str, timeout: float | None = None) -> AsyncRedis:
    """An asynchronous client of the store; see ``connect``."""
    return AsyncRedis.from_url(
        address,
        socket_timeout=timeout,
        socket_connect_timeout=timeout,
        socket_read_size=READ_SIZE,
        retry=AsyncRetry(NoBackoff(), RETRIES),
    )
