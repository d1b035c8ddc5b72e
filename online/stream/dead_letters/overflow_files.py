"""Dead letters that the store has no room for: moved into files, the oldest first.

::

    <data>/stream/<stream>/dead_letters/<first id>.jsonl

A line is a letter, as ``slate deadletters --json`` prints it. Late events are not among them where
their source is archived, as the landing files have them.
"""

import json
import os
from pathlib import Path
from typing import Any

from redis import Redis
from redis.exceptions import WatchError

from slate.deployment import Deployment
from slate.online.store.cluster_client import clustered, pipeline_at
from slate.online.store.stream_names import StreamNames
from slate.online.stream.dead_letters.letter_format import LATE, as_json, refusal
from slate.online.stream.durable_files import sync
from slate.sources import Source

# More letters than this, or more bytes of them, are not kept in the store.
MOST, MOST_BYTES = 100_000, 64 << 20
AT_ONCE = 1_000


def folder(deployment: Deployment, source: type[Source]) -> Path:
    """The folder of a source's dead letters that were moved."""
    return deployment.stream_archive / source.stream / "dead_letters"


def make_room(redis: Redis, deployment: Deployment, source: type[Source]) -> int:
    """Move the oldest dead letters into files, while there are too many; gives how many.

    Killed at any point, none is lost: a letter leaves the store only after its file outlasts a
    failure, and is written to the same file again.

    Args:
        redis: a client of the store.
        deployment: the deployment.
        source: whose letters they are.

    Raises:
        OSError: a file cannot be written; the letters stay in the store.
    """
    names, moved = StreamNames(deployment.name, source), 0
    store: Any = redis
    while _too_many(store, names.dead):
        with pipeline_at(redis, names.dead) as transaction:
            # Two that do this at once: one of them does it.
            transaction.watch(names.dead if clustered(redis) else names.dead_moved)
            found = transaction.xrange(names.dead, count=AT_ONCE)
            letters = [(id_.decode(), refusal(fields)) for id_, fields in found]
            kept = [
                json.dumps(as_json(source, id_, letter))
                for id_, letter in letters
                if not (source.landing and letter.reason.startswith(LATE))
            ]
            if kept:
                _write(folder(deployment, source) / f"{letters[0][0]}.jsonl", kept)
            transaction.multi()
            transaction.xdel(names.dead, *[id_ for id_, _ in found])
            if not clustered(redis):
                transaction.incrby(names.dead_moved, len(found))
            try:
                transaction.execute()
            except WatchError:
                continue
        if clustered(redis):
            redis.incrby(names.dead_moved, len(found))
        moved += len(found)
    return moved


def _too_many(store: Any, name: str) -> bool:
    number = int(store.xlen(name))
    # Of a stream the store reckons its bytes from some of its nodes.
    return number > MOST or (number > 0 and int(store.memory_usage(name) or 0) > MOST_BYTES)


def _write(path: Path, lines: list[str]) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_suffix(".tmp")
    with temporary.open("w") as file:
        file.writelines(f"{line}\n" for line in lines)
        file.flush()
        os.fsync(file.fileno())
    temporary.replace(path)
    sync(path.parent)
