"""The rows of all views of a source's routes, and what events change in them."""

from dataclasses import dataclass

import numpy as np
import pyarrow as pa
from redis import Redis

from online.rows import Words
from online.stream.blocks import Events, late
from online.stream.columns import EventColumns
from online.stream.deltas import ViewDeltas
from online.stream.names import deltas_name, routed_views
from online.stream.sections import section, with_section
from slate.entities import Source
from slate.expressions import Array
from slate.registry import Registry
from slate.views import FeatureView

# Rows to be written: by the name of their hash and the first key.
Writes = dict[str, dict[str, bytes]]


@dataclass(frozen=True)
class Counted:
    """Events of one route, with what is to become of them.

    Attributes:
        events: the events.
        partition: the number of the partition that each belongs to.
        new: which of them are no repeats.
        late: which of them are too late to be applied.
    """

    events: Events
    partition: Words
    new: Array
    late: Array

    @property
    def kept(self) -> pa.Table:
        """Those that count, with their partition as ``_unit``."""
        at = np.flatnonzero(self.new & ~self.late)
        partition = pa.array(self.partition[at])
        return self.events.table.take(pa.array(at)).append_column("_unit", partition)


class SourceRows:
    """Folds events of one source into the stream's rows of its views.

    Args:
        redis: a client of the store.
        deployment: the deployment's name.
        registry: the definitions.
        source: the source.

    Attributes:
        routes: the views that are kept by each route.
        needed: by view, the first hour of arrival that is still needed.
    """

    def __init__(
        self, redis: Redis, deployment: str, registry: Registry, source: type[Source]
    ) -> None:
        self._redis = redis
        self._deployment = deployment
        self._source = source
        self.routes = routed_views(registry, source)
        self.needed: dict[type[FeatureView], int] = {}
        self._deltas = {view: ViewDeltas(view) for views in self.routes.values() for view in views}

    def late(self, events: Events) -> Array:
        """Which events are too late to be applied."""
        return late(events, self._source)

    def changed(self, views: list[type[FeatureView]], kept: pa.Table, hour: int) -> Writes:
        """The rows that events change.

        Args:
            views: views of one route.
            kept: the events, with ``_unit``, the number of their partition.
            hour: the hour in which all of them arrived.
        """
        if not kept.num_rows:
            return {}
        events = EventColumns(self._source, kept)
        batches = [(self._deltas[view], self._deltas[view].fold(events)) for view in views]
        partition = np.asarray(events.column("_unit"))
        places = [
            (deltas_name(self._deployment, one.view, number), batch, at.tolist())
            for one, batch in batches
            for number, at in _grouped(partition[batch.events])
        ]
        with self._redis.pipeline(transaction=False) as pipeline:
            for name, batch, at in places:
                pipeline.hmget(name, [batch.keys[n] for n in at])
            replies = pipeline.execute()
        held = {id(batch): [None] * len(batch.keys) for _, batch in batches}
        for (_, batch, at), values in zip(places, replies, strict=True):
            for place, value in zip(at, values, strict=True):
                held[id(batch)][place] = value
        new = {}
        for one, batch in batches:
            needed, old = self.needed.get(one.view, 0), held[id(batch)]
            sections = one.extended(batch, [section(value, hour) for value in old])
            new[id(batch)] = [
                with_section(value, hour, row, needed)
                for value, row in zip(old, sections, strict=True)
            ]
        return {name: {batch.keys[n]: new[id(batch)][n] for n in at} for name, batch, at in places}


def _grouped(partition: Words) -> list[tuple[int, Words]]:
    """The positions of each partition's members."""
    return [(int(n), np.flatnonzero(partition == n)) for n in np.unique(partition)]
