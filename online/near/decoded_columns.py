"""Columns of decoded values by slot, decoded from rows.

Those of windows are decoded for a tick of their hop. Last values that a ttl bounds have no hop:
they are decoded from the rows of each request.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np

from slate.encoded import Encoded, Operand
from slate.expressions import Array, Expr
from slate.features import Attribute, Feature
from slate.kinds import Kind
from slate.online.near.held_rows import HeldRows
from slate.online.near.lead_keys import LeadKeys, Leads
from slate.online.near.memory import Memory
from slate.online.near.tick_tables import TickTables, is_bounded
from slate.online.near.value_table import ValueTable
from slate.online.rows.attribute_rows import AttributeRows, keys_of
from slate.online.rows.codecs import WindowRows
from slate.online.rows.decoded_rows import Decoded
from slate.online.rows.keys import Keys, KeySource
from slate.online.rows.row_format import NO_TIME, Words
from slate.online.rows.texts import Texts
from slate.online.rows.window_decode import WindowReader
from slate.views import FeatureView
from slate.windows import SECOND

# How long before a hop its columns are made, in microseconds, and how long after the next has begun
# they are kept, for requests that were on their way.
AHEAD, BEHIND = 2 * SECOND, SECOND // 2


class WindowColumns:
    """The features of a windowed view.

    Args:
        view: the view.
        rows: its rows.
        memory: where the tables lie.

    Attributes:
        tables: the values, but for those that a ttl bounds.
        now: the instant that they were last made ready for, in microseconds.
    """

    def __init__(self, view: type[FeatureView], rows: HeldRows, memory: Memory) -> None:
        layout = WindowRows(view).layout
        self._view, self._rows, self._memory = view, rows, memory
        self.tables = TickTables(view)
        self._readers = {
            hop: WindowReader(view, layout, features)
            for hop, features in self.tables.features.items()
        }
        bounded = [one for one in view.features.values() if is_bounded(view, one)]
        self._bounded = WindowReader(view, layout, bounded) if bounded else None
        self._of_bounded = set(bounded)
        self.now = 0

    @property
    def bounded(self) -> bool:
        """Whether some features are decoded from the rows of each request."""
        return self._bounded is not None

    def decode(self, now: int) -> None:
        """Decode all slots for the ticks of the present and of what is to come; forget all else.

        Args:
            now: the instant that it is, in microseconds; tables that are there are kept.
        """
        self.now = now
        at = np.arange(self._rows.capacity)
        for hop, ticks in self.tables.ticks.items():
            before, ahead = now - min(BEHIND, hop), now + min(AHEAD, hop)
            wanted = {instant // hop for instant in (before, now, ahead)}
            made = {}
            for tick in wanted - ticks.keys():
                decoded = self._decoded(hop, at, tick)
                made[tick] = ValueTable.decoded(decoded.values, self._memory)
                event_ts = self._memory.array(decoded.event_ts.shape, decoded.event_ts.dtype)
                event_ts[:] = decoded.event_ts
                self.tables.event_ts = event_ts
            kept = {tick: table for tick, table in ticks.items() if tick in wanted}
            self.tables.ticks[hop] = kept | made

    def anew(self) -> "WindowColumns":
        """All of them for the slots that there are by now."""
        columns = WindowColumns(self._view, self._rows, self._memory)
        columns.decode(self.now)
        return columns

    def decode_again(self, at: Words) -> "Changes":
        """Decode some slots for all ticks that are held; what came of it is not seen yet."""
        changes = Changes(at, self.tables)
        for hop, ticks in self.tables.ticks.items():
            for tick, table in ticks.items():
                decoded = self._decoded(hop, at, tick)
                changes.event_ts = decoded.event_ts
                changes.tables.append((table, decoded.values))
        return changes

    def take(
        self, at: Words, instant: int, features: Sequence[Feature], leads: Sequence[Attribute]
    ) -> Decoded | None:
        """The values of some slots as of an instant; see ``Columns``."""
        if self._bounded is None or self._of_bounded.isdisjoint(features):
            return self.tables.take(at, instant, features)
        others = [one for one in features if one not in self._of_bounded]
        decoded = self.tables.take(at, instant, others)
        if decoded is not None:
            words, starts, newer = self._rows.rows(at)
            decoded.values.update(self._bounded.read(words, starts, instant, newer).values)
        return decoded

    def _decoded(self, hop: int, at: Words, tick: int) -> Decoded:
        words, starts, newer = self._rows.rows(at)
        with np.errstate(all="ignore"):
            return self._readers[hop].read(words, starts, tick * hop, newer)


@dataclass
class Changes:
    """Rows that were decoded again.

    Attributes:
        at: their slots.
        owner: whose slots they are.
        tables: each table that changes, and its new values.
        event_ts: their latest events.
    """

    at: Words
    owner: TickTables
    tables: list[tuple[ValueTable, Mapping[Expr, Operand]]] = field(default_factory=list)
    event_ts: Words | None = None

    def apply(self) -> None:
        """Have them seen."""
        for table, values in self.tables:
            table.put(self.at, values)
        if self.event_ts is not None:
            self.owner.event_ts[self.at] = self.event_ts


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
        self, at: Words, instant: int, features: Sequence[Feature], leads: Sequence[Attribute]
    ) -> Decoded:
        """The values of some slots as of an instant; see ``Columns``."""
        event_ts, stale = self._event_ts.take(at), None
        if self._ttl is not None:
            stale = (event_ts < instant - self._ttl) & (event_ts != NO_TIME)
            at = np.where(stale, 0, at)
        values: dict[Expr, Operand] = {}
        for feature in features:
            column = self._columns[feature]
            values[feature] = column.take(at)
        keys: dict[KeySource, Keys] = {lead: LeadKeys(self._leads[lead], at) for lead in leads}
        return Decoded(values, keys, event_ts, stale)


def _encoded(keys: Keys) -> Encoded:
    """Texts by their different ones, of which the last is null."""
    texts: Array = np.append(Kind.STRING.array(keys.values), Kind.STRING.full(1))
    return Encoded(texts, np.where(keys.index < 0, len(keys.values), keys.index))
