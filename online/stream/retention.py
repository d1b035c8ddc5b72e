"""What of the stream's rows is still needed, once batches know what they hold."""

from typing import Any

from redis import Redis
from redis.exceptions import WatchError

from online.generations import Generation, Names, pointers
from online.instants import microseconds
from online.stream.names import Unit, definition, deltas_name, tag
from online.stream.sections import hour_of, newest
from online.stream.source_rows import SourceRows
from slate.views import FeatureView

AT_ONCE = 1_000


def needed_from(redis: Redis, deployment: str, view: type[FeatureView]) -> int:
    """The first hour of arrival that some published generation leaves to the stream.

    The one before the live one counts too, as it may become live again. 0 if none was published:
    then the stream is all there is.
    """
    names = Names(deployment, view)
    pointer: Any = redis.hget(names.pointers, names.pointer)
    if pointer is None:
        return 0
    live = Generation.from_json(pointer)
    both = [live, live.previous] if live.previous else [live]
    return min(hour_of(microseconds(one.stream_from or one.as_of)) for one in both)


def retain(redis: Redis, deployment: str, view: type[FeatureView], unit: Unit, needed: int) -> bool:
    """Let go of what no generation leaves to the stream; False if some of it is missing by now.

    That is so where an older generation was published, or made live again, after more had been let
    go: then the partition's rows of the view are marked to be replayed from the archive.

    Args:
        redis: a client of the store.
        deployment: the deployment's name.
        view: a view of the unit's route.
        unit: a partition, of which no other sweeps or applies anything meanwhile.
        needed: the first hour that is needed.
    """
    store: Any = redis
    known = definition(view)
    let_go = int(store.hget(unit.let_go, known) or 0)
    if needed > let_go:
        # First said, then done: whatever is stopped between the two, nothing is missed.
        store.hset(unit.let_go, known, needed)
        _sweep(redis, deployment, view, unit, needed)
    elif needed < let_go:
        with store.pipeline() as transaction:
            transaction.srem(unit.views, known)
            transaction.hdel(unit.let_go, known)
            transaction.execute()
    return needed >= let_go


def _sweep(redis: Redis, deployment: str, view: type[FeatureView], unit: Unit, needed: int) -> None:
    """Delete the rows that only hours before some hour have changed."""
    store: Any = redis
    name, cursor = deltas_name(deployment, view, unit.number), 0
    while True:
        with store.pipeline() as transaction:
            # If another applies something after all, it may be to a key that is to be deleted.
            transaction.watch(unit.position)
            cursor, held = transaction.hscan(name, cursor, count=AT_ONCE)
            old = [key for key, value in held.items() if newest(value) < needed]
            if old:
                transaction.multi()
                transaction.hdel(name, *old)
                try:
                    transaction.execute()
                except WatchError:
                    return
        if not cursor:
            return


def forget_former(redis: Redis, deployment: str, rows: SourceRows, unit: Unit) -> None:
    """Delete rows of former definitions, once nothing is published of them any more.

    Args:
        redis: a client of the store.
        deployment: the deployment's name.
        rows: the rows of the unit's source.
        unit: a partition.
    """
    store: Any = redis
    kept = {one.decode() for one in store.smembers(unit.views)}
    former = kept - {definition(view) for view in rows.routes[unit.route]}
    former -= {one.decode() for one in store.hkeys(pointers(deployment))} if former else set()
    for one in former:
        store.unlink(f"{deployment}:{one}:deltas:{tag(unit.route, unit.number)}")
        store.hdel(unit.let_go, one)
        store.srem(unit.views, one)
