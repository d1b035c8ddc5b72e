"""Partial results that are events, each with its value: the earliest, and the latest."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from slate.aggregates.partials import (
    Array,
    EventsInput,
    EventsSql,
    Partial,
    TileColumn,
    TilePartial,
    where_clause,
)
from slate.kinds import Kind


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
