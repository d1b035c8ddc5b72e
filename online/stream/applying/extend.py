"""Rows of a windowed view extended by what a micro-batch brought.

A row's records are running totals, and so are the batch's. The record of a tile in the new row is
the old row's over everything from that tile on, merged with the batch's over the same.
"""

from dataclasses import replace
from functools import cached_property

import numpy as np
import pyarrow as pa

from slate.kinds import Kind
from slate.online.rows.latest_values import merge_latest
from slate.online.rows.row_format import NO_TEXT, NO_TIME, WORD, Blobs, Words
from slate.online.rows.texts import Bytes, TextColumn
from slate.online.rows.value_counts import CountedRecords, Tallies, records, tallied
from slate.online.rows.window_encode import Records, assemble, record_words, text_columns
from slate.online.rows.window_layout import CountedColumn, Level, WindowLayout
from slate.online.rows.window_merge import merge_into
from slate.online.rows.window_rows import OpenRows
from slate.online.stream.applying.fold import Folded, FoldedCounts, FoldedLevel
from slate.views import FeatureView

# The lower half of a word.
_LOW = 0xFFFF_FFFF


def extend(
    view: type[FeatureView], layout: WindowLayout, folded: Folded, words: Words, starts: Words
) -> Blobs:
    """New rows from old ones and what was folded.

    Args:
        view: the view.
        layout: where things lie in its rows.
        folded: what a micro-batch says of them.
        words: the old rows, the empty one first.
        starts: the word at which each folded row's old one starts.

    Raises:
        DataError: a row has more events in one window than can be counted.
    """
    old = OpenRows(layout, words, starts)
    fixed = np.zeros((layout.fixed, folded.rows), np.int64)
    fixed[0] = np.maximum(old.head[0], folded.event_ts)
    fixed[1] = np.maximum(old.head[1], folded.known)
    texts = _Texts(words, starts)
    for measure, place in layout.lasts.items():
        new, length = folded.lasts[measure], layout.lengths[measure]
        values, event_ts = old.latest(place, length)
        if new.texts is None:
            merged, event_ts = merge_latest(values, event_ts, new.values, new.event_ts)
        else:
            held, added = texts.of_rows(values), texts.of_events(new.values, new.texts)
            merged, event_ts = merge_latest(held, event_ts, added, new.event_ts)
            texts.keep(place, np.where(event_ts == NO_TIME, NO_TEXT, merged))
        fixed[place : place + 2 * length : 2] = merged.T
        fixed[place + 1 : place + 2 * length : 2] = event_ts.T
    levels = [
        _level(view, number, level, old, new, fixed[1])
        for number, (level, new) in enumerate(zip(layout.levels, folded.levels, strict=True))
    ]
    tallies = [
        _tallies(old.tallies(number).flat(), new, texts)
        for number, new in enumerate(folded.counted)
    ]
    counted = [
        _counted(view, column, *both, texts, fixed[1])
        for column, both in zip(layout.counted, tallies, strict=True)
    ]
    return assemble(layout, fixed, levels, texts.columns(), counted)


class _Texts:
    """Texts of old rows and of events, as words of where they lie: ``length << 32 | byte``.

    Args:
        words: the old rows.
        starts: the word at which each starts.
    """

    def __init__(self, words: Words, starts: Words) -> None:
        self._starts = starts
        self._data: list[Bytes] = [words.view(np.uint8)]
        self._end = words.nbytes
        self._kept: dict[int, Words] = {}

    def of_rows(self, references: Words) -> Words:
        """Those that words of the old rows stand for."""
        at = (self._starts[:, None] + (references & _LOW)) * WORD
        return np.where(references < 0, NO_TEXT, references & ~_LOW | at)

    def of_events(self, events: Words, column: pa.Array) -> Words:
        """Those of some events."""
        texts = TextColumn.of(column)
        begin, self._end = self._end, self._end + len(texts.data)
        self._data.append(texts.data)
        return (texts.lengths << 32 | begin + texts.offsets)[events]

    def of_some(self, rows: Words, references: Words) -> Words:
        """Those that words of some of the old rows stand for."""
        at = (self._starts[rows] + (references & _LOW)) * WORD
        texts: Words = references & ~_LOW | at
        return texts

    def keep(self, place: int, texts: Words) -> None:
        """Have the texts of shape (N, length) in the new rows, from a place on."""
        for position, at in enumerate(texts.T):
            self._kept[place + 2 * position] = at

    def columns(self) -> dict[int, TextColumn]:
        """What is kept, by place."""
        return {place: self.column(at) for place, at in self._kept.items()}

    def column(self, texts: Words) -> TextColumn:
        """Some of them as a column."""
        return TextColumn(self._bytes, texts & _LOW, texts >> 32)

    @cached_property
    def _bytes(self) -> Bytes:
        """The bytes of all; none can be added after this."""
        return np.concatenate([*self._data, np.zeros(WORD, np.uint8)])


def _tallies(old: Tallies, new: FoldedCounts, texts: _Texts) -> tuple[Tallies, Tallies]:
    """What old rows and the batch hold of one column, of texts as words of where they lie."""
    if new.texts is None:
        return old, new.tallies
    added = texts.of_events(new.tallies.value, new.texts)
    held = texts.of_some(old.row, old.value)
    return replace(old, value=held), replace(new.tallies, value=added)


def _counted(
    view: type[FeatureView],
    column: CountedColumn,
    old: Tallies,
    new: Tallies,
    texts: _Texts,
    as_of: Words,
) -> CountedRecords:
    """What one column of value counts has, of every tile that the new row keeps."""
    first = column.first(as_of)
    parts = [part.take(part.tile >= first[part.row]) for part in (old, new)]
    found = tallied(parts, column.partial.kept)
    if not column.partial.valued or column.partial.kind is not Kind.STRING:
        return records(column, found, first, None, view.name)
    places = replace(found, value=np.arange(len(found.value)))
    return records(column, places, first, texts.column(found.value), view.name)


def _level(
    view: type[FeatureView],
    number: int,
    level: Level,
    old: OpenRows,
    new: FoldedLevel,
    as_of: Words,
) -> Records:
    """The records of one level: of every tile that the old row or the batch has."""
    first = level.first(as_of)
    old_row, old_bit, old_at = old.tiles(number)
    old_bit = old_bit + (level.first(old.head[1]) - first)[old_row]
    new_bit = new.tile - first[new.row]
    # What is older than every window is left behind.
    old_kept, new_kept = np.flatnonzero(old_bit >= 0), np.flatnonzero(new_bit >= 0)
    before = old_row[old_kept] * level.tiles + old_bit[old_kept]
    after = new.row[new_kept] * level.tiles + new_bit[new_kept]
    both = np.sort(np.concatenate([before, after]), kind="stable")
    both = both[np.diff(both, prepend=-1) > 0]
    row, bit = np.divmod(both, level.tiles)
    begins = np.full(len(both), old.neutral(number))
    into, found = _from(before, both, level)
    begins[into] = old_at[old_kept[found]]
    totals = old.at(number, row, begins)
    into, found = _from(after, both, level)
    merge_into(level, totals, into, new.columns, new_kept[found])
    words, per_row = record_words(level, totals, view.name), np.bincount(row, minlength=len(as_of))
    return Records(level, row, bit, words, per_row, text_columns(level, totals))


def _from(tiles: Words, wanted: Words, level: Level) -> tuple[Words, Words]:
    """For each wanted tile the oldest of its row's tiles that is not older.

    Args:
        tiles: the tiles that there are, row and bit as one number, in order.
        wanted: the same of those wanted.
        level: their level.

    Returns:
        The positions of the wanted tiles for which there is one, and the position of each.
    """
    if not len(tiles):
        return tiles, tiles
    found = np.minimum(np.searchsorted(tiles, wanted), len(tiles) - 1)
    there = (tiles[found] >= wanted) & (tiles[found] // level.tiles == wanted // level.tiles)
    return np.flatnonzero(there), found[there]
