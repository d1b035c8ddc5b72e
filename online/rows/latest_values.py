"""Latest values in rows, one or many: pairs of words (value, event_ts), the latest first.

A row has as many pairs as the definition says, also where there are fewer events: these have no
time. A last value is the latest one of one.
"""

from collections.abc import Iterator

import numpy as np
import pyarrow as pa

from slate.aggregates import Measure
from slate.expressions import Array
from slate.kinds import Kind
from slate.online.rows.arrow_columns import fields, listed
from slate.online.rows.row_format import Words, starts_of


def latest_events(heads: pa.Table, measure: Measure, where: str) -> Iterator[list[pa.Array]]:
    """The values and times of each row's latest event, of the one before it, and so on.

    Args:
        heads: the table that has them, as ``Rows`` says.
        measure: of which values.
        where: what to call the table in an error.

    Raises:
        DataError: the column is missing, of another type, or holds too long a list.
    """
    (column,) = measure.columns
    name, wanted = measure.tile_column(column.suffix), {"value": column.kind, "event_ts": Kind.TIME}
    if column.length is None:
        yield fields(heads, name, wanted, where)
        return
    found, lengths = listed(heads, name, wanted, where, column.length)
    starts = starts_of(lengths)[:-1]
    for position in range(column.length):
        index = pa.array(starts + position, mask=lengths <= position)
        yield [values.take(index) for values in found]


def merge_latest(
    values: Array, event_ts: Words, later: Array, later_ts: Words
) -> tuple[Array, Words]:
    """The latest values of two sets of rows, of which one arrived after the other.

    Args:
        values: those that arrived first, of shape (N, n), the latest first.
        event_ts: their times, the least int64 where there is none.
        later: those that arrived later, of the same shape.
        later_ts: their times.

    Returns:
        The latest n of both, and their times. Of one time, what arrived later comes first.
    """
    if values.shape[1] == 1:
        first = later_ts >= event_ts
        return np.where(first, later, values), np.where(first, later_ts, event_ts)
    both = np.concatenate([later, values], axis=1)
    times = np.concatenate([later_ts, event_ts], axis=1)
    # The complement reverses the order, and unlike the negative has no overflow.
    order = np.argsort(~times, axis=1, kind="stable")[:, : values.shape[1]]
    return np.take_along_axis(both, order, axis=1), np.take_along_axis(times, order, axis=1)
