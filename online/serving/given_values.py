"""What a request was given for a key, an input or its instant, as Python's own values.

A column comes as a list or a tuple, a NumPy array, a series of pandas or Polars, or a column of
Arrow, of whatever backing; a single value as Python, NumPy or Arrow has it.
"""

import time
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import cached_property
from typing import Any, TypeAlias

import numpy as np
import pyarrow as pa

from slate.errors import RequestError
from slate.online.rows.instants import microseconds
from slate.online.serving.messages import shown

# Pandas' Timestamp is a datetime.
Moment: TypeAlias = datetime | np.datetime64
# What columns call the way to a list of their values: Arrow, NumPy and pandas, Polars.
_TO_LIST = ("to_pylist", "tolist", "to_list")
# What is Python's own already, as nearly all that is given.
_PLAIN = {str, int, float, bool, list, tuple}


@dataclass(frozen=True)
class Given:
    """Values as they were given.

    Attributes:
        values: Python's own.
        single: whether it is one value, for all rows.
    """

    values: list[Any]
    single: bool

    @cached_property
    def types(self) -> set[type]:
        """The types of the values."""
        return set(map(type, self.values))


def given(name: str, value: Any) -> Given:
    """What was given under a name.

    Raises:
        RequestError: it is neither a value nor a column of them.
    """
    try:
        found = value if type(value) in _PLAIN else _python(value)
        if isinstance(found, list | tuple | range):
            column = Given(list(found), single=False)
            if any(issubclass(kind, np.generic | pa.Scalar) for kind in column.types):
                return Given([_python(one) for one in column.values], single=False)
            return column
    except (OverflowError, ValueError, pa.ArrowException) as error:
        raise RequestError(f"{name}: {error}") from error
    if isinstance(found, str | bytes | bytearray):
        return Given([found], single=True)
    if isinstance(found, Sequence):
        return Given(list(found), single=False)
    if isinstance(found, Iterable):
        raise RequestError(
            f"{name} is a {type(value).__name__}: give one value, or a list, an array, a series or "
            "an Arrow column of them"
        )
    return Given([found], single=True)


def _python(value: Any) -> Any:
    """What is NumPy's, Arrow's, pandas' or Polars' as Python's."""
    if isinstance(value, pa.Array | pa.ChunkedArray | pa.Scalar):
        if pa.types.is_timestamp(value.type):
            # They are UTC whatever zone is named, and it may be one that nobody knows.
            value = value.cast(pa.timestamp("us"), safe=value.type.unit != "ns")
        return value.as_py() if isinstance(value, pa.Scalar) else value.to_pylist()
    if isinstance(value, np.ndarray | np.generic) and value.dtype.kind == "M":
        return from_numpy(value)
    for method in _TO_LIST:
        if hasattr(value, method):
            found = getattr(value, method)()
            if isinstance(found, np.generic):
                # As NumPy's longdouble, which is wider than any number of Python.
                raise ValueError(
                    f"{shown(value)} is of NumPy's {type(found).__name__}, which Python has no "
                    "value for: convert it first, as by float() or astype(float)"
                )
            return found
    return value


def is_null(value: object) -> bool:
    """Whether a value is null: None, NaN, NaT, or what pandas calls NA."""
    if value is None or (isinstance(value, float | datetime) and value != value):
        return True
    # It may not be imported here, and compares to nothing.
    return type(value).__name__ == "NAType"


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
