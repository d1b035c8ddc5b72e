"""Rows of a windowed view, opened: their records, their tiles and their last values."""

import numpy as np

from slate.expressions import Array
from slate.kinds import Kind
from slate.online.rows.row_format import Words, gather
from slate.online.rows.texts import read_texts
from slate.online.rows.value_counts import ValueTallies, read_tallies
from slate.online.rows.window_layout import BITS, Level, WindowLayout
from slate.online.rows.window_merge import Columns

# The bits below the n-th, for n up to a whole word.
BELOW = np.array([(1 << bits) - 1 for bits in range(BITS + 1)], np.uint64)


class OpenRows:
    """Rows with what every read of them needs.

    Args:
        layout: where things lie in them.
        words: all of them and more, the empty row first.
        starts: the word at which each starts.

    Attributes:
        head: their fixed words, of shape (fixed, N).
    """

    def __init__(self, layout: WindowLayout, words: Words, starts: Words) -> None:
        self._layout = layout
        self._words = words
        self._starts = starts
        self.head: Words = gather(words, starts, layout.fixed)
        self._bitmaps, self._counts, self._begins = [], [], []
        behind = starts + layout.fixed
        for level, place in zip(layout.levels, layout.bitmaps, strict=True):
            self._bitmaps.append(self.head[place : place + level.bitmaps].view(np.uint64))
            self._counts.append(_ones(self._bitmaps[-1]))
            self._begins.append(behind)
            behind = behind + self._counts[-1] * level.width
        self._counted = []
        for column in layout.counted:
            self._counted.append(behind)
            sizes = self.head[column.place]
            behind = behind + (sizes >> 32) * column.width + (sizes & 0xFFFF_FFFF)

    def neutral(self, number: int) -> int:
        """Where a level's record over no event begins."""
        return self._layout.neutral(number)

    def since(self, number: int, instant: int) -> Columns:
        """Of each row the columns of a level over everything from an instant on.

        What is merged into them is merged into these alone.
        """
        level = self._layout.levels[number]
        older = instant // level.hop - level.first(self.head[1])
        passed = _ones(self._bitmaps[number] & _below(older, level))
        begins = self._begins[number] + passed * level.width
        begins = np.where(passed < self._counts[number], begins, self.neutral(number))
        return self.at(number, np.arange(len(begins)), begins)

    def at(self, number: int, row: Words, begins: Words) -> Columns:
        """The columns of the records of a level that begin at these words, of these rows."""
        level = self._layout.levels[number]
        block = gather(self._words, begins, level.width)
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
        bits = np.ascontiguousarray(self._bitmaps[number].T).view(np.uint8)
        flags = np.unpackbits(bits, axis=1, bitorder="little").view(np.bool_)
        row, bit = np.divmod(np.flatnonzero(flags), flags.shape[1])
        before = np.cumsum(self._counts[number]) - self._counts[number]
        position = np.arange(len(row)) - before[row]
        return row, bit, self._begins[number][row] + position * level.width

    def tallies(self, number: int) -> ValueTallies:
        """A column of value counts."""
        column = self._layout.counted[number]
        sizes, first = self.head[column.place], column.first(self.head[1])
        return read_tallies(self._words, self._counted[number], sizes, first, column)

    def latest(self, place: int, length: int) -> tuple[Words, Words]:
        """The words of the latest values from a place on, of shape (N, length), and their times."""
        pairs = self.head[place : place + 2 * length].reshape(length, 2, -1)
        return pairs[:, 0].T.copy(), pairs[:, 1].T.copy()

    def texts(self, references: Words, null: str | float) -> Array:
        """The texts that words of shape (N, length) stand for, ``null`` where there is none."""
        rows = np.repeat(np.arange(len(self._starts)), references.shape[1])
        return self.texts_of(rows, references.ravel(), null).reshape(references.shape)

    def texts_of(self, rows: Words, references: Words, null: str | float) -> Array:
        """The texts that words of some rows stand for, ``null`` where there is none."""
        return read_texts(self._words, self._starts[rows], references).values(null)


def _ones(bitmap: Array) -> Words:
    """The number of set bits of each row's bitmap."""
    counts = np.bitwise_count(bitmap)
    ones: Words = counts[0].astype(np.int64) if len(counts) == 1 else counts.sum(0, np.int64)
    return ones


def _below(bits: Words, level: Level) -> Words:
    """Bitmaps of which the lowest bits are set, so many for each row."""
    # NumPy's clip takes as long as ten of these, of one row.
    below: Words = BELOW[np.minimum(np.maximum(bits - level.bits, 0), BITS)]
    return below
