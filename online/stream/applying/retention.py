"""What of the stream's rows is still needed, once batches know what they hold."""

import logging
from collections.abc import Sequence
from typing import Any

import numpy as np
import pyarrow as pa
from redis import Redis
from redis.exceptions import WatchError

from slate.errors import StoreError
from slate.online.rows.checksums import of_texts
from slate.online.rows.hour_sections import all_lost, hour_of, newest, sections_envelope
from slate.online.rows.partitioning import PARTITIONS
from slate.online.rows.row_format import FORMAT, Blobs
from slate.online.store import landed_ids
from slate.online.store.changes import changes
from slate.online.store.cluster_client import ClusterClient, clustered, pipeline_at
from slate.online.store.delta_removal import forget_definition
from slate.online.store.generations import (
    pointer_field,
    pointers,
    read_pointer,
    stream_field,
    whole_field,
)
from slate.online.store.landed_ids import NOTHING, Change, LandedBounds
from slate.online.store.stream_names import Unit, definition, deltas_name, deltas_prefix, tag
from slate.online.stream.applying.source_rows import SourceRows
from slate.sources import Source
from slate.views import FeatureView

logger = logging.getLogger(__name__)

AT_ONCE = 1_000


def learn(redis: Redis, deployment: str, rows: SourceRows) -> None:
    """Find out what is published of a source's views, and so what the stream adds to it."""
    store: Any = redis
    fields = [pointer_field(view) for view in rows.views]
    rows.pointers = store.hmget(pointers(deployment), fields) if fields else []
    for view, pointer in zip(rows.views, rows.pointers, strict=True):
        try:
            live = read_pointer(view.name, pointer) if pointer is not None else None
        except StoreError as error:
            # Nobody is served what is kept of it, until it is published again.
            logger.warning("%s", error)
            rows.needed.setdefault(view, 0)
            rows.known.setdefault(view, NOTHING)
            continue
        rows.needed[view] = live.first_hour_kept if live is not None else 0
        rows.known[view] = LandedBounds.of(live) if live is not None else NOTHING
    # Only now: what a generation knows is told before it goes live.
    rows.landed.renew()


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
    known, name = definition(view), deltas_name(deployment, view, unit.number)
    if (held := store.type(name).decode()) not in ("hash", "none"):
        logger.error(
            "%s: another has put a %s in place of what the stream added to its rows, %s: they are "
            "rebuilt from the archive; check who else writes to the store",
            view.name,
            held,
            name,
        )
        with changes(redis) as change:
            change.hdel(pointers(deployment), whole_field(known))
            change.srem(unit.views, known)
            change.unlink(name)
        return False
    let_go = int(store.hget(unit.let_go, known) or 0)
    if needed > let_go:
        # First said, then done: whatever is stopped between the two, nothing is missed.
        store.hset(unit.let_go, known, needed)
        _sweep(redis, deployment, view, unit, needed)
    elif needed < let_go:
        with pipeline_at(redis, unit.stream) as transaction:
            transaction.srem(unit.views, known)
            transaction.hdel(unit.let_go, known)
            transaction.execute()
    return needed >= let_go


def _sweep(redis: Redis, deployment: str, view: type[FeatureView], unit: Unit, needed: int) -> None:
    """Delete the rows that only hours before some hour have changed.

    A damaged one may have been changed until now, so it goes once that is long ago.
    """
    name, cursor = deltas_name(deployment, view, unit.number), 0
    scope, envelope = deltas_prefix(deployment, view), sections_envelope(view)
    while True:
        with pipeline_at(redis, unit.stream) as transaction:
            # If another applies something after all, it may be to a key that is to be deleted.
            transaction.watch(unit.position)
            cursor, held = transaction.hscan(name, cursor, count=AT_ONCE)
            keys, sums = list(held), of_texts(pa.array(list(held), pa.binary()))
            opened = envelope.open(scope, sums, list(held.values()))
            hours, damaged = newest(opened), list(opened.damaged)
            now = hour_of(int(transaction.get(unit.applied) or 0)) if damaged else 0
            hours[damaged] = now
            old = [keys[place] for place in np.flatnonzero(hours < needed)]
            lost = [place for place in damaged if hours[place] >= needed]
            if old or lost:
                transaction.multi()
                if old:
                    transaction.hdel(name, *old)
                gone = Blobs.of([all_lost(now)] * len(lost))
                for place, value in zip(lost, envelope.seal(scope, sums[lost], gone), strict=True):
                    transaction.hset(name, keys[place], value)
                try:
                    transaction.execute()
                except WatchError:
                    return
        if not cursor:
            return


def catch_up(redis: Redis, unit: Unit, rows: SourceRows) -> bool:
    """Let a partition go by what is published now; False if its rows are not what they should be.

    That is so where it has counted an event that a generation brings too, or skipped one that
    is not published any more: then its rows are marked to be replayed from the archive.

    Args:
        redis: a client of the store.
        unit: a partition.
        rows: the rows of its source, which have learnt what is published.
    """
    views = rows.routes[unit.route]
    now = landed_ids.written(views, rows.known)
    with pipeline_at(redis, unit.stream) as transaction:
        # Whoever applies something meanwhile goes by what was published before.
        transaction.watch(unit.position, unit.landed)
        held = transaction.get(unit.landed) or b""
        if held == now:
            return True
        before = landed_ids.read(held)
        changes = {
            view: Change(before.get(definition(view), NOTHING), rows.known[view], rows.needed[view])
            for view in views
        }
        wrong = landed_ids.counted_otherwise(redis, unit, rows.landed, changes)
        transaction.multi()
        if wrong:
            transaction.srem(unit.views, *map(definition, wrong))
        transaction.set(unit.landed, now)
        try:
            transaction.execute()
        except WatchError:
            return False
    return not wrong


def tell_whole(redis: Redis, deployment: str, rows: SourceRows) -> None:
    """Say of which views every partition has all that the stream adds: from then on it is served.

    That a stream adds to them is said with it: a view that is said to be whole by itself would be
    served as it was published.

    Args:
        redis: a client of the store.
        deployment: the deployment's name.
        rows: the rows of a source.
    """
    store: Any = redis
    source = rows.source
    for route, views in rows.routes.items():
        names = [Unit(deployment, source, route, n).views for n in range(PARTITIONS)]

        def tell(pipeline: Any, names: list[str] = names, views: Any = views) -> None:
            # Whoever leaves a gap meanwhile says so there, and all of this is asked once more.
            whole = {one.decode() for one in set.intersection(*map(pipeline.smembers, names))}
            told = {whole_field(one): "1" for one in map(definition, views) if one in whole}
            pipeline.multi()
            if told:
                pipeline.hset(pointers(deployment), mapping={**told, stream_field(source): "1"})

        if clustered(redis):
            _tell_whole_of_cluster(redis, deployment, source, names, views)
        else:
            store.transaction(tell, *names)


def _tell_whole_of_cluster(
    redis: ClusterClient,
    deployment: str,
    source: type[Source],
    names: Sequence[str],
    views: Sequence[type[FeatureView]],
) -> None:
    """Say so of a cluster, and take it back where a gap was left meanwhile."""

    def whole() -> set[str]:
        held = set.intersection(*[redis.smembers(name) for name in names])
        return {one for one in map(definition, views) if one.encode() in held}

    told = whole()
    if told:
        fields = {stream_field(source): "1"} | {whole_field(one): "1" for one in told}
        redis.hset(pointers(deployment), mapping=fields)
        if gone := told - whole():
            redis.hdel(pointers(deployment), *map(whole_field, gone))


def forget_former(redis: Redis, deployment: str, rows: SourceRows, unit: Unit) -> None:
    """Delete rows of former definitions, once nothing is published of them any more.

    Also those that have a gap, or were half made: that there are any is said before they are made.

    Args:
        redis: a client of the store.
        deployment: the deployment's name.
        rows: the rows of the unit's source.
        unit: a partition.
    """
    store: Any = redis
    kept = {one.decode() for one in (*store.smembers(unit.views), *store.smembers(unit.made))}
    former = kept - {definition(view) for view in rows.routes[unit.route]}
    if former:
        published = store.hkeys(pointers(deployment))
        former -= {f"{one.decode()}:{FORMAT}" for one in published}
    if former:
        # First: another that makes them anew at this moment must not go on without what is deleted.
        store.unlink(unit.replay)
    for one in former:
        forget_definition(
            redis,
            deployment,
            one,
            f"{deployment}:{one}:deltas:{tag(unit.route, unit.number)}",
            unit.stream,
        )
