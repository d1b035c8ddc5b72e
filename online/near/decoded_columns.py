"""Columns of decoded values by slot, and taking the rows of a request from them.

Features that are moved by the same hop are decoded together, for one *tick* of it: as long as no
hop passes, a window's tail stands still, and its values change with its rows alone. Last values
that a ttl bounds have no hop: they are decoded from the rows of each request.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np

from slate.encoded import Encoded, Operand
from slate.expressions import Array, Expr
from slate.features import Aggregated, Attribute, Feature
from slate.kinds import Kind
from slate.online.near.held_rows import HeldRows
from slate.online.near.lead_keys import LeadKeys, Leads
from slate.online.near.value_table import ValueTable
from slate.online.rows.attribute_rows import AttributeRows, keys_of
from slate.online.rows.codecs import WindowRows
from slate.online.rows.decoded_rows import Decoded
from slate.online.rows.keys import Keys, KeySource
from slate.online.rows.row_format import NO_TIME, Words
from slate.online.rows.texts import Texts
from slate.online.rows.window_decode import WindowReader
from slate.views import FeatureView
from slate.windows import ALL_OF_TIME, SECOND

# How long before a hop its columns are made, in microseconds, and how long after the next has begun
# they are kept, for requests that were on their way.
AHEAD, BEHIND = 2 * SECOND, SECOND // 2


@dataclass
class _Group:
    """The features that one hop moves.

    Attributes:
        hop: the hop in microseconds.
        reader: what decodes them.
        ticks: their columns, by tick.
    """

    hop: int
    reader: WindowReader
    ticks: dict[int, ValueTable] = field(default_factory=dict)


class WindowColumns:
    """The features of a windowed view.

    Attributes:
        now: the instant that they were last made ready for, in microseconds.
    """

    def __init__(self, view: type[FeatureView]) -> None:
        layout = WindowRows(view).layout
        by_hop: dict[int, list[Feature]] = {}
        bounded: list[Feature] = []
        for feature in view.features.values():
            assert isinstance(feature, Aggregated)
            if feature.measure.lasting and view.ttl_us is not None:
                bounded.append(feature)
                continue
            hop = ALL_OF_TIME if feature.window is None else feature.window.hop
            by_hop.setdefault(hop, []).append(feature)
        self._groups = [
            _Group(hop, WindowReader(view, layout, features)) for hop, features in by_hop.items()
        ]
        self._bounded = WindowReader(view, layout, bounded) if bounded else None
        # One of no features where there is none, as it tells of the latest events.
        self._groups = self._groups or [_Group(ALL_OF_TIME, WindowReader(view, layout, ()))]
        self._group_of: dict[Expr, int] = {
            feature: number
            for number, features in enumerate(by_hop.values())
            for feature in features
        }
        self._event_ts: Words = np.full(1, NO_TIME)
        self.now = 0

    @property
    def bounded(self) -> bool:
        """Whether some features are decoded from the rows of each request."""
        return self._bounded is not None

    def decode(self, rows: HeldRows, now: int) -> None:
        """Decode all slots for the ticks of the present and of what is to come; forget all else.

        Args:
            rows: the rows.
            now: the instant that it is, in microseconds; columns that are there are kept.
        """
        self.now = now
        at = np.arange(rows.capacity)
        for group in self._groups:
            before, ahead = now - min(BEHIND, group.hop), now + min(AHEAD, group.hop)
            wanted = {instant // group.hop for instant in (before, now, ahead)}
            made = {}
            for tick in wanted - group.ticks.keys():
                decoded = _decoded(group, rows, at, tick)
                made[tick] = ValueTable(decoded.values)
                self._event_ts = decoded.event_ts
            kept = {tick: table for tick, table in group.ticks.items() if tick in wanted}
            group.ticks = kept | made

    def decode_again(self, rows: HeldRows, at: Words) -> "Changes":
        """Decode some slots for all ticks that are held; what came of it is not seen yet."""
        changes = Changes(at, self)
        for group in self._groups:
            for tick, table in group.ticks.items():
                decoded = _decoded(group, rows, at, tick)
                changes.event_ts = decoded.event_ts
                changes.tables.append((table, decoded.values))
        return changes

    def take(
        self,
        rows: HeldRows,
        at: Words,
        instant: int,
        features: Sequence[Feature],
        leads: Sequence[Attribute],
    ) -> Decoded | None:
        """The values of some slots as of an instant; None if there are none of its ticks.

        Args:
            rows: the rows.
            at: the slots.
            instant: in microseconds.
            features: the features.
            leads: none, as windowed views lead nowhere.
        """
        values: dict[Expr, Operand] = {}
        if self._bounded is not None and not all(one in self._group_of for one in features):
            words, starts, newer = rows.rows(at)
            values |= self._bounded.read(words, starts, instant, newer).values
        wanted: dict[int, list[Feature]] = {}
        for feature in features:
            if feature not in values:
                wanted.setdefault(self._group_of[feature], []).append(feature)
        for number, some in wanted.items():
            group = self._groups[number]
            table = group.ticks.get(instant // group.hop)
            if table is None:
                return None
            values.update(table.take(at, some))
        return Decoded(values, {}, self._event_ts.take(at))


@dataclass
class Changes:
    """Rows that were decoded again.

    Attributes:
        at: their slots.
        owner: whose they are.
        tables: each table that changes, and its new values.
        event_ts: their latest events.
    """

    at: Words
    owner: WindowColumns
    tables: list[tuple[ValueTable, Mapping[Expr, Operand]]] = field(default_factory=list)
    event_ts: Words | None = None

    def apply(self) -> None:
        """Have them seen."""
        for table, values in self.tables:
            table.put(self.at, values)
        if self.event_ts is not None:
            self.owner._event_ts[self.at] = self.event_ts


def _decoded(group: _Group, rows: HeldRows, at: Words, tick: int) -> Decoded:
    words, starts, newer = rows.rows(at)
    with np.errstate(all="ignore"):
        return group.reader.read(words, starts, tick * group.hop, newer)


class AttributeColumns:
    """The features of an attribute view; which of its rows are too old is found when asked."""

    def __init__(self, view: type[FeatureView], rows: HeldRows) -> None:
        self._ttl = view.ttl_us
        words, starts, _ = rows.rows(np.arange(rows.capacity))
        reader = AttributeRows(view).reader(view.features.values())
        self._columns: dict[Expr, Operand] = {}
        self._leads: dict[KeySource, Leads] = {}
        for feature, column in reader.columns(words, starts).items():
            leads = isinstance(feature, Attribute) and feature.key_of is not None
            keys = keys_of(column) if leads or isinstance(column, Texts) else None
            if leads:
                assert isinstance(feature, Attribute)
                assert keys is not None
                self._leads[feature] = Leads(keys)
            if isinstance(column, Texts):
                assert keys is not None
                self._columns[feature] = _encoded(keys)
            else:
                self._columns[feature] = column
        self._event_ts = words[starts]

    def take(
        self,
        rows: HeldRows,
        at: Words,
        instant: int,
        features: Sequence[Feature],
        leads: Sequence[Attribute],
    ) -> Decoded:
        """The values of some slots as of an instant.

        Args:
            rows: the rows.
            at: the slots.
            instant: in microseconds.
            features: the features.
            leads: the features that lead to other entities.
        """
        event_ts, stale = self._event_ts.take(at), None
        if self._ttl is not None:
            stale = (event_ts < instant - self._ttl) & (event_ts != NO_TIME)
            at = np.where(stale, 0, at)
        values: dict[Expr, Operand] = {}
        for feature in features:
            column = self._columns[feature]
            if isinstance(column, Encoded):
                values[feature] = Encoded(column.values, column.index.take(at))
            else:
                values[feature] = column.take(at)
        keys: dict[KeySource, Keys] = {lead: LeadKeys(self._leads[lead], at) for lead in leads}
        return Decoded(values, keys, event_ts, stale)


def _encoded(keys: Keys) -> Encoded:
    """Texts by their different ones, of which the last is null."""
    texts: Array = np.append(Kind.STRING.array(keys.values), Kind.STRING.full(1))
    return Encoded(texts, np.where(keys.index < 0, len(keys.values), keys.index))
