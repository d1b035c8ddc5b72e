"""What an answer is, and when an engine's is the oracle's."""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

import numpy as np

from slate.kinds import Kind

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


@dataclass(frozen=True)
class Instant:
    """A time: microseconds since the epoch, None for null."""

    count: int | None


# A value of one row; null is NaN of a float, None of a text.
Scalar = int | float | bool | str | Instant | None


def micros(time: datetime | int) -> int:
    """A time as microseconds since the epoch; a naive datetime is UTC."""
    if isinstance(time, int):
        return time
    aware = time if time.tzinfo else time.replace(tzinfo=UTC)
    return (aware - EPOCH) // timedelta(microseconds=1)


def is_null(value: object) -> bool:
    """Whether a value is None, NaN or NaT."""
    return value is None or value != value


def plain(kind: Kind, value: Any) -> Any:
    """A raw value, None for null, times in microseconds."""
    if is_null(value):
        return None
    return micros(value) if kind is Kind.TIME else value


class Values(dict[str, Any]):
    """The value of each feature by name, None for null; times are datetimes in UTC.

    Attributes:
        slack: how far a float may lie from its value. Sums and means: 1e-9 of the sum (mean) of
            their inputs' magnitudes; deviations: 1e-9 of the greater of the deviation and the
            greatest magnitude of the inputs; copies (last, min, max, attributes): nothing. An
            expression's slack is what that of its inputs can move it by, and infinite where that
            decides a comparison.
    """

    def __init__(self) -> None:
        super().__init__()
        self.slack: dict[str, float] = {}


def answered(value: Scalar) -> Any:
    """A scalar as Python's own value."""
    if isinstance(value, Instant):
        return None if value.count is None else EPOCH + timedelta(microseconds=value.count)
    return None if is_null(value) else value


def differences(expected: Values, actual: Mapping[str, Any]) -> list[str]:
    """What an engine answers otherwise than the oracle, in words; empty if it is right.

    Integers, strings, truth values and times must be equal and of the same type; floats may differ
    by their slack (see `Values`). None, NaN and NaT are one null.
    """
    wrong = [f"{name}: is not asked for" for name in actual if name not in expected]
    for name, value in expected.items():
        if name not in actual:
            wrong.append(f"{name}: is missing")
        elif not _agree(value, (got := _unwrapped(actual[name])), expected.slack.get(name, 0.0)):
            wrong.append(f"{name}: should be {value!r}, is {got!r}")
    return wrong


def _unwrapped(value: Any) -> Any:
    """A NumPy scalar as Python's, null as None, a time in UTC."""
    if isinstance(value, list):
        return [_unwrapped(one) for one in value]
    if isinstance(value, np.datetime64):
        value = value.astype("M8[us]")
    if isinstance(value, np.generic):
        value = value.item()
    if is_null(value):
        return None
    return EPOCH + timedelta(microseconds=micros(value)) if isinstance(value, datetime) else value


def _agree(expected: Any, actual: Any, slack: float) -> bool:
    if math.isinf(slack):
        return True
    if expected is None or type(expected) is not type(actual):
        return expected is actual
    if isinstance(expected, float) and expected != actual:
        # Inequality of infinities is no matter of slack.
        return math.isfinite(expected) and abs(expected - actual) <= slack
    return bool(expected == actual)
