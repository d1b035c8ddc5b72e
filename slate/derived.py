"""Columns that are computed from a source's own, event by event.

``amount: float = price * quantity`` in a source, or ``sum(Line.price * Line.quantity)`` in a view,
records a NumPy expression. It is small enough to be the same in SQL, for the warehouse, and in
NumPy, for the stream: each operation in ``slate.derived_terms`` says both. Nothing is stored;
wherever the column is read, it is computed.

Null in, null out. Null is also what cannot be told: a division by zero, a whole number that leaves
64 bits, a float that is not finite or lies further from zero than an event's may.
"""

from collections.abc import Iterator
from typing import Any

import numpy as np
import pyarrow as pa

from slate.conditions import Columns
from slate.constraints import Constraints
from slate.derived_terms import (
    FUNCTIONS,
    Term,
    Values,
    as_float,
    converted,
    finished,
    of_column,
    of_constant,
)
from slate.errors import DefinitionError
from slate.expressions import Call, Expr, leaves, render
from slate.filters import condition
from slate.kinds import Kind
from slate.source_columns import Column, EventTable

_LOGICAL = {
    np.bitwise_and, np.bitwise_or, np.invert, np.logical_and, np.logical_or, np.logical_not,
}  # fmt: skip


class Derived(Column):
    """A column that is computed from others of its source.

    Attributes:
        expression: as it was written.
    """

    def __init__(
        self,
        source: type[EventTable],
        name: str,
        kind: Kind | None,
        expression: Call,
        description: str = "",
        where: str = "",
    ) -> None:
        """Record it.

        Args:
            source: the source.
            name: its name; the expression itself where it has none.
            kind: the kind that its annotation promises; None for that of the expression.
            expression: the expression.
            description: the comment beside it.
            where: what an error begins with, of a column without a name.

        Raises:
            DefinitionError: the expression reads another source, or does what has no equal in SQL.
        """
        where = f"{source.__name__}.{name}" if name else where or repr(expression)
        for leaf in leaves(expression):
            if not isinstance(leaf, Column) or leaf.source is not source:
                raise DefinitionError(
                    f"{where}: {leaf!r} is not a column of {source.__name__}: a column is computed "
                    "from others of the same event"
                )
        self._term = finished(where, _term(where, expression), kind)
        assert isinstance(self._term.kind, Kind)
        nullable = self._term.nullable or any(c.nullable for c in _columns(expression))
        self.expression = expression
        self.named = bool(name)
        super().__init__(
            source,
            name or render(expression),
            self._term.kind,
            nullable,
            Constraints(),
            description,
        )

    def __repr__(self) -> str:
        return super().__repr__() if self.named else self.name

    @property
    def sql(self) -> str:
        """The column in SQL, of a table that has the source's own columns."""
        return self._term.sql

    @property
    def definition(self) -> str:
        """What its values depend on."""
        return f"({render(self.expression)}) as {self.kind.value}"

    @property
    def reads(self) -> tuple[str, ...]:
        """The names of the source's own columns that it is computed from."""
        return tuple(name for c in _columns(self.expression) for name in c.reads)

    def values(self, columns: Columns) -> pa.Array:
        """The column of some events, times without a zone."""
        with np.errstate(all="ignore"):
            values, null = self._term.values(columns)
        kind = self.kind
        if kind is Kind.STRING:
            return pa.array(values.tolist(), pa.string(), mask=null)
        if kind is Kind.TIME:
            return pa.array(values, pa.int64(), mask=null).cast(pa.timestamp("us"))
        return pa.array(values, kind.arrow, mask=null)


def _columns(expression: Expr) -> Iterator[Column]:
    return (leaf for leaf in leaves(expression) if isinstance(leaf, Column))


def resolved(where: str, source: type[EventTable], expr: Any) -> Any:
    """A filter with a column in place of each expression that it compares."""
    if not isinstance(expr, Call):
        return expr
    if expr.func in _LOGICAL:
        args = tuple(resolved(where, source, arg) for arg in expr.args)
    else:
        args = tuple(as_column(where, source, a) if isinstance(a, Call) else a for a in expr.args)
    return Call(expr.func, args, expr.kwargs)


def as_column(where: str, source: type[EventTable], expr: object) -> Column:
    """A column as it is, or an expression of columns as one without a name.

    Raises:
        DefinitionError: it is neither.
    """
    if isinstance(expr, Column):
        return expr
    if not isinstance(expr, Call):
        raise DefinitionError(f"{where}: {expr!r} is not a column of {source.__name__}")
    found = Derived(source, "", None, expr, where=where)
    return source.derived.setdefault(found.name, found)


def _term(where: str, expr: object) -> Term:
    if isinstance(expr, Column):
        return of_column(expr)
    if not isinstance(expr, Call):
        return of_constant(where, expr)
    if expr.func is np.where and len(expr.args) == 3:
        return _choice(where, *expr.args)
    if expr.func is np.astype:
        return converted(where, expr, _term(where, expr.args[0]), expr.args[1])
    make = FUNCTIONS.get(expr.func)
    if make is None or expr.kwargs:
        known = (
            "+ - * / // %, comparisons, np.abs, np.sqrt, np.floor, np.ceil, np.minimum, np.maximum"
        )
        # They bind more closely than a comparison, which is easily forgotten.
        brackets = (
            " (of comparisons, each in brackets: (a == 1) & (b == 2))"
            if expr.func in (np.bitwise_and, np.bitwise_or)
            else ""
        )
        raise DefinitionError(
            f"{where}: {expr!r} has no equal in SQL that is the same to the last bit{brackets}: a "
            f"column is computed by {known}, np.where and astype; compute anything else in the "
            "source's dbt model"
        )
    return make(where, expr, *(_term(where, arg) for arg in expr.args))


def _choice(where: str, chosen: object, yes: object, no: object) -> Term:
    """``np.where``; what is unknown is not so."""
    if not isinstance(chosen, Expr):
        raise DefinitionError(f"{where}: np.where({chosen!r}, ...): choose by columns")
    source = next(_columns(chosen)).source
    found = condition(where, resolved(where, source, chosen))
    left, right = _term(where, yes), _term(where, no)
    if left.kind != right.kind:
        if {left.kind, right.kind} != {Kind.INTEGER, Kind.FLOAT}:
            raise DefinitionError(
                f"{where}: np.where gives values of one kind, and {yes!r} and {no!r} are of two"
            )
        left, right = (one if one.kind is Kind.FLOAT else as_float(one) for one in (left, right))

    def values(columns: Columns) -> Values:
        so = found.mask(columns).fill_null(False).to_numpy(zero_copy_only=False)
        (a, no_a), (b, no_b) = left.values(columns), right.values(columns)
        return np.where(so, a, b), np.where(so, no_a, no_b)

    sql = f"(case when {found.sql()} then {left.sql} else {right.sql} end)"
    return Term(left.kind, sql, values, left.nullable or right.nullable)
