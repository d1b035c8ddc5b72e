"""Drift of what is served against what was trained: how far a service's features are apart.

A model sees in training the rows of its service's spine, and in serving whatever is asked about. So
some distance is usual, as of candidates to what was shown of them; that it grows, or was not there
yesterday, is what tells of a skew.
"""

from collections import Counter
from dataclasses import dataclass

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from slate.features import Feature
from slate.quality.distributions import (
    MOST_CATEGORIES,
    Distribution,
    bounds_of,
    categories,
    comparable,
    ks,
    psi,
    spread,
)
from slate.quality.moves import Move
from slate.services import FeatureService

# Of fewer values chance moves too much.
LEAST_VALUES = 500


@dataclass(frozen=True)
class FeatureDrift:
    """How a feature is served, and was trained.

    Attributes:
        move: both distributions, that of the training set as ``before``; None where one has too few
            values.
        trained_nulls: the share of nulls in the training set.
        served_nulls: that of what was served.
    """

    move: Move | None
    trained_nulls: float
    served_nulls: float

    @property
    def psi(self) -> float:
        """The population stability index of both, 0 where they cannot be compared."""
        return self.move.psi if self.move is not None else 0.0


def training_drift(
    service: FeatureService, trained: pa.Table, served: pa.Table
) -> dict[str, FeatureDrift]:
    """How far a service's features are apart, by their full names; those that are furthest first.

    Times, lists, keys and what is personal are left out, and what one of both has no column of.

    Args:
        service: the service.
        trained: rows of its training set.
        served: rows that were served.
    """
    found: dict[str, FeatureDrift] = {}
    for feature in service.features:
        name = feature.name
        if comparable(feature) and name in trained.column_names and name in served.column_names:
            columns = [table[name].combine_chunks() for table in (trained, served)]
            nulls = [_nulls(column) for column in columns]
            found[name] = FeatureDrift(_move(feature, *columns), *nulls)
    return dict(sorted(found.items(), key=lambda item: -item[1].psi))


def _nulls(column: pa.Array) -> float:
    return pc.is_null(column, nan_is_null=True).true_count / len(column) if len(column) else 0.0


def _move(feature: Feature, trained: pa.Array, served: pa.Array) -> Move | None:
    before: Distribution
    if pa.types.is_integer(trained.type) or pa.types.is_floating(trained.type):
        numbers = [_numbers(column) for column in (trained, served)]
        if min(map(len, numbers)) < LEAST_VALUES:
            return None
        before = spread(numbers[0], bounds_of(numbers[0]))
        now = spread(numbers[1], before.bounds)
        return Move(feature.name, before, now, psi(before, now), ks(before, now))
    counts = [
        Counter(column.drop_null().cast(pa.string()).to_pylist()) for column in (trained, served)
    ]
    if min(one.total() for one in counts) < LEAST_VALUES or len(counts[0]) > MOST_CATEGORIES:
        return None
    before = categories(counts[0], sorted(counts[0]))
    now = categories(counts[1], sorted(counts[0]))
    return Move(feature.name, before, now, psi(before, now), None)


def _numbers(column: pa.Array) -> np.ndarray:
    values: np.ndarray = column.drop_null().cast(pa.float64()).to_numpy(zero_copy_only=False)
    finite: np.ndarray = values[np.isfinite(values)]
    return finite
