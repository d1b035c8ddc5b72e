"""Features finished from what is kept of their windows."""

from collections.abc import Callable, Mapping

import numpy as np

from online.rows.row_format import Words, from_words
from slate.aggregates import (
    Counted,
    CountedFunction,
    PickingFunction,
    TileFunction,
    ValuesFunction,
)
from slate.expressions import Array
from slate.features import Aggregated
from slate.kinds import Kind


def finish_partials(
    feature: Aggregated, function: TileFunction, partials: Mapping[str, Array]
) -> Array:
    """The feature of windows of which these are the merged partials, by suffix."""
    values, known = function.finish(feature.measure.column_kind, partials)
    if known is not None:
        return feature.where(known, values)
    if feature.default is None or function.empty is not None:
        return values
    return np.where(np.isnan(values), feature.default, values)


def finish_counts(
    feature: Aggregated, function: ValuesFunction, found: Counted, texts: Callable[[Words], Array]
) -> Array:
    """The feature of windows of which these values are kept; many values as a masked array.

    Args:
        feature: the feature.
        function: what is computed.
        found: the values.
        texts: gives texts for ``found.value``, where the values are texts.
    """
    if isinstance(function, CountedFunction):
        values = function.finish(found)
        if feature.default is None or function.empty is not None:
            return values
        return feature.where(~np.isnan(values), values)
    assert isinstance(function, PickingFunction)
    picked = function.pick(found, feature.measure.length or 1)
    there = picked >= 0
    words = found.value[picked[there]]
    kind = feature.measure.column_kind
    assert kind is not None
    if kind is Kind.STRING:
        values = kind.full(picked.size, feature.null).reshape(picked.shape)
        values[there] = texts(words)
    else:
        filled = np.zeros(picked.shape, np.int64)
        filled[there] = words
        values = feature.where(there, from_words(filled, kind))
    return values[:, 0] if feature.measure.length is None else np.ma.MaskedArray(values, ~there)
