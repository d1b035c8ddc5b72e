"""Columns of decoded values by slot, and taking the rows of a request from them.

Features that are moved by the same hop are decoded together, for one *tick* of it: as long as no
hop passes, a window's tail stands still, and its values change with its rows alone. Last values
that a ttl bounds have no hop: they are decoded from the rows of each request.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np

from slate.expressions import Array, Expr
from slate.features import Aggregated, Attribute, Feature
from slate.online.near.held_rows import HeldRows
from slate.online.rows.attribute_rows import AttributeRows, keys_of, values_of
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
    ticks: dict[int, dict[Expr, Array]] = field(default_factory=dict)


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
        self._group_of: dict[Expr, _Group] = {
            feature: group
            for group, features in zip(self._groups, by_hop.values(), strict=False)
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
                made[tick] = decoded.values
                self._event_ts = decoded.event_ts
            group.ticks = {
                tick: columns for tick, columns in group.ticks.items() if tick in wanted
            } | made

    def decode_again(self, rows: HeldRows, at: Words) -> "Changes":
        """Decode some slots for all ticks that are held; what came of it is not seen yet."""
        changes = Changes(at, self)
        for group in self._groups:
            for tick, columns in group.ticks.items():
                decoded = _decoded(group, rows, at, tick)
                changes.event_ts = decoded.event_ts
                changes.columns += [
                    (columns[feature], values) for feature, values in decoded.values.items()
                ]
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
        values: dict[Expr, Array] = {}
        if self._bounded is not None and not all(one in self._group_of for one in features):
            words, starts, newer = rows.rows(at)
            values |= self._bounded.read(words, starts, instant, newer).values
        for feature in features:
            if feature in values:
                continue
            group = self._group_of[feature]
            columns = group.ticks.get(instant // group.hop)
            if columns is None:
                return None
            values[feature] = columns[feature][at]
        return Decoded(values, {}, self._event_ts[at])


@dataclass
class Changes:
    """Rows that were decoded again.

    Attributes:
        at: their slots.
        columns: of each column that changes, it and its new values.
        event_ts: their latest events.
    """

    at: Words
    owner: WindowColumns
    columns: list[tuple[Array, Array]] = field(default_factory=list)
    event_ts: Words | None = None

    def apply(self) -> None:
        """Have them seen."""
        for column, values in self.columns:
            column[self.at] = values
        if self.event_ts is not None:
            self.owner._event_ts[self.at] = self.event_ts


def _decoded(group: _Group, rows: HeldRows, at: Words, tick: int) -> Decoded:
    words, starts, newer = rows.rows(at)
    with np.errstate(all="ignore"):
        return group.reader.read(words, starts, tick * group.hop, newer)


class AttributeColumns:
    """The features of an attribute view; which of its rows are too old is found when asked.

    Texts are kept as the bytes of rows: to take some of NumPy's own strings is five times slower.
    """

    def __init__(self, view: type[FeatureView], rows: HeldRows) -> None:
        self._ttl = view.ttl_us
        leads = [
            feature
            for feature in view.features.values()
            if isinstance(feature, Attribute) and feature.key_of is not None
        ]
        words, starts, _ = rows.rows(np.arange(rows.capacity))
        reader = AttributeRows(view).reader(view.features.values())
        self._columns = {
            feature: column.kept() if isinstance(column, Texts) else column
            for feature, column in reader.columns(words, starts).items()
        }
        self._keys = {lead: keys_of(self._columns[lead]) for lead in leads}
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
        values: dict[Expr, Array] = {
            feature: values_of(self._columns[feature].take(at)) for feature in features
        }
        keys: dict[KeySource, Keys] = {lead: _some(self._keys[lead], at) for lead in leads}
        return Decoded(values, keys, event_ts, stale)


def _some(keys: Keys, at: Words) -> Keys:
    """The keys of some rows, each once."""
    index = keys.index[at]
    used = np.zeros(len(keys.values) + 1, np.bool_)
    used[index] = True
    used[-1] = False
    of = np.flatnonzero(used)
    position = np.full(len(used), -1)
    position[of] = np.arange(len(of))
    return Keys([keys.values[place] for place in of.tolist()], position[index])
