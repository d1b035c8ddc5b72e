"""The rows of all views of a source's routes, and what events change in them."""

import logging
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import pyarrow as pa

from slate.expressions import Array
from slate.online.rows.checksums import of_texts
from slate.online.rows.codecs import WindowRows
from slate.online.rows.damage_messages import STREAM_MEND, damage
from slate.online.rows.event_ids import Ids
from slate.online.rows.hour_sections import HourSections, sections_envelope
from slate.online.rows.keys import key_texts
from slate.online.rows.row_format import Blobs, Words
from slate.online.store.commands import command, encoded_fields, write_fields
from slate.online.store.landed_ids import NOTHING, LandedBounds, LandedIds
from slate.online.store.stream_names import (
    Unit,
    definition,
    deltas_name,
    deltas_prefix,
    route,
    routed_views,
)
from slate.online.store.transaction import Transaction
from slate.online.stream.applying.batch_columns import EventColumns
from slate.online.stream.applying.extend import extend
from slate.online.stream.applying.fold import Folded, fold
from slate.online.stream.events.block_schemas import ID
from slate.online.stream.events.blocks import Events, late
from slate.registry import Registry
from slate.sources import Source
from slate.views import FeatureView

logger = logging.getLogger(__name__)

# The name of the hash of a deployment's view that has the rows of a partition.
Name = Callable[[str, type[FeatureView], int], str]


@dataclass(frozen=True)
class Batch:
    """What a micro-batch says of a view.

    Attributes:
        folded: its rows.
        keys: their keys, as texts in UTF-8; of pairs as ``pair_text`` has them.
    """

    folded: Folded
    keys: list[bytes]


class ViewDeltas:
    """Folds micro-batches into one view's deltas.

    Args:
        view: a windowed view.

    Attributes:
        view: the view.
        empty: its empty row.
        envelope: what its values are in.
    """

    def __init__(self, view: type[FeatureView]) -> None:
        self.view = view
        self._codec = WindowRows(view)
        self.empty = self._codec.empty
        self.envelope = sections_envelope(view)

    def fold(self, events: EventColumns) -> Batch:
        """What events say of the view."""
        folded = fold(self.view, self._codec.layout, events)
        return Batch(folded, key_texts(folded.keys))

    def extended(self, batch: Batch, old: HourSections) -> list[bytes]:
        """The new section of each key, from its old one."""
        if not batch.keys:
            return []
        layout = self._codec.layout
        return extend(self.view, layout, batch.folded, old.words, old.starts).split()


@dataclass(frozen=True)
class Counted:
    """Events of one route, with what is to become of them.

    Attributes:
        events: the events.
        partition: the number of the partition that each belongs to.
        new: which of them are not repeats.
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
class AskedRows:
    """Rows of one view that are about to change, and were asked for.

    Attributes:
        deltas: the view's.
        batch: what events say of it.
        places: by the number of their partition, the positions of keys.
        hour: the hour in which the events arrived.
        name: names the hash of a partition's rows.
    """

    deltas: ViewDeltas
    batch: Batch
    places: dict[int, list[int]]
    hour: int
    name: Name


class SourceRows:
    """Folds events of one source into the stream's rows of its views.

    Args:
        deployment: the deployment's name.
        registry: the definitions.
        source: the source.
        landed: the ids that its landing files brought.

    Attributes:
        source: the source.
        routes: the views that are kept by each route.
        needed: by view, the first hour of arrival that is still needed.
        known: by view, what of the landing files its published rows know.
        damaged: the partitions that hold rows which were found damaged.
        pointers: what the store said of the views' live generations; empty before it was asked.
    """

    def __init__(
        self, deployment: str, registry: Registry, source: type[Source], landed: LandedIds
    ) -> None:
        self._deployment = deployment
        self.source = source
        self.routes = routed_views(registry, source)
        self.landed = landed
        self.damaged: set[Unit] = set()
        self.needed: dict[type[FeatureView], int] = {}
        self.known: dict[type[FeatureView], LandedBounds] = {}
        self.pointers: list[bytes | None] = []
        self._deltas = {view: ViewDeltas(view) for views in self.routes.values() for view in views}

    @property
    def views(self) -> list[type[FeatureView]]:
        """The views of all routes."""
        return [view for views in self.routes.values() for view in views]

    def late(self, events: Events) -> Array:
        """Which events are too late to be applied."""
        return late(events, self.source)

    def published(self, route: str, events: pa.Table) -> Array:
        """Which events the published rows of all views of a route hold already."""
        ids, arrivals = self._identified(events)
        masks = [self.landed.known(ids, arrivals, one) for one in self._known(self.routes[route])]
        everywhere: Array = np.logical_and.reduce(masks)
        return everywhere

    def ask(
        self,
        transaction: Transaction,
        views: Sequence[type[FeatureView]],
        kept: pa.Table,
        hour: int,
        name: Name = deltas_name,
    ) -> list[AskedRows]:
        """Fold events, and ask for the rows that they change.

        Args:
            transaction: where to ask.
            views: views of one route.
            kept: the events, with ``_unit``, the number of their partition.
            hour: the hour in which all of them arrived.
            name: names the hash of a view's rows of a partition.
        """
        asked = []
        for known, some in self._known(views).items():
            # What the batch brought already is not added to it.
            added = kept.filter(pa.array(~self.landed.known(*self._identified(kept), known)))
            if added.num_rows:
                events = EventColumns(self.source, added)
                asked += [self._ask(transaction, view, events, hour, name) for view in some]
        return asked

    def _known(
        self, views: Sequence[type[FeatureView]]
    ) -> dict[LandedBounds, list[type[FeatureView]]]:
        """Views by what their published rows know: nearly always, all know the same."""
        found: dict[LandedBounds, list[type[FeatureView]]] = {}
        for view in views:
            found.setdefault(self.known.get(view, NOTHING), []).append(view)
        return found

    def _identified(self, events: pa.Table) -> tuple[Ids, Words]:
        """The ids of events, and when they arrived."""
        arrivals = events.column(self.source.arrival_time).cast(pa.int64())
        return events.column(ID).to_numpy(), arrivals.to_numpy()

    def _ask(
        self,
        transaction: Transaction,
        view: type[FeatureView],
        events: EventColumns,
        hour: int,
        name: Name,
    ) -> AskedRows:
        deltas = self._deltas[view]
        batch = deltas.fold(events)
        partition = np.asarray(events.column("_unit"))
        places = {number: at.tolist() for number, at in _grouped(partition[batch.folded.event])}
        for number, at in places.items():
            hash_ = name(self._deployment, view, number)
            transaction.ask(encoded_fields(hash_, [batch.keys[place] for place in at]))
        return AskedRows(deltas, batch, places, hour, name)

    def write(self, transaction: Transaction, asked: Sequence[AskedRows]) -> None:
        """Write the new rows; what was asked for comes in the same order.

        Where a row was damaged, those of its partition are marked to be made anew.
        """
        for one in asked:
            held: list[bytes | None] = [None] * len(one.batch.keys)
            for at in one.places.values():
                for place, value in zip(at, transaction.answer(), strict=True):
                    held[place] = value
            view = one.deltas.view
            new, damaged = self._new(one, held)
            for number, at in one.places.items():
                keys = [one.batch.keys[place] for place in at]
                name = one.name(self._deployment, view, number)
                transaction.write(write_fields(name, keys, [new[place] for place in at]))
                if not damaged.isdisjoint(at):
                    unit = Unit(self._deployment, self.source, route(view), number)
                    transaction.write(command("SREM", unit.views, definition(view)))
                    self.damaged.add(unit)

    def near_keys(self, asked: Sequence[AskedRows], unit: Unit) -> list[bytes]:
        """The keys of a partition whose rows of near views are about to change."""
        found = {
            one.batch.keys[place]: None
            for one in asked
            if one.deltas.view.near_us is not None and route(one.deltas.view) == unit.route
            for place in one.places.get(unit.number, ())
        }
        return list(found)

    def is_near(self, unit: Unit) -> bool:
        """Whether rows of near views lie in a partition."""
        return any(view.near_us is not None for view in self.routes[unit.route])

    def _new(self, asked: AskedRows, held: Sequence[bytes | None]) -> tuple[list[bytes], set[int]]:
        """The new values, from those held; and which of these are damaged, and not added to."""
        deltas, keys = asked.deltas, asked.batch.keys
        scope, sums = deltas_prefix(self._deployment, deltas.view), of_texts(pa.array(keys))
        opened = deltas.envelope.open(scope, sums, held, deltas.empty)
        if opened.damaged:
            texts = [key.decode() for key in keys]
            what = "what the stream added to the rows"
            logger.error(damage(deltas.view, what, texts, opened.damaged, STREAM_MEND))
        old = HourSections.of(opened, asked.hour, self.needed.get(deltas.view, 0))
        new = Blobs.of(list(old.replaced(deltas.extended(asked.batch, old))))
        return deltas.envelope.seal(scope, sums, new), set(opened.damaged)


def _grouped(partition: Words) -> list[tuple[int, Words]]:
    """The positions of each partition's members."""
    return [(int(n), np.flatnonzero(partition == n)) for n in np.unique(partition)]
