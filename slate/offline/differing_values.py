"""Of which rows the values of a feature that were served are not those that the warehouse tells."""

from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from slate.expressions import Array
from slate.features import Feature
from slate.kinds import Kind

# Sums of floats depend on the order in which they are added up.
TOLERANCE = 1e-9


def differing(feature: Feature, served: pa.ChunkedArray, told: pa.ChunkedArray) -> Array:
    """Of which rows a feature's values are not the same; sums of floats but for their order."""
    if feature.value_type.length is not None:
        if served.equals(told):
            return np.zeros(len(served), np.bool_)
        pairs = zip(served.to_pylist(), told.to_pylist(), strict=True)
        return np.array([not _same_list(feature, one, other) for one, other in pairs], np.bool_)
    if feature.kind is Kind.FLOAT:
        one, other = (
            column.combine_chunks().to_numpy(zero_copy_only=False) for column in (served, told)
        )
        close: Array = np.isclose(one, other, rtol=TOLERANCE, atol=0, equal_nan=True)
        return ~close
    same = pc.fill_null(pc.equal(served, told), False)
    both = pc.and_(pc.is_null(served), pc.is_null(told))
    found: Array = np.asarray(pc.invert(pc.or_(same, both)))
    return found


def _same_list(feature: Feature, one: list[Any], other: list[Any]) -> bool:
    if feature.kind is Kind.FLOAT and len(one) == len(other):
        left, right = (np.array(values, np.float64) for values in (one, other))
        return bool(np.isclose(left, right, rtol=TOLERANCE, atol=0, equal_nan=True).all())
    return one == other
