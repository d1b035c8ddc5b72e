"""Filters: which of a source's events an aggregate counts.

A filter compares the source's columns with constants and with each other, asks whether they are
null, and joins that by ``&``, ``|`` and ``~``: small enough to be exact in SQL and in Arrow alike.
Each condition is one object that renders both. Anything richer belongs in the source's staging
model.

Of a null no comparison is true, nor is its opposite (SQL's logic of three values, Kleene's): an
event counts where the whole is true. ``~(price > 3)`` is ``price <= 3``, and neither holds of an
event without a price; ``is_null(price)`` does.
"""

from collections.abc import Iterator
from typing import Any

import numpy as np

from slate.conditions import (
    COMPARISONS,
    Against,
    AllOf,
    AnyOf,
    Comparison,
    Condition,
    Joined,
    Membership,
    Not,
    Null,
    exact,
)
from slate.errors import DefinitionError
from slate.expressions import Call, Expr
from slate.features import is_null
from slate.source_columns import Column, EventTable

_MIRRORED = {"<": ">", "<=": ">=", ">": "<", ">=": "<="}


def condition(where: str, expr: Expr) -> Condition:
    """A filter as a condition.

    Args:
        where: what to call the aggregate in an error.
        expr: the filter as it was written.

    Raises:
        DefinitionError: the expression is richer than a filter may be, or compares what is of
            different kinds.
    """
    if isinstance(expr, Column):
        return Comparison(expr, "=", _constant(where, expr, True))
    found = _of_call(where, expr) if isinstance(expr, Call) and not expr.kwargs else None
    if found is None:
        raise DefinitionError(
            f"{where}: a filter compares the source's columns with constants or with each other, "
            f"or asks is_null(column), joined by & | ~; {expr!r} is richer: compute it in the "
            "source's staging model"
        )
    return found


def _of_call(where: str, call: Call) -> Condition | None:
    if call.func in (np.bitwise_and, np.logical_and):
        return AllOf(tuple(_joined(where, AllOf, call)))
    if call.func in (np.bitwise_or, np.logical_or):
        return AnyOf(tuple(_joined(where, AnyOf, call)))
    if call.func in (np.invert, np.logical_not):
        return Not(condition(where, call.args[0]))
    if call.func is np.isin:
        return _membership(where, call)
    match call.args:
        case (Column() as column,) if call.func in (is_null, np.isnan, np.isnat):
            return Null(column)
        case (left, right) if (operator := COMPARISONS.get(call.func)) is not None:
            return _comparison(where, operator, left, right)
    return None


def _joined(where: str, how: type[Joined], call: Call) -> Iterator[Condition]:
    """What is joined, without the brackets that are not needed."""
    for arg in call.args:
        one = condition(where, arg)
        yield from one.conditions if isinstance(one, how) else (one,)


def _comparison(where: str, operator: str, left: object, right: object) -> Condition | None:
    if isinstance(left, Column) and isinstance(right, Column):
        if left.kind is not right.kind:
            raise DefinitionError(
                f"{where}: {left!r} is a {left.kind.value} and {right!r} a {right.kind.value}: "
                "compare columns of one type"
            )
        return Against(left, operator, right)
    if isinstance(left, Column) and not isinstance(right, Expr):
        if right is None:
            raise DefinitionError(
                f"{where}: nothing equals null: write is_null({left!r}) or ~is_null({left!r})"
            )
        return Comparison(left, operator, _constant(where, left, right))
    if isinstance(right, Column) and not isinstance(left, Expr):
        return _comparison(where, _MIRRORED.get(operator, operator), right, left)
    return None


def _membership(where: str, call: Call) -> Condition:
    match call.args:
        case (Column() as column, tuple() | np.ndarray() as constants) if len(constants):
            return Membership(column, tuple(_constant(where, column, v) for v in constants))
    raise DefinitionError(
        f"{where}: {call!r}: write np.isin(column, [...]) with a list of one constant or more"
    )


def _constant(where: str, column: Column, value: object) -> Any:
    return column.kind.constant(value, f"{where}: {column!r} is a {column.kind.value}; constant")


def ordered(found: Condition) -> Condition:
    """A condition in one order, however it was written, and with each constant of its own kind."""
    match found:
        case Comparison(column, operator, constant):
            return Comparison(column, operator, exact(column.kind, constant))
        case Membership(column, constants):
            return Membership(column, tuple(sorted(exact(column.kind, c) for c in constants)))
        case Not(inner):
            return Not(ordered(inner))
        case Joined(conditions):
            return type(found)(tuple(sorted(map(ordered, conditions), key=lambda one: one.text())))
    return found


def check_filter(where: str, expr: Expr, source: type[EventTable]) -> None:
    """Refuse a filter that is too rich, of another source, or for what never is.

    Raises:
        DefinitionError: naming the comparison.
    """
    for part in condition(where, expr).parts():
        for column in _columns(part):
            if column.source is not source:
                raise DefinitionError(f"{where}: {column!r} is not a column of {source.__name__}")
        constants: tuple[Any, ...] = ()
        if isinstance(part, Comparison):
            constants = (part.constant,)
        elif isinstance(part, Membership):
            constants = part.constants
        for value in constants:
            assert isinstance(part, Comparison | Membership)
            one_of = part.column.constraints.one_of
            if one_of is not None and value not in one_of:
                raise DefinitionError(
                    f"{where}: {part.column!r} is one of {', '.join(map(repr, one_of))}, never "
                    f"{value!r}"
                )


def _columns(part: Condition) -> tuple[Column, ...]:
    match part:
        case Against():
            return part.column, part.other
        case Comparison() | Membership() | Null():
            return (part.column,)
    return ()


def filter_sql(where: str, expr: Expr) -> str:
    """A filter as SQL, to be joined with other conditions by ``and``."""
    return condition(where, expr).sql()
