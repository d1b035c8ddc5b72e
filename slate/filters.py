"""Filters: which of a source's events an aggregate counts.

A filter compares the source's columns with constants and with each other, asks whether they are
null, and joins that by ``&``, ``|`` and ``~``: small enough to be exact in SQL and in Arrow alike.
Each condition is one object that renders both. Anything richer belongs in the source's staging
model.

Of a null no comparison is true, nor is its opposite (SQL's logic of three values, Kleene's): an
event counts where the whole is true. ``~(price > 3)`` is ``price <= 3``, and neither holds of an
event without a price; ``is_null(price)`` does.
"""

import re
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import datetime
from functools import reduce
from typing import Any, ClassVar

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from slate.errors import DefinitionError
from slate.expressions import Call, Expr
from slate.features import is_null
from slate.kinds import Kind, naive_utc
from slate.source_columns import Column, EventTable

# How SQL compares.
COMPARISONS: dict[Callable[..., Any], str] = {
    np.equal: "=", np.not_equal: "<>", np.less: "<", np.less_equal: "<=",
    np.greater: ">", np.greater_equal: ">=",
}  # fmt: skip
_MIRRORED = {"<": ">", "<=": ">=", ">": "<", ">=": "<="}
_COMPARE: dict[str, Callable[..., pa.Array]] = {
    "=": pc.equal, "<>": pc.not_equal, "<": pc.less, "<=": pc.less_equal,
    ">": pc.greater, ">=": pc.greater_equal,
}  # fmt: skip

# Where dbt would take a text for its own, this comes in two.
_OF_DBT = re.compile(r"\{(?=[{%#])")

# A column of events by its name.
Columns = Callable[[str], pa.Array]


class Condition(ABC):
    """What is true, false or unknown (null) of an event."""

    @abstractmethod
    def sql(self) -> str:
        """The condition in SQL, to be joined by ``and``."""

    @abstractmethod
    def mask(self, columns: Columns) -> pa.Array:
        """The condition of some events, as truth values."""

    @abstractmethod
    def text(self) -> str:
        """The condition for fingerprints: one text for what is written in another order."""

    def parts(self) -> Iterator["Condition"]:
        """It, and the conditions that it is made of."""
        yield self


@dataclass(frozen=True)
class Comparison(Condition):
    """A column against a constant of its kind."""

    column: Column
    operator: str
    constant: Any

    def sql(self) -> str:
        """The comparison in SQL."""
        if self.constant is True and self.operator == "=":
            return self.column.sql
        return f"{self.column.sql} {self.operator} {literal(self.constant)}"

    def mask(self, columns: Columns) -> pa.Array:
        """The comparison of some events."""
        values = columns(self.column.name)
        constant = pa.scalar(_without_zone(self.constant)).cast(values.type)
        return _COMPARE[self.operator](values, constant)

    def text(self) -> str:
        """The comparison for fingerprints."""
        return f"{self.column.definition} {self.operator} {_texts(self.column.kind, self.constant)}"


@dataclass(frozen=True)
class Against(Condition):
    """A column against another of the same kind."""

    column: Column
    operator: str
    other: Column

    def sql(self) -> str:
        """The comparison in SQL."""
        return f"{self.column.sql} {self.operator} {self.other.sql}"

    def mask(self, columns: Columns) -> pa.Array:
        """The comparison of some events."""
        return _COMPARE[self.operator](columns(self.column.name), columns(self.other.name))

    def text(self) -> str:
        """The comparison for fingerprints."""
        return f"{self.column.definition} {self.operator} {self.other.definition}"


@dataclass(frozen=True)
class Membership(Condition):
    """A column among constants of its kind."""

    column: Column
    constants: tuple[Any, ...]

    def sql(self) -> str:
        """The membership in SQL."""
        return f"{self.column.sql} in ({', '.join(map(literal, self.constants))})"

    def mask(self, columns: Columns) -> pa.Array:
        """The membership of some events."""
        values = columns(self.column.name)
        these = pa.array([_without_zone(value) for value in self.constants]).cast(values.type)
        # Unlike SQL, Arrow says that a null is not among them.
        return pc.if_else(values.is_valid(), pc.is_in(values, these), None)

    def text(self) -> str:
        """The membership for fingerprints."""
        return f"{self.column.definition} in {_texts(self.column.kind, *self.constants)}"


@dataclass(frozen=True)
class Null(Condition):
    """Whether a column is null, which is never unknown."""

    column: Column

    def sql(self) -> str:
        """The question in SQL."""
        return f"{self.column.sql} is null"

    def mask(self, columns: Columns) -> pa.Array:
        """The question of some events."""
        return columns(self.column.name).is_null()

    def text(self) -> str:
        """The question for fingerprints."""
        return f"{self.column.definition} is null"


@dataclass(frozen=True)
class Not(Condition):
    """The opposite of a condition; unknown where that is."""

    condition: Condition

    def sql(self) -> str:
        """The opposite in SQL."""
        if isinstance(self.condition, Null):
            return f"{self.condition.column.sql} is not null"
        return f"not ({self.condition.sql()})"

    def mask(self, columns: Columns) -> pa.Array:
        """The opposite of some events."""
        return pc.invert(self.condition.mask(columns))

    def text(self) -> str:
        """The opposite for fingerprints."""
        return f"not ({self.condition.text()})"

    def parts(self) -> Iterator[Condition]:
        """It, and what it is the opposite of."""
        yield self
        yield from self.condition.parts()


@dataclass(frozen=True)
class Joined(Condition):
    """Several conditions.

    Attributes:
        word: what joins them in SQL.
        sign: what joins them in a definition.
        join: what joins their truth values.
    """

    conditions: tuple[Condition, ...]

    word: ClassVar[str]
    sign: ClassVar[str]
    join: ClassVar[Callable[..., pa.Array]]

    def sql(self) -> str:
        """The conditions in SQL."""
        return f" {self.word} ".join(condition.sql() for condition in self.conditions)

    def mask(self, columns: Columns) -> pa.Array:
        """The conditions of some events."""
        return reduce(type(self).join, (condition.mask(columns) for condition in self.conditions))

    def text(self) -> str:
        """The conditions for fingerprints."""
        return f" {self.sign} ".join(sorted(condition.text() for condition in self.conditions))

    def parts(self) -> Iterator[Condition]:
        """It, and the conditions."""
        yield self
        for condition in self.conditions:
            yield from condition.parts()


class AllOf(Joined):
    """Several conditions of which each must hold."""

    word, sign, join = "and", "&", staticmethod(pc.and_kleene)


class AnyOf(Joined):
    """Several conditions of which one must hold."""

    word, sign, join = "or", "|", staticmethod(pc.or_kleene)

    def sql(self) -> str:
        """The conditions in SQL, in brackets: ``or`` binds less than what they stand beside."""
        return f"({super().sql()})"

    def text(self) -> str:
        """The conditions for fingerprints."""
        return f"({super().text()})"


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
            return Comparison(column, operator, _exact(column.kind, constant))
        case Membership(column, constants):
            return Membership(column, tuple(sorted(_exact(column.kind, c) for c in constants)))
        case Not(inner):
            return Not(ordered(inner))
        case Joined(conditions):
            return type(found)(tuple(sorted(map(ordered, conditions), key=lambda one: one.text())))
    return found


def _exact(kind: Kind, constant: Any) -> Any:
    return float(constant) if kind is Kind.FLOAT else constant


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


def _without_zone(value: Any) -> Any:
    return value.replace(tzinfo=None) if isinstance(value, datetime) else value


def _texts(kind: Kind, *constants: Any) -> list[str]:
    """Constants as sorted texts, in which 2 and 2.0 are one number."""
    return sorted(repr(_exact(kind, value)) for value in constants)
