"""Fanning out: on a cluster, what the log has is put on the streams of the partitions.

A write goes to the log alone there, as one script can name one slot. The worker that holds the log
puts its entries on the partitions' streams, in order and under their ids, and then says up to which
entry all partitions have all; only what is before that leaves the log. Killed anywhere it begins
again behind that entry, and what a partition has had already its stream refuses. So two that do it
at once are harmless too.
"""

from collections.abc import Iterator, Sequence
from importlib import resources
from typing import Any
from uuid import uuid4

import numpy as np
import pyarrow as pa

from slate.online.store.changes import raise_to
from slate.online.store.cluster_client import ClusterClient, clustered, pipeline_at
from slate.online.store.commands import Packed, command
from slate.online.store.stream_names import LOG, StreamNames, Unit, routed_views
from slate.online.stream.events.block_schemas import block_schema, digest
from slate.online.stream.events.blocks import Blocks, Events
from slate.online.stream.events.partition_blocks import partition_blocks
from slate.online.stream.events.redis_entries import Entry, after, arrival_of, earlier, number
from slate.registry import Registry
from slate.sources import Source

START = b"0-0"
# So many entries are read at a time, and about so many events are fanned out in one step.
ENTRIES, MOST_EVENTS = 64, 50_000

_SCRIPT = resources.files("slate.online.stream.workers").joinpath("fan_out.lua").read_bytes()


class FanOut:
    """Fans out the log of one source.

    Args:
        redis: a client of the cluster.
        deployment: the deployment's name.
        registry: the definitions.
        source: the source.
    """

    def __init__(
        self, redis: ClusterClient, deployment: str, registry: Registry, source: type[Source]
    ) -> None:
        self._redis = redis
        self._deployment, self._source = deployment, source
        self._log = Unit(deployment, source, LOG)
        self._names = StreamNames(deployment, source)
        self._routes = list(routed_views(registry, source))
        self._blocks = Blocks(redis, deployment, source)  # type: ignore[arg-type]
        self._schema = block_schema(source)
        self._digest = digest(self._schema)
        self._told = False

    def step(self) -> int:
        """Fan out what the log has; gives how many events that was.

        Raises:
            RedisError: a node fails; what was not fanned out is tried again.
        """
        done, events = self._redis.get(self._log.fanned) or START, 0
        while events < MOST_EVENTS:
            entries = self._redis.xrange(self._log.stream, b"(" + done, "+", ENTRIES)
            if not entries:
                break
            self._put(entries)
            done = entries[-1][0]
            events += sum(map(number, entries))
        return events

    def _put(self, entries: Sequence[Entry]) -> None:
        if not self._told:
            schema = self._schema.serialize().to_pybytes()
            known = command("HSET", self._names.schemas, self._digest, schema)
            self._redis.send([known], replicated=True)
            self._told = True
        # What the log's replicas do not have yet may be lost with its node, and others get the same
        # ids: behind a write of one's own, all that was read is there.
        self._redis.send([command("SET", self._log.reader, uuid4().hex)], replicated=True)
        self._redis.send(self._commands(entries), replicated=True)
        # By now all partitions have it: clients may know, and the log may let go.
        arrival = max(map(arrival_of, entries))
        raise_to(self._redis, self._names.clock, arrival)
        last = entries[-1][0]
        with pipeline_at(self._redis, self._log.stream) as transaction:
            transaction.set(self._log.fanned, last)
            archived = self._redis.get(self._log.position) or START
            kept = after(earlier(last, archived))
            transaction.xtrim(self._log.stream, minid=kept, approximate=False)
            transaction.execute()

    def _commands(self, entries: Sequence[Entry]) -> list[Packed]:
        """What puts entries on the streams of all partitions that they have events of."""
        arguments: dict[Unit, list[str | bytes]] = {}
        for (id_, fields), batch in self._batches(entries, self._blocks.read(entries)):
            whole = batch.serialize().to_pybytes()
            for route in self._routes:
                for place, count, block in partition_blocks(batch, route, whole):
                    unit = Unit(self._deployment, self._source, route, place)
                    words: list[str | bytes] = [id_, fields[b"a"], str(count), self._digest, block]
                    arguments.setdefault(unit, []).extend(words)
        return [
            command("EVAL", _SCRIPT, "2", unit.stream, unit.pending, *words, name=3)
            for unit, words in arguments.items()
        ]

    def _batches(
        self, entries: Sequence[Entry], events: Events
    ) -> Iterator[tuple[Entry, pa.RecordBatch]]:
        """The events of each entry that its source's definition takes, as a block has them."""
        table = events.table.select(self._schema.names).cast(self._schema)
        for place in np.unique(events.entry).tolist():
            at = np.flatnonzero(events.entry == place)
            rows = table.take(pa.array(at)).combine_chunks().to_batches()
            yield entries[place], rows[0]


def fan_out(redis: Any, deployment: str, registry: Registry, source: type[Source]) -> FanOut | None:
    """What fans out the log of a source; None on one server, where writes do."""
    return FanOut(redis, deployment, registry, source) if clustered(redis) else None
