"""Filters and aggregates, by their definition."""

import math
from collections.abc import Callable
from datetime import datetime
from fractions import Fraction
from typing import Any

import numpy as np

from slate.expressions import Call
from slate.features import Column
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
    """Whether an event is counted. A null meets no comparison."""
    if where is None:
        return True
    if isinstance(where, Column):
        return event[where.name] is True
    assert isinstance(where, Call), where
    if where.func is np.bitwise_and:
        return all(meets(side, event) for side in where.args)
    if where.func is np.isin:
        column, values = where.args
        assert not where.kwargs, where.kwargs
        return event[column.name] in [plain(column.kind, value) for value in values]
    sides = [
        event[side.name] if isinstance(side, Column) else _constant(side) for side in where.args
    ]
    return None not in sides and bool(_COMPARISONS[where.func](*sides))


def _constant(value: Any) -> Any:
    return micros(value) if isinstance(value, datetime) else value


def reduced(function: str, inputs: list[Any]) -> tuple[Any, float]:
    """An aggregate of values that are there, and its slack."""
    if function == "sum":
        if all(isinstance(value, int) for value in inputs):
            return max(min(sum(inputs), 2**63 - 1), -(2**63)), 0.0
        return math.fsum(inputs), RELATIVE * math.fsum(map(abs, inputs))
    if not inputs:
        return None, 0.0
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
