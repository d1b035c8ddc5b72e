"""A request feature for one row: its expression over the oracle's own values.

NumPy says what its functions mean, to both engines and to the oracle alike; what is held against
the engines is what is read, for which row, in which type, and that one row is as one of many.

With each value goes its slack: how far an engine's float may lie from it and still be right. The
slack of a result is what the slacks of its operands can move it by.
"""

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

from slate.expressions import Expr, evaluate, leaves
from tests.parity.answers import Instant, Scalar

# One row may be computed by other instructions than many: logarithms differ in the last digits.
ROUNDING = 1e-14

TEXT = np.dtypes.StringDType(na_object=np.nan)


@dataclass(frozen=True, eq=False)
class Term:
    """A value, and how far off it may be."""

    value: Scalar
    slack: float = 0.0


@dataclass(frozen=True, eq=False)
class Listed(Term):
    """Several values."""

    value: Scalar = None
    values: tuple[Scalar, ...] = ()


def interpret(expr: Any, leaf: Callable[[object], Term]) -> Term:
    """The value of an expression for one row.

    Args:
        expr: the recorded tree.
        leaf: gives the value of a reference (a feature, an input, now()).
    """
    operands = {one: leaf(one) for one in leaves(expr)}

    def run(moved: Expr | None = None, by: float = 0.0) -> Scalar:
        arrays = {
            one: _list(term)
            if isinstance(term, Listed)
            else _array(term.value) + by
            if one is moved
            else _array(term.value)
            for one, term in operands.items()
        }
        with np.errstate(all="ignore"):
            return _only(np.atleast_1d(evaluate(expr, arrays)))

    value = run()
    slack = ROUNDING * abs(value) if isinstance(value, float) and math.isfinite(value) else 0.0
    for one, term in operands.items():
        if math.isinf(term.slack):
            slack = math.inf
        elif term.slack:
            slack += max(_distance(value, run(one, by)) for by in (-term.slack, term.slack))
    return Term(value, slack)


def _distance(value: Scalar, moved: Scalar) -> float:
    if value == moved or (value != value and moved != moved):
        return 0.0
    if isinstance(value, float) and isinstance(moved, float) and math.isfinite(value):
        return abs(value - moved) if math.isfinite(moved) else math.inf
    return math.inf


def _list(term: Listed) -> Any:
    """The values as one row, behind them one that is none."""
    whole = np.concatenate([*map(_array, term.values), *map(_array, term.values[-1:])] or [[0]])
    return np.ma.MaskedArray(whole[None], np.arange(len(whole))[None] >= len(term.values))


def _array(value: Scalar) -> Any:
    if isinstance(value, Instant):
        return np.array(["NaT" if value.count is None else value.count], "M8[us]")
    if value is None or isinstance(value, str):
        return np.array([np.nan if value is None else value], dtype=TEXT)
    return np.array([value])


def _only(array: Any) -> Scalar:
    (value,) = array
    if array.dtype.kind == "M":
        value = value.astype("M8[us]")
        return Instant(None if np.isnat(value) else int(value.astype(np.int64)))
    value = value.item() if isinstance(value, np.generic) else value
    return None if array.dtype.kind == "T" and not isinstance(value, str) else value
