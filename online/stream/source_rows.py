"""The rows of all views of a source's routes, and what events change in them."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pyarrow as pa

from online.commands import encoded_fields, write_fields
from online.rows import Words
from online.stream.blocks import Events, late
from online.stream.columns import EventColumns
from online.stream.deltas import Batch, ViewDeltas
from online.stream.names import deltas_name, routed_views
from online.stream.sections import HourSections
from online.stream.transaction import Transaction
from slate.entities import Source
from slate.expressions import Array
from slate.registry import Registry
from slate.views import FeatureView


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


@dataclass(frozen=True)
class Asked:
    """Rows of one view that are about to change, and were asked for.

    Attributes:
        deltas: the view's.
        batch: what events say of it.
        places: by the name of their hash, the positions of keys.
        hour: the hour in which the events arrived.
    """

    deltas: ViewDeltas
    batch: Batch
    places: dict[str, list[int]]
    hour: int


class SourceRows:
    """Folds events of one source into the stream's rows of its views.

    Args:
        deployment: the deployment's name.
        registry: the definitions.
        source: the source.

    Attributes:
        routes: the views that are kept by each route.
        needed: by view, the first hour of arrival that is still needed.
    """

    def __init__(self, deployment: str, registry: Registry, source: type[Source]) -> None:
        self._deployment = deployment
        self._source = source
        self.routes = routed_views(registry, source)
        self.needed: dict[type[FeatureView], int] = {}
        self._deltas = {view: ViewDeltas(view) for views in self.routes.values() for view in views}

    def late(self, events: Events) -> Array:
        """Which events are too late to be applied."""
        return late(events, self._source)

    def ask(
        self,
        transaction: Transaction,
        views: Sequence[type[FeatureView]],
        kept: pa.Table,
        hour: int,
    ) -> list[Asked]:
        """Fold events, and ask for the rows that they change.

        Args:
            transaction: where to ask.
            views: views of one route.
            kept: the events, with ``_unit``, the number of their partition.
            hour: the hour in which all of them arrived.
        """
        if not kept.num_rows:
            return []
        events = EventColumns(self._source, kept)
        partition = np.asarray(events.column("_unit"))
        return [self._ask(transaction, view, events, partition, hour) for view in views]

    def _ask(
        self,
        transaction: Transaction,
        view: type[FeatureView],
        events: EventColumns,
        partition: Words,
        hour: int,
    ) -> Asked:
        deltas = self._deltas[view]
        batch = deltas.fold(events)
        places = {
            deltas_name(self._deployment, view, number): at.tolist()
            for number, at in _grouped(partition[batch.folded.event])
        }
        for name, at in places.items():
            transaction.ask(encoded_fields(name, [batch.keys[place] for place in at]))
        return Asked(deltas, batch, places, hour)

    def write(self, transaction: Transaction, asked: Sequence[Asked]) -> None:
        """Write the new rows; what was asked for comes in the same order."""
        for one in asked:
            held: list[bytes | None] = [None] * len(one.batch.keys)
            for at in one.places.values():
                for place, value in zip(at, transaction.answer(), strict=True):
                    held[place] = value
            needed = self.needed.get(one.deltas.view, 0)
            old = HourSections.of(held, one.hour, needed, one.deltas.empty)
            new = list(old.replaced(one.deltas.extended(one.batch, old)))
            for name, at in one.places.items():
                keys = [one.batch.keys[place] for place in at]
                transaction.write(write_fields(name, keys, [new[place] for place in at]))


def _grouped(partition: Words) -> list[tuple[int, Words]]:
    """The positions of each partition's members."""
    return [(int(n), np.flatnonzero(partition == n)) for n in np.unique(partition)]
