"""A write as a flow of commands and replies, without any I/O of its own.

See ``slate.online.store.flows`` for what such a flow yields. It returns what became of the write.
The writers are what runs it, synchronous or not.
"""

import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from hashlib import sha1
from importlib import resources
from typing import Any, TypeAlias

import numpy as np
import pyarrow as pa
from redis.exceptions import NoPermissionError, NoScriptError, ResponseError

from slate.errors import DataError, StoreError, StreamFullError
from slate.online.rows.event_ids import hash_ids
from slate.online.rows.partitioning import PARTITIONS
from slate.online.store import persistence
from slate.online.store.commands import command, values
from slate.online.store.flows import ExchangeError, Flow, Replicated, not_replicated
from slate.online.store.replicas import on_a_replica
from slate.online.store.stream_names import LOG, StreamNames, Unit, routed_views
from slate.online.stream.events.block_schemas import block_schema, digest
from slate.online.stream.events.blocks import Refusal
from slate.online.stream.events.json_events import json_event, json_rows
from slate.online.stream.events.partition_blocks import partition_blocks
from slate.online.stream.events.validation import (
    CoercedEvents,
    check_names,
    coerce_batch,
    coerce_events,
    refusals,
)
from slate.registry import Registry
from slate.sources import Source

Loose: TypeAlias = Sequence[Mapping[str, Any]] | pa.Table | pa.RecordBatch

MOST_AT_ONCE = 10_000
FIRST_PAUSE, LONGEST_PAUSE = 0.005, 0.5

_SCRIPT = resources.files("slate.online.stream.writing").joinpath("write.lua").read_bytes()
_SHA = sha1(_SCRIPT, usedforsecurity=False).hexdigest()


@dataclass(frozen=True)
class Written:
    """What became of a write.

    Attributes:
        written: how many events were written.
        arrival: the latest arrival that they were stamped with, in microseconds; 0 if none was.
        refused: the events that the source's definition refuses, in their order.
        late: how many of those written arrived longer after they happened than the source's
            horizon: they are not applied online, and dead letters.
    """

    written: int
    arrival: int
    refused: list[Refusal]
    late: int = 0


class Writing:
    """Writes of one source's events.

    Args:
        registry: the definitions.
        deployment: the deployment's name.
        source: whose events they are.
        limit: how many events of a stream may wait to be applied.
        now: what tells the arrival, in microseconds; None for the store's clock.
        saved: whether a write waits until the store has it in its append-only file, if it has one.
        clustered: whether the store is a cluster, of which a write goes to the log alone.
        replicated: whether replicas of the store, one server, may take its place.

    Raises:
        DataError: the limit lets nothing through.
    """

    def __init__(
        self,
        registry: Registry,
        deployment: str,
        source: type[Source],
        limit: int,
        now: Callable[[], int] | None,
        saved: bool = False,
        clustered: bool = False,
        replicated: bool = False,
    ) -> None:
        if limit < 1:
            raise DataError(f"limit={limit}: a stream must hold one event at least")
        self.source = source
        self._limit, self._now, self._saved = limit, now, saved
        self._clustered, self._has_replicas = clustered, replicated
        self._names = StreamNames(deployment, source)
        self._log = Unit(deployment, source, LOG)
        self._routes = {
            route: [Unit(deployment, source, route, number) for number in range(PARTITIONS)]
            for route in routed_views(registry, source)
        }
        self._schema = block_schema(source)
        self._digest = digest(self._schema)

    def write(self, events: Loose, strict: bool, wait: float) -> "Flow[Written]":
        """The flow of one write; see ``EventWriter.write``."""
        refused: list[Refusal] = []
        batches = [self._good(*chunk, refused) for chunk in self._chunks(events)]
        if strict and refused:
            raise DataError(
                f"{len(refused)} of these events are refused, so none is written; the first: "
                f"{refused[0].event}: {refused[0].reason}"
            )
        written, arrival, late, deadline = 0, 0, 0, time.monotonic() + wait
        try:
            for batch in batches:
                if batch.num_rows:
                    # Each part has a deadline of its own.
                    yield 0.0
                    arrival = yield from self._write(batch, written, deadline)
                    written += batch.num_rows
                    late += self._late(batch, arrival)
            if written and self._saved:
                yield from self._save()
        except (ExchangeError, ResponseError) as error:
            raise StoreError(
                f"the stream {self.source.stream!r} cannot be written ({error}): write these "
                "events again; those that were written are known by their ids"
            ) from error
        return Written(written, arrival, refused, late)

    def _write(self, batch: pa.RecordBatch, written: int, deadline: float) -> Flow[int]:
        """Write a chunk; return its arrival."""
        targets = [*self._targets(batch)]
        first: StreamNames | Unit = self._names
        if self._clustered:
            yield from self._wait_for_room(batch, written, deadline)
            # Of the partitions workers take care.
            first, targets = self._log, targets[:1]
        keys = [first.clock, first.floor, first.schemas, self._log.total]
        given: list[str | bytes] = [str(self._limit), self._at(), self._digest]
        for unit, number, block in targets:
            keys += [unit.stream, unit.pending]
            given += [str(number), block]
        pause = FIRST_PAUSE
        while True:
            arguments = (str(len(keys)), *keys, *given)
            try:
                yield command("EVALSHA", _SHA, *arguments, name=3)
                reply = yield None
            except NoScriptError:
                yield command("EVAL", _SCRIPT, *arguments, name=3)
                reply = yield None
            match reply:
                case [b"written", arrival]:
                    yield from self._replicated()
                    return int(arrival)
                case [b"schema"]:
                    schema = self._schema.serialize().to_pybytes()
                    yield command("HSET", self._names.schemas, self._digest, schema)
                    yield None
                    if self._clustered:
                        yield from self._replicated()
                        yield command("HSET", self._log.schemas, self._digest, "1")
                        yield None
                case [_, stream, pending]:
                    left = deadline - time.monotonic()
                    if left <= 0:
                        raise StreamFullError(stream.decode(), pending, self._limit, written)
                    yield min(pause, left)
                    pause = min(2 * pause, LONGEST_PAUSE)
                    given[1] = self._at()

    def _wait_for_room(self, batch: pa.RecordBatch, written: int, deadline: float) -> Flow[None]:
        """Wait until no partition of a cluster has too many events waiting for these to come."""
        units = [unit for unit, _, _ in self._targets(batch)][1:]
        pause = FIRST_PAUSE
        while units:
            yield values([unit.pending for unit in units])
            found = yield None
            waiting = [int(one) if isinstance(one, bytes) else 0 for one in found]
            most = max(waiting)
            if most + batch.num_rows <= self._limit:
                return
            left = deadline - time.monotonic()
            if left <= 0:
                full = units[waiting.index(most)].stream
                raise StreamFullError(full, most, self._limit, written)
            yield min(pause, left)
            pause = min(2 * pause, LONGEST_PAUSE)

    def _replicated(self) -> Flow[None]:
        """See that what was written is on a replica too, where there are some to take over."""
        if self._has_replicas:
            yield from on_a_replica()
        elif self._clustered and (behind := (yield Replicated())):
            raise not_replicated(behind)

    def _save(self) -> Flow[None]:
        """Wait until the store has in its file what it acknowledged, if it keeps one."""
        deadline = time.monotonic() + persistence.SAVING
        while True:
            yield command(*persistence.ASK)
            try:
                info = persistence.parsed((yield None))
            except NoPermissionError:
                # Whoever may not ask goes by what the store acknowledged, as of one without a file.
                return
            if persistence.written(info):
                return
            late = time.monotonic() > deadline
            if late or persistence.failing(info):
                what = "cannot save them"
                if late:
                    what = f"has not saved them in {persistence.SAVING:g} s"
                raise StoreError(
                    f"the stream {self.source.stream!r} holds these events, but the store {what}, "
                    "so they may be lost: see that its disk is not full, and write them again; ids "
                    "make that harmless"
                )
            yield persistence.PAUSE

    def _late(self, batch: pa.RecordBatch, arrival: int) -> int:
        """How many of a chunk's events happened too long before they arrived."""
        happened = np.asarray(batch.column(self.source.event_time).cast(pa.int64()))
        return int((happened < arrival - self.source.horizon).sum())

    def _at(self) -> str:
        """The time to stamp; empty for the store's."""
        return "" if self._now is None else str(self._now())

    def _chunks(self, events: Loose) -> Iterator[tuple[int, Any, CoercedEvents]]:
        """The events in chunks: where each starts, as it was given, and as columns."""
        size = min(MOST_AT_ONCE, self._limit)
        if isinstance(events, pa.RecordBatch):
            events = pa.Table.from_batches([events])
        if isinstance(events, pa.Table):
            check_names(self.source, events.column_names)
            for start in range(0, events.num_rows, size):
                (batch,) = events.slice(start, size).combine_chunks().to_batches()
                yield start, batch, coerce_batch(self.source, batch)
        elif isinstance(events, str | bytes) or not isinstance(events, Sequence):
            raise DataError(
                f"{self.source.name}: events come as a list of mappings, or as an Arrow table, not "
                f"as a {type(events).__name__}: write [event], or list(events)"
            )
        else:
            for start in range(0, len(events), size):
                chunk = events[start : start + size]
                yield start, chunk, coerce_events(self.source, chunk)

    def _good(
        self, start: int, chunk: Any, events: CoercedEvents, refused: list[Refusal]
    ) -> pa.RecordBatch:
        """The events of a chunk that are good, with the hashes of their ids."""
        columns = pa.RecordBatch.from_pydict(events.columns)
        bad = refusals(self.source, events)
        if bad:
            given: list[dict[str, Any] | None]
            if isinstance(chunk, pa.RecordBatch):
                given = [*json_rows(chunk.take(pa.array(list(bad))))]
            else:
                given = [
                    json_event(chunk[row]) if isinstance(chunk[row], Mapping) else None
                    for row in bad
                ]
            refused += [
                Refusal(reason, 0, event, place=start + row)
                for (row, reason), event in zip(bad.items(), given, strict=True)
            ]
            good = np.ones(events.rows, np.bool_)
            good[list(bad)] = False
            columns = columns.filter(pa.array(good))
        ids = hash_ids(columns.column(self.source.unique_id))
        return pa.RecordBatch.from_arrays([*columns.columns, ids], schema=self._schema)

    def _targets(self, batch: pa.RecordBatch) -> Iterator[tuple[Unit, int, bytes]]:
        """Each stream that a chunk goes to, with how many of its events and their block."""
        whole = batch.serialize().to_pybytes()
        yield self._log, batch.num_rows, whole
        for route, units in self._routes.items():
            for place, number, block in partition_blocks(batch, route, whole):
                yield units[place], number, block
