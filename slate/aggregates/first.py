"""The value of the earliest event."""

from collections.abc import Mapping
from typing import Any

from slate.aggregates.function import Over, TileFunction, aggregate
from slate.aggregates.kept_events import Earliest
from slate.aggregates.over_last import over_last
from slate.aggregates.partials import Array, TilePartial
from slate.kinds import Kind


class First(TileFunction):
    """The value of the earliest event."""

    name = "first"
    picks_values = True
    inputs = tuple(Kind)

    def partials(self, column: Kind | None, length: int | None = None) -> tuple[TilePartial, ...]:
        """The earliest event."""
        assert column is not None
        return (Earliest(column),)

    def finish_sql(self, column: Kind | None, name: str) -> str:
        """The value (SQL)."""
        return f"{name}__first.value"

    def finish(self, column: Kind | None, found: Mapping[str, Array]) -> tuple[Array, Array]:
        """The values, and which there are."""
        assert column is not None
        values, (time, _) = found["first"], Earliest(column).columns
        if column is Kind.BOOLEAN:
            values = values != 0
        elif column is Kind.TIME:
            values = values.view(column.dtype)
        return values, found["first_at"] != time.neutral


FIRST = First()


def first(
    column: Any, *, where: Any = None, over: Over = (), last: int | None = None, **options: Any
) -> Any:
    """The value of the earliest event that has one, by (event time, arrival time, id)."""
    return aggregate(over_last(FIRST, last), column, where, over, options)
