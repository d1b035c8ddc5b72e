"""Reading features that are merged from tiles: of each window one record of each row.

A request reads few rows, of a dozen windows and a hundred columns. What that costs is how often
NumPy is called, not how much it computes: so the records of all windows are found together, their
columns gathered side by side, and those that are merged or finished alike are so at once.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from slate.aggregates import TileFunction
from slate.aggregates.partials import TilePartial
from slate.aggregates.reduced import Reduced
from slate.expressions import Array, Expr
from slate.features import Aggregated
from slate.kinds import Kind
from slate.online.rows.row_format import Words
from slate.online.rows.window_finish import defaulted
from slate.online.rows.window_layout import Level, Slot, WindowLayout
from slate.online.rows.window_rows import BELOW, Later, OpenRows
from slate.windows import Window


class _Place(NamedTuple):
    """A column of partial results in the records of one window.

    Attributes:
        window: the number of the window.
        place: its place among the columns of the level's records.
    """

    window: int
    place: int


# What partial results are gathered in, each with columns of one type.
_WORDS, _FLOATS, _TEXTS, _COUNTS = range(4)


def _block(slot: Slot) -> int:
    if slot.column.counted:
        return _COUNTS
    return {Kind.FLOAT: _FLOATS, Kind.STRING: _TEXTS}.get(slot.column.kind, _WORDS)


@dataclass(frozen=True)
class _Alike:
    """Features of one function over columns of one kind, which are finished at once.

    Attributes:
        function: the function.
        kind: the kind of the column; None for a count.
        features: the features.
        columns: of each partial result by suffix, its block and the features' rows in it.
        plain: whether they are what the function gives, if that says itself where it gives none.
    """

    function: TileFunction
    kind: Kind | None
    features: list[Aggregated]
    columns: dict[str, tuple[int, Words | slice]]
    plain: bool


class TiledValues:
    """Some features of one view that are merged from tiles.

    Args:
        layout: where things lie in the view's rows.
        features: the features.
    """

    def __init__(self, layout: WindowLayout, features: Iterable[Aggregated]) -> None:
        self._windows: list[tuple[int, Window]] = []
        groups: dict[object, list[Aggregated]] = {}
        for feature in features:
            measure, function = feature.measure, feature.measure.function
            assert feature.window is not None
            window = (layout.level(feature), feature.window)
            if window not in self._windows:
                self._windows.append(window)
            # Texts are finished one by one: their arrays are of objects.
            apart = feature if measure.column_kind is Kind.STRING else None
            same = type(function), function.parameters, measure.column_kind, apart
            groups.setdefault(same, []).append(feature)
        self._levels = [layout.levels[number] for number, _ in self._windows]
        self._number = np.array([number for number, _ in self._windows], np.int64)
        self._neutral = np.array([layout.neutral(number) for number in self._number])[:, None]
        self._widths = _column(level.width for level in self._levels)
        self._hops = _column(window.hop for _, window in self._windows)
        # How far back each window looks, and how far back the tiles of its level begin.
        self._lengths = _column(window.length for _, window in self._windows)
        self._kept = _column(level.length for level in self._levels)
        self._place_bitmaps(layout)
        self._place_columns(groups.values())

    def __bool__(self) -> bool:
        return bool(self._windows)

    def _place_bitmaps(self, layout: WindowLayout) -> None:
        """Find the words of bitmaps that each window looks at: those of its level."""
        sizes = [level.bitmaps for level in self._levels]
        self._bitmap_window = np.repeat(np.arange(len(sizes)), sizes)
        self._bitmap_first = np.cumsum([0, *sizes[:-1]]) if sizes else np.zeros(0, np.int64)
        words = [layout.bitmaps[n] + np.arange(layout.levels[n].bitmaps) for n in self._number]
        self._bitmap_at = np.concatenate([*words, np.zeros(0, np.int64)]).astype(np.int64)
        bits = [level.bits for level in self._levels]
        self._bits = np.concatenate([*bits, np.zeros((0, 1), np.int64)]).astype(np.int64)

    def _place_columns(self, groups: Iterable[list[Aggregated]]) -> None:
        """Give each column a row of a block; those that are joined alike lie together."""
        joins = self._joins_of_places()
        wanted: dict[_Place, None] = {}
        for features in groups:
            for suffix in self._places(features[0]):
                wanted.update((self._places(feature)[suffix], None) for feature in features)
        kinds = list(dict.fromkeys(joins[place] for place in wanted))
        ordered: list[list[_Place]] = [[], [], [], []]
        self._joins: list[tuple[int, slice, np.ufunc]] = []
        for block, join in sorted(kinds, key=lambda kind: kind[0]):
            begin = len(ordered[block])
            ordered[block] += [place for place in wanted if joins[place] == (block, join)]
            if join is not None:
                self._joins.append((block, slice(begin, len(ordered[block])), join))
        self._row = {
            place: (block, row)
            for block, places in enumerate(ordered)
            for row, place in enumerate(places)
        }
        self._sizes = [len(places) for places in ordered]
        words = [place for places in ordered[:_COUNTS] for place in places]
        self._word_window = np.array([place.window for place in words], np.int64)
        self._word_place = np.array([place.place for place in words], np.int64)[:, None]
        # Two to a word, behind the columns of a word each.
        self._count_window = np.array([place.window for place in ordered[_COUNTS]], np.int64)
        halves = [len(self._levels[window].wide) + place for window, place in ordered[_COUNTS]]
        self._count_half = np.array(halves, np.int64)[:, None]
        self._apart = [
            (partial, [self._row[place] for place in places])
            for partial, places in self._merged()
            if not _joined(partial) and places[0] in self._row
        ]
        self._alike = [self._grouped(features) for features in groups]

    def _merged(self) -> Iterator[tuple[TilePartial, list[_Place]]]:
        """The partial results of all windows, each with the places of its columns."""
        for window, level in enumerate(self._levels):
            for one in level.merged:
                yield one.partial, [_Place(window, place) for place in one.places]

    def _joins_of_places(self) -> dict[_Place, tuple[int, np.ufunc | None]]:
        """The block of each column, and what joins two of it; None where more than that does."""
        found: dict[_Place, tuple[int, np.ufunc | None]] = {}
        for partial, places in self._merged():
            join = partial.join if isinstance(partial, Reduced) and _joined(partial) else None
            for place in places[: len(partial.columns)]:
                slot = _slot(self._levels[place.window], place.place)
                found[place] = (_block(slot), join)
        return found

    def _places(self, feature: Aggregated) -> dict[str, _Place]:
        """The columns of a feature, by suffix."""
        assert feature.window is not None
        window = next(n for n, (_, one) in enumerate(self._windows) if one == feature.window)
        places = self._levels[window].places[feature.measure.name]
        return {suffix: _Place(window, place) for suffix, place in places.items()}

    def _grouped(self, features: list[Aggregated]) -> _Alike:
        measure = features[0].measure
        assert isinstance(measure.function, TileFunction)
        columns = {}
        for suffix in self._places(features[0]):
            found = [self._row[self._places(feature)[suffix]] for feature in features]
            columns[suffix] = found[0][0], _slice([row for _, row in found])
        plain = all(feature.default is None for feature in features)
        return _Alike(
            measure.function,
            measure.column_kind,
            features,
            columns,
            plain or measure.function.empty is not None,
        )

    def read(self, rows: OpenRows, number: int, later: Later, at: int) -> dict[Expr, Array]:
        """The features as of an instant.

        Args:
            rows: the rows, and behind them those that are merged into them.
            number: how many they are without those.
            later: those, in order of time.
            at: the instant, in microseconds.
        """
        gathered = self._gathered(rows, at)
        found = [block[:, :number] for block in gathered]
        for some, index in later:
            self._merge(found, index, [block[:, some] for block in gathered])
        values: dict[Expr, Array] = {}
        for one in self._alike:
            partials = {suffix: found[block][row] for suffix, (block, row) in one.columns.items()}
            finished, known = one.function.finish(one.kind, partials)
            if one.plain and known is None:
                values.update(zip(one.features, finished, strict=True))
                continue
            for place, feature in enumerate(one.features):
                there = None if known is None else known[place]
                values[feature] = defaulted(feature, finished[place], there)
        return values

    def _gathered(self, rows: OpenRows, at: int) -> list[Array]:
        """The partial results of all windows, by block, of shape (columns, N)."""
        begins = self._begins(rows, at)
        at_word = begins.take(self._word_window, axis=0) + self._word_place
        words = rows.words.take(at_word, mode="clip")
        behind = self._sizes[_WORDS] + self._sizes[_FLOATS]
        texts: Array = words[behind:]
        if len(texts):
            number = np.tile(np.arange(texts.shape[1]), len(texts))
            texts = rows.texts_of(number, texts.ravel(), np.nan).reshape(texts.shape)
        at_half = 2 * begins.take(self._count_window, axis=0) + self._count_half
        counts = rows.words.view(np.uint32).take(at_half, mode="clip").astype(np.int64)
        floats = words[self._sizes[_WORDS] : behind].view(np.float64)
        return [words[: self._sizes[_WORDS]], floats, texts, counts]

    def _begins(self, rows: OpenRows, at: int) -> Words:
        """Where the record of each window begins, of shape (windows, N)."""
        as_of = rows.head[1]
        if len(as_of) > 1 and (as_of == as_of[0]).all():
            # Nearly always: published at once. The numbers of tiles are then of all rows.
            as_of = as_of[:1]
        older = (at - self._lengths) // self._hops - (as_of - self._kept) // self._hops
        bits = older.take(self._bitmap_window, axis=0) - self._bits
        below = BELOW.take(bits, mode="clip")
        bitmaps = rows.head.take(self._bitmap_at, axis=0).view(np.uint64)
        passed = np.bitwise_count(bitmaps & below)
        if len(passed) > len(self._windows):
            passed = np.add.reduceat(passed, self._bitmap_first, axis=0, dtype=np.int64)
        there = passed < rows.counts.take(self._number, axis=0)
        begins = rows.begins.take(self._number, axis=0) + passed * self._widths
        return np.where(there, begins, self._neutral)

    def _merge(self, mine: list[Array], index: Words, newer: list[Array]) -> None:
        """Merge what came after into some rows, in place."""
        of = np.arange(len(index))
        # NumPy is faster with rows that lie together.
        together = len(index) and index[-1] - index[0] + 1 == len(index)
        at = slice(index[0], index[-1] + 1) if together else index
        # Those that read columns of others come before these.
        for partial, places in self._apart:
            target = [mine[block][row] for block, row in places]
            partial.merge(target, index, [newer[block][row] for block, row in places], of)
        for block, some, join in self._joins:
            into, more = mine[block][some], newer[block][some]
            into[:, at] = join(into[:, at], more)


def _joined(partial: TilePartial) -> bool:
    """Whether two columns of it become one by a function of NumPy, whatever others hold."""
    return isinstance(partial, Reduced) and type(partial).merge is Reduced.merge


def _column(numbers: Iterable[int]) -> Words:
    """Numbers of each window, of shape (windows, 1)."""
    return np.array(list(numbers), np.int64)[:, None]


def _slot(level: Level, place: int) -> Slot:
    wide = len(level.wide)
    return level.wide[place] if place < wide else level.counts[place - wide]


def _slice(rows: list[int]) -> Words | slice:
    """Some rows of a block; those that lie together without a copy."""
    if rows == list(range(rows[0], rows[0] + len(rows))):
        return slice(rows[0], rows[0] + len(rows))
    return np.array(rows)
