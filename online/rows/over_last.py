"""Aggregates of the latest events alone, of the values that a row keeps of them."""

import numpy as np

from online.rows.row_format import Words, to_words
from online.rows.value_counts import Tallies, by_value, counted, tallied
from online.rows.window_finish import finish_counts, finish_partials
from slate.aggregates import EventsInput, OverLast, TileFunction, ValuesFunction, codes
from slate.expressions import Array
from slate.features import Aggregated
from slate.kinds import Kind


def over_last(feature: Aggregated, values: Array, event_ts: Words, known: Array) -> Array:
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
        return _of_counts(feature, function.inner, row, values, len(known))
    assert isinstance(function.inner, TileFunction)
    return _of_partials(feature, function.inner, row, values, event_ts[known], len(known))


def _of_partials(
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


def _of_counts(
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
