"""Sweeping: deleting the generations of a view that nobody will ever read.

A generation that is neither live, nor the one before, nor what the latest publish writes, never
will be again: only the latest publish goes live, and only the one before comes back. So what was
found to be of no use can be deleted at leisure, by several at once, and by the next one where this
one is killed. All that is written of a generation is registered in the same transaction, by its
name and its keys, so whoever writes on after it was swept is found again.

On a cluster these lie on several nodes. Keys are listed there first, the generation is registered
then, and its rows are written last, some of them perhaps while they are deleted. So what was swept
stays registered, and goes once a later sweep has found no row of it.
"""

import json
from collections.abc import Set
from datetime import datetime
from itertools import islice
from typing import Any

from redis import Redis
from redis.exceptions import ResponseError

from slate.online.rows.keys import Keys
from slate.online.store.channel import pairs
from slate.online.store.cluster_client import clustered
from slate.online.store.commands import command, delete
from slate.online.store.delta_removal import forget_view
from slate.online.store.generations import GenerationNames, Pointers, pointers, views_of
from slate.online.store.sending import read_all, send

SCANNED_AT_ONCE = 1_000


def sweep(redis: Redis, names: GenerationNames) -> None:
    """Delete a view's generations but for those that are live, were before, or are being written.

    Nothing is deleted while a pointer of the view cannot be read; the next publish mends it.

    Raises:
        RedisError: the store fails; the next sweep goes on.
    """
    # In this order: of a cluster they are not of one moment, and what is registered by now was
    # announced before.
    members, found = read_all(
        redis, [command("SMEMBERS", names.generations), command("HGETALL", names.pointers)]
    )
    known = Pointers.of(names, pairs(found))
    if known.bad:
        return
    for name in {member.decode() for member in members} - known.readable:
        if name != known.publishing:
            _delete(redis, names, name)


def remove_former(redis: Redis, deployment: str, known: Set[str], since: datetime) -> list[str]:
    """Delete all of views that are not known, if they know no events from some instant on.

    Args:
        redis: a client of the store.
        deployment: the deployment's name.
        known: the names of the views that stay.
        since: the instant.

    Returns:
        The names of the deleted views.

    Raises:
        RedisError: the store fails; the next call goes on.
    """

    def withdraw(pipeline: Any) -> list[GenerationNames]:
        found = pipeline.hgetall(pointers(deployment))
        removed = []
        pipeline.multi()
        for view in sorted(views_of(found) - known):
            names = GenerationNames(deployment, view)
            its = Pointers.of(names, found)
            if its.as_of is None or its.as_of < since:
                # First said, then done: whatever is stopped between the two, it is found again.
                pipeline.hset(names.pointers, names.removed, "1")
                pipeline.hdel(names.pointers, names.publishing, *its.live, *its.bad)
                # Of a cluster they lie elsewhere, and are the first that the sweep deletes.
                for name in its.readable if not clustered(redis) else ():
                    pipeline.unlink(names.marker(name))
                removed.append(names)
        return removed

    store: Any = redis
    removed: list[GenerationNames] = store.transaction(
        withdraw, pointers(deployment), value_from_callable=True
    )
    for names in removed:
        sweep(redis, names)
        forget_view(redis, deployment, names.view)
        store.hdel(names.pointers, names.removed)
    return [names.view for names in removed]


def delete_matching(redis: Redis, pattern: str) -> None:
    """Delete all that is called like this; it takes a look at every name in the store."""
    found = redis.scan_iter(match=pattern, count=SCANNED_AT_ONCE)
    while some := list(islice(found, SCANNED_AT_ONCE)):
        redis.unlink(*some)


def _delete(redis: Redis, names: GenerationNames, generation: str) -> None:
    redis.unlink(names.marker(generation))
    try:
        _delete_rows(redis, names, generation)
    except (ResponseError, ValueError):
        # Something else lies where its keys should be listed.
        delete_matching(redis, f"{names.prefix(generation)}*")
        redis.srem(names.generations, generation)


def _delete_rows(redis: Redis, names: GenerationNames, generation: str) -> None:
    chunks, prefix = names.chunks(generation), names.prefix(generation)

    def delete_all(pipeline: Any) -> bool:
        done = deleted = 0
        while (chunk := pipeline.lindex(chunks, done)) is not None:
            deleted += send(redis, [delete(prefix, Keys.of(json.loads(chunk)))])
            done += 1
        pipeline.multi()
        if clustered(redis):
            if not deleted:
                pipeline.unlink(chunks)
            return not deleted
        pipeline.unlink(chunks)
        pipeline.srem(names.generations, generation)
        return False

    store: Any = redis
    # All over again, if more was written meanwhile.
    if store.transaction(delete_all, chunks, value_from_callable=True):
        store.srem(names.generations, generation)
        # Who goes on writing has listed its keys by now, or registers once it has.
        if store.exists(chunks):
            store.sadd(names.generations, generation)
