"""Sweeping: deleting the generations of a view that nobody will ever read.

A generation that is neither live, nor kept, nor what the latest publish writes, never will be
again: only the latest publish goes live, and only what is kept comes back. So what was found to be
of no use can be deleted at leisure, by several at once, and by the next one where this one is
killed. All that is written of a generation is registered in the same transaction, by its name and
its keys, so whoever writes on after it was swept is found again.

On a cluster these lie on several nodes. Keys are listed there first, the generation is registered
then, and its rows are written last, some of them perhaps while they are deleted. So what was swept
stays registered, and goes once a later sweep has found no row of it.
"""

import json
from collections.abc import Set
from dataclasses import replace
from datetime import datetime
from itertools import islice
from typing import Any

from redis import Redis
from redis.exceptions import OutOfMemoryError, ResponseError

from slate.online.rows.keys import Keys
from slate.online.store.channel import pairs
from slate.online.store.cluster_client import clustered
from slate.online.store.commands import command, delete
from slate.online.store.delta_removal import forget_view
from slate.online.store.generations import GenerationNames, pointers
from slate.online.store.pointers import Pointers, held_field, pin_field, views_of
from slate.online.store.sending import read_all, send

SCANNED_AT_ONCE = 1_000


def sweep(redis: Redis, names: GenerationNames) -> list[str]:
    """Delete a view's generations but for those that are live, kept, or being written.

    Nothing is deleted while a pointer of the view cannot be read; the next publish mends it.

    Returns:
        The names of those that were deleted.

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
        return []
    registered = {member.decode() for member in members}
    gone = sorted(registered - known.readable - {known.publishing})
    for name in gone:
        _delete(redis, names, name)
    return gone


def keep_no_more_than(redis: Redis, names: GenerationNames, field: str, most: int) -> list[str]:
    """Delete what is kept of a view besides its live generation, but for those that were live last.

    Args:
        redis: a client of the store.
        names: the view's names.
        field: the field of the pointer of its definition.
        most: how many are kept.

    Returns:
        The names of those that were deleted, among them what others left behind.

    Raises:
        RedisError: the store fails; the next sweep goes on.
    """

    def change(pipeline: Any) -> None:
        known = Pointers.of(names, pipeline.hgetall(names.pointers))
        live = known.live.get(field)
        pipeline.multi()
        if live is None or len(live.kept) <= most:
            return
        # Of a cluster markers lie elsewhere, and are the first that the sweep deletes.
        for one in live.kept[most:] if not clustered(redis) else ():
            pipeline.unlink(names.marker(one.name))
        pipeline.hset(names.pointers, field, replace(live, kept=live.kept[:most]).to_pointer())

    store: Any = redis
    deleted: list[str] = []
    try:
        store.transaction(change, names.pointers)
    except OutOfMemoryError:
        # A full store takes no pointer, and is what one wants to make room in. A pointer that
        # names what is gone does no harm: nothing without a marker is gone back to.
        deleted = _delete_beyond(redis, names, field, most)
        store.transaction(change, names.pointers)
    return sorted({*deleted, *sweep(redis, names)})


def _delete_beyond(redis: Redis, names: GenerationNames, field: str, most: int) -> list[str]:
    """Delete what is kept of a view beyond a number, before its pointer says so."""
    (found,) = read_all(redis, [command("HGETALL", names.pointers)])
    live = Pointers.of(names, pairs(found)).live.get(field)
    beyond = [one.name for one in live.kept[most:]] if live is not None else []
    for name in beyond:
        _delete(redis, names, name)
    return beyond


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
                beside = [of(field) for field in its.live for of in (pin_field, held_field)]
                pipeline.hdel(names.pointers, names.publishing, *its.live, *beside, *its.bad)
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
