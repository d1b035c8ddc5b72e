"""A recorded expression, interpreted for one row.

With each value goes its slack: how far an engine's float may lie from it and still be right. The
slack of a result is what the slacks of its arguments can move it by.
"""

import math
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import numpy as np

from slate.expressions import Call, Expr
from slate.resolvers import Resolved
from tests.parity.functions import FUNCTIONS
from tests.parity.scalars import Instant, Scalar, Span, UnsupportedError

# Libraries differ in the last digits of a logarithm; a resolver may sum in another order.
ROUNDING = 4e-15

TEXT = np.dtypes.StringDType(na_object=np.nan)


@dataclass(frozen=True, eq=False)
class Term:
    """A value, and how far off it may be."""

    value: Scalar
    slack: float = 0.0


def interpret(expr: object, leaf: Callable[[object], Term]) -> Term:
    """The value of an expression for one row.

    Args:
        expr: the recorded tree.
        leaf: gives the value of a reference (a feature, an input, now()).
    """
    done: dict[int, Term] = {}

    def visit(node: object) -> Any:
        if isinstance(node, list | tuple):
            return [visit(item) for item in node]
        if not isinstance(node, Expr):
            return _constant(node)
        if id(node) not in done:
            done[id(node)] = call(node) if isinstance(node, Call) else leaf(node)
        return done[id(node)]

    def call(node: Call) -> Term:
        function = FUNCTIONS.get(node.func)
        if isinstance(node, Resolved):
            function = _on_arrays(node.func)
        if function is None:
            raise UnsupportedError(f"the oracle does not know {node.func!r}: add it to FUNCTIONS")
        args = [visit(arg) for arg in node.args]
        options = {name: visit(arg) for name, arg in node.kwargs.items()}
        return _applied(function, args, options)

    result = visit(expr)
    assert isinstance(result, Term)
    return result


def _applied(function: Callable[..., Scalar], args: list[Any], options: dict[str, Any]) -> Term:
    def run(moved: Term | None = None, by: float = 0.0) -> Scalar:
        def bare(item: Any) -> Any:
            if isinstance(item, list):
                return [bare(part) for part in item]
            if isinstance(item, Term):
                return item.value + by if item is moved else item.value  # type: ignore[operator]
            return item

        return function(*map(bare, args), **{name: bare(arg) for name, arg in options.items()})

    value = run()
    slack = 0.0
    for term in _terms([*args, *options.values()]):
        if math.isinf(term.slack):
            slack = math.inf
        elif term.slack:
            slack += max(_distance(value, run(term, by)) for by in (-term.slack, term.slack))
    if isinstance(value, float) and math.isfinite(value) and function not in _EXACT:
        slack += ROUNDING * abs(value)
    return Term(value, slack)


# IEEE 754 leaves these no choice.
_EXACT = {
    FUNCTIONS[f]
    for f in (np.add, np.subtract, np.multiply, np.true_divide, np.maximum, np.minimum, np.where)
}


def _terms(items: list[Any]) -> list[Term]:
    found: dict[int, Term] = {}
    for item in items:
        for term in _terms(item) if isinstance(item, list) else [item]:
            if isinstance(term, Term):
                found[id(term)] = term
    return list(found.values())


def _distance(value: Scalar, moved: Scalar) -> float:
    if value == moved or (value != value and moved != moved):
        return 0.0
    if isinstance(value, float) and isinstance(moved, float) and math.isfinite(value):
        return abs(value - moved) if math.isfinite(moved) else math.inf
    return math.inf


def _constant(value: Any) -> Any:
    """What is written in an expression, as a scalar; a type stays a type."""
    if isinstance(value, np.datetime64 | np.timedelta64):
        unit = np.datetime_data(value.dtype)[0]
        count = None if np.isnat(value) else int(value.astype(np.int64))
        return Term((Instant if isinstance(value, np.datetime64) else Span)(count, unit))
    if isinstance(value, np.ndarray):
        return [_constant(item) for item in value]
    if isinstance(value, np.generic):
        value = value.item()
    if isinstance(value, datetime):
        raise UnsupportedError("NumPy computes with datetime64, not with datetime")
    return Term(value) if isinstance(value, int | float | str) else value


def _on_arrays(function: Callable[..., Any]) -> Callable[..., Scalar]:
    """A resolver's own function, called with arrays of one row."""

    def run(*values: Scalar) -> Scalar:
        with np.errstate(all="ignore"):
            return _only(np.atleast_1d(function(*map(_array, values))))

    return run


def _array(value: Scalar) -> Any:
    if isinstance(value, Instant | Span):
        kind = "M8" if isinstance(value, Instant) else "m8"
        return np.array(["NaT" if value.count is None else value.count], f"{kind}[{value.unit}]")
    if value is None or isinstance(value, str):
        return np.array([np.nan if value is None else value], dtype=TEXT)
    return np.array([value])


def _only(array: Any) -> Scalar:
    (value,) = array
    if array.dtype.kind in "mM":
        count = None if np.isnat(value) else int(value.astype(np.int64))
        unit = np.datetime_data(array.dtype)[0]
        return (Instant if array.dtype.kind == "M" else Span)(count, unit)
    value = value.item() if isinstance(value, np.generic) else value
    return None if array.dtype.kind == "T" and not isinstance(value, str) else value
