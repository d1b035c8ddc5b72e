"""Where things lie in a row of a windowed view.

::

    event_ts | as_of | a bitmap for each level | the size of each column of value counts
             | (value, event_ts) of each latest event kept
             | records of the first level | of the second ... | value counts | texts

A level is a size of tile that some window ends on. Its records are **running totals**: the record
of a tile merges that tile and every newer one, so a window's value is one record, that of the
oldest tile inside the window, and no request ever merges tiles. The bitmap says which tiles have
events: as many records come before the window's as it has bits before the window's first tile.
Bit 0 is the first tile of the level's longest window at ``as_of``, the instant up to which the row
knows all events; older tiles are left out. How value counts lie,
``slate.online.rows.value_counts`` says.
"""

from collections.abc import Iterable
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any

import numpy as np

from slate.aggregates import (
    Measure,
    TileColumn,
    TileFunction,
    TilePartial,
    ValueCounts,
    ValuesFunction,
)
from slate.expressions import render
from slate.features import Aggregated
from slate.kinds import Kind
from slate.online.rows.row_format import NO_TEXT, Words, to_words
from slate.views import FeatureView

BITS = 64


@dataclass(frozen=True)
class Slot:
    """A column of partial results in a level's records.

    Attributes:
        name: the tiles' column that it is read from.
        column: which column of a partial result it is.
    """

    name: str
    column: TileColumn


@dataclass(frozen=True)
class Merged:
    """A partial result of a level's records, and where it lies in them.

    Attributes:
        measure: one that it is of; others of the same column and filter share it.
        partial: the partial result.
        places: the places of its columns, and behind them of those that its merging reads.
    """

    measure: Measure
    partial: TilePartial
    places: tuple[int, ...]


@dataclass(frozen=True)
class Level:
    """The records of one size of tile.

    Aggregates of one column under one filter share what they have in common, as a sum and a mean.

    Attributes:
        hop: the size of tile in microseconds.
        length: the longest window that ends on it, in microseconds.
        wide: the columns of a word each.
        counts: the numbers of events, two to a word.
        merged: the partial results; those that read columns of others come before these.
        places: of each measure the places of its columns by suffix, among ``wide`` and ``counts``.
    """

    hop: int
    length: int
    wide: tuple[Slot, ...]
    counts: tuple[Slot, ...]
    merged: tuple[Merged, ...]
    places: dict[str, dict[str, int]]

    @cached_property
    def width(self) -> int:
        """The words of a record."""
        return len(self.wide) + (len(self.counts) + 1) // 2

    @cached_property
    def tiles(self) -> int:
        """How many tiles there can be: those of the longest window, and the open one."""
        return self.length // self.hop + 1

    @cached_property
    def bitmaps(self) -> int:
        """The words of the bitmap."""
        return -(-self.tiles // BITS)

    @cached_property
    def bits(self) -> Words:
        """How many bits come before each word of the bitmap, of shape (bitmaps, 1)."""
        return np.arange(self.bitmaps)[:, None] * BITS

    def first(self, as_of: Any) -> Any:
        """The number of the oldest tile that a row as of then keeps (int or array)."""
        return (as_of - self.length) // self.hop

    def neutral(self) -> Words:
        """The record over no event."""
        record = np.zeros(self.width, np.int64)
        for place, slot in enumerate(self.wide):
            kind = slot.column.kind
            neutral = np.array(slot.column.neutral, None if kind is Kind.STRING else kind.dtype)
            record[place] = NO_TEXT if kind is Kind.STRING else to_words(neutral)
        return record

    @property
    def texts(self) -> list[int]:
        """The places of the columns of texts."""
        return [n for n, slot in enumerate(self.wide) if slot.column.kind is Kind.STRING]


@dataclass(frozen=True)
class CountedColumn:
    """A column of value counts: the events of each value in each tile of one size.

    Attributes:
        name: the tiles' column that it is read from.
        measure: one that it is of; others of the same column and filter share it.
        partial: the partial result.
        hop: the size of tile in microseconds.
        length: the longest window that ends on it, in microseconds.
        place: the fixed word that tells its size.
    """

    name: str
    measure: Measure
    partial: ValueCounts
    hop: int
    length: int
    place: int

    @property
    def width(self) -> int:
        """The words of a value."""
        return 2 if self.partial.valued else 1

    def first(self, as_of: Any) -> Any:
        """The number of the oldest tile that a row as of then keeps (int or array)."""
        return (as_of - self.length) // self.hop


@dataclass(frozen=True)
class WindowLayout:
    """The layout of one windowed view's rows.

    Attributes:
        counted: the columns of value counts.
        lasts: the place of the first value of each last value, among the fixed words.
        lengths: how many pairs of (value, event_ts) each last value has there, the latest first.
        levels: the levels, smallest tiles first.
        bitmaps: for each level the place of its bitmap.
        fixed: the number of words before the records.
    """

    counted: tuple[CountedColumn, ...]
    lasts: dict[str, int]
    lengths: dict[str, int]
    levels: tuple[Level, ...]
    bitmaps: tuple[int, ...]
    fixed: int

    @classmethod
    def of(cls, view: type[FeatureView]) -> "WindowLayout":
        """Lay out a view."""
        measures = list(view.measures.values())
        tiled = [m for m in measures if isinstance(m.function, TileFunction)]
        hops = sorted({w.hop for m in tiled for w in m.windows})
        levels = tuple(_level(hop, tiled) for hop in hops)
        place, bitmaps = 2, []
        for level in levels:
            bitmaps.append(place)
            place += level.bitmaps
        counted = _counted(measures, place)
        place += len(counted)
        lasts = {}
        lengths = {m.name: m.columns[0].length or 1 for m in measures if m.lasting}
        for name, length in lengths.items():
            lasts[name] = place
            place += 2 * length
        return cls(counted, lasts, lengths, levels, tuple(bitmaps), place)

    @cached_property
    def bitmap_words(self) -> int:
        """The words of all bitmaps."""
        return sum(level.bitmaps for level in self.levels)

    @cached_property
    def first_bitmaps(self) -> Words:
        """For each level its first word among those of all bitmaps."""
        return np.array(self.bitmaps, np.int64) - self.bitmaps[0]

    @cached_property
    def widths(self) -> Words:
        """The words of a record of each level, of shape (levels, 1)."""
        return np.array([level.width for level in self.levels], np.int64)[:, None]

    @property
    def times(self) -> list[int]:
        """The places of the times of all last values."""
        return [
            place + 2 * position + 1
            for name, place in self.lasts.items()
            for position in range(self.lengths[name])
        ]

    def neutral(self, number: int) -> int:
        """The word of the empty row, which lies first of all, at which a level's record starts."""
        return self.fixed + sum(level.width for level in self.levels[:number])

    def level(self, feature: Aggregated) -> int:
        """The number of the level that a feature's window ends on."""
        assert feature.window is not None
        return next(n for n, level in enumerate(self.levels) if level.hop == feature.window.hop)

    def counted_of(self, feature: Aggregated) -> int:
        """The number of the column of value counts that a feature's window is read from."""
        assert feature.window is not None
        wanted = (_same_counted(feature.measure), feature.window.hop)
        return next(
            number
            for number, column in enumerate(self.counted)
            if (_same_counted(column.measure), column.hop) == wanted
        )


# What tells one column of partial results from another: suffix, input and filter.
_Same = tuple[str, str | None, str]


def _level(hop: int, measures: Iterable[Measure]) -> Level:
    here = [m for m in measures if any(w.hop == hop for w in m.windows)]
    slots: dict[_Same, Slot] = {}
    partials: dict[_Same, tuple[Measure, TilePartial]] = {}
    for measure in here:
        for partial in measure.partials:
            assert isinstance(partial, TilePartial)
            partials.setdefault(_same(measure, partial.columns[0].suffix), (measure, partial))
            for column in partial.columns:
                suffix = partial.part if column.field else column.suffix
                slot = Slot(measure.tile_column(suffix), column)
                slots.setdefault(_same(measure, column.suffix), slot)
    wide = [same for same, slot in slots.items() if not slot.column.counted]
    counts = [same for same, slot in slots.items() if slot.column.counted]
    place = {same: number for number, same in enumerate([*wide, *counts])}
    merged = [
        Merged(
            measure,
            partial,
            tuple(
                place[_same(measure, suffix)]
                for suffix in (*(c.suffix for c in partial.columns), *partial.reads)
            ),
        )
        for measure, partial in partials.values()
    ]
    return Level(
        hop,
        max(w.length for m in here for w in m.windows if w.hop == hop),
        tuple(slots[same] for same in wide),
        tuple(slots[same] for same in counts),
        tuple(sorted(merged, key=lambda one: not one.partial.reads)),
        {m.name: {c.suffix: place[_same(m, c.suffix)] for c in m.columns} for m in here},
    )


def _counted(measures: Iterable[Measure], place: int) -> tuple[CountedColumn, ...]:
    """The columns of value counts, of which the first size is this fixed word."""
    found: dict[object, CountedColumn] = {}
    for measure in measures:
        for partial in measure.partials if isinstance(measure.function, ValuesFunction) else ():
            assert isinstance(partial, ValueCounts)
            name = measure.tile_column(partial.part)
            for window in measure.windows:
                same = (_same_counted(measure), window.hop)
                new = CountedColumn(
                    name, measure, partial, window.hop, window.length, place + len(found)
                )
                column = found.setdefault(same, new)
                if partial.valued and not column.partial.valued:
                    # One that has the values is one for those that need their codes alone.
                    column = replace(column, name=name, measure=measure, partial=partial)
                found[same] = replace(column, length=max(column.length, window.length))
    return tuple(found.values())


def _same_counted(measure: Measure) -> object:
    """What tells one column of value counts of a size of tile from another."""
    (partial,) = measure.partials
    assert isinstance(partial, ValueCounts)
    return partial.kind, partial.kept, measure.column, render(measure.where)


def _same(measure: Measure, suffix: str) -> _Same:
    return suffix, measure.column, render(measure.where)
