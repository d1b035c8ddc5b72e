"""The instant that a request asks about, as people give it."""

import time
from datetime import datetime
from typing import Any, TypeAlias

import numpy as np

from online.rows.instants import microseconds
from online.serving.messages import shown
from slate.errors import RequestError

# Pandas' Timestamp is a datetime.
Moment: TypeAlias = datetime | np.datetime64


def from_numpy(times: Any) -> Any:
    """NumPy's times as Python's, of the microsecond below, NaT as None; of an array a list.

    Raises:
        OverflowError: a time lies outside of the years 1 to 9999.
    """
    years = times.astype("M8[Y]").astype(np.int64) + 1970
    if not np.all(np.isnat(times) | ((years >= 1) & (years <= 9999))):
        raise OverflowError("a time lies outside of the years 1 to 9999")
    return times.astype("M8[us]").tolist()


def asked(at: Moment | None) -> int:
    """The instant that a request asks about, in microseconds; None is now.

    Raises:
        RequestError: it is not an instant.
    """
    if at is None:
        return time.time_ns() // 1_000
    given = at
    try:
        if isinstance(at, np.datetime64):
            at = from_numpy(at)
        # pandas has a datetime that is none, and it differs from itself.
        if isinstance(at, datetime) and at == at:
            return microseconds(at)
    except OverflowError:
        raise RequestError(
            f"at={shown(given)} lies outside of the years 1 to 9999: give an instant that a "
            "datetime in UTC can be"
        ) from None
    raise RequestError(
        f"at={shown(given)} is not an instant: give a datetime (without a zone it is UTC), or None"
    )
