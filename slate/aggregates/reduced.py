"""Partial results of one column, of which two become one by a function of NumPy and one of SQL."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from slate.aggregates import whole_sums
from slate.aggregates.partials import (
    Array,
    EventsInput,
    EventsSql,
    TileColumn,
    TilePartial,
    where_clause,
)
from slate.kinds import Kind


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


NUMBER, TOTAL, UPPER, LOWER = Number(), Total(), Half("upper"), Half("lower")
