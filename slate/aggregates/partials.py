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

    def running(self, name: str) -> str:
        """A part over all tiles up to some (SQL)."""
        return f"{self.sql}({self.part_of_tiles(name, '')})"

    def inputs(self, events: EventsInput) -> Any:
        """The value of each event, or what changes nothing."""
        found = self.of_values(events.values())
        return found if events.there is None else np.where(events.there, found, self.column.neutral)

    def of_values(self, values: Array) -> Array:
        """What is merged of the aggregated column."""
        return values

    def reduced(self, inputs: Any, starts: Array, *read: Array) -> tuple[Array, ...]:
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

    def inputs(self, events: EventsInput) -> Array:
        """1 of each event that takes part."""
        return events.taking_part.astype(np.int64)


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


class Moments(TilePartial):
    """The mean and the sum of squared deviations from it, pooled with those of other events.

    No large sum is ever squared (Chan, Golub, LeVeque, "Algorithms for computing the sample
    variance").
    """

    columns = (TileColumn("mean", Kind.FLOAT, 0.0), TileColumn("m2", Kind.FLOAT, 0.0))
    macro = "pooled"
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

    def alone(self, part: str) -> str:
        """A single part as one (n, mean, m2) (SQL)."""
        return f"{{{{ {self.macro}(['{part}']) }}}}"

    def columns_of_part(self, part: str) -> tuple[str, ...]:
        """A part as the columns of a tile (SQL)."""
        pooled = self.alone(part)
        return f"{pooled}.mean", f"{pooled}.m2"

    def inputs(self, events: EventsInput) -> tuple[Array, Array]:
        """The value of each event, and which of them take part."""
        return events.values().astype(np.float64), events.taking_part

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


class LeastText(Reduced):
    """The text that comes first of all, in the order of code points; or, of the greatest, last."""

    def __init__(self, name: str) -> None:
        join: np.ufunc = np.minimum if name == "min" else np.maximum
        column = TileColumn(name, Kind.STRING, np.nan)
        super().__init__(column, join, name, "least_of" if name == "min" else "greatest_of")

    def inputs(self, events: EventsInput) -> tuple[Array, Array]:
        """The different texts in order, and the place of each event's; what changes nothing."""
        there = events.taking_part
        texts, places = np.unique(events.values()[there], return_inverse=True)
        # Behind the last, or before the first.
        place = np.full(len(there), len(texts) if self.join is np.minimum else -1)
        place[there] = places
        return np.append(texts, Kind.STRING.full(1)), place

    def reduced(
        self, inputs: tuple[Array, Array], starts: Array, *read: Array
    ) -> tuple[Array, ...]:
        """The column of groups of events."""
        texts, place = inputs
        # The last of the texts is null, and so is the one before the first.
        return (texts[self.join.reduceat(place, starts)],)

    def merge(
        self, target: Sequence[Array], into: Array, other: Sequence[Array], of: Array
    ) -> None:
        """Merge some of the array's members into others, in place."""
        mine, theirs = target[0][into], other[0][of]
        better = theirs < mine if self.join is np.minimum else theirs > mine
        # Nothing is less or greater than null.
        target[0][into] = np.where(np.isnan(mine) | better, theirs, mine)


@dataclass(frozen=True)
class Earliest(TilePartial):
    """The earliest event with its value.

    Args:
        kind: the value's kind.
    """

    kind: Kind

    macro = "least_of"

    @property
    def columns(self) -> tuple[TileColumn, ...]:  # type: ignore[override]
        """The time, and the value."""
        null = np.nan if self.kind is Kind.STRING else 0
        return (
            TileColumn("first_at", Kind.TIME, int(np.iinfo(np.int64).max), field="event_ts"),
            TileColumn("first", self.kind, null, field="value"),
        )

    @property
    def suffixes(self) -> tuple[str, ...]:
        """A tile's column of structs, which have what tells equal times apart as well."""
        return ("first",)

    def sql_types(self, id_type: str) -> tuple[str, ...]:
        """The SQL type of its column, of a source whose ids are of this type."""
        return (event_struct(self.kind, id_type),)

    def columns_of_events(self, events: EventsSql) -> tuple[str, ...]:
        """The column of a tile (SQL)."""
        return (f"min({event_sql(events)}){events.present}",)

    def part_of_tiles(self, name: str, condition: str) -> str:
        """The earliest event of some tiles (SQL)."""
        return f"min({name}__first){where_clause(condition)}"

    def running(self, name: str) -> str:
        """The earliest event of all tiles up to some (SQL)."""
        return f"min({self.part_of_tiles(name, '')})"

    def inputs(self, events: EventsInput) -> tuple[Array, Array, Array]:
        """The times and values of the events, and the position of each that takes part."""
        position = np.arange(len(events.event_ts))
        if events.there is not None:
            position = np.where(events.there, position, len(position))
        return events.event_ts, events.values(), position

    def reduced(
        self, inputs: tuple[Array, Array, Array], starts: Array, *read: Array
    ) -> tuple[Array, ...]:
        """The columns of groups of events."""
        event_ts, values, position = inputs
        first = np.minimum.reduceat(position, starts)
        there, first = first < len(position), np.minimum(first, len(position) - 1)
        time, value = self.columns
        null = Kind.STRING.full(1) if self.kind is Kind.STRING else value.neutral
        return (
            np.where(there, event_ts[first], time.neutral),
            np.where(there, values[first], null),
        )

    def merge(
        self, target: Sequence[Array], into: Array, other: Sequence[Array], of: Array
    ) -> None:
        """Merge some of the arrays' members into others, in place; of one time, these stay."""
        earlier = np.flatnonzero(other[0][of] < target[0][into])
        for mine, theirs in zip(target, other, strict=True):
            mine[into[earlier]] = theirs[of[earlier]]


def event_struct(kind: Kind, id_type: str) -> str:
    """The SQL type of an event with its value, of a source whose ids are of this type.

    Two such compare by event time, then by arrival, then by id.
    """
    return f"struct(event_ts timestamp, received_at timestamp, id {id_type}, value {kind.sql})"


def event_sql(events: EventsSql) -> str:
    """An event with its value (SQL)."""
    return (
        f"{{event_ts: {events.event_time}, received_at: {events.arrival_time}, "
        f"id: {events.unique_id}, value: {events.column}}}"
    )


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

    @property
    def macro(self) -> str:  # type: ignore[override]
        """Of single events the greatest is the latest."""
        return "greatest_of" if self.column.length is None else "latest_of_parts"

    def sql_types(self, id_type: str) -> tuple[str, ...]:
        """The SQL type of its column, of a source whose ids are of this type."""
        event = event_struct(self.column.kind, id_type)
        return (event if self.column.length is None else f"{event}[]",)

    def columns_of_events(self, events: EventsSql) -> tuple[str, ...]:
        """The column of a tile (SQL)."""
        if self.column.length is None:
            return (self.part_of_events(events),)
        arguments = f"{event_sql(events)!r}, {self.column.length}, {events.terms!r}"
        return (f"{{{{ latest_of_tile({arguments}, '{events.event_time}', hop) }}}}",)

    def part_of_events(self, events: EventsSql) -> str:
        """The latest of some events (SQL)."""
        if self.column.length is None:
            return f"max({event_sql(events)}){events.present}"
        found = f"list({event_sql(events)}){events.present}"
        return f"{{{{ latest_events({found!r}, {self.column.length}) }}}}"

    def part_of_tiles(self, name: str, condition: str) -> str:
        """The latest events of some tiles (SQL)."""
        tile, where = f"{name}__{self.column.suffix}", where_clause(condition)
        if self.column.length is None:
            return f"max({tile}){where}"
        return self.of_lists(f"list({tile}){where}")

    def of_lists(self, lists: str) -> str:
        """Of several lists of events (SQL, a list of them), the latest so many."""
        return f"{{{{ latest_of({lists!r}, {self.column.length}) }}}}"
