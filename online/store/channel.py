"""Channels: a connection of one's own, over which commands are sent ahead of their replies."""

from typing import Any

from redis import Redis
from redis.exceptions import ResponseError

from slate.online.store.commands import Packed

# A reply is megabytes: read it in few pieces.
READ_SIZE = 1 << 20


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


def pairs(reply: Any) -> dict[bytes, bytes]:
    """Fields and their values, as a reply of either version of the protocol has them."""
    if isinstance(reply, dict):
        return reply
    return dict(zip(reply[::2], reply[1::2], strict=True))
