"""The number of events."""

from collections.abc import Mapping
from typing import Any

from slate.aggregates.function import TileFunction, aggregate
from slate.aggregates.partials import NUMBER, Array, TilePartial
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


def count(*, where: Any = None, over: str | list[str], **options: Any) -> Any:
    """The number of events. Options: ``min``, ``max``, ``tags``."""
    return aggregate(COUNT, None, where, over, options)
