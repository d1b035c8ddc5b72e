"""Partial results: what is kept of many events, so that two of them can become one.

A window's value is merged from parts that are kept: tiles offline, the records of rows online. Each
kind of partial result says in both dialects how it comes of events and how two become one, in SQL
and in NumPy side by side. Objects hand over columns and whole arrays, never single values.
"""

from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar, TypeAlias

import numpy as np

from slate.kinds import Kind

Array: TypeAlias = np.ndarray[Any, Any]


@dataclass(frozen=True)
class TileColumn:
    """A column of a tile.

    Attributes:
        suffix: what follows the aggregate's name in the column's ("spend__sum"). Columns of one
            suffix, input and filter are one, whichever aggregates read them.
        kind: its kind; of a latest value, the value's kind.
        neutral: what merges with anything into that.
        counted: whether it is a number of events: half a word in rows.
        length: of the latest values, how many a tile keeps at most; None for one, not in a list.
        field: in SQL, which field of the tile's column of structs it is; None where that is it.
    """

    suffix: str
    kind: Kind
    neutral: float | int = 0
    counted: bool = False
    length: int | None = None
    field: str | None = None


@dataclass(frozen=True)
class EventsSql:
    """What SQL calls the events that an aggregate is of.

    Attributes:
        column: the aggregated column; None for a count of events.
        nullable: whether it may be null.
        event_time, arrival_time, unique_id: the source's own columns.
        taking_part: what must hold of an event that the aggregate counts; empty if any does.
        condition: what else must hold of those asked for; empty if nothing.
    """

    column: str | None
    nullable: bool
    event_time: str
    arrival_time: str
    unique_id: str
    taking_part: str
    condition: str = ""

    @property
    def where(self) -> str:
        """The clause of an SQL aggregate that passes over nulls by itself."""
        return where_clause(self.taking_part, self.condition)

    @property
    def present(self) -> str:
        """The clause of one that does not."""
        return where_clause(self.terms)

    @property
    def terms(self) -> str:
        """What that clause says; empty if nothing."""
        present = f"{self.column} is not null" if self.nullable else ""
        return " and ".join(filter(None, (self.taking_part, present, self.condition)))


def where_clause(*terms: str) -> str:
    """The clause of an SQL aggregate; empty terms do not count."""
    return f" filter (where {' and '.join(filter(None, terms))})" if any(terms) else ""


class Partial(ABC):
    """A partial result, in one column of a tile or in several that are merged as one.

    Attributes:
        columns: the columns.
        part: the suffix of the column that holds it for one window, in SQL.
        macro: the macro that makes one of several parts, across columns of which some may be null.
    """

    columns: tuple[TileColumn, ...]
    macro: str

    @property
    def suffixes(self) -> tuple[str, ...]:
        """What follows the aggregate's name in the names of a tile's columns in SQL."""
        return tuple(column.suffix for column in self.columns)

    @property
    def part(self) -> str:
        """What follows the feature's name in the SQL column that holds a window's part of it."""
        return self.suffixes[0]

    def sql_types(self, id_type: str) -> tuple[str, ...]:
        """The SQL types of its columns, of a source whose ids are of this type."""
        return tuple(column.kind.sql for column in self.columns)

    @abstractmethod
    def columns_of_events(self, events: EventsSql) -> tuple[str, ...]:
        """The columns of a tile (SQL)."""

    def part_of_events(self, events: EventsSql) -> str:
        """A part of a window (SQL)."""
        (column,) = self.columns_of_events(events)
        return column

    @abstractmethod
    def part_of_tiles(self, name: str, condition: str) -> str:
        """A part of a window (SQL).

        Args:
            name: the aggregate's name, with which the tile's columns begin.
            condition: which tiles belong to it; empty for all.
        """

    def running(self, name: str) -> str:
        """A part over all tiles up to some, an aggregate to which ``over`` is added (SQL)."""
        raise NotImplementedError(f"{type(self).__name__} is not kept up over all of time")

    def alone(self, part: str) -> str:
        """A single part, as those are that the macro made of several (SQL)."""
        return part

    def columns_of_part(self, part: str) -> tuple[str, ...]:
        """A part as the columns of a tile (SQL)."""
        return (part,)


@dataclass(frozen=True)
class EventsInput:
    """What NumPy is given of the events that an aggregate is of.

    Attributes:
        event_ts: the event times, in microseconds; of a key's events in order.
        values: gives the aggregated column, of texts an array of strings.
        there: which of them take part; None for all.
    """

    event_ts: Array
    values: Callable[[], Array]
    there: Array | None

    @property
    def taking_part(self) -> Array:
        """Which of them take part."""
        return np.ones(len(self.event_ts), np.bool_) if self.there is None else self.there


class TilePartial(Partial):
    """A partial result that each tile has its own of, and that NumPy merges.

    Attributes:
        reads: the suffixes of columns of other partials without which two of it cannot be merged;
            they are read before they are merged themselves.
    """

    reads: ClassVar[tuple[str, ...]] = ()

    @abstractmethod
    def inputs(self, events: EventsInput) -> Any:
        """What events bring."""

    @abstractmethod
    def reduced(self, inputs: Any, starts: Array, *read: Array) -> tuple[Array, ...]:
        """The columns of groups of events.

        Args:
            inputs: what ``inputs`` made of them.
            starts: the first event of each group; there is one at least.
            read: the columns of ``reads``.
        """

    @abstractmethod
    def merge(
        self, target: Sequence[Array], into: Array, other: Sequence[Array], of: Array
    ) -> None:
        """Merge some of the arrays' members into others, in place.

        Args:
            target: the columns, and behind them those of ``reads``.
            into: the positions in them.
            other: the columns of what is merged in, likewise; may be the same.
            of: the positions in these, as many as of ``into``.
        """
