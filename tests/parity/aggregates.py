"""Filters and aggregates, by their definition."""

import hashlib
import math
import struct
from collections import Counter
from collections.abc import Callable
from datetime import datetime
from fractions import Fraction
from typing import Any

import numpy as np

from slate.aggregates import ValuesFunction
from slate.aggregates.quantile import Quantile
from slate.derived import Derived
from slate.expressions import Call
from slate.features import is_null
from slate.kinds import Kind
from slate.limits import LARGEST
from slate.source_columns import Column
from tests.parity.answers import micros, plain
from tests.parity.landing import Row

RELATIVE = 1e-9


_COMPARISONS: dict[Any, Callable[[Any, Any], bool]] = {
    np.equal: lambda a, b: a == b,
    np.not_equal: lambda a, b: a != b,
    np.less: lambda a, b: a < b,
    np.less_equal: lambda a, b: a <= b,
    np.greater: lambda a, b: a > b,
    np.greater_equal: lambda a, b: a >= b,
}


def meets(where: object, event: Row) -> bool:
    """Whether an event is counted: whether its filter is true, not false and not unknown."""
    return where is None or truth(where, event) is True


def truth(where: object, event: Row) -> bool | None:
    """What a filter is of an event: of a null no comparison is true or false."""
    if isinstance(where, Column):
        value: bool | None = value_of(where, event)
        return value
    assert isinstance(where, Call), where
    assert not where.kwargs, where.kwargs
    if where.func in (is_null, np.isnan):
        return value_of(where.args[0], event) is None
    if where.func in (np.bitwise_and, np.bitwise_or):
        sides = [truth(side, event) for side in where.args]
        ends = where.func is np.bitwise_or  # One side that is so tells the whole.
        return ends if ends in sides else None if None in sides else not ends
    if where.func is np.invert:
        other = truth(where.args[0], event)
        return None if other is None else not other
    if where.func is np.isin:
        column, values = where.args
        value = value_of(column, event)
        return None if value is None else value in [plain(column.kind, one) for one in values]
    compared = [
        value_of(side, event) if isinstance(side, Column) else _constant(side)
        for side in where.args
    ]
    return None if None in compared else bool(_COMPARISONS[where.func](*compared))


def _constant(value: Any) -> Any:
    return micros(value) if isinstance(value, datetime) else value


def value_of(column: Column, event: Row) -> Any:
    """A column of an event, also where it is computed."""
    if not isinstance(column, Derived):
        return event[column.name]
    value = computed(column.expression, event)
    if column.kind is Kind.FLOAT and value is not None:
        value = float(value)
        return value + 0.0 if abs(value) <= LARGEST else None
    return value


def computed(expr: Any, event: Row) -> Any:
    """An expression of an event's columns, of times and spans of time as microseconds."""
    if isinstance(expr, Column):
        return value_of(expr, event)
    if isinstance(expr, np.datetime64 | np.timedelta64):
        return int(expr.astype(f"{expr.dtype.kind}8[us]").astype(np.int64))
    if not isinstance(expr, Call):
        return expr
    if expr.func is np.where:
        so, yes, no = expr.args
        return computed(yes if truth(so, event) is True else no, event)
    if expr.func is np.astype:
        assert expr.args[1] == np.dtype("M8[D]"), expr
        time = computed(expr.args[0], event)
        return None if time is None else time // DAY * DAY
    args = [computed(arg, event) for arg in expr.args]
    if None in args:
        return None
    if expr.func is np.true_divide:
        return float(args[0]) / float(args[1]) if args[1] else None
    value = _COMPUTE[expr.func](*args)
    whole = isinstance(value, int) and not -(2**63) <= value < 2**63
    return None if whole else value


_COMPUTE: dict[Any, Callable[..., Any]] = {
    np.add: lambda a, b: a + b,
    np.subtract: lambda a, b: a - b,
    np.multiply: lambda a, b: a * b,
    np.floor_divide: lambda a, b: a // b,
    np.minimum: min,
}
DAY = 86_400_000_000


def reduced(function: str, inputs: list[Any]) -> tuple[Any, float]:
    """An aggregate of values that are there, and its slack."""
    if function == "sum":
        if all(isinstance(value, int) for value in inputs):
            return max(min(sum(inputs), 2**63 - 1), -(2**63)), 0.0
        return math.fsum(inputs), RELATIVE * math.fsum(map(abs, inputs))
    if not inputs:
        return None, 0.0
    if function == "first":
        return inputs[0], 0.0
    if function == "min":
        return min(inputs), 0.0
    if function == "max":
        return max(inputs), 0.0
    exact = [Fraction(value) for value in inputs]
    mean = sum(exact) / len(exact)
    if function == "mean":
        return float(mean), RELATIVE * float(sum(map(abs, exact)) / len(exact))
    assert function == "std", function
    deviation = math.sqrt(sum((value - mean) ** 2 for value in exact) / len(exact))
    return deviation, RELATIVE * max(deviation, *map(abs, inputs))


def of_values(function: ValuesFunction, kind: Kind | None, inputs: list[Any]) -> list[Any]:
    """What an aggregate of how often values occur is of values that are there; empty for null."""
    occurring = Counter(inputs)
    order = sorted(occurring, key=lambda value: _place(kind, value))
    kept = order[: function.most + 1]
    exact = len(order) <= function.most
    if function.name == "distinct":
        return [len(order) if exact else int(function.most / (_place(kind, kept[-1]) / 2**63))]
    if isinstance(function, Quantile):
        known = sorted(value for value in inputs if value in kept)
        return known[max(math.ceil(function.q * len(known)), 1) - 1 :][:1]
    if not exact:
        return []
    if function.name == "share":
        return [max(occurring.values()) / len(inputs)] if inputs else []
    assert function.name == "top", function.name
    return sorted(kept, key=lambda value: -occurring[value])


def _place(kind: Kind | None, value: Any) -> int:
    """Where a value stands in the order of values."""
    if kind is Kind.FLOAT:
        (value,) = struct.unpack("<q", struct.pack("<d", value + 0.0))
    text = value if kind is Kind.STRING else str(int(value))
    digest = hashlib.md5(text.encode(), usedforsecurity=False).hexdigest()
    return int("".join(reversed([digest[i : i + 2] for i in range(16, 32, 2)])), 16) // 2
