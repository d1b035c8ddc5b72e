"""Merging records of tiles: running totals of a row, and what several rows hold of one window."""

from collections.abc import Sequence

import numpy as np

from online.window_layout import Level, Slot
from slate.aggregates import Merge
from slate.expressions import Array
from slate.kinds import Kind


def merge_newer(level: Level, wide: Sequence[Array], counts: Sequence[Array], newer: Array) -> None:
    """Merge into each tile, in place, all newer ones of its row.

    Doubling, as every way of merging is associative: after ``n`` steps a tile holds itself and the
    next ``2**n - 1``, and no sum is ever the difference of two large ones.

    Args:
        level: the level that the tiles are of.
        wide: the columns of the level's partials, ordered by row and tile.
        counts: those of its numbers of events.
        newer: how many newer tiles the row has behind each.
    """
    step = 1
    while len(into := np.flatnonzero(newer >= step)):
        merge_into(level, (wide, counts), into, (wide, counts), into + step)
        step *= 2


Partials = tuple[Sequence[Array], Sequence[Array]]


def merge_into(level: Level, target: Partials, into: Array, other: Partials, of: Array) -> None:
    """Merge some records into others, in place.

    Args:
        level: the level that all are of.
        target: the columns of partials, and those of numbers of events, that are merged into.
        into: the positions in them.
        other: the columns of what is merged in; may be the same.
        of: the positions in these, as many as of ``into``.
    """
    wide, counts = target
    other_wide, other_counts = other
    for n, mean, m2 in level.pools:
        _pool(
            (counts[n], wide[mean], wide[m2]),
            into,
            (other_counts[n], other_wide[mean], other_wide[m2]),
            of,
        )
    for slot, values, others in zip(level.wide, wide, other_wide, strict=True):
        if slot.merge is not Merge.POOL:
            values[into] = _function(slot)(values[into], others[of])
    for values, others in zip(counts, other_counts, strict=True):
        values[into] += others[of]


def _function(slot: Slot) -> np.ufunc:
    if slot.merge is Merge.SUM:
        return np.add
    if slot.kind is Kind.FLOAT:  # those that pass over NaN
        return np.fmin if slot.merge is Merge.MIN else np.fmax
    return np.minimum if slot.merge is Merge.MIN else np.maximum


def _pool(
    target: tuple[Array, Array, Array], into: Array, other: tuple[Array, Array, Array], of: Array
) -> None:
    """Pool means and squared deviations without squaring a large sum (Chan, Golub, LeVeque)."""
    (n, mean, m2), (other_n, other_mean, other_m2) = target, other
    before, more = n[into], other_n[of]
    share = more / np.maximum(before + more, 1)
    distance = other_mean[of] - mean[into]
    m2[into] += other_m2[of] + distance * distance * (before * share)
    mean[into] += distance * share
