"""Rows of the stream made anew from what was archived: for an empty store, or a changed view.

A partition's set ``:views`` names the definitions whose rows it has kept without a gap. What is
missing there is replayed before the partition goes on: all archived events that no published
generation knows, up to those that wait in the partition's stream. A replay that was killed begins
anew; of two at once the one that began later goes on.

Where the archive cannot be read, only the views that need what is in the way are not made: they are
MISSING, and a partition goes on with the others.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from typing import Any
from uuid import uuid4

import numpy as np
import pyarrow as pa
from redis import Redis
from redis.exceptions import WatchError

from slate.deployment import Deployment
from slate.errors import DataError
from slate.online.rows.hour_sections import hour_of
from slate.online.rows.partitioning import partitions
from slate.online.rows.row_format import Words
from slate.online.store import seen_ids
from slate.online.store.change_log import broken
from slate.online.store.commands import command
from slate.online.store.generations import pointers, whole_field
from slate.online.store.stream_names import LOG, Unit, definition, deltas_name, replayed_name
from slate.online.store.transaction import Transaction
from slate.online.stream.applying.batch_columns import whole
from slate.online.stream.applying.deduplication import SeenIds
from slate.online.stream.applying.source_rows import Counted, SourceRows
from slate.online.stream.archive.log_archive import Archive
from slate.online.stream.events.block_schemas import ID
from slate.online.stream.events.blocks import Blocks, Events
from slate.online.stream.events.redis_entries import arrival_of
from slate.sources import Source
from slate.views import FeatureView
from slate.windows import HOUR

AT_ONCE = 20_000
ENTRIES_AT_ONCE = 1_000
FOREVER = int(np.iinfo(np.int64).max)

# Called with the number of events replayed so far.
Progress = Callable[[int], None]


@dataclass
class _Target:
    """A partition that is replayed.

    Attributes:
        unit: the partition.
        views: the views whose rows are made anew.
        position: the entry up to which it is applied.
        landed: what of landing files its rows are made beside.
        fresh: whether it never applied anything, so that the ids it has seen are made anew too.
        until: the arrival before which events are replayed.
        token: what says that no other replay of it began.
        seen: the ids of the events so far.
        latest: the latest arrival so far.
        remembered: the names of the ids that it has put in the store.
    """

    unit: Unit
    views: list[type[FeatureView]]
    position: bytes | None
    landed: bytes | None
    fresh: bool
    until: int
    token: str
    seen: SeenIds
    latest: int = 0
    remembered: set[str] = field(default_factory=set)


@dataclass(frozen=True)
class Replayed:
    """What a replay did.

    Attributes:
        events: how many events were counted.
        failure: why some views were not made; None if all were.
    """

    events: int
    failure: str | None = None


class Replay:
    """Replays what partitions of one source miss.

    Args:
        redis: a client of the store.
        deployment: the deployment.
        source: the source.
        rows: the rows of its views.
    """

    def __init__(
        self, redis: Redis, deployment: Deployment, source: type[Source], rows: SourceRows
    ) -> None:
        self._redis: Any = redis
        self._deployment = deployment
        self._source = source
        self._rows = rows

    def run(self, units: Sequence[Unit], progress: Progress | None = None) -> Replayed:
        """Make rows that are missing, so that these partitions can go on.

        Args:
            units: partitions of the source's routes.
            progress: called now and then.
        """
        missing = {unit: views for unit in units if (views := self._missing(unit))}
        if not missing:
            return Replayed(0)
        lacking = {view for views in missing.values() for view in views}
        try:
            return Replayed(self._made(missing, progress))
        except DataError as error:
            failure = error
        counted = 0
        hours = sorted({self._needed(view) for view in lacking}, reverse=True)
        # The views that need least of the archive first: each reads what those before it do.
        for hour in hours if len(hours) > 1 else ():
            some = {view for view in lacking if self._needed(view) == hour}
            try:
                counted += self._made(
                    {unit: [v for v in these if v in some] for unit, these in missing.items()},
                    progress,
                )
            except DataError as error:
                failure = error
                break
            lacking -= some
        names = ", ".join(sorted(view.name for view in lacking))
        return Replayed(
            counted,
            f"what the stream {self._source.stream!r} added to {names} cannot be rebuilt from "
            f"its archive, and is MISSING until it can: {failure}",
        )

    def held_back(self, units: Sequence[Unit]) -> set[Unit]:
        """After a failure: the partitions that cannot apply anything before a replay has succeeded.

        Others can, as they know which ids they have seen. What they lack is no longer served, also
        where it was before.
        """
        waiting, lacking = set(), set()
        for unit in units:
            missing = self._missing(unit)
            lacking.update(missing)
            if missing == self._rows.routes[unit.route] and not self._redis.exists(unit.applied):
                waiting.add(unit)
        if lacking:
            told = [whole_field(definition(view)) for view in lacking]
            self._redis.hdel(pointers(self._deployment.name), *told)
        return waiting

    def _missing(self, unit: Unit) -> list[type[FeatureView]]:
        """The views of a partition whose rows are not there, or have gaps."""
        held = {one.decode() for one in self._redis.smembers(unit.views)}
        return [view for view in self._rows.routes[unit.route] if definition(view) not in held]

    def _needed(self, view: type[FeatureView]) -> int:
        return self._rows.needed.get(view, 0)

    def _made(
        self, missing: Mapping[Unit, list[type[FeatureView]]], progress: Progress | None
    ) -> int:
        """Make what partitions miss of these views, or nothing of it; gives the events counted.

        Raises:
            DataError: the archive cannot be read.
        """
        targets = [self._target(unit, views) for unit, views in missing.items() if views]
        since = min(self._needed(view) for target in targets for view in target.views)
        counted = 0
        try:
            # Ids are compared with those of a horizon before.
            for table in self._archived(max(since - 1 - self._source.horizon // HOUR, 0)):
                for events in _by_hour(self._source, table):
                    counted += self._replay(targets, events, since)
                    if progress is not None:
                        progress(counted)
        except DataError:
            for target in targets:
                self._undo(target)
            raise
        for target in targets:
            self._finish(target)
        return counted

    def _target(self, unit: Unit, missing: list[type[FeatureView]]) -> _Target:
        position, landed, applied = self._redis.mget(unit.position, unit.landed, unit.applied)
        waiting = self._redis.xrange(unit.stream, count=1)
        until = int(applied) + 1 if applied else FOREVER
        if not applied and waiting:
            until = arrival_of(waiting[0])
        fresh, seen = applied is None, SeenIds(self._source.horizon)
        target = _Target(unit, missing, position, landed, fresh, until, uuid4().hex, seen)
        self._redis.set(unit.replay, target.token)
        # Before there are rows: they are removed, even if a view is redefined before the end.
        self._redis.sadd(unit.made, *map(definition, missing))
        self._redis.unlink(*[replayed_name(self._deployment.name, v, unit.number) for v in missing])
        return target

    def _archived(self, since: int) -> Iterator[pa.Table]:
        """The events that arrived from an hour on, in order of arrival."""
        # The log first: what leaves it meanwhile is in the archive, and skipped there.
        log = self._redis.xrange(Unit(self._deployment.name, self._source, LOG).stream)
        first = arrival_of(log[0]) if log else FOREVER
        blocks = Blocks(self._redis, self._deployment.name, self._source)
        for table in Archive(self._redis, self._deployment, self._source).read_since(since):
            yield table.filter(pa.array(self._arrivals(table) < first))
        for start in range(0, len(log), ENTRIES_AT_ONCE):
            yield blocks.read(log[start : start + ENTRIES_AT_ONCE]).table

    def _arrivals(self, table: pa.Table) -> Words:
        arrivals: Words = np.asarray(table.column(self._source.arrival_time).cast(pa.int64()))
        return arrivals

    def _replay(self, targets: list[_Target], table: pa.Table, since: int) -> int:
        """Apply events of one hour to all targets; gives how many some target counted."""
        arrivals, hour = self._arrivals(table), hour_of(int(self._arrivals(table)[0]))
        ids = table.column(ID).to_numpy()
        events = Events(table, np.zeros(len(ids), np.int64), [])
        late = self._rows.late(events)
        by_route = {
            route: partitions(whole(table.column(route)))
            for route in {t.unit.route for t in targets}
        }
        counted = 0
        for target in targets:
            number = target.unit.number
            mine = (by_route[target.unit.route] == number) & (arrivals < target.until)
            at = np.flatnonzero(mine)
            if not len(at):
                continue
            new = np.zeros(len(ids), np.bool_)
            new[at] = target.seen.add(ids[at], arrivals[at])
            target.latest = int(arrivals[at[-1]])
            with self._committed(target) as transaction:
                asked = []
                if hour >= since:
                    kept = Counted(events, np.full(len(ids), number), new, late).kept
                    asked = self._rows.ask(transaction, target.views, kept, hour, replayed_name)
                    counted += kept.num_rows
                self._rows.write(transaction, asked)
                if target.fresh:
                    for name, seen in seen_ids.slices(target.unit, ids[at], arrivals[at]):
                        transaction.write(command("APPEND", name, seen))
                        target.remembered.add(name)
        return counted

    @contextmanager
    def _committed(self, target: _Target) -> Iterator[Transaction]:
        """Changes of a partition, made together unless another worker does anything to it."""
        unit = target.unit
        watched = [unit.replay, unit.position, unit.landed]
        with Transaction(self._redis, watched) as transaction:
            transaction.ask(command("MGET", *watched))
            same = transaction.answer() == [target.token.encode(), target.position, target.landed]
            if same:
                yield transaction
            if not same or not transaction.commit():
                raise WatchError(f"another works on {unit.stream}")

    def _undo(self, target: _Target) -> None:
        """Remove what was half made: it would be there twice after as many failures."""
        rows = [replayed_name(self._deployment.name, v, target.unit.number) for v in target.views]
        # Another that works on it has removed it, or goes on with what there is.
        with suppress(WatchError), self._committed(target) as transaction:
            transaction.write(command("UNLINK", *rows, *target.remembered))

    def _finish(self, target: _Target) -> None:
        """Put the rows that were made anew in the place of those that are there."""
        pairs = [
            [name(self._deployment.name, view, target.unit.number) for view in target.views]
            for name in (replayed_name, deltas_name)
        ]
        there = [bool(self._redis.exists(made)) for made in pairs[0]]
        with self._committed(target) as transaction:
            for made, rows, any_ in zip(*pairs, there, strict=True):
                transaction.write(command("UNLINK", rows))
                if any_:
                    transaction.write(command("RENAME", made, rows))
            if target.fresh and target.latest:
                transaction.write(command("SET", target.unit.applied, str(target.latest)))
            made = [definition(view) for view in target.views]
            transaction.write(command("SADD", target.unit.views, *made))
            if self._rows.is_near(target.unit):
                transaction.write(broken(target.unit))


def _by_hour(source: type[Source], table: pa.Table) -> Iterator[pa.Table]:
    """Parts of a table of one hour of arrival each, and not too large."""
    arrivals = np.asarray(table.column(source.arrival_time).cast(pa.int64()))
    hours = arrivals // HOUR
    cuts = np.flatnonzero(np.diff(hours)) + 1
    for part in np.split(np.arange(len(hours)), cuts):
        for start in range(0, len(part), AT_ONCE):
            yield table.slice(int(part[start]), min(AT_ONCE, len(part) - start))
