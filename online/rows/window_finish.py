"""Features finished from what is kept of their windows."""

from collections.abc import Callable, Mapping

import numpy as np

from slate.aggregates import (
    Counted,
    CountedFunction,
    EventsInput,
    OverLast,
    PickingFunction,
    TileFunction,
    ValuesFunction,
    codes,
)
from slate.expressions import Array
from slate.features import Aggregated
from slate.kinds import Kind
from slate.online.rows.row_format import Words, from_words, to_words
from slate.online.rows.value_counts import Tallies, by_value, counted, tallied


def finish_partials(
    feature: Aggregated, function: TileFunction, partials: Mapping[str, Array]
) -> Array:
    """The feature of windows of which these are the merged partials, by suffix."""
    return defaulted(feature, *function.finish(feature.measure.column_kind, partials))


def defaulted(feature: Aggregated, values: Array, known: Array | None) -> Array:
    """Values of a feature with its default, or null, where there is none.

    Args:
        feature: the feature.
        values: the values.
        known: which of them there are; None where all are, or else are NaN.
    """
    if known is not None:
        return feature.where(known, values)
    if feature.default is None or feature.measure.function.empty is not None:
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


def finish_latest(feature: Aggregated, values: Array, event_ts: Words, known: Array) -> Array:
    """A feature that is an aggregate of the latest events.

    Args:
        feature: the feature.
        values: the values of the latest events, of shape (rows, n), the latest first.
        event_ts: their times.
        known: which of them there are, and lie in the window.
    """
    function, kind = feature.measure.function, feature.measure.column_kind
    assert isinstance(function, OverLast)
    assert kind is not None
    # In order of time.
    values, event_ts, known = (found[:, ::-1] for found in (values, event_ts, known))
    row, values = np.nonzero(known)[0], values[known]
    if isinstance(function.inner, ValuesFunction):
        return _latest_counts(feature, function.inner, row, values, len(known))
    assert isinstance(function.inner, TileFunction)
    return _latest_partials(feature, function.inner, row, values, event_ts[known], len(known))


def _latest_partials(
    feature: Aggregated, function: TileFunction, row: Words, values: Array, times: Words, rows: int
) -> Array:
    """Fold the events of each row into one tile."""
    kind = feature.measure.column_kind
    starts = np.flatnonzero(np.diff(row, prepend=-1))
    numbers = values if kind is Kind.STRING else _numbers(values)
    events = EventsInput(times, lambda: numbers, None)
    found: dict[str, Array] = {}
    # Those that are read by others come first, as their suffixes are asked for.
    for partial in sorted(function.partials(kind), key=lambda one: bool(one.reads)):
        read = [found[suffix][row[starts]] for suffix in partial.reads]
        if len(starts):
            made = partial.reduced(partial.inputs(events), starts, *read)
        for place, column in enumerate(partial.columns):
            whole = np.full(rows, column.neutral, None)
            if column.kind is Kind.STRING:
                whole = Kind.STRING.full(rows)
            if len(starts):
                whole = whole.astype(made[place].dtype)
                whole[row[starts]] = made[place]
            found[column.suffix] = whole
    return finish_partials(feature, function, found)


def _numbers(values: Array) -> Array:
    """Values other than texts as they are folded: floats, or whole numbers."""
    return values if values.dtype == np.float64 else to_words(values)


def _latest_counts(
    feature: Aggregated, function: ValuesFunction, row: Words, values: Array, rows: int
) -> Array:
    """Count the values of each row."""
    kind = feature.measure.column_kind
    assert kind is not None
    zeros, ones = np.zeros(len(row), np.int64), np.ones(len(row), np.int64)
    # Of -0.0 and 0.0 the same.
    words = np.arange(len(row))
    if kind is not Kind.STRING:
        words = to_words(values + 0.0 if kind is Kind.FLOAT else values)
    arrow = kind.to_arrow(values)
    code = codes(arrow.cast("timestamp[us]") if kind is Kind.TIME else arrow, kind)
    tallies = tallied([Tallies(row, zeros, code, words, ones)], function.kept)
    found = counted(by_value(tallies), 0, rows, function.kept)
    return finish_counts(feature, function, found, lambda positions: values[positions])
