"""The number of events."""

from collections.abc import Mapping
from typing import Any

from slate.aggregates.function import Over, TileFunction, aggregate
from slate.aggregates.over_last import over_last
from slate.aggregates.partials import Array, TilePartial
from slate.aggregates.reduced import NUMBER
from slate.errors import DefinitionError
from slate.kinds import Kind


class Count(TileFunction):
    """How many events there are."""

    name = "count"
    inputs = ()
    empty = 0
    least = 0, "it is a count"
    grows = True

    def output(self, column: Kind | None) -> Kind:
        """A whole number."""
        return Kind.INTEGER

    def partials(self, column: Kind | None, length: int | None = None) -> tuple[TilePartial, ...]:
        """Their number."""
        return (NUMBER,)

    def finish_sql(self, column: Kind | None, name: str) -> str:
        """The number (SQL)."""
        return f"cast(coalesce({name}__n, 0) as bigint)"

    def finish(self, column: Kind | None, found: Mapping[str, Array]) -> tuple[Array, None]:
        """The number."""
        return found["n"], None


COUNT = Count()


def count(
    *columns: Any, where: Any = None, over: Over = (), last: int | None = None, **options: Any
) -> Any:
    """The number of events. Options: ``min``, ``max``, ``tags``."""
    if columns:
        raise DefinitionError(
            f"count({', '.join(map(repr, columns))}): it counts events, whatever their columns "
            f"are; those that have this one: count(where=~is_null({columns[0]!r}), over=...); its "
            f"different values: distinct({columns[0]!r}, over=...)"
        )
    return aggregate(over_last(COUNT, last), None, where, over, options)
