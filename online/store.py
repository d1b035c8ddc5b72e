"""The online store: where it is, and how it is spoken to."""

from collections.abc import Iterable
from contextlib import closing
from typing import Any

from redis import ConnectionPool, Redis
from redis.backoff import NoBackoff
from redis.exceptions import ResponseError
from redis.retry import Retry

from online.addresses import options
from online.commands import Packed
from online.embedded import EmbeddedServer
from slate.deployment import Deployment
from slate.errors import StoreError

# A reply is megabytes: read it in few pieces.
READ_SIZE = 1 << 20
# Once more, for a pooled connection that the server has closed meanwhile.
RETRIES = 1


def open_store(deployment: Deployment) -> tuple[str, EmbeddedServer | None]:
    """The store's address, and where the deployment has none of its own, the embedded server.

    Raises:
        ConfigurationError: the address is not one.
        StoreError: the embedded server cannot be started.
    """
    if deployment.redis:
        options(deployment.redis)
        return deployment.redis, None
    deployment.make_data()
    server = EmbeddedServer.attach(deployment.data / "redis")
    return server.address, server


def connect(address: str, timeout: float | None = None) -> Redis:
    """A client of the store, for whoever asks it one thing at a time.

    Args:
        address: ``redis://``, ``rediss://`` or ``unix://``.
        timeout: after how many seconds a command fails; None waits for ever.

    Raises:
        ConfigurationError: the address is not one.
    """
    waits = {"socket_timeout": timeout, "socket_connect_timeout": timeout}
    retry = Retry(NoBackoff(), RETRIES)
    pool = ConnectionPool(socket_read_size=READ_SIZE, retry=retry, **{**waits, **options(address)})
    return Redis.from_pool(pool)


def require_all_is_kept(redis: Redis) -> None:
    """Refuse a store that lets go of what Slate keeps in it once it is full.

    Its limit may be set at any time, so that it has none yet is no help.

    Raises:
        StoreError: its policy is to do so.
        RedisError: the store cannot be reached.
    """
    memory: Any = redis.info("memory")
    policy = str(memory.get("maxmemory_policy"))
    if policy.startswith("allkeys"):
        raise StoreError(
            f"the online store lets rows go when it is full (maxmemory-policy {policy}), and "
            "a row that went cannot be told from one that never was: set its maxmemory-policy "
            "to noeviction"
        )


class Channel:
    """A connection of its own for as long as it is open, so that commands can be sent ahead."""

    def __init__(self, redis: Redis) -> None:
        self._pool = redis.connection_pool
        self._connection: Any = None
        self._awaited = 0

    def connect(self) -> None:
        """Take a connection, and make it if need be; by default the first exchange does.

        Raises:
            RedisError: the store cannot be reached.
        """
        if self._connection is None:
            self._connection = self._pool.get_connection()

    def exchange(self, command: Packed | None) -> Any:
        """Send commands, or with None wait for the next reply.

        Raises:
            RedisError: the store cannot be reached, or refuses.
        """
        self.connect()
        if command is not None:
            self._awaited += command.number
            self._connection.send_packed_command([command.data])
            return None
        try:
            reply = self._connection.read_response()
        except ResponseError:
            self._awaited -= 1
            raise
        self._awaited -= 1
        return reply

    def close(self, cut: bool = False) -> None:
        """Give the connection back; cut it on demand, or if nobody waits for replies to come."""
        if self._connection is not None:
            if cut or self._awaited:
                self._connection.disconnect()
            self._pool.release(self._connection)


def send(redis: Redis, commands: Iterable[Packed]) -> Any:
    """Send commands, one after another, and then await the replies; gives the last one.

    Raises:
        RedisError: the store cannot be reached, or refuses one of them, be it in a transaction.
    """
    with closing(Channel(redis)) as channel:
        sent = 0
        for command in commands:
            channel.exchange(command)
            sent += command.number
        reply = None
        for _ in range(sent):
            reply = channel.exchange(None)
            for one in reply if isinstance(reply, list) else ():
                if isinstance(one, Exception):
                    raise one
        return reply
