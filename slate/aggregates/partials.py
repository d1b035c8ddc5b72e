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

from slate.aggregates import whole_sums
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
    """

    suffix: str
    kind: Kind
    neutral: float | int = 0
    counted: bool = False
    length: int | None = None


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
        present = f"{self.column} is not null" if self.nullable else ""
        return where_clause(self.taking_part, present, self.condition)


def where_clause(*terms: str) -> str:
    """The clause of an SQL aggregate; empty terms do not count."""
    return f" filter (where {' and '.join(filter(None, terms))})" if any(terms) else ""


class Partial(ABC):
    """A partial result, in one column of a tile or in several that are merged as one.

    Attributes:
        columns: the columns.
        part: the suffix of the column that holds it for one window, in SQL.
    """

    columns: tuple[TileColumn, ...]

    @property
    def part(self) -> str:
        """What follows the feature's name in the SQL column that holds a window's part of it."""
        return self.columns[0].suffix

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

    @abstractmethod
    def merged(self, parts: Sequence[str]) -> str:
        """The parts that several columns hold, as one (SQL)."""

    def columns_of_part(self, part: str) -> tuple[str, ...]:
        """A part as the columns of a tile (SQL)."""
        return (part,)


class TilePartial(Partial):
    """A partial result that each tile has its own of, and that NumPy merges.

    Attributes:
        reads: the suffixes of columns of other partials without which two of it cannot be merged;
            they are read before they are merged themselves.
    """

    reads: ClassVar[tuple[str, ...]] = ()

    @abstractmethod
    def inputs(self, number: int, values: Callable[[], Array], there: Array | None) -> Any:
        """What events bring.

        Args:
            number: how many there are.
            values: the aggregated column of each.
            there: which take part; None for all.
        """

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


@dataclass(frozen=True)
class Reduced(TilePartial):
    """A column of which two become one by a function of NumPy and one of SQL.

    Args:
        column: the column.
        join: NumPy's function.
        sql: SQL's, of many values; it passes over nulls.
        macro: the macro that does the same across columns of which some may be null.
    """

    column: TileColumn
    join: np.ufunc
    sql: str
    macro: str

    @property
    def columns(self) -> tuple[TileColumn, ...]:  # type: ignore[override]
        """The column."""
        return (self.column,)

    def columns_of_events(self, events: EventsSql) -> tuple[str, ...]:
        """The column of a tile (SQL)."""
        return (f"{self.sql}({events.column}){events.where}",)

    def part_of_tiles(self, name: str, condition: str) -> str:
        """A part of a window (SQL)."""
        return f"{self.sql}({name}__{self.column.suffix}){where_clause(condition)}"

    def merged(self, parts: Sequence[str]) -> str:
        """The parts that several columns hold, as one (SQL)."""
        return parts[0] if len(parts) == 1 else macro(self.macro, parts)

    def inputs(self, number: int, values: Callable[[], Array], there: Array | None) -> Array:
        """The value of each event, or what changes nothing."""
        found = self.of_values(values())
        return found if there is None else np.where(there, found, self.column.neutral)

    def of_values(self, values: Array) -> Array:
        """What is merged of the aggregated column."""
        return values

    def reduced(self, inputs: Array, starts: Array, *read: Array) -> tuple[Array, ...]:
        """The column of groups of events."""
        return (self.join.reduceat(inputs, starts),)

    def merge(
        self, target: Sequence[Array], into: Array, other: Sequence[Array], of: Array
    ) -> None:
        """Merge some of the array's members into others, in place."""
        target[0][into] = self.join(target[0][into], other[0][of])


class Number(Reduced):
    """How many events there are."""

    def __init__(self) -> None:
        column = TileColumn("n", Kind.INTEGER, counted=True)
        super().__init__(column, np.add, "sum", "sum_of")

    def columns_of_events(self, events: EventsSql) -> tuple[str, ...]:
        """The column of a tile (SQL)."""
        return (f"count(*){events.present}",)

    def inputs(self, number: int, values: Callable[[], Array], there: Array | None) -> Array:
        """1 of each event that takes part."""
        return np.ones(number, np.int64) if there is None else there.astype(np.int64)


class Total(Reduced):
    """The sum of floats."""

    def __init__(self) -> None:
        super().__init__(TileColumn("sum", Kind.FLOAT, 0.0), np.add, "sum", "sum_of")

    def columns_of_events(self, events: EventsSql) -> tuple[str, ...]:
        """The column of a tile (SQL)."""
        (found,) = super().columns_of_events(events)
        return (f"cast({found} as {self.column.kind.sql})",)


class Half(Reduced):
    """The sum of one half of whole numbers, upper or lower; see ``slate.aggregates.whole_sums``."""

    def __init__(self, which: str) -> None:
        super().__init__(TileColumn(which, Kind.INTEGER), np.add, "sum", "sum_of")

    def columns_of_events(self, events: EventsSql) -> tuple[str, ...]:
        """The column of a tile (SQL)."""
        half = f"{{{{ {self.column.suffix}_half('{events.column}') }}}}"
        return (f"cast(sum({half}){events.where} as {self.column.kind.sql})",)

    def of_values(self, values: Array) -> Array:
        """The halves."""
        return (whole_sums.upper if self.column.suffix == "upper" else whole_sums.lower)(values)


NUMBER, TOTAL, UPPER, LOWER = Number(), Total(), Half("upper"), Half("lower")


def macro(name: str, parts: Sequence[str]) -> str:
    """A macro of parts of a window, as a model calls it."""
    return f"{{{{ {name}([{', '.join(map(repr, parts))}]) }}}}"


class Moments(TilePartial):
    """The mean and the sum of squared deviations from it, pooled with those of other events.

    No large sum is ever squared (Chan, Golub, LeVeque, "Algorithms for computing the sample
    variance").
    """

    columns = (TileColumn("mean", Kind.FLOAT, 0.0), TileColumn("m2", Kind.FLOAT, 0.0))
    reads: ClassVar[tuple[str, ...]] = ("n",)

    @property
    def part(self) -> str:
        """A part of a window is a list of (n, mean, m2)."""
        return "parts"

    def columns_of_events(self, events: EventsSql) -> tuple[str, ...]:
        """The columns of a tile (SQL)."""
        column, where = events.column, events.where
        return f"avg({column}){where}", f"var_pop({column}){where} * count({column}){where}"

    def part_of_events(self, events: EventsSql) -> str:
        """A part of a window (SQL)."""
        (n,), (mean, m2) = NUMBER.columns_of_events(events), self.columns_of_events(events)
        return f"case when {n} > 0 then [{{n: cast({n} as double), mean: {mean}, m2: {m2}}}] end"

    def part_of_tiles(self, name: str, condition: str) -> str:
        """A part of a window (SQL)."""
        struct = f"{{n: cast({name}__n as double), mean: {name}__mean, m2: {name}__m2}}"
        return f"list({struct}){where_clause(condition, f'{name}__n > 0')}"

    def merged(self, parts: Sequence[str]) -> str:
        """The parts that several columns hold, as one (n, mean, m2) (SQL)."""
        return macro("pooled", parts)

    def columns_of_part(self, part: str) -> tuple[str, ...]:
        """A part as the columns of a tile (SQL)."""
        pooled = self.merged([part])
        return f"{pooled}.mean", f"{pooled}.m2"

    def inputs(
        self, number: int, values: Callable[[], Array], there: Array | None
    ) -> tuple[Array, Array]:
        """The value of each event, and which of them take part."""
        taking_part = np.ones(number, np.bool_) if there is None else there
        return values().astype(np.float64), taking_part

    def reduced(
        self, inputs: tuple[Array, Array], starts: Array, *read: Array
    ) -> tuple[Array, ...]:
        """The columns of groups of events, in two passes."""
        (values, there), (n,) = inputs, read
        mean = np.add.reduceat(np.where(there, values, 0.0), starts) / np.maximum(n, 1)
        sizes = np.diff(starts, append=len(values))
        apart = np.where(there, values - np.repeat(mean, sizes), 0.0)
        return mean, np.add.reduceat(apart * apart, starts)

    def merge(
        self, target: Sequence[Array], into: Array, other: Sequence[Array], of: Array
    ) -> None:
        """Pool some of the arrays' members with others, in place."""
        (mean, m2, n), (other_mean, other_m2, other_n) = target, other
        before, more = n[into], other_n[of]
        share = more / np.maximum(before + more, 1)
        distance = other_mean[of] - mean[into]
        m2[into] += other_m2[of] + distance * distance * (before * share)
        mean[into] += distance * share


@dataclass(frozen=True)
class Latest(Partial):
    """The latest events with their values: one, or a list of the latest so many.

    Args:
        column: the column. What is latest of many events is latest of every window that it lies in,
            so it is kept once for all windows, under the aggregate's own name.
    """

    column: TileColumn

    @property
    def columns(self) -> tuple[TileColumn, ...]:  # type: ignore[override]
        """The column."""
        return (self.column,)

    def sql_types(self, id_type: str) -> tuple[str, ...]:
        """The SQL type of its column, of a source whose ids are of this type."""
        event = (
            f"struct(event_ts timestamp, received_at timestamp, id {id_type}, "
            f"value {self.column.kind.sql})"
        )
        return (event if self.column.length is None else f"{event}[]",)

    def columns_of_events(self, events: EventsSql) -> tuple[str, ...]:
        """The column of a tile (SQL)."""
        struct = (
            f"{{event_ts: {events.event_time}, received_at: {events.arrival_time}, "
            f"id: {events.unique_id}, value: {events.column}}}"
        )
        number = "" if self.column.length is None else f", {self.column.length}"
        return (f"max({struct}{number}){events.present}",)

    def part_of_tiles(self, name: str, condition: str) -> str:
        """The latest events of some tiles (SQL)."""
        tile, where = f"{name}__{self.column.suffix}", where_clause(condition)
        if self.column.length is None:
            return f"max({tile}){where}"
        return self.of_lists(f"list({tile}){where}")

    def merged(self, parts: Sequence[str]) -> str:
        """The parts that several columns hold, as one (SQL)."""
        if len(parts) == 1:
            return parts[0]
        if self.column.length is None:
            return macro("greatest_of", parts)
        return self.of_lists(f"[{', '.join(parts)}]")

    def of_lists(self, lists: str) -> str:
        """Of several lists of events (SQL, a list of them), the latest so many."""
        return f"{{{{ latest_of({lists!r}, {self.column.length}) }}}}"
