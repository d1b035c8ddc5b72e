"""Rows of the stream made for definitions that were published beside others.

A worker that begins with new definitions makes what streamed anew by them, and from its first event
on the rows of former definitions have a gap. Here the same is made and nothing is applied, so that
both are served, until a worker goes on with one of them.
"""

import time
from dataclasses import dataclass
from typing import Any

from redis import Redis
from redis.exceptions import WatchError

from slate.deployment import Deployment
from slate.errors import StoreError
from slate.online.store.embedded_server import EmbeddedServer
from slate.online.store.generations import (
    Generation,
    pointer_field,
    pointers,
    read_pointer,
    stream_field,
    whole_field,
)
from slate.online.store.stream_names import all_units, definition, streamed_sources
from slate.online.stream.workers.leases import held_by_workers
from slate.online.stream.workers.worker import Worker
from slate.views import FeatureView

PAUSE = 0.2
# Within which workers that have these definitions make what is lacking, or one that died is known.
PATIENCE = 30.0


@dataclass(frozen=True)
class CaughtUp:
    """What came of it.

    Attributes:
        events: how many events were replayed here.
        lacking: the names of the views that still lack what streamed, and are MISSING.
        reasons: why, where it is not that workers of other definitions hold the streams.
    """

    events: int
    lacking: list[str]
    reasons: list[str]


def lacking(redis: Redis, deployment: Deployment) -> list[type[FeatureView]]:
    """The live views of present definitions that lack what their stream added to them.

    Where what is said to be live cannot be read, nothing is: a publish has to mend it first.

    Raises:
        RedisError: the store fails.
    """
    streamed = streamed_sources(deployment.registry)
    views = [
        view
        for view in deployment.registry.views.values()
        if view.windowed and view.source in streamed
    ]
    if not views:
        return []
    store: Any = redis
    fields = [f(view) for view in views for f in (pointer_field, _whole, _streams)]
    found = store.hmget(pointers(deployment.name), fields)
    # Of one that was published before its stream brought anything, only once that is applied.
    return [
        view
        for view, pointer, whole, streams in zip(
            views, found[::3], found[1::3], found[2::3], strict=True
        )
        if pointer is not None
        and whole is None
        and (live := _readable(view, pointer)) is not None
        and (streams or live.stream_from is not None)
    ]


def _readable(view: type[FeatureView], pointer: bytes) -> Generation | None:
    try:
        return read_pointer(view.name, pointer)
    except StoreError:
        return None


def catch_up(
    redis: Redis,
    deployment: Deployment,
    server: EmbeddedServer | None = None,
    patience: float = PATIENCE,
) -> CaughtUp:
    """Make what streams added to views that lack it, where no worker does; nothing is applied.

    Where workers hold the streams, these are waited for: those of the same definitions do it.

    Args:
        redis: a client of the store.
        deployment: the deployment.
        server: the store, where it is an embedded one.
        patience: for how many seconds workers are waited for.

    Raises:
        StoreError, RedisError: the store fails; the next call goes on.
    """
    everything = all_units(deployment.name, deployment.registry)
    worker: Worker | None = None
    deadline = time.monotonic() + patience
    try:
        while (views := lacking(redis, deployment)) and time.monotonic() < deadline:
            if worker is None and not held_by_workers(redis, everything):
                worker = Worker(redis, deployment, server=server)
            if worker is not None:
                try:
                    worker.make_missing()
                except WatchError:
                    continue  # a worker that began meanwhile does it too
                if worker.unreplayed.reasons():
                    break
                if not lacking(redis, deployment):
                    continue
            time.sleep(PAUSE)
    finally:
        if worker is not None:
            worker.leave()
    reasons = list(worker.unreplayed.reasons()) if worker is not None else []
    events = worker.stats.replayed if worker is not None else 0
    return CaughtUp(events, [view.name for view in views], reasons)


def _streams(view: type[FeatureView]) -> str:
    return stream_field(view.source)


def _whole(view: type[FeatureView]) -> str:
    return whole_field(definition(view))
