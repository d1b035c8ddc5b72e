"""Where logged answers wait in the store until a run takes them into the warehouse.

::

    <deployment>:answers:<log>              a stream of Arrow tables, a few answers each
    <deployment>:answers:<log>:dropped      how many answers found no room, ever

A log is that of a service, or of an experiment's exposures (``slate.exposures``). It has room for
so many tables. Where nobody takes them away, further answers are not logged, and are counted.
"""

from dataclasses import dataclass
from typing import Any

from redis import Redis

from slate.exposures import EXPOSURES

# How many tables of a service may wait. Each is about a megabyte at most.
ROOM = 1_000
# Those of exposures have a few kilobytes: minutes of many processes, each with two a second.
ROOM_OF_EXPOSURES = 10_000
_TABLE = b"table"


def room(log: str) -> int:
    """How many tables of a log may wait."""
    return ROOM_OF_EXPOSURES if log.startswith(EXPOSURES) else ROOM


def stream_name(deployment: str, service: str) -> str:
    """The stream of a service's logged answers."""
    return f"{deployment}:answers:{service}"


def dropped_name(deployment: str, service: str) -> str:
    """The number of answers that found no room."""
    return f"{stream_name(deployment, service)}:dropped"


@dataclass(frozen=True)
class Entry:
    """A table that waits.

    Attributes:
        name: its name in the stream, greater than all before it.
        table: an Arrow stream.
    """

    name: str
    table: bytes


def put(redis: Redis, deployment: str, service: str, table: bytes, answers: int) -> bool:
    """Have a table of answers wait; whether there was room.

    Args:
        redis: the store.
        deployment: the deployment's name.
        service: the service's full name.
        table: an Arrow stream.
        answers: how many answers it holds.

    Raises:
        RedisError: the store fails.
    """
    store: Any = redis
    name = stream_name(deployment, service)
    if store.xlen(name) >= room(service):
        store.incrby(dropped_name(deployment, service), answers)
        return False
    store.xadd(name, {_TABLE: table})
    return True


def waiting(redis: Redis, deployment: str, service: str, most: int) -> list[Entry]:
    """The first of the tables that wait.

    Args:
        redis: the store.
        deployment: the deployment's name.
        service: the service's full name.
        most: how many.

    Raises:
        RedisError: the store fails.
    """
    store: Any = redis
    found = store.xrange(stream_name(deployment, service), count=most)
    return [Entry(name.decode(), fields.get(_TABLE, b"")) for name, fields in found]


def is_waiting(redis: Redis, deployment: str, service: str, name: str) -> bool:
    """Whether a table of this name waits.

    Raises:
        RedisError: the store fails.
    """
    store: Any = redis
    return bool(store.xrange(stream_name(deployment, service), min=name, max=name))


def remove(redis: Redis, deployment: str, service: str, entries: list[Entry]) -> None:
    """Let go of tables that were taken in.

    Raises:
        RedisError: the store fails.
    """
    store: Any = redis
    if entries:
        store.xdel(stream_name(deployment, service), *[entry.name for entry in entries])


def dropped(redis: Redis, deployment: str, service: str) -> int:
    """How many answers found no room, ever.

    Raises:
        RedisError: the store fails.
    """
    store: Any = redis
    return int(store.get(dropped_name(deployment, service)) or 0)
