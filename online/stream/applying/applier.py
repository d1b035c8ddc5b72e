"""Applying micro-batches to the rows of the partitions that a worker holds, exactly once.

The new rows, the ids that were seen and the position in the stream change in one transaction, which
fails if a position is not what the micro-batch was read from. So it does not matter where a worker
is killed, nor whether two of them take themselves for the owner of a partition.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from itertools import accumulate, groupby
from typing import Any

import numpy as np
import pyarrow as pa
from redis import Redis

from slate.online.rows.hour_sections import hour_of
from slate.online.store import seen_ids
from slate.online.store.change_log import noted
from slate.online.store.cluster_client import clustered
from slate.online.store.commands import Packed, command, together
from slate.online.store.generations import pointer_field, pointers, stream_field, whole_field
from slate.online.store.landed_ids import LandedIds, written
from slate.online.store.stream_names import LOG, Unit, definition, streamed_sources
from slate.online.store.transaction import Transaction
from slate.online.stream.applying.deduplication import SeenIds
from slate.online.stream.applying.source_rows import Counted, SourceRows
from slate.online.stream.events.block_schemas import ID
from slate.online.stream.events.blocks import Blocks
from slate.online.stream.events.redis_entries import (
    Entry,
    after,
    arrival_of,
    by_stream,
    number,
    of_one_hour,
)
from slate.registry import Registry
from slate.sources import Source

START = b"0-0"
# About how many events are taken at once: more are later visible, and for as long as they are
# committed the store answers nobody else.
MOST_EVENTS = 24_000
FIRST_ENTRIES, MOST_ENTRIES = 50, 1_000


@dataclass
class Applied:
    """What became of a micro-batch.

    Attributes:
        events: the events that were applied.
        repeats: those skipped as they had come before, by the stream or by landing files.
        late: those skipped as they were older than the horizon.
        refused: those that their source's definition refuses.
        arrival: the latest arrival, in microseconds; 0 without events.
        conflicts: the partitions of which another worker had applied more.
        outdated: whether something was published meanwhile, so that nothing is applied yet.
    """

    events: int = 0
    repeats: int = 0
    late: int = 0
    refused: int = 0
    arrival: int = 0
    conflicts: int = 0
    outdated: bool = False

    def span_attributes(self) -> dict[str, int]:
        """What a span of it tells."""
        return {
            "slate.events": self.events,
            "slate.repeats": self.repeats,
            "slate.late": self.late,
            "slate.refused": self.refused,
            "slate.conflicts": self.conflicts,
        }

    def add(self, other: "Applied") -> None:
        """Count another micro-batch too."""
        self.events += other.events
        self.repeats += other.repeats
        self.late += other.late
        self.refused += other.refused
        self.arrival = max(self.arrival, other.arrival)
        self.conflicts += other.conflicts
        self.outdated |= other.outdated


@dataclass
class _State:
    """What a worker knows of a partition that it holds.

    Attributes:
        position: the entry up to which it is applied.
        applied: that entry's arrival, in microseconds.
        seen: the ids of the last horizon.
    """

    position: bytes
    applied: int
    seen: SeenIds


@dataclass
class _Part:
    """A micro-batch of one partition.

    Attributes:
        unit: the partition.
        entries: the entries, all of one hour of arrival.
        seen: what is to be remembered of ids, by name.
        near: the keys whose rows of near views it changes.
    """

    unit: Unit
    entries: list[Entry]
    seen: list[tuple[str, bytes]] = field(default_factory=list)
    near: list[bytes] = field(default_factory=list)

    @property
    def hour(self) -> int:
        """The hour of arrival."""
        return hour_of(self.arrival)

    @property
    def arrival(self) -> int:
        """The latest arrival."""
        return arrival_of(self.entries[-1])

    @property
    def last(self) -> bytes:
        """The last entry's id."""
        return self.entries[-1][0]

    @property
    def number(self) -> int:
        """How many events it was said to have."""
        return sum(map(number, self.entries))


class Applier:
    """Applies the events of partitions to the rows of their views.

    Args:
        redis: a client of the store.
        deployment: the deployment's name.
        registry: the definitions.

    Attributes:
        rows: the rows of each streamed source.
    """

    def __init__(self, redis: Redis, deployment: str, registry: Registry) -> None:
        self._redis: Any = redis
        self._deployment = deployment
        self._states: dict[Unit, _State] = {}
        self._entries, self._next = FIRST_ENTRIES, 0
        sources = streamed_sources(registry)
        self.rows = {
            source: SourceRows(deployment, registry, source, LandedIds(redis, deployment, source))
            for source in sources
        }
        self._blocks = {s: Blocks(redis, deployment, s) for s in sources}

    def knows(self, unit: Unit) -> bool:
        """Whether it knows how far a partition is; not before a step, nor after losing it."""
        return unit in self._states

    def release(self, unit: Unit) -> None:
        """Forget what is known of a partition, as another may hold it from now on."""
        self._states.pop(unit, None)

    def check(self) -> None:
        """Forget the partitions of which the store says something else: it may have lost them.

        One that never had an event has nothing to lose but the word on whose rows it has.
        """
        if not self._states:
            return
        with self._redis.pipeline(transaction=False) as pipeline:
            pipeline.mget([unit.position for unit in self._states])
            for unit in self._states:
                pipeline.smembers(unit.views)
            positions, *held = pipeline.execute()
        states = zip(list(self._states.items()), positions, held, strict=True)
        for (unit, state), position, views in states:
            wanted = {definition(v).encode() for v in self.rows[unit.source].routes[unit.route]}
            if (position or START) != state.position or not wanted <= views:
                self.release(unit)

    def step(self, units: Sequence[Unit]) -> Applied:
        """Read what is new in some partitions, and apply it.

        Args:
            units: the partitions, of any sources and routes.

        Raises:
            RedisError: the store fails. Whether the micro-batch was applied is found out later.
        """
        for unit in units:
            if unit not in self._states:
                self._states[unit] = self._load(unit)
        parts = self._read(units)
        if self._outdated():
            # An event that was read may be one that the generation brings which is live by now.
            return Applied(outdated=True)
        applied = Applied()
        # Events of one hour and source are folded together, whichever partitions they come from.
        # On a cluster each partition has a transaction of its own, as it has a slot.
        alone = clustered(self._redis)

        def key(part: _Part) -> tuple[str, int, str]:
            return part.unit.source.name, part.hour, part.unit.stream if alone else ""

        for _, these in groupby(sorted(parts, key=key), key):
            some = list(these)
            try:
                applied.add(self._apply(some))
            except BaseException:
                for part in some:
                    self.release(part.unit)
                raise
        return applied

    def _load(self, unit: Unit) -> _State:
        # From now on, whoever reads looks for the stream's rows too.
        self._redis.hset(pointers(self._deployment), stream_field(unit.source), "1")
        # The position first: ids that are added meanwhile are of events behind it.
        position, applied = self._redis.mget(unit.position, unit.applied)
        latest, seen = int(applied or 0), SeenIds(unit.source.horizon)
        for ids, arrivals in seen_ids.read(self._redis, unit, latest):
            seen.add(ids, arrivals)
        return _State(bytes(position or START), latest, seen)

    def _read(self, units: Sequence[Unit]) -> list[_Part]:
        named = {unit.stream.encode(): unit for unit in self._turn(units)}
        if not named:
            return []
        positions = {name: self._states[unit].position for name, unit in named.items()}
        found = self._redis.xread(positions, count=self._entries)
        streams = [(named[name], entries) for name, entries in by_stream(found)]
        read = [entry for _, entries in streams for entry in entries]
        if read:
            # What is read beyond the most is read again, so as many are asked for next time.
            mean = max(sum(map(number, read)) / len(read), 1)
            self._entries = min(max(int(MOST_EVENTS / mean), 1), MOST_ENTRIES)
        return [_Part(unit, of_one_hour(entries, MOST_EVENTS)) for unit, entries in streams]

    def _outdated(self) -> bool:
        """Whether other generations are live than those that were learnt of."""
        learnt = [rows for rows in self.rows.values() if rows.pointers]
        fields = [pointer_field(v) for rows in learnt for v in rows.views]
        if not fields:
            return False
        live = self._redis.hmget(pointers(self._deployment), fields)
        return bool(live != [pointer for rows in learnt for pointer in rows.pointers])

    def _turn(self, units: Sequence[Unit]) -> list[Unit]:
        """The partitions whose turn it is: all, or if much waits, so few that they are enough.

        Many events of few partitions change fewer rows than as many of all.
        """
        routed = [unit for unit in units if unit.route != LOG]
        if not routed:
            return []
        start = self._next % len(routed)
        routed = routed[start:] + routed[:start]
        waiting = [int(number or 0) for number in self._redis.mget([u.pending for u in routed])]
        before = [0, *accumulate(waiting)]
        turn = [unit for unit, number in zip(routed, before, strict=False) if number < MOST_EVENTS]
        self._next = start + len(turn)
        return turn

    def _apply(self, parts: list[_Part]) -> Applied:
        states = [name for part in parts for name in (part.unit.position, part.unit.landed)]
        rows, kept = self.rows[parts[0].unit.source], [part.unit.views for part in parts]
        with Transaction(self._redis, [*states, *kept]) as transaction:
            transaction.ask(command("MGET", *states))
            for views in kept:
                transaction.ask(command("SMEMBERS", views))
            found = transaction.answer()
            held = [{one.decode() for one in transaction.answer()} for _ in kept]
            stale = [
                part
                for part, position, landed in zip(parts, found[::2], found[1::2], strict=True)
                if (position or START) != self._states[part.unit].position
                or (landed or b"") != written(rows.routes[part.unit.route], rows.known)
            ]
            if stale:
                return self._conflict(stale)
            applied, left_behind = self._change(transaction, parts), set[str]()
            for part, definitions in zip(parts, held, strict=True):
                transaction.write(self._moved_on(part))
                if rows.is_near(part.unit):
                    before = self._states[part.unit].position
                    transaction.write(noted(part.unit, before, part.last, part.near))
                left_behind |= self._leave_behind(transaction, part.unit, definitions)
            if clustered(self._redis) and left_behind:
                # Elsewhere, so before: no moment is to be told whole that has a gap. And behind,
                # as another may have told so in between.
                self._redis.hdel(pointers(self._deployment), *left_behind)
            if not transaction.commit():
                return self._conflict(parts)
        if clustered(self._redis) and left_behind:
            self._redis.hdel(pointers(self._deployment), *left_behind)
        for part in parts:
            state = self._states[part.unit]
            state.position, state.applied = part.last, part.arrival
        while rows.damaged:
            self.release(rows.damaged.pop())
        return applied

    def _moved_on(self, part: _Part) -> Packed:
        """Remember the ids of a micro-batch, and let its entries go."""
        unit = part.unit
        let_go = seen_ids.forgotten(unit, self._states[unit].applied, part.arrival)
        return together(
            [
                *[command("APPEND", name, ids) for name, ids in part.seen],
                *([command("UNLINK", *let_go)] if let_go else []),
                command("DECRBY", unit.pending, str(part.number)),
                command("MSET", unit.position, part.last, unit.applied, str(part.arrival)),
                command("XTRIM", unit.stream, "MINID", after(part.last)),
            ]
        )

    def _leave_behind(self, transaction: Transaction, unit: Unit, held: set[str]) -> set[str]:
        """Say of other definitions that their rows of a partition have a gap from now on.

        Gives what is no longer to be said of them.

        While an application is deployed, workers of two definitions of a view share its partitions.
        Each keeps the rows of its own; those of the other are missing until a worker that knows
        them makes them anew.
        """
        others = held - {definition(view) for view in self.rows[unit.source].routes[unit.route]}
        if others:
            transaction.write(command("SREM", unit.views, *others))
            # Its rows stay: they are known of until they are removed.
            transaction.write(command("SADD", unit.made, *others))
        fields = {whole_field(other) for other in others}
        if others and not clustered(self._redis):
            transaction.write(command("HDEL", pointers(self._deployment), *fields))
        return fields

    def _conflict(self, parts: list[_Part]) -> Applied:
        for part in parts:
            self.release(part.unit)
        return Applied(conflicts=len(parts))

    def _change(self, transaction: Transaction, parts: list[_Part]) -> Applied:
        """Write the rows that micro-batches of one source and hour change."""
        source, applied = parts[0].unit.source, Applied()
        rows = self.rows[source]
        asked = []
        for route, views in rows.routes.items():
            routed = [part for part in parts if part.unit.route == route]
            if routed:
                counted = Applied()
                kept = self._counted(source, routed, counted).kept
                # An event is on the streams of all routes, and counts once.
                first = route == next(iter(rows.routes))
                applied.add(counted if first else Applied(arrival=counted.arrival))
                asked += rows.ask(transaction, views, kept, parts[0].hour)
        rows.write(transaction, asked)
        for part in parts:
            part.near = rows.near_keys(asked, part.unit)
        return applied

    def _counted(self, source: type[Source], parts: list[_Part], applied: Applied) -> Counted:
        entries = [entry for part in parts for entry in part.entries]
        events = self._blocks[source].read(entries)
        owner = np.repeat(np.arange(len(parts)), [len(part.entries) for part in parts])
        owner = owner[events.entry]
        ids = events.table.column(ID).to_numpy()
        arrivals = events.table.column(source.arrival_time).cast(pa.int64()).to_numpy()
        new = np.zeros(len(ids), np.bool_)
        for place, part in enumerate(parts):
            mine = np.flatnonzero(owner == place)
            new[mine] = self._states[part.unit].seen.add(ids[mine], arrivals[mine])
            part.seen = list(seen_ids.slices(part.unit, ids[mine], arrivals[mine]))
        late = self.rows[source].late(events)
        again = ~new | self.rows[source].published(parts[0].unit.route, events.table)
        applied.events += int((~again & ~late).sum())
        applied.repeats += int(again.sum())
        applied.late += int((~again & late).sum())
        applied.refused += len(events.refused)
        applied.arrival = max(applied.arrival, int(arrivals.max(initial=0)))
        return Counted(events, np.array([p.unit.number for p in parts])[owner], new, late)
