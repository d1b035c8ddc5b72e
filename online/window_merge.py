"""Running totals of tiles: each tile with every newer one of its row."""

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
        of = into + step
        for n, mean, m2 in level.pools:
            _pool(counts[n], wide[mean], wide[m2], into, of)
        for slot, values in zip(level.wide, wide, strict=True):
            if slot.merge is not Merge.POOL:
                values[into] = _function(slot)(values[into], values[of])
        for values in counts:
            values[into] += values[of]
        step *= 2


def _function(slot: Slot) -> np.ufunc:
    if slot.merge is Merge.SUM:
        return np.add
    if slot.kind is Kind.FLOAT:  # those that pass over NaN
        return np.fmin if slot.merge is Merge.MIN else np.fmax
    return np.minimum if slot.merge is Merge.MIN else np.maximum


def _pool(n: Array, mean: Array, m2: Array, into: Array, of: Array) -> None:
    """Pool means and squared deviations without squaring a large sum (Chan, Golub, LeVeque)."""
    both = np.maximum(n[into] + n[of], 1)
    share = n[of] / both
    distance = mean[of] - mean[into]
    m2[into] += m2[of] + distance * distance * (n[into] * share)
    mean[into] += distance * share
