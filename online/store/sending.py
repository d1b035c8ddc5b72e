"""Commands sent ahead of their replies, by whoever waits for all of them."""

from collections.abc import Iterable, Sequence
from contextlib import closing
from typing import Any

from redis import Redis

from slate.online.store.channel import Channel
from slate.online.store.cluster_client import clustered
from slate.online.store.commands import Packed, transaction


def send(redis: Redis, commands: Iterable[Packed]) -> Any:
    """Send commands, one after another, and then await the replies; gives the last one.

    Raises:
        RedisError: the store cannot be reached, or refuses one of them, be it in a transaction.
    """
    if clustered(redis):
        return redis.send(commands)[-1]
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


def read_all(redis: Redis, commands: Sequence[Packed]) -> list[Any]:
    """The replies to commands that read, as of one moment.

    The nodes of a cluster have none in common: there each is sent once the one before is answered.

    Raises:
        RedisError: the store cannot be reached, or refuses one of them.
    """
    if clustered(redis):
        return [reply for one in commands for reply in redis.send([one])]
    replies: list[Any] = send(redis, [transaction(*commands)])
    return replies
