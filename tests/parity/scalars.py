"""NumPy's functions on one value at a time, in plain Python: what an expression means for one row.

A value is an int, a float (null is NaN), a bool, a str (null is None), an Instant or a Span (their
count is None for null). Each function answers as NumPy does for arrays of int64, float64, bool,
StringDType(na_object=nan), datetime64 and timedelta64; `test_scalars.py` compares it with NumPy
value by value. Here are what values are and how they are computed with; in `functions` how they are
compared and chosen from, and the table of all.
"""

import math
from collections.abc import Callable
from dataclasses import dataclass

MICROSECONDS = {
    "us": 1, "ms": 1_000, "s": 10**6, "m": 60 * 10**6, "h": 3_600 * 10**6, "D": 86_400 * 10**6,
    "W": 7 * 86_400 * 10**6,
}  # fmt: skip


@dataclass(frozen=True)
class Instant:
    """A datetime64: a count of units since the epoch."""

    count: int | None
    unit: str = "us"


@dataclass(frozen=True)
class Span:
    """A timedelta64: a count of units."""

    count: int | None
    unit: str = "us"


Scalar = int | float | bool | str | Instant | Span | None


class UnsupportedError(Exception):
    """An expression uses what this small table does not know."""


def timed(*values: Scalar) -> bool:
    return any(isinstance(value, Instant | Span) for value in values)


def texts(*values: Scalar) -> bool:
    return any(value is None or isinstance(value, str) for value in values)


def counts(*values: Scalar) -> tuple[list[int | None], str]:
    """Times as counts of the finest of their units."""
    times = [value for value in values if isinstance(value, Instant | Span)]
    if len(times) != len(values):
        raise UnsupportedError(f"times and others cannot be combined: {values!r}")
    unit = min((time.unit for time in times), key=MICROSECONDS.__getitem__)
    counts = [
        None if time.count is None else time.count * MICROSECONDS[time.unit] // MICROSECONDS[unit]
        for time in times
    ]
    return counts, unit


def like(time: Scalar, count: int | None, unit: str) -> Instant | Span:
    return Instant(count, unit) if isinstance(time, Instant) else Span(count, unit)


def promoted(*values: Scalar) -> list[float]:
    """Numbers as NumPy would hold them together: all bool, all int or all float."""
    numbers: list[float] = [value for value in values if isinstance(value, int | float)]
    if len(numbers) != len(values):
        raise UnsupportedError(f"not numbers: {values!r}")
    if any(isinstance(number, float) for number in numbers):
        return [float(number) for number in numbers]
    return numbers if is_bool(*numbers) else [int(number) for number in numbers]


def is_bool(*values: Scalar) -> bool:
    return all(isinstance(value, bool) for value in values)


def _quotient(a: float, b: float) -> float:
    if b != 0 or math.isnan(a) or math.isnan(b):
        return a / b if b != 0 else math.nan
    return math.nan if a == 0 else math.copysign(math.inf, a) * math.copysign(1.0, b)


def add(a: Scalar, b: Scalar) -> Scalar:
    if timed(a, b):
        (m, n), unit = counts(a, b)
        total = None if m is None or n is None else m + n
        return like(b if isinstance(a, Span) else a, total, unit)
    if texts(a, b):
        return a + b if isinstance(a, str) and isinstance(b, str) else None
    x, y = promoted(a, b)
    return x or y if is_bool(x) else x + y


def subtract(a: Scalar, b: Scalar) -> Scalar:
    if timed(a, b):
        (m, n), unit = counts(a, b)
        total = None if m is None or n is None else m - n
        return like(a if isinstance(b, Span) else Span(0), total, unit)
    if is_bool(a, b):
        raise UnsupportedError("NumPy does not subtract booleans")
    x, y = promoted(a, b)
    return x - y


def multiply(a: Scalar, b: Scalar) -> Scalar:
    if isinstance(b, Span):
        a, b = b, a
    if isinstance(a, Span):
        if not isinstance(b, int | float):
            raise UnsupportedError("a span is multiplied with a number")
        if a.count is None or (isinstance(b, float) and not math.isfinite(b)):
            return Span(None, a.unit)
        return Span(math.trunc(a.count * b), a.unit)
    x, y = promoted(a, b)
    return x and y if is_bool(x) else x * y


def true_divide(a: Scalar, b: Scalar) -> Scalar:
    if isinstance(a, Span) and isinstance(b, Span):
        (m, n), _ = counts(a, b)
        return math.nan if m is None or n is None else _quotient(float(m), float(n))
    if isinstance(a, Span) and isinstance(b, int | float):
        if a.count is None or not b or math.isnan(b):
            return Span(None, a.unit)
        return Span(_truncated(a.count, b), a.unit)
    x, y = promoted(a, b)
    return _quotient(float(x), float(y))


def _truncated(count: int, divisor: float) -> int:
    if isinstance(divisor, int):
        return abs(count) // abs(divisor) * (1 if (count < 0) == (divisor < 0) else -1)
    return math.trunc(count / divisor)


def floor_divide(a: Scalar, b: Scalar) -> Scalar:
    if isinstance(a, Span) and isinstance(b, Span):
        (m, n), _ = counts(a, b)
        return m // n if m is not None and n else 0
    if timed(a, b) or is_bool(a, b):
        raise UnsupportedError("floor division takes numbers, or two spans")
    x, y = promoted(a, b)
    if y:
        return x // y
    return _quotient(x, y) if isinstance(x, float) else 0


def remainder(a: Scalar, b: Scalar) -> Scalar:
    if isinstance(a, Span) and isinstance(b, Span):
        (m, n), unit = counts(a, b)
        return Span(m % n if m is not None and n else None, unit)
    if is_bool(a, b):
        raise UnsupportedError("the remainder takes numbers")
    x, y = promoted(a, b)
    if y:
        return x % y
    return math.nan if isinstance(x, float) else 0


def power(a: Scalar, b: Scalar) -> Scalar:
    x, y = promoted(a, b)
    if isinstance(x, int):
        if isinstance(x, bool) or y < 0 or abs(x) ** min(y, 64) >= 2**63:
            raise UnsupportedError("of ints, NumPy raises int64 to natural powers within int64")
        return int(x**y)
    if x == 0 and y < 0:
        return math.copysign(math.inf, x) if abs(y) % 2 == 1 else math.inf
    return _or_nan(math.pow, x, y)


def _or_nan(function: Callable[..., float], *values: float) -> float:
    try:
        return function(*values)
    except ValueError:
        return math.nan
    except OverflowError:
        negative = function is math.pow and values[0] < 0 and values[1] % 2 == 1
        return -math.inf if negative else math.inf


def of_float(function: Callable[[float], float]) -> Callable[[Scalar], Scalar]:
    def run(a: Scalar) -> Scalar:
        (x,) = promoted(a)
        if is_bool(x):
            raise UnsupportedError("NumPy answers in float16 for booleans")
        return _or_nan(function, float(x))

    return run


def logarithm(function: Callable[[float], float], pole: float) -> Callable[[Scalar], Scalar]:
    return of_float(lambda x: -math.inf if x == pole else function(x))


def to_whole(function: Callable[[float], int]) -> Callable[[Scalar], Scalar]:
    def run(a: Scalar) -> Scalar:
        (x,) = promoted(a)
        if isinstance(x, int) or not math.isfinite(x):
            return x
        return math.copysign(float(function(x)), x) if function(x) == 0 else float(function(x))

    return run


def negative(a: Scalar) -> Scalar:
    if isinstance(a, Span):
        return Span(None if a.count is None else -a.count, a.unit)
    if not isinstance(a, int | float) or isinstance(a, bool):
        raise UnsupportedError("only numbers and spans have a negative")
    return -a


def absolute(a: Scalar) -> Scalar:
    if isinstance(a, Span):
        return Span(None if a.count is None else abs(a.count), a.unit)
    (x,) = promoted(a)
    return x if is_bool(x) else abs(x)


def sign(a: Scalar) -> Scalar:
    (x,) = promoted(a)
    if is_bool(x):
        raise UnsupportedError("a truth value has no sign")
    if isinstance(x, float):
        return x if math.isnan(x) else float((x > 0) - (x < 0))
    return (x > 0) - (x < 0)


def is_null(a: Scalar) -> bool:
    if isinstance(a, Instant | Span):
        return a.count is None
    return a is None or a != a
