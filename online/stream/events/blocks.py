"""Blocks: the events of one entry of a stream, as they are written and read.

::

    entry   a   the arrival, in microseconds        (decimal)
            n   how many events                     (decimal)
            s   the digest of the block's schema    (hexadecimal)
            b   the block: one Arrow record batch   (an IPC message, without its schema)

A block has the source's columns but the arrival, which the store stamps, and ``_id``, a hash of the
unique id. Schemas lie beside the streams under their digests, so a reader understands what was
written under an older definition. A schema says what its events were checked against: those of
the reader's own definition are not checked again, those of any other are. That a block is whole,
and its values lie inside of it, is never taken on trust.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import compress, groupby
from typing import Any

import numpy as np
import pyarrow as pa
from redis import Redis

from slate.online.rows.instants import microseconds
from slate.online.rows.row_format import Words
from slate.online.store.stream_names import StreamNames
from slate.online.stream.events.arrived_events import revalidated, trusted
from slate.online.stream.events.block_schemas import ID, block_schema, digest, events_schema
from slate.online.stream.events.json_events import json_rows
from slate.online.stream.events.redis_entries import ARRIVAL, BLOCK, NUMBER, SCHEMA, Entry
from slate.refusals import LATEST
from slate.sources import Source
from slate.times import Mask

# In microseconds, as arrivals are.
_LATEST = microseconds(LATEST)


@dataclass(frozen=True)
class Refusal:
    """An event that was refused, or an entry that cannot be read.

    Attributes:
        reason: why.
        arrival: when it arrived, in microseconds; 0 if it never did.
        event: its columns but the arrival, as JSON has them; None of an entry, and of what a write
            was given that is no mapping.
        raw: of an entry, its block.
        place: of a write, which of its events it was, from 0.
    """

    reason: str
    arrival: int
    event: dict[str, Any] | None = None
    raw: bytes | None = None
    place: int | None = None


@dataclass(frozen=True)
class Events:
    """The events of some entries, in their order.

    Attributes:
        table: the source's columns and ``_id``; the event time is at most the arrival.
        entry: for each row the position of the entry that it came in.
        refused: the events that the source's definition refuses, and what cannot be read.
    """

    table: pa.Table
    entry: Words
    refused: list[Refusal]


@dataclass(frozen=True)
class _Head:
    """An entry, and where it stands."""

    place: int
    arrival: int
    number: int
    digest: bytes
    block: bytes


def late(events: Events, source: type[Source]) -> Mask:
    """Which events happened longer before they arrived than repeats are recognised for."""
    happened, arrived = (
        np.asarray(events.table.column(name).cast(pa.int64()))
        for name in (source.event_time, source.arrival_time)
    )
    mask: Mask = happened < arrived - source.horizon
    return mask


class Blocks:
    """Reads the blocks of one source.

    Args:
        redis: a client of the store, for the schemas.
        deployment: the deployment's name.
        source: whose blocks they are.
    """

    def __init__(self, redis: Redis, deployment: str, source: type[Source]) -> None:
        self._redis = redis
        self._source = source
        self._names = StreamNames(deployment, source)
        schema = block_schema(source)
        self._own = digest(schema).encode()
        self._schemas: dict[bytes, pa.Schema] = {self._own: schema}
        self._empty = events_schema(source).empty_table()

    def read(self, entries: Sequence[Entry]) -> Events:
        """The events of entries, in their order.

        Args:
            entries: as ``XREAD`` and ``XRANGE`` give them, undecoded.

        Raises:
            RedisError: a schema is not known yet, and the store cannot be asked.
        """
        refused: list[Refusal] = []
        heads = list(_heads(entries, refused))
        tables, places = [self._empty], [np.empty(0, np.int64)]
        # Schemas change when a definition does, so runs of one schema are long.
        for key, run in groupby(heads, lambda head: head.digest):
            good, batch = self._decode(key, list(run), refused)
            if batch is not None and batch.num_rows:
                table, place = self._arrived(good, batch, refused)
                tables.append(table)
                places.append(place)
        table = pa.concat_tables(tables) if len(tables) != 2 else tables[1]
        return Events(table, np.concatenate(places), refused)

    def _decode(
        self, key: bytes, heads: list[_Head], refused: list[Refusal]
    ) -> tuple[list[_Head], pa.RecordBatch | None]:
        """The blocks of one schema as one batch, and the entries of those that can be read."""
        schema = self._schema(key)
        if schema is None:
            reason = f"no entry: its schema {key.decode(errors='replace')} is not in the store"
            refused += [Refusal(reason, head.arrival, raw=head.block) for head in heads]
            return [], None
        batches = [_batch(schema, head) for head in heads]
        if any(b is None for b in batches) or not _sound(pa.Table.from_batches(batches, schema)):
            sound = [batch is not None and _sound(batch) for batch in batches]
            reason = "no entry: its block is not as many events of its schema as it says"
            refused += [
                Refusal(reason, head.arrival, raw=head.block)
                for head, good in zip(heads, sound, strict=True)
                if not good
            ]
            heads, batches = list(compress(heads, sound)), list(compress(batches, sound))
        whole = pa.Table.from_batches(batches, schema).combine_chunks().to_batches()
        return heads, whole[0] if whole else None

    def _schema(self, key: bytes) -> pa.Schema | None:
        if key not in self._schemas:
            written = self._redis.hget(self._names.schemas, key.decode(errors="replace"))
            if not isinstance(written, bytes):
                return None
            try:
                self._schemas[key] = pa.ipc.read_schema(pa.py_buffer(written))
            except (pa.ArrowException, OSError):
                return None
        return self._schemas[key]

    def _arrived(
        self, heads: list[_Head], batch: pa.RecordBatch, refused: list[Refusal]
    ) -> tuple[pa.Table, Words]:
        """The events that are good, and the positions of their entries."""
        numbers = [head.number for head in heads]
        places = np.repeat(np.array([head.place for head in heads]), numbers)
        arrivals = np.repeat(np.array([head.arrival for head in heads]), numbers)
        if heads[0].digest == self._own:
            return trusted(self._source, batch, arrivals), places
        table, bad = revalidated(self._source, batch, arrivals)
        if bad:
            refused += _refused(batch, bad, arrivals)
            good = np.ones(len(places), np.bool_)
            good[list(bad)] = False
            table, places = table.filter(pa.array(good)), places[good]
        return table, places


def _heads(entries: Sequence[Entry], refused: list[Refusal]) -> Iterator[_Head]:
    for place, (_, fields) in enumerate(entries):
        try:
            arrival, number = int(fields[ARRIVAL]), int(fields[NUMBER])
            head = _Head(place, arrival, number, fields[SCHEMA], fields[BLOCK])
        except (KeyError, ValueError):
            head = None
        if head is None or not 0 <= head.arrival <= _LATEST or head.number < 0:
            reason = "no entry: it lacks its arrival, number, schema or block, or they are none"
            refused.append(Refusal(reason, 0, raw=fields.get(BLOCK)))
        else:
            yield head


def _batch(schema: pa.Schema, head: _Head) -> pa.RecordBatch | None:
    """An entry's block; None if it is not what the entry says."""
    try:
        batch = pa.ipc.read_record_batch(pa.py_buffer(head.block), schema)
    except (pa.ArrowException, OSError, EOFError):
        return None
    return batch if batch.num_rows == head.number else None


def _sound(table: pa.Table | pa.RecordBatch) -> bool:
    """Whether all of its values lie inside of it, and texts are texts."""
    try:
        table.validate(full=True)
    except pa.ArrowException:
        return False
    return True


def _refused(batch: pa.RecordBatch, bad: dict[int, str], arrivals: Words) -> Iterator[Refusal]:
    events = json_rows(batch.take(pa.array(list(bad), pa.int64())))
    for (row, reason), event in zip(bad.items(), events, strict=True):
        event.pop(ID, None)
        yield Refusal(reason, int(arrivals[row]), event)
