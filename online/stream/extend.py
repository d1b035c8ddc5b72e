"""Rows of a windowed view extended by what a micro-batch brought.

A row's records are running totals, and so are the batch's. The record of a tile in the new row is
the old row's over everything from that tile on, merged with the batch's over the same.
"""

import numpy as np
import pyarrow as pa

from online.rows import NO_TIME, Blobs, Words
from online.sequences import merge_latest
from online.stream.fold import Folded, FoldedLevel
from online.window_encode import Records, assemble, record_words
from online.window_layout import Level, WindowLayout
from online.window_merge import merge_into
from online.window_rows import OpenRows
from slate.kinds import Kind
from slate.views import FeatureView


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
    texts: dict[int, pa.Array] = {}
    for measure in layout.lasts:
        texts |= _latest(view, layout, measure, old, folded, fixed)
    levels = [
        _level(view, number, level, old, new, fixed[1])
        for number, (level, new) in enumerate(zip(layout.levels, folded.levels, strict=True))
    ]
    return assemble(layout, fixed, levels, texts)


def _latest(
    view: type[FeatureView], layout: WindowLayout, measure: str, old: OpenRows, folded: Folded,
    fixed: Words,
) -> dict[int, pa.Array]:  # fmt: skip
    """Write latest values and their times; return by place those that are texts."""
    place, length = layout.lasts[measure], layout.lengths[measure]
    is_text = view.measures[measure].column_kind is Kind.STRING
    values, event_ts = merge_latest(*old.latest(place, length, is_text, ""), *folded.lasts[measure])
    texts = {}
    for position, at in enumerate(range(place, place + 2 * length, 2)):
        fixed[at + 1] = event_ts[:, position]
        if is_text:
            absent = event_ts[:, position] == NO_TIME
            texts[at] = pa.array(values[:, position].tolist(), pa.string(), mask=absent)
        else:
            fixed[at] = values[:, position]
    return texts


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
    totals = old.at(number, begins).partials(level)
    into, found = _from(after, both, level)
    merge_into(level, totals, into, (new.wide, new.counts), new_kept[found])
    words = record_words(level, *totals, view.name)
    return Records(level, row, bit, words, np.bincount(row, minlength=len(as_of)))


def _from(tiles: Words, wanted: Words, level: Level) -> tuple[Words, Words]:
    """For each wanted tile the oldest of its row's tiles that is no older.

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
