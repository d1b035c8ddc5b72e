"""Draining streams: all that has arrived so far applied and archived, by this process alone."""

from collections.abc import Callable
from typing import Any

from redis import Redis

from slate.deployment import Deployment
from slate.errors import DataError, StoreError
from slate.online.store.embedded_server import EmbeddedServer
from slate.online.store.stream_names import StreamNames, Unit, all_units, streamed_sources
from slate.online.stream.events.redis_entries import arrival_of
from slate.online.stream.workers.leases import held_by_workers
from slate.online.stream.workers.worker import Worker


def require_no_workers(redis: Redis, deployment: Deployment) -> None:
    """Refuse to go on beside workers.

    Raises:
        StoreError: some hold partitions.
    """
    everything = all_units(deployment.name, deployment.registry)
    if held := held_by_workers(redis, everything):
        raise StoreError(
            f"workers hold {held} of {len(everything)} partitions of the streams: end "
            "`slate stream` on all machines, wait for 5 seconds, and run this again"
        )


def drain(
    redis: Redis,
    deployment: Deployment,
    server: EmbeddedServer | None = None,
    now: Callable[[], int] | None = None,
) -> int:
    """Apply and archive what has arrived by now, and make anew what partitions lack.

    Args:
        redis: a client of the store.
        deployment: the deployment.
        server: the store, where it is an embedded one.
        now: as of ``Worker``.

    Returns:
        How many events were replayed.

    Raises:
        DataError: the archive cannot be read or written.
        RedisError: the store fails.
    """
    store: Any = redis
    registry, name = deployment.registry, deployment.name
    sources = streamed_sources(registry)
    if not sources:
        return 0
    clocks = {one: int(store.get(StreamNames(name, one).clock) or 0) for one in sources}
    worker = Worker(redis, deployment, server=server, flush=0, now=now)
    try:
        waits = True
        while waits:
            worker.step()
            if failures := [*worker.unreplayed.reasons(), *worker.unarchived.reasons()]:
                raise DataError("; ".join(failures))
            waits = any(
                _waits(redis, unit, clocks[unit.source]) for unit in all_units(name, registry)
            )
    finally:
        worker.leave()
    return worker.stats.replayed


def _waits(redis: Redis, unit: Unit, until: int) -> bool:
    """Whether something waits in a stream that had arrived by an instant."""
    store: Any = redis
    first = store.xrange(unit.stream, count=1)
    return bool(first) and arrival_of(first[0]) <= until
