"""Where things lie in a row of a windowed view.

::

    event_ts | as_of | a bitmap for each level | (value, event_ts) of each latest event kept
             | records of the first level | of the second ... | texts

A level is a size of tile that some window ends on. Its records are **running totals**: the record
of a tile merges that tile and every newer one, so a window's value is one record, that of the
oldest tile inside the window, and no request ever merges tiles. The bitmap says which tiles have
events: as many records come before the window's as it has bits before the window's first tile.
Bit 0 is the first tile of the level's longest window at ``as_of``, the instant up to which the row
knows all events; older tiles are left out.
"""

from dataclasses import dataclass, field
from typing import Any

import numpy as np

from online.rows import Words
from slate.aggregates import Measure, Merge, Partial
from slate.expressions import render
from slate.features import Aggregated
from slate.kinds import Kind
from slate.views import FeatureView

BITS = 64


@dataclass(frozen=True)
class Slot:
    """A partial aggregate in a level's records.

    Attributes:
        column: the tiles' column that it is read from.
        kind: its kind; counts are the partials that are numbers of events.
        merge: how two of it become one.
    """

    column: str
    kind: Kind
    merge: Merge

    @property
    def none(self) -> float | int:
        """What merges with anything into that. No time is an extreme integer, so it means none."""
        if self.merge in (Merge.SUM, Merge.POOL):
            return 0.0 if self.kind is Kind.FLOAT else 0
        if self.kind is Kind.FLOAT:
            return np.nan
        limits = np.iinfo(np.int64)
        return limits.max if self.merge is Merge.MIN else limits.min


@dataclass(frozen=True)
class Level:
    """The records of one size of tile.

    Aggregates of one column under one filter share what they have in common, as a sum and a mean.

    Attributes:
        hop: the size of tile in microseconds.
        length: the longest window that ends on it, in microseconds.
        wide: the partials of a word each.
        counts: the numbers of events, two to a word.
        pools: for each pooled deviation the places of its number, mean and squared deviations.
        places: the place of each partial, by measure and suffix, among ``wide`` or ``counts``.
    """

    hop: int
    length: int
    wide: tuple[Slot, ...]
    counts: tuple[Slot, ...]
    pools: tuple[tuple[int, int, int], ...]
    places: dict[tuple[str, str], int]

    @property
    def width(self) -> int:
        """The words of a record."""
        return len(self.wide) + (len(self.counts) + 1) // 2

    @property
    def tiles(self) -> int:
        """How many tiles there can be: those of the longest window, and the open one."""
        return self.length // self.hop + 1

    @property
    def bitmaps(self) -> int:
        """The words of the bitmap."""
        return -(-self.tiles // BITS)

    def first(self, as_of: Any) -> Any:
        """The number of the oldest tile that a row as of then keeps (int or array)."""
        return (as_of - self.length) // self.hop

    def neutral(self) -> Words:
        """The record over no event."""
        record = np.zeros(self.width, np.int64)
        for place, slot in enumerate(self.wide):
            record[place] = np.array(slot.none, slot.kind.dtype).view(np.int64)
        return record


@dataclass(frozen=True)
class WindowLayout:
    """The layout of one windowed view's rows.

    Attributes:
        lasts: the place of the first value of each last value, among the fixed words.
        lengths: how many pairs of (value, event_ts) each last value has there, the latest first.
        levels: the levels, smallest tiles first.
        bitmaps: for each level the place of its bitmap.
        fixed: the number of words before the records.
    """

    lasts: dict[str, int]
    lengths: dict[str, int]
    levels: tuple[Level, ...]
    bitmaps: tuple[int, ...]
    fixed: int

    @classmethod
    def of(cls, view: type[FeatureView]) -> "WindowLayout":
        """Lay out a view."""
        measures = list(view.measures.values())
        tiled = [m for m in measures if not m.function.lasting]
        hops = sorted({w.hop for m in tiled for w in m.windows})
        levels = tuple(_level(hop, tiled) for hop in hops)
        place, bitmaps = 2, []
        for level in levels:
            bitmaps.append(place)
            place += level.bitmaps
        lasts = {}
        lengths = {m.name: m.length or 1 for m in measures if m.function.lasting}
        for name, length in lengths.items():
            lasts[name] = place
            place += 2 * length
        return cls(lasts, lengths, levels, tuple(bitmaps), place)

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


@dataclass
class _Builder:
    wide: list[Slot] = field(default_factory=list)
    counts: list[Slot] = field(default_factory=list)
    places: dict[tuple[str, str], int] = field(default_factory=dict)
    known: dict[tuple[str, str | None, str], int] = field(default_factory=dict)

    def add(self, measure: Measure, partial: Partial) -> None:
        same = (partial.suffix, measure.column, render(measure.where))
        if same not in self.known:
            group = self.counts if partial.suffix == "n" else self.wide
            self.known[same] = len(group)
            # The number of a pool is a sum as any other: one serves both.
            merge = Merge.SUM if partial.suffix == "n" else partial.merge
            group.append(Slot(measure.tile_column(partial), partial.kind, merge))
        self.places[measure.name, partial.suffix] = self.known[same]


def _level(hop: int, measures: list[Measure]) -> Level:
    builder, pools, length = _Builder(), {}, 0
    for measure in measures:
        lengths = [w.length for w in measure.windows if w.hop == hop]
        if not lengths:
            continue
        length = max(length, *lengths)
        for partial in measure.partials:
            builder.add(measure, partial)
        if any(partial.merge is Merge.POOL for partial in measure.partials):
            n, mean, m2 = (builder.places[measure.name, suffix] for suffix in ("n", "mean", "m2"))
            pools[n, mean, m2] = True
    return Level(
        hop, length, tuple(builder.wide), tuple(builder.counts), tuple(pools), builder.places
    )
