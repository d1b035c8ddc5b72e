"""Times of any unit as the platform keeps them: UTC, the microsecond that they lie in.

An instant is never rounded up: 12:59:59.9999996 is of the hour that ends at 13:00, and an instant
before 1970 goes down too. Landing files and streams both go through here.
"""

from datetime import datetime
from typing import Any

import numpy as np
import pyarrow as pa

from slate.kinds import Kind

Mask = np.ndarray[Any, np.dtype[np.bool_]]

# What Python's times reach; Arrow's and a warehouse's reach further.
_EARLIEST, _LATEST = (
    int(np.datetime64(end, "us").astype(np.int64)) for end in (datetime.min, datetime.max)
)
_MICROSECONDS = {"s": 1_000_000, "ms": 1_000, "us": 1}
_NANOSECONDS = 1_000


def is_time(kind: pa.DataType) -> bool:
    """Whether values of an Arrow type are instants: timestamps, or dates, which begin a day."""
    return bool(pa.types.is_timestamp(kind) or pa.types.is_date(kind))


def instants(column: pa.Array) -> tuple[pa.Array, Mask | None]:
    """Timestamps or dates as instants, each floored to its microsecond.

    Args:
        column: of any unit; without a zone they are UTC.

    Returns:
        The instants, and which of them are wrong: beyond the years 1 to 9999, and null. None where
        none is.
    """
    if pa.types.is_date(column.type):
        column = column.cast(pa.date32()).cast(pa.timestamp("s"))
    valid = np.asarray(column.is_valid())
    values = np.asarray(column.cast(pa.int64()).fill_null(0))
    if column.type.unit == "ns":
        # Arrow's own cast goes towards 1970. All nanoseconds are of years that Python has.
        values, wrong = values // _NANOSECONDS, np.zeros_like(valid)
    else:
        scale = _MICROSECONDS[column.type.unit]
        # Compared before they are scaled, which might leave 64 bits.
        wrong = valid & ((values < -(-_EARLIEST // scale)) | (values > _LATEST // scale))
        if scale == 1 and not wrong.any():
            return column.cast(Kind.TIME.arrow), None
        values = np.where(wrong, 0, values) * scale
    found = pa.array(values, pa.int64(), mask=~valid | wrong).cast(Kind.TIME.arrow)
    return found, wrong if wrong.any() else None
