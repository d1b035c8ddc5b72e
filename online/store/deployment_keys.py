"""All names of the store that are a deployment's, to count them and to delete them."""

from collections import Counter
from collections.abc import Iterator
from typing import Any

from redis import Redis

from slate.online.store.cluster_client import clustered
from slate.preview_names import is_preview_name, preview_name

AT_ONCE = 1_000
# What is written while it is deleted is found by looking again, so often.
LOOKS = 3


def count(redis: Redis, deployment: str) -> int:
    """About how many names of the store are a deployment's: 0 where none is.

    While the store makes room for its names it may tell of some twice.

    Raises:
        RedisError: the store fails.
    """
    return sum(len(names) for _, names in names_of(redis, deployment))


def remove_all(redis: Redis, deployment: str) -> int:
    """Delete all that a deployment has in the store.

    Args:
        redis: a client of the store.
        deployment: the deployment's name.

    Returns:
        How many names were deleted. What somebody writes at the same time may be there after it.

    Raises:
        RedisError: the store fails; the next call goes on.
    """
    removed = 0
    for _ in range(LOOKS):
        found = 0
        for server, names in names_of(redis, deployment):
            with server.pipeline(transaction=False) as pipeline:
                # Each by itself: those of a cluster's node may lie in several slots.
                for name in names:
                    pipeline.unlink(name)
                found += sum(pipeline.execute())
        removed += found
        if not found:
            break
    return removed


def beginning_with(redis: Redis, start: str) -> set[str]:
    """The names of the store that begin so.

    Raises:
        RedisError: the store fails.
    """
    found = (names for _, names in _scanned(redis, start))
    return {name.decode(errors="replace") for names in found for name in names}


def previews(redis: Redis, deployment: str) -> Counter[str]:
    """About how many names of the store are those of previews of a deployment, by their names.

    Raises:
        RedisError: the store fails.
    """
    start, found = preview_name(deployment, ""), Counter[str]()
    for _, names in _scanned(redis, start):
        for name in names:
            text = name.decode(errors="replace").removeprefix("{")
            found[text.removeprefix(start).split(":")[0]] += 1
    return Counter({name: number for name, number in found.items() if is_preview_name(name)})


def names_of(redis: Redis, deployment: str) -> Iterator[tuple[Any, list[bytes]]]:
    """A deployment's names, some at once, with the server that has them; now and then one twice.

    Raises:
        RedisError: the store fails.
    """
    return _scanned(redis, f"{deployment}:")


def _scanned(redis: Redis, start: str) -> Iterator[tuple[Any, list[bytes]]]:
    # The latter are beside the dead letters of a cluster's streams.
    for pattern in (f"{start}*", f"{{{start}*"):
        for server in _servers(redis):
            cursor = None
            while cursor != 0:
                cursor, names = server.scan(cursor or 0, match=pattern, count=AT_ONCE)
                if names:
                    yield server, names


def _servers(redis: Redis) -> list[Any]:
    """A client of each server that has names of its own."""
    return redis.clients() if clustered(redis) else [redis]
