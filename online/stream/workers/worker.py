"""A worker: it holds its share of all partitions, and applies and archives what they bring."""

import logging
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any

from redis import Redis
from redis.exceptions import RedisError, WatchError

from slate.deployment import Deployment
from slate.errors import SlateError
from slate.online import spans
from slate.online.store.embedded_server import EmbeddedServer
from slate.online.store.redis_client import require_all_is_kept
from slate.online.store.stream_names import LOG, Unit, all_units, streamed_sources
from slate.online.stream.applying.applier import Applied, Applier
from slate.online.stream.applying.replay import Replay
from slate.online.stream.applying.retention import (
    catch_up,
    forget_former,
    learn,
    retain,
    tell_whole,
)
from slate.online.stream.archive.log_archive import Archive
from slate.online.stream.workers.fan_out import fan_out
from slate.online.stream.workers.leases import SECONDS, Leases
from slate.online.stream.workers.troubles import Troubles
from slate.sources import Source

logger = logging.getLogger(__name__)

# A micro-batch begins no sooner than this after the one before: fewer and larger ones cost less.
PERIOD = 0.05
RETRY_SECONDS = 0.5
# Of one source: a file that was damaged is seldom mended sooner, and a replay reads much.
ARCHIVE_RETRY_SECONDS, REPLAY_RETRY_SECONDS = 2.0, 10.0
# How often it is asked what published generations leave to the stream.
RETENTION_SECONDS = 10.0


@dataclass
class WorkerStats:
    """What a worker did since it began.

    Attributes:
        events, repeats, late, refused: as in ``Applied``; an event counts once, with the worker
            that applies its source's first route.
        conflicts: micro-batches that another worker had applied.
        replayed: events applied again from the archive, to rows that were missing.
        archived: events written to landing files, or parts of them.
        dead: dead letters written.
        batches: micro-batches, and how long they took in seconds, the latest and all together.
        batch_seconds, busy_seconds: the latest one's, and that of all.
        errors: failures of the store, or of files, that it went on after.
        partitions: how many it holds.
        last_arrival: the latest arrival that it applied, in microseconds.
    """

    events: int = 0
    repeats: int = 0
    late: int = 0
    refused: int = 0
    conflicts: int = 0
    replayed: int = 0
    archived: int = 0
    dead: int = 0
    batches: int = 0
    batch_seconds: float = 0.0
    busy_seconds: float = 0.0
    errors: int = 0
    partitions: int = 0
    last_arrival: int = 0
    started: float = field(default_factory=time.time)

    def count(self, applied: Applied, seconds: float) -> None:
        """Count a micro-batch."""
        self.events += applied.events
        self.repeats += applied.repeats
        self.late += applied.late
        self.refused += applied.refused
        self.conflicts += applied.conflicts
        self.last_arrival = max(self.last_arrival, applied.arrival)
        self.batches += 1
        self.batch_seconds = seconds
        self.busy_seconds += seconds

    def as_dict(self) -> dict[str, Any]:
        """As plain values."""
        return asdict(self)


class Worker:
    """Applies and archives streams until it is told to stop.

    Args:
        redis: a client of the store.
        deployment: the deployment.
        server: the store, where it is an embedded one: started again where it is gone.
        lease_seconds: after how long others take over what it held, if it dies.
        flush: how many seconds of events a part of a landing file is written for.
        now: what tells the archive the time, in microseconds; by default the store.

    Attributes:
        stats: what it did.
        unreplayed: by source, why rows that it needs cannot be made anew from its archive.
        unarchived: by source, why its events cannot be archived.
    """

    def __init__(
        self,
        redis: Redis,
        deployment: Deployment,
        *,
        server: EmbeddedServer | None = None,
        lease_seconds: float = SECONDS,
        flush: float | None = None,
        now: Callable[[], int] | None = None,
    ) -> None:
        self.stats = WorkerStats()
        self._redis: Any = redis
        self._server = server
        self._deployment = deployment
        registry = deployment.registry
        self._applier = Applier(redis, deployment.name, registry)
        everything = all_units(deployment.name, registry)
        self._leases = Leases(redis, deployment.name, everything, lease_seconds)
        self._renew_every = lease_seconds / 3
        options: dict[str, Any] = {} if flush is None else {"flush": flush}
        self._archives = {
            source: Archive(redis, deployment, source, now=now, **options)
            for source in streamed_sources(registry)
        }
        self._fan_outs = {
            source: made
            for source in streamed_sources(registry)
            if (made := fan_out(redis, deployment.name, registry, source)) is not None
        }
        self._renewed = self._retained = 0.0
        # The worker as a whole, by what fails.
        self._failures = Troubles()
        self.unreplayed, self.unarchived = Troubles(), Troubles()
        self._waiting: set[Unit] = set()

    def run(self, stop: threading.Event) -> None:
        """Work until told to stop; then give the partitions back.

        A store that fails is tried again; what was not committed is read again. The archive of a
        source that fails is tried again too, while the others go on.
        """
        try:
            while not stop.is_set():
                began = time.monotonic()
                try:
                    self.step()
                    self._failures.over("store", "the online store answers again")
                    self._failures.over("embedded", "the embedded store was started again")
                    self._failures.over("worker", "the worker goes on again")
                except WatchError as error:
                    # It may have taken what this one held.
                    logger.debug("%s: leaving it to that one", error)
                    self._renewed = 0.0
                except RedisError as error:
                    self._failed("store", f"the online store fails ({error}): trying again")
                    self._renewed = self._retained = 0.0
                    self._revive()
                    stop.wait(RETRY_SECONDS)
                except OSError as error:
                    # Not the store's, whose client has errors of its own.
                    self._failed(
                        "worker", f"a file cannot be read or written ({error}): trying again"
                    )
                    stop.wait(RETRY_SECONDS)
                except SlateError as error:
                    self._failed("worker", str(error))
                    stop.wait(RETRY_SECONDS)
                stop.wait(max(PERIOD - (time.monotonic() - began), 0))
        finally:
            self.leave()

    def leave(self) -> None:
        """Give everything back, so that others need not wait for it."""
        try:
            self._leases.release()
        except (RedisError, OSError) as error:
            logger.warning(
                "the online store fails (%s): what this worker held is free when its lease ends",
                error,
            )
        self.stats.partitions = 0

    def _failed(self, what: str, reason: str) -> None:
        """Count a failure, and tell of it."""
        self.stats.errors += 1
        self._failures.failed(what, reason)

    def _revive(self) -> None:
        """Start an embedded store again where that is what fails."""
        try:
            if self._server is not None and self._server.revive():
                logger.info("the embedded store had ended, and was started again")
        except (SlateError, OSError) as error:
            self._failed("embedded", str(error))

    def step(self) -> Applied:
        """Renew the leases if it is time, and apply and archive what waits.

        A source of which the archive fails is told of, in ``unreplayed`` or ``unarchived`` too, and
        tried again after a while.
        """
        if time.monotonic() - self._renewed >= self._renew_every:
            self._renew()
        held = self._leases.held
        for unit in held:
            if unit.route == LOG and unit.source in self._fan_outs:
                self._fan_outs[unit.source].step()
        routed = [unit for unit in held if unit.route != LOG]
        routed = self._prepare(routed)
        began, since = time.perf_counter(), spans.began()
        applied = self._applier.step(routed)
        if applied.arrival or applied.conflicts:
            self.stats.count(applied, time.perf_counter() - began)
            spans.ended("slate.apply", since, applied.span_attributes)
        if applied.outdated:
            self._retain()
        for unit in held:
            if unit.route == LOG and self.unarchived.due(unit.source, ARCHIVE_RETRY_SECONDS):
                self._archive(unit.source)
        return applied

    def make_missing(self) -> None:
        """Make the rows that its partitions miss, and apply nothing.

        No partition moves on, so rows of other definitions go on being served. What cannot be made
        is told in ``unreplayed``.
        """
        if time.monotonic() - self._renewed >= self._renew_every:
            self._renew()
        self._prepare([unit for unit in self._leases.held if unit.route != LOG])

    def _archive(self, source: type[Source]) -> None:
        """Archive what waits of a source."""
        try:
            step = self._archives[source].step()
        except SlateError as error:
            self.stats.errors += 1
            self.unarchived.failed(source, str(error))
            return
        self.unarchived.over(source, f"the archive of the stream {source.stream!r} goes on again")
        self.stats.archived += step.events
        self.stats.dead += step.refused + step.late

    def _renew(self) -> None:
        for unit in self._leases.renew():
            self._applier.release(unit)
        self._applier.check()
        self.stats.partitions = len(self._leases.held)
        self._renewed = time.monotonic()
        if self._renewed - self._retained >= RETENTION_SECONDS:
            self._retain()

    def _retain(self) -> None:
        """Let go of what batches know by now."""
        require_all_is_kept(self._redis)
        self._retained = time.monotonic()
        name = self._deployment.name
        for rows in self._applier.rows.values():
            learn(self._redis, name, rows)
        for unit in self._leases.held:
            if unit.route != LOG:
                rows = self._applier.rows[unit.source]
                kept = [
                    retain(self._redis, name, view, unit, rows.needed[view])
                    for view in rows.routes[unit.route]
                ]
                if not catch_up(self._redis, unit, rows) or not all(kept):
                    self._applier.release(unit)
                forget_former(self._redis, name, rows, unit)

    def _prepare(self, held: Sequence[Unit]) -> list[Unit]:
        """Make what the rows of partitions miss, once they are held, or the store lost them.

        Gives the partitions that can go on.
        """
        due = {s: self.unreplayed.due(s, REPLAY_RETRY_SECONDS) for s in self._archives}
        for unit in held:
            if due[unit.source] and unit.source in self.unreplayed:
                # Those that went on without some views are tried again too.
                self._applier.release(unit)
        waiting = {unit for unit in self._waiting.intersection(held) if not due[unit.source]}
        by_source: dict[type[Source], list[Unit]] = {}
        for unit in held:
            if not self._applier.knows(unit) and unit not in waiting:
                by_source.setdefault(unit.source, []).append(unit)
        if by_source:
            self._retain()
        for source, new in by_source.items():
            replay = Replay(self._redis, self._deployment, source, self._applier.rows[source])
            if due[source]:
                self._replay(replay, source, new)
            if source in self.unreplayed:
                waiting |= replay.held_back(new)
            tell_whole(self._redis, self._deployment.name, self._applier.rows[source])
        self._waiting = waiting
        return [unit for unit in held if unit not in waiting]

    def _replay(self, replay: Replay, source: type[Source], units: list[Unit]) -> None:
        """Make what the rows of some partitions of a source miss, as far as that can be."""
        replayed = replay.run(units, self._while_replaying)
        self.stats.replayed += replayed.events
        if replayed.events:
            logger.info("%s: %s events replayed from the archive", source.name, replayed.events)
        if replayed.failure is None:
            self.unreplayed.over(source, f"{source.name}: what was MISSING is rebuilt")
        else:
            self.stats.errors += 1
            self.unreplayed.failed(source, replayed.failure)

    def _while_replaying(self, _: int) -> None:
        if time.monotonic() - self._renewed >= self._renew_every:
            self._leases.renew()
            self._renewed = time.monotonic()
