"""Merging records of tiles: running totals of a row, and what several rows hold of one window."""

from collections.abc import Sequence

import numpy as np

from slate.expressions import Array
from slate.online.rows.window_layout import Level

# The columns of a level's records, those of a word each before the numbers of events.
Columns = Sequence[Array]


def merge_newer(level: Level, columns: Columns, newer: Array) -> None:
    """Merge into each tile, in place, all newer ones of its row.

    Doubling, as every way of merging is associative: after ``n`` steps a tile holds itself and the
    next ``2**n - 1``, and no sum is ever the difference of two large ones.

    Args:
        level: the level that the tiles are of.
        columns: its columns, ordered by row and tile.
        newer: how many newer tiles the row has behind each.
    """
    step = 1
    while len(into := np.flatnonzero(newer >= step)):
        merge_into(level, columns, into, columns, into + step)
        step *= 2


def merge_into(level: Level, target: Columns, into: Array, other: Columns, of: Array) -> None:
    """Merge some records into others, in place.

    Args:
        level: the level that all are of.
        target: the columns that are merged into.
        into: the positions in them.
        other: the columns of what is merged in; may be the same.
        of: the positions in these, as many as of ``into``.
    """
    for one in level.merged:
        mine, theirs = (
            [target[place] for place in one.places],
            [other[place] for place in one.places],
        )
        one.partial.merge(mine, into, theirs, of)
