"""Whether a store has written what it was told to its append-only file.

It writes before it replies, but for two cases: the file cannot be written (a full disk; then it
takes no more writes until it can), or a sync of the file to the disk goes on, which it lets finish
first, for two seconds at most. Either way what it has yet to write is in its buffer.
"""

import time
from collections.abc import Mapping
from typing import Any

from redis import Redis
from redis.exceptions import ResponseError

ASK = ("INFO", "persistence")
PAUSE = 0.002
# It writes in spite of a sync after 2 s, and tries again each second to write what it could not.
PATIENCE = 3.0
# So long a write waits for what others write besides, of which each look may find some.
SAVING = 10.0


def parsed(reply: bytes) -> dict[str, Any]:
    r"""The store's reply to ``ASK``, as redis parses it.

    Examples:
        >>> parsed(b"# Persistence\r\naof_last_write_status:ok\r\naof_buffer_length:0\r\n")
        {'aof_last_write_status': 'ok', 'aof_buffer_length': 0}
    """
    pairs = [line.split(":", 1) for line in reply.decode().splitlines() if ":" in line]
    return {name: int(value) if value.isdigit() else value for name, value in pairs}


def written(info: Mapping[str, Any]) -> bool:
    """Whether all it was told is in its file, if it has one, by the reply to ``ASK``."""
    return info["aof_last_write_status"] == "ok" and not info.get("aof_buffer_length")


def failing(info: Mapping[str, Any]) -> bool:
    """Whether the store cannot write its file, by its reply to ``ASK``."""
    return bool(info["aof_last_write_status"] != "ok")


def refusal(redis: Redis) -> str | None:
    """Why the store takes no writes, in its own words; None where it does.

    Raises:
        RedisError: the store cannot be asked.
    """
    try:
        redis.ping()
    except ResponseError as error:
        return str(error).removeprefix("MISCONF").strip()
    return None


def unsaved(redis: Redis) -> str | None:
    """Why the store does not write what it was told to its file; None once it has.

    Raises:
        RedisError: the store cannot be asked.
    """
    store: Any = redis
    deadline = time.monotonic() + PATIENCE
    while not written(store.execute_command(*ASK)):
        if time.monotonic() > deadline:
            return refusal(redis) or "its file could not be written in time"
        time.sleep(PAUSE)
    return None
