"""NumPy's functions by name: how one value is compared, chosen and cast, and all that is known."""

import math
import sys
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np

from tests.parity.scalars import (
    MICROSECONDS,
    Instant,
    Scalar,
    Span,
    UnsupportedError,
    absolute,
    add,
    counts,
    floor_divide,
    is_null,
    like,
    logarithm,
    multiply,
    negative,
    of_float,
    power,
    promoted,
    remainder,
    sign,
    subtract,
    texts,
    timed,
    to_whole,
    true_divide,
)


def _extreme(greater: bool, skip_null: bool) -> Callable[[Scalar, Scalar], Scalar]:
    def run(a: Scalar, b: Scalar) -> Scalar:
        if timed(a, b):
            (x, y), unit = counts(a, b)
            a, b = like(a, x, unit), like(b, y, unit)
        else:  # NumPy's greatest and least of texts pass over null on one side only
            a, b = promoted(a, b)
        if is_null(a) or is_null(b):
            return (b if is_null(a) else a) if skip_null else (a if is_null(a) else b)
        return a if bool(_ordered(a, b)) is not greater else b

    return run


def _ordered(a: Any, b: Any) -> bool:
    """Whether a < b."""
    return bool(a.count < b.count if isinstance(a, Instant | Span) else a < b)


def _comparison(holds: Callable[[Any, Any], bool], null: bool) -> Callable[[Scalar, Scalar], bool]:
    """A comparison, and its answer where one side is NaN or NaT. A missing string meets none."""

    def run(a: Scalar, b: Scalar) -> bool:
        if timed(a, b):
            (m, n), _ = counts(a, b)
            return null if m is None or n is None else holds(m, n)
        if texts(a, b):
            if isinstance(a, int | float) or isinstance(b, int | float):
                raise UnsupportedError(f"text and number: {a!r} and {b!r}")
            return isinstance(a, str) and isinstance(b, str) and holds(a, b)
        x, y = promoted(a, b)
        return null if is_null(x) or is_null(y) else holds(x, y)

    return run


equal = _comparison(lambda a, b: bool(a == b), null=False)
not_equal = _comparison(lambda a, b: bool(a != b), null=True)


def _bits(function: Callable[[Any, Any], Any]) -> Callable[[Scalar, Scalar], Scalar]:
    def run(a: Scalar, b: Scalar) -> Scalar:
        x, y = promoted(a, b)
        if isinstance(x, float):
            raise UnsupportedError("a float has no bits to combine")
        result: int = function(x, y)
        return result

    return run


def invert(a: Scalar) -> Scalar:
    if not isinstance(a, int):
        raise UnsupportedError("only bools and ints are inverted")
    return not a if isinstance(a, bool) else ~a


def where(condition: Scalar, a: Scalar, b: Scalar) -> Scalar:
    chosen, other = (a, b) if truth(condition) else (b, a)
    if timed(a, b):
        (count, _), unit = counts(chosen, other)
        return like(chosen, count, unit)
    if texts(a, b):
        return chosen
    return promoted(chosen, other)[0]


def truth(a: Scalar) -> bool:
    (x,) = promoted(a)
    return bool(x)


def select(conditions: Sequence[Scalar], choices: Sequence[Scalar], default: Scalar = 0) -> Scalar:
    chosen = default
    for condition, choice in reversed(list(zip(conditions, choices, strict=True))):
        chosen = where(condition, choice, chosen)
    return chosen


def isin(a: Scalar, values: Sequence[Scalar], *, invert: bool = False) -> bool:
    if invert:
        return all(not_equal(a, value) for value in values)
    return any(equal(a, value) for value in values)


def clip(a: Scalar, low: Scalar, high: Scalar) -> Scalar:
    return _extreme(False, False)(_extreme(True, False)(a, low), high)


def _rounded(x: float) -> float:
    return math.copysign(float(round(x)), x) if math.isfinite(x) else x


def round_(a: Scalar, decimals: int = 0) -> Scalar:
    (x,) = promoted(a)
    if isinstance(x, int):
        return x
    return _rounded(x * 10.0**decimals) / 10.0**decimals


def nan_to_num(a: Scalar, *, nan: float = 0.0) -> Scalar:
    (x,) = promoted(a)
    if isinstance(x, int):
        return x
    if math.isinf(x):
        return math.copysign(sys.float_info.max, x)
    return float(nan) if math.isnan(x) else x


def astype(a: Scalar, dtype: np.dtype[Any]) -> Scalar:
    if dtype.kind == "M" and isinstance(a, Instant):
        unit = np.datetime_data(dtype)[0]
        if a.count is None:
            return Instant(None, unit)
        return Instant(a.count * MICROSECONDS[a.unit] // MICROSECONDS[unit], unit)
    (x,) = promoted(a)
    if dtype == np.float64:
        return float(x)
    if dtype == np.bool_:
        return bool(x)
    if dtype == np.int64 and math.isfinite(x):
        return math.trunc(x)
    raise UnsupportedError(f"astype({dtype}) of {a!r}")


FUNCTIONS: Mapping[Callable[..., Any], Callable[..., Scalar]] = {
    np.add: add,
    np.subtract: subtract,
    np.multiply: multiply,
    np.true_divide: true_divide,
    np.floor_divide: floor_divide,
    np.remainder: remainder,
    np.power: power,
    np.negative: negative,
    np.absolute: absolute,
    np.sign: sign,
    np.square: lambda a: multiply(a, int(a) if isinstance(a, bool) else a),
    np.maximum: _extreme(greater=True, skip_null=False),
    np.minimum: _extreme(greater=False, skip_null=False),
    np.fmax: _extreme(greater=True, skip_null=True),
    np.fmin: _extreme(greater=False, skip_null=True),
    np.clip: clip,
    np.sqrt: of_float(math.sqrt),
    np.exp: of_float(math.exp),
    np.expm1: of_float(math.expm1),
    np.log: logarithm(math.log, 0),
    np.log2: logarithm(math.log2, 0),
    np.log10: logarithm(math.log10, 0),
    np.log1p: logarithm(math.log1p, -1),
    np.sin: of_float(math.sin),
    np.cos: of_float(math.cos),
    np.tanh: of_float(math.tanh),
    np.floor: to_whole(math.floor),
    np.ceil: to_whole(math.ceil),
    np.trunc: to_whole(math.trunc),
    np.rint: of_float(_rounded),
    np.equal: equal,
    np.not_equal: not_equal,
    np.less: _comparison(lambda a, b: bool(a < b), null=False),
    np.less_equal: _comparison(lambda a, b: bool(a <= b), null=False),
    np.greater: _comparison(lambda a, b: bool(a > b), null=False),
    np.greater_equal: _comparison(lambda a, b: bool(a >= b), null=False),
    np.bitwise_and: _bits(lambda a, b: a & b),
    np.bitwise_or: _bits(lambda a, b: a | b),
    np.bitwise_xor: _bits(lambda a, b: a ^ b),
    np.invert: invert,
    np.logical_and: lambda a, b: truth(a) and truth(b),
    np.logical_or: lambda a, b: truth(a) or truth(b),
    np.logical_not: lambda a: not truth(a),
    np.isnan: is_null,
    np.isnat: is_null,
    np.isfinite: lambda a: math.isfinite(promoted(a)[0]),
    np.isinf: lambda a: math.isinf(promoted(a)[0]),
    np.isin: isin,
    np.round: round_,
    np.nan_to_num: nan_to_num,
    np.where: where,
    np.select: select,
    np.astype: astype,
}
