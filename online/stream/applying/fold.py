"""Folding events into records: the running totals of a micro-batch, by row and tile."""

from dataclasses import dataclass
from typing import Any

import numpy as np
import pyarrow as pa

from slate.aggregates import EventsInput, Measure, TilePartial
from slate.expressions import Array
from slate.kinds import Kind
from slate.online.rows.row_format import NO_TIME, Words, changes, to_words, within
from slate.online.rows.value_counts import Tallies, tallied
from slate.online.rows.window_layout import CountedColumn, Level, WindowLayout
from slate.online.rows.window_merge import merge_newer
from slate.online.stream.applying.batch_columns import EventColumns
from slate.views import FeatureView


@dataclass(frozen=True)
class FoldedLevel:
    """Running totals of one size of tile, ordered by row and tile.

    Attributes:
        row: the row of each.
        tile: the number of its tile.
        columns: the columns of partial results, as the level's layout lists them.
    """

    row: Words
    tile: Words
    columns: list[Array]


@dataclass(frozen=True)
class Latest:
    """The latest values of one measure, the latest first.

    Attributes:
        values: of shape (rows, as many as the layout has), the words of the values; of texts the
            positions of them in ``texts``.
        event_ts: their times, the least int64 where there is none.
        texts: the column that texts are in.
    """

    values: Words
    event_ts: Words
    texts: pa.Array | None


@dataclass(frozen=True)
class FoldedCounts:
    """The events of each value in each tile.

    Attributes:
        tallies: them; of texts the values are positions in ``texts``.
        texts: the column that texts are in.
    """

    tallies: Tallies
    texts: pa.Array | None


@dataclass(frozen=True)
class Folded:
    """What a micro-batch says of a view's rows, those of one first key next to each other.

    Attributes:
        keys: for each key column the key of each row.
        event: for each row one of its events.
        event_ts: the time of its latest event.
        known: the instant up to which it knows its events: just after the latest arrival.
        levels: the records of each level.
        counted: the events of each value, for each column of value counts.
        lasts: by measure the latest values of each row.
    """

    keys: list[pa.Array]
    event: Words
    event_ts: Words
    known: Words
    levels: list[FoldedLevel]
    counted: list[FoldedCounts]
    lasts: dict[str, Latest]

    @property
    def rows(self) -> int:
        """The number of rows."""
        return len(self.event)


def fold(view: type[FeatureView], layout: WindowLayout, events: EventColumns) -> Folded:
    """Fold events into a view's rows.

    Args:
        view: a windowed view of their source.
        layout: where things lie in its rows.
        events: the events.
    """
    code = np.zeros(len(events), np.int64)
    keep = np.ones(len(events), np.bool_)
    distinct = []
    for name in view.entity.keys:
        codes, values = events.codes(name)
        keep &= codes >= 0
        code = code * max(len(values), 1) + codes
        distinct.append(values)
    order = np.flatnonzero(keep)
    order = order[np.argsort(code[order], kind="stable")]
    code = code[order]
    starts = np.flatnonzero(changes(code))
    row = np.cumsum(changes(code)) - 1
    keys: list[pa.Array] = []
    rest = code[starts]
    for values in reversed(distinct):
        rest, position = np.divmod(rest, max(len(values), 1))
        keys.insert(0, values.take(pa.array(position)))
    if not len(order):
        starts = np.empty(0, np.int64)
    event_ts = events.event_ts[order]
    ends = np.append(starts[1:], len(order)) - 1
    folder = _Folder(view, events, order, row)
    return Folded(
        keys,
        order[starts],
        event_ts[ends] if len(order) else np.empty(0, np.int64),
        np.maximum.reduceat(events.arrival[order], starts) + 1 if len(order) else starts,
        [folder.level(level, event_ts) for level in layout.levels],
        [folder.counts(column, event_ts) for column in layout.counted],
        {
            name: folder.latest(view.measures[name], len(starts), length)
            for name, length in layout.lengths.items()
        },
    )


class _Folder:
    """One view's fold: its events by row, then by time."""

    def __init__(
        self, view: type[FeatureView], events: EventColumns, order: Words, row: Words
    ) -> None:
        self._view = view
        self._events = events
        self._order = order
        self._row = row
        self._inputs: dict[tuple[str, TilePartial], Any] = {}

    def level(self, level: Level, event_ts: Words) -> FoldedLevel:
        """The running totals of one level."""
        tile = event_ts // level.hop
        starts = np.flatnonzero(changes(self._row, tile))
        columns = [np.empty(0)] * (len(level.wide) + len(level.counts))
        # What others read comes first here: a group is not merged, but made of its events.
        for one in reversed(level.merged) if len(starts) else ():
            own = one.places[: len(one.partial.columns)]
            read = [columns[place] for place in one.places[len(own) :]]
            inputs = self._input(one.measure, one.partial)
            made = one.partial.reduced(inputs, starts, *read)
            for place, column in zip(own, made, strict=True):
                columns[place] = column
        row = self._row[starts]
        per_row = np.bincount(row)[row] if len(row) else row
        newer = per_row - 1 - _position(row)
        merge_newer(level, columns, newer)
        return FoldedLevel(row, tile[starts], columns)

    def counts(self, column: CountedColumn, event_ts: Words) -> FoldedCounts:
        """The events of each value, of one column."""
        measure, partial = column.measure, column.partial
        assert measure.column is not None
        part = self._mask(measure)
        at = np.arange(len(self._order)) if part is None else np.flatnonzero(part)
        event = self._order[at]
        code = self._events.value_codes(measure.column)[event]
        value, texts = code, None
        if partial.valued and partial.kind is Kind.STRING:
            value, texts = event, self._events.column(measure.column)
        elif partial.valued:
            value = self._events.value_words(measure.column)[event]
        tile = event_ts[at] // column.hop
        found = Tallies(self._row[at], tile, code, value, np.ones(len(at), np.int64))
        return FoldedCounts(tallied([found], partial.kept), texts)

    def latest(self, measure: Measure, rows: int, length: int) -> Latest:
        """Each row's latest values, so many."""
        assert measure.column is not None
        part = self._mask(measure)
        at = np.arange(len(self._order)) if part is None else np.flatnonzero(part)
        # In order of time, so the latest of each row are its last.
        row = self._row[at]
        back = np.bincount(row, minlength=rows)[row] - 1 - within(np.bincount(row, minlength=rows))
        at, row, back = (found[back < length] for found in (at, row, back))
        event = self._order[at]
        event_ts = np.full((rows, length), NO_TIME)
        event_ts[row, back] = self._events.event_ts[event]
        values = np.zeros((rows, length), np.int64)
        if measure.column_kind is Kind.STRING:
            values[row, back] = event
            return Latest(values, event_ts, self._events.column(measure.column))
        values[row, back] = to_words(self._events.numbers(measure.column)[event])
        return Latest(values, event_ts, None)

    def _mask(self, measure: Measure) -> Array | None:
        part = self._events.taking_part(measure.where, measure.column)
        return None if part is None else part[self._order]

    def _input(self, measure: Measure, partial: TilePartial) -> Any:
        """What each event brings to a partial result, made once for all levels."""
        if (measure.name, partial) not in self._inputs:
            event_ts = self._events.event_ts[self._order]
            there = self._mask(measure)
            self._inputs[measure.name, partial] = partial.inputs(
                EventsInput(event_ts, lambda: self._values(measure), there)
            )
        return self._inputs[measure.name, partial]

    def _values(self, measure: Measure) -> Array:
        assert measure.column is not None
        if measure.column_kind is Kind.STRING:
            return self._events.texts(measure.column)[self._order]
        return self._events.numbers(measure.column)[self._order]


def _position(row: Words) -> Words:
    """The position of each record among those of its row."""
    return within(np.bincount(row)) if len(row) else row
