"""Filters: which of a source's events an aggregate counts.

A filter is comparisons of the source's columns with constants, joined by ``&``: small enough to be
exact in SQL and in NumPy alike. A null meets no comparison. Anything richer belongs in the source's
staging model.
"""

import re
from collections.abc import Callable
from datetime import datetime
from typing import TYPE_CHECKING, Any

import numpy as np

from slate.errors import DefinitionError
from slate.expressions import Call, Expr
from slate.features import Column
from slate.kinds import naive_utc

if TYPE_CHECKING:
    from slate.entities import Source

_COMPARISONS: dict[Callable[..., Any], str] = {
    np.equal: "=", np.not_equal: "<>", np.less: "<", np.less_equal: "<=",
    np.greater: ">", np.greater_equal: ">=",
}  # fmt: skip
_MIRRORED = {"<": ">", "<=": ">=", ">": "<", ">=": "<="}

Comparison = tuple[Column, str, Any]

# Where dbt would take a text for its own, this comes in two.
_OF_DBT = re.compile(r"\{(?=[{%#])")


def comparisons(where: str, expr: Expr) -> list[Comparison]:
    """A filter as its comparisons (column, SQL operator, constant), all of which must hold.

    Raises:
        DefinitionError: the expression is richer than a filter may be, or a constant is of another
            kind than its column.
    """
    if isinstance(expr, Column):
        return [(expr, "=", _constant(where, expr, True))]
    if isinstance(expr, Call) and not expr.kwargs:
        if expr.func is np.bitwise_and:
            return [c for arg in expr.args for c in comparisons(where, arg)]
        if expr.func is np.isin:
            return [_membership(where, expr)]
        operator = _COMPARISONS.get(expr.func)
        if operator is not None:
            left, right = expr.args
            if isinstance(left, Column) and not isinstance(right, Expr):
                return [(left, operator, _constant(where, left, right))]
            if isinstance(right, Column) and not isinstance(left, Expr):
                operator = _MIRRORED.get(operator, operator)
                return [(right, operator, _constant(where, right, left))]
    raise DefinitionError(
        f"{where}: a filter compares the source's columns with constants, joined by &; "
        f"{expr!r} is richer: compute it in the source's staging model"
    )


def _membership(where: str, call: Call) -> Comparison:
    match call.args:
        case (Column() as column, tuple() | np.ndarray() as constants) if len(constants):
            return column, "in", tuple(_constant(where, column, value) for value in constants)
    raise DefinitionError(
        f"{where}: {call!r}: write np.isin(column, [...]) with a list of one constant or more"
    )


def _constant(where: str, column: Column, value: object) -> Any:
    return column.kind.constant(value, f"{where}: {column!r} is a {column.kind.value}; constant")


def check_filter(where: str, expr: Expr, source: "type[Source]") -> None:
    """Refuse a filter that is too rich, of another source, or for what never is.

    Raises:
        DefinitionError: naming the comparison.
    """
    for column, operator, constant in comparisons(where, expr):
        if column.source is not source:
            raise DefinitionError(f"{where}: {column!r} is no column of {source.__name__}")
        one_of = column.constraints.one_of
        for value in constant if operator == "in" else (constant,):
            if one_of is not None and value not in one_of:
                raise DefinitionError(
                    f"{where}: {column!r} is one of {', '.join(map(repr, one_of))}, never {value!r}"
                )


def filter_sql(where: str, expr: Expr) -> str:
    """A filter as SQL."""
    terms = []
    for column, operator, constant in comparisons(where, expr):
        if operator == "in":
            terms.append(f"{column.name} in ({', '.join(literal(v) for v in constant)})")
        elif constant is True and operator == "=":
            terms.append(column.name)
        else:
            terms.append(f"{column.name} {operator} {literal(constant)}")
    return " and ".join(terms)


def literal(value: object) -> str:
    """A constant as SQL."""
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, datetime):
        return f"timestamp '{naive_utc(value).isoformat(sep=' ')}'"
    if isinstance(value, int | float):
        return str(value)
    text = "'" + str(value).replace("'", "''") + "'"
    parts = _OF_DBT.sub("{' || '", text)
    return text if parts == text else f"({parts})"
