"""The columns of sources, as filters and aggregates use them."""

from collections.abc import Callable, Sequence
from typing import ClassVar

import pyarrow as pa

from slate.base import Definition
from slate.constraints import Constraints
from slate.expressions import Expr
from slate.kinds import Kind, several
from slate.limits import KEY_BYTES, TEXT_BYTES


class EventTable(Definition):
    """A table of events, as its columns know it: what every source is.

    Attributes:
        columns: its columns.
        derived: the columns that are computed from these, by name; without one by the expression.
        unique_id, event_time, arrival_time: the names of the columns that play these parts.
    """

    columns: "ClassVar[dict[str, Column]]"
    derived: "ClassVar[dict[str, Column]]"
    unique_id: ClassVar[str]
    event_time: ClassVar[str]
    arrival_time: ClassVar[str]


class Column(Expr):
    """A column of a source, as used in filters and aggregates.

    Attributes:
        source: the source it belongs to.
        name: its name in the source's table.
        kind: the kind of its values.
        nullable: whether a row may lack it.
        constraints: what its values must satisfy; a row that does not is quarantined.
        description: the comment beside it.
        tags: words to find it by; ``pii`` keeps its values from being shown.
        is_key: whether some view's rows are found by it.
        named: whether a definition names it; one that a filter computes is its expression.
    """

    named = True

    def __init__(
        self,
        source: type[EventTable],
        name: str,
        kind: Kind,
        nullable: bool,
        constraints: Constraints,
        description: str,
        tags: Sequence[str] = (),
    ) -> None:
        self.source = source
        self.name = name
        self.kind = kind
        self.nullable = nullable
        self.constraints = constraints.of(kind, repr(self))
        self.description = description
        self.tags = several(f"{self!r}: tags", tags)
        self.is_key = False

    def __repr__(self) -> str:
        return f"{self.source.__name__}.{self.name}"

    @property
    def sql(self) -> str:
        """The column in SQL, of a table that has the source's columns."""
        return self.name

    @property
    def definition(self) -> str:
        """What tells its values from those of any other column, for fingerprints."""
        return repr(self)

    @property
    def reads(self) -> tuple[str, ...]:
        """The names of the source's own columns that it is made of: itself."""
        return (self.name,)

    def values(self, columns: Callable[[str], pa.Array]) -> pa.Array:
        """The column of some events, times without a zone, from their source's own columns."""
        return columns(self.name)

    @property
    def longest(self) -> int | None:
        """Of a text, how many bytes it may have; None of what is not text."""
        if self.kind is not Kind.STRING:
            return None
        return KEY_BYTES if self.is_key or self.name == self.source.unique_id else TEXT_BYTES
