"""Rows of a windowed view, opened: their records, their tiles and their last values."""

from collections.abc import Sequence

import numpy as np

from slate.expressions import Array
from slate.kinds import Kind
from slate.online.rows.row_format import Words, gather
from slate.online.rows.texts import read_texts
from slate.online.rows.value_counts import ValueTallies, read_tallies
from slate.online.rows.window_layout import BITS, WindowLayout
from slate.online.rows.window_merge import Columns

# The bits below the n-th, for n up to a whole word.
BELOW = np.array([(1 << bits) - 1 for bits in range(BITS + 1)], np.uint64)

# What came after some rows and is to be merged into them: which rows, in order of time. Of each the
# positions that they are for, ascending.
Later = Sequence[tuple[slice, Words]]


class OpenRows:
    """Rows with what every read of them needs.

    Args:
        layout: where things lie in them.
        words: all of them and more, the empty row first.
        starts: the word at which each starts.

    Attributes:
        words: as given.
        head: their fixed words, of shape (fixed, N).
        counts: how many records each has of each level, of shape (levels, N).
        begins: where those of each level begin, of shape (levels, N).
    """

    def __init__(self, layout: WindowLayout, words: Words, starts: Words) -> None:
        self._layout = layout
        self.words = words
        self._starts = starts
        self.head: Words = gather(words, starts, layout.fixed)
        behind = starts + layout.fixed
        if layout.levels:
            bitmaps = self.head[layout.bitmaps[0] : layout.bitmaps[0] + layout.bitmap_words]
            ones = np.bitwise_count(bitmaps.view(np.uint64))
            self.counts: Words = np.add.reduceat(ones, layout.first_bitmaps, 0, np.int64)
            sizes = self.counts * layout.widths
            ends = sizes.cumsum(axis=0) + behind
            self.begins: Words = ends - sizes
            behind = ends[-1]
        self._counted = []
        for column in layout.counted:
            self._counted.append(behind)
            told = self.head[column.place]
            behind = behind + (told >> 32) * column.width + (told & 0xFFFF_FFFF)

    def neutral(self, number: int) -> int:
        """Where a level's record over no event begins."""
        return self._layout.neutral(number)

    def at(self, number: int, row: Words, begins: Words) -> Columns:
        """The columns of the records of a level that begin at these words, of these rows."""
        level = self._layout.levels[number]
        block = gather(self.words, begins, level.width)
        wide, rows = len(level.wide), len(begins)
        halves = block[wide:].view(np.uint32).reshape(level.width - wide, rows, 2)
        counts = halves.transpose(0, 2, 1).astype(np.int64, order="C")
        columns: list[Array] = list(block[:wide])
        for place, slot in enumerate(level.wide):
            if slot.column.kind is Kind.FLOAT:
                columns[place] = columns[place].view(np.float64)
            elif slot.column.kind is Kind.STRING:
                columns[place] = self.texts_of(row, columns[place], np.nan)
        return [*columns, *counts.reshape(2 * len(counts), rows)[: len(level.counts)]]

    def tiles(self, number: int) -> tuple[Words, Words, Words]:
        """The tiles of a level, ordered: of each the row, the bit, and where its record begins."""
        level = self._layout.levels[number]
        place = self._layout.bitmaps[number]
        bits = np.ascontiguousarray(self.head[place : place + level.bitmaps].T).view(np.uint8)
        flags = np.unpackbits(bits, axis=1, bitorder="little").view(np.bool_)
        row, bit = np.divmod(np.flatnonzero(flags), flags.shape[1])
        before = np.cumsum(self.counts[number]) - self.counts[number]
        position = np.arange(len(row)) - before[row]
        return row, bit, self.begins[number][row] + position * level.width

    def tallies(self, number: int) -> ValueTallies:
        """A column of value counts."""
        column = self._layout.counted[number]
        sizes, first = self.head[column.place], column.first(self.head[1])
        return read_tallies(self.words, self._counted[number], sizes, first, column)

    def latest(self, place: int, length: int) -> tuple[Words, Words]:
        """The words of the latest values from a place on, of shape (N, length), and their times."""
        pairs = self.head[place : place + 2 * length].reshape(length, 2, -1)
        return pairs[:, 0].T.copy(), pairs[:, 1].T.copy()

    def texts_of(self, rows: Words, references: Words, null: str | float) -> Array:
        """The texts that words of some rows stand for, ``null`` where there is none."""
        return read_texts(self.words, self._starts[rows], references).values(null)
