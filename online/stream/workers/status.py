"""How a stream stands: what waits, for how long, and what was refused, as the store knows it."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from redis import Redis

from slate.kinds import naive_utc
from slate.online.store.generations import Generation
from slate.online.store.stream_names import LOG, StreamNames, units
from slate.online.stream.events.redis_entries import arrival_of
from slate.registry import Registry
from slate.sources import Source
from slate.windows import SECOND


@dataclass(frozen=True)
class StreamStatus:
    """How the stream of one source stands.

    Attributes:
        source: the source's name.
        waiting: how many events are not applied yet, of the route that is furthest behind.
        lag: the seconds since the oldest of these arrived; 0 where none waits.
        unarchived: how many events are in no landing file or part of one yet.
        total: how many events it ever had.
        dead_letters: how many there are in the store.
        moved_letters: how many more there were, for which it has no room.
        last_arrival: when the latest event arrived, in microseconds; 0 if none ever did.
        partitions: how many partitions there are, the log among them.
        held: how many of them some worker holds.
    """

    source: str
    waiting: int
    lag: float
    unarchived: int
    total: int
    dead_letters: int
    moved_letters: int
    last_arrival: int
    partitions: int
    held: int


def stream_status(
    redis: Redis, deployment: str, registry: Registry, source: type[Source]
) -> StreamStatus:
    """How a source's stream stands.

    Args:
        redis: a client of the store.
        deployment: the deployment's name.
        registry: the definitions.
        source: the source.
    """
    store: Any = redis
    names, all_units = StreamNames(deployment, source), units(deployment, registry, source)
    with store.pipeline(transaction=False) as pipeline:
        pipeline.time()
        pipeline.get(names.clock)
        pipeline.xlen(names.dead)
        pipeline.get(names.dead_moved)
        pipeline.get(all_units[0].total)
        for unit in all_units:
            pipeline.get(unit.pending)
            pipeline.exists(unit.lease)
            pipeline.xrange(unit.stream, count=1)
        (seconds, micros), clock, dead, moved, total, *rest = pipeline.execute()
    now = int(seconds) * SECOND + int(micros)
    waiting: dict[str, int] = {}
    oldest = now
    held = 0
    for unit, pending, leased, first in zip(
        all_units, rest[::3], rest[1::3], rest[2::3], strict=True
    ):
        waiting[unit.route] = waiting.get(unit.route, 0) + int(pending or 0)
        held += int(leased)
        if first and unit.route != LOG:
            oldest = min(oldest, arrival_of(first[0]))
    return StreamStatus(
        source.name,
        max((number for route, number in waiting.items() if route != LOG), default=0),
        (now - oldest) / SECOND,
        waiting[LOG],
        int(total or 0),
        int(dead),
        int(moved or 0),
        int(clock or 0),
        len(all_units),
        held,
    )


def known_until(
    live: Generation, began: datetime | None, stream: StreamStatus, now: datetime
) -> datetime:
    """Up to when what happened is in what is served of a view that may have a stream (UTC).

    Args:
        live: its live generation.
        began: the first arrival that the archive of its stream has seen (UTC, without a zone).
        stream: how that stream stands.
        now: the instant that it is (UTC).
    """
    # A stream that began later does not have what came between, as clients know too. Workers that
    # hold no partition apply nothing, and an empty stream says nothing then.
    has_all = began is not None and began <= naive_utc(live.as_of)
    if live.stream_from is None or not has_all or not stream.held:
        return live.as_of
    return max(live.as_of, now - timedelta(seconds=stream.lag))
