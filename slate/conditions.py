"""Conditions of events: each one object, in SQL, in Arrow, and as a text for fingerprints.

``slate.filters`` makes them of what a definition says.
"""

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import datetime
from functools import reduce
from typing import Any, ClassVar

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from slate.kinds import Kind
from slate.quoting import literal
from slate.source_columns import Column

# How SQL compares.
COMPARISONS: dict[Callable[..., Any], str] = {
    np.equal: "=", np.not_equal: "<>", np.less: "<", np.less_equal: "<=",
    np.greater: ">", np.greater_equal: ">=",
}  # fmt: skip
_COMPARE: dict[str, Callable[..., pa.Array]] = {
    "=": pc.equal, "<>": pc.not_equal, "<": pc.less, "<=": pc.less_equal,
    ">": pc.greater, ">=": pc.greater_equal,
}  # fmt: skip

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


def _without_zone(value: Any) -> Any:
    return value.replace(tzinfo=None) if isinstance(value, datetime) else value


def _texts(kind: Kind, *constants: Any) -> list[str]:
    """Constants as sorted texts, in which 2 and 2.0 are one number."""
    return sorted(repr(exact(kind, value)) for value in constants)


def exact(kind: Kind, constant: Any) -> Any:
    """A constant of a kind, in which 2 and 2.0 are one number."""
    return float(constant) if kind is Kind.FLOAT else constant
