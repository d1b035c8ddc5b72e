"""Rules that a source's rows must meet: each one object, in SQL, in Arrow, and in words.

Landing files are judged in the warehouse and events by their writer, by the same rules.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cache
from typing import Any, Protocol

import pyarrow as pa
import pyarrow.compute as pc

from slate.kinds import Kind
from slate.limits import LARGEST, too_long
from slate.quoting import literal
from slate.source_columns import Column
from slate.sources import Source

MISSING = "missing"
# Outside of these years a time is a broken clock, not an event.
EARLIEST, LATEST = datetime(1970, 1, 1, tzinfo=UTC), datetime(2100, 1, 1, tzinfo=UTC)


class Rule(Protocol):
    """What a value must not be; of a null nothing is asked."""

    @property
    def reason(self) -> str:
        """What is wrong with a value that breaks it."""

    def sql(self, value: str) -> str:
        """Whether a value breaks it, as SQL; false or null where it does not."""

    def broken(self, values: pa.Array) -> pa.Array:
        """Which values break it; false or null of those that do not."""


@dataclass(frozen=True)
class Outside:
    """Values outside of bounds, which themselves are allowed.

    Attributes:
        kind: the kind of the values.
        least, greatest: the bounds; None for no bound.
        reason: what is wrong with such a value.
    """

    kind: Kind
    least: Any
    greatest: Any
    reason: str

    def sql(self, value: str) -> str:
        """See ``Rule``."""
        terms = [] if self.least is None else [f"{value} < {literal(self.least)}"]
        terms += [] if self.greatest is None else [f"{value} > {literal(self.greatest)}"]
        return " or ".join(terms)

    def broken(self, values: pa.Array) -> pa.Array:
        """See ``Rule``."""
        found = []
        if self.least is not None:
            found.append(pc.less(values, pa.scalar(self.least, self.kind.arrow)))
        if self.greatest is not None:
            found.append(pc.greater(values, pa.scalar(self.greatest, self.kind.arrow)))
        return found[0] if len(found) == 1 else pc.or_(*found)


@dataclass(frozen=True)
class NotOneOf:
    """Values that are not among those allowed."""

    kind: Kind
    allowed: Sequence[Any]

    @property
    def _listed(self) -> str:
        return ", ".join(map(literal, self.allowed))

    @property
    def reason(self) -> str:
        """See ``Rule``."""
        return f"not one of {self._listed}"

    def sql(self, value: str) -> str:
        """See ``Rule``."""
        return f"{value} not in ({self._listed})"

    def broken(self, values: pa.Array) -> pa.Array:
        """See ``Rule``."""
        allowed = pa.array(self.allowed, self.kind.arrow)
        return pc.and_(pc.is_valid(values), pc.invert(pc.is_in(values, allowed)))


@dataclass(frozen=True)
class Empty:
    """Texts without a letter."""

    reason: str = "empty"

    def sql(self, value: str) -> str:
        """See ``Rule``."""
        return f"{value} = ''"

    def broken(self, values: pa.Array) -> pa.Array:
        """See ``Rule``."""
        return pc.equal(values, "")


@dataclass(frozen=True)
class TooLong:
    """Texts of more bytes, in UTF-8, than a limit."""

    limit: int

    @property
    def reason(self) -> str:
        """See ``Rule``."""
        return too_long(self.limit)

    def sql(self, value: str) -> str:
        """See ``Rule``."""
        return f"strlen({value}) > {self.limit}"

    def broken(self, values: pa.Array) -> pa.Array:
        """See ``Rule``."""
        return pc.greater(pc.binary_length(values), self.limit)


def mistyped(kind: Kind) -> str:
    """What is wrong with a value that a column of this kind does not take."""
    return f"not of type {kind.value}"


@cache
def rules(source: type[Source], name: str) -> tuple[Rule, ...]:
    """The rules for the values of a source's column."""
    return tuple(_rules(source, source.columns[name]))


def _rules(source: type[Source], column: Column) -> Iterator[Rule]:
    kind, constraints = column.kind, column.constraints
    if kind is Kind.FLOAT:
        yield Outside(kind, -LARGEST, LARGEST, f"not within {LARGEST:g} of zero")
    if kind is Kind.STRING:
        if not column.nullable:
            yield Empty()
        assert column.longest is not None
        yield TooLong(column.longest)
    if constraints.least is not None:
        yield Outside(kind, constraints.least, None, f"below {constraints.least}")
    if constraints.greatest is not None:
        yield Outside(kind, None, constraints.greatest, f"above {constraints.greatest}")
    if constraints.one_of is not None:
        yield NotOneOf(kind, constraints.one_of)
    if column.name in (source.event_time, source.arrival_time):
        yield Outside(kind, EARLIEST, LATEST, f"not between {EARLIEST:%Y} and {LATEST:%Y}")


def rules_text(source: type[Source]) -> str:
    """All that a source's rows must meet, as a text that differs where the rules do."""
    return "\n".join(
        f"{column.name} {column.kind.value} {column.nullable} {rules(source, column.name)}"
        for column in source.columns.values()
    )
