"""Filters: which of a source's events an aggregate counts.

A filter is comparisons of the source's columns with constants, joined by ``&``: small enough to be
exact in SQL and in NumPy alike. A null meets no comparison. Anything richer belongs in the source's
staging model.
"""

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


def comparisons(where: str, expr: Expr) -> list[Comparison]:
    """A filter as its comparisons (column, SQL operator, constant), all of which must hold.

    Raises:
        DefinitionError: the expression is richer than a filter may be.
    """
    if isinstance(expr, Column):
        return [(expr, "=", True)]
    if isinstance(expr, Call):
        if expr.func is np.bitwise_and:
            return [c for arg in expr.args for c in comparisons(where, arg)]
        if expr.func is np.isin and isinstance(expr.args[0], Column):
            return [(expr.args[0], "in", tuple(expr.args[1]))]
        operator = _COMPARISONS.get(expr.func)
        if operator is not None:
            left, right = expr.args
            if isinstance(left, Column) and not isinstance(right, Expr):
                return [(left, operator, right)]
            if isinstance(right, Column) and not isinstance(left, Expr):
                return [(right, _MIRRORED.get(operator, operator), left)]
    raise DefinitionError(
        f"{where}: a filter compares the source's columns with constants, joined by &; "
        f"{expr!r} is richer: compute it in the source's staging model"
    )


def check_filter(where: str, expr: Expr, source: "type[Source]") -> None:
    """Refuse a filter that is too rich, of another source, or against a constant of a wrong type.

    Raises:
        DefinitionError: naming the comparison.
    """
    for column, operator, constant in comparisons(where, expr):
        if column.source is not source:
            raise DefinitionError(f"{where}: {column!r} is no column of {source.__name__}")
        for value in constant if operator == "in" else (constant,):
            if not column.kind.accepts(value):
                raise DefinitionError(
                    f"{where}: {column!r} is a {column.kind.value} and never equals {value!r}"
                )
            one_of = column.constraints.one_of
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
        return repr(value)
    return "'" + str(value).replace("'", "''") + "'"
