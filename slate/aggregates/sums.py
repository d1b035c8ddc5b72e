"""Sums. Of whole numbers they are exact, and no larger than 64 bits in the end."""

from collections.abc import Mapping
from typing import Any

from slate.aggregates import whole_sums
from slate.aggregates.function import Over, TileFunction, aggregate
from slate.aggregates.over_last import over_last
from slate.aggregates.partials import Array, TilePartial
from slate.aggregates.reduced import LOWER, TOTAL, UPPER
from slate.kinds import Kind


def totals(column: Kind | None) -> tuple[TilePartial, ...]:
    """What the sum of a column of this kind is finished from."""
    return (TOTAL,) if column is Kind.FLOAT else (UPPER, LOWER)


class Sum(TileFunction):
    """The sum of a column."""

    name = "sum"
    inputs = Kind.INTEGER, Kind.FLOAT
    empty = 0
    saturates = True

    def partials(self, column: Kind | None, length: int | None = None) -> tuple[TilePartial, ...]:
        """Their sum, or the sums of their halves."""
        return totals(column)

    def finish_sql(self, column: Kind | None, name: str) -> str:
        """The sum (SQL)."""
        if column is Kind.FLOAT:
            return f"cast(coalesce({name}__sum, 0) as double)"
        return f"{{{{ total_of_halves('{name}__upper', '{name}__lower') }}}}"

    def finish(self, column: Kind | None, found: Mapping[str, Array]) -> tuple[Array, None]:
        """The sum."""
        if column is Kind.FLOAT:
            return found["sum"], None
        return whole_sums.total(found["upper"], found["lower"]), None


SUM = Sum()


def sum(
    column: Any, *, where: Any = None, over: Over = (), last: int | None = None, **options: Any
) -> Any:
    """The sum of a column; 0 over no events.

    Of whole numbers it is exact; a sum that leaves 64 bits is the nearest number that does not.
    """
    return aggregate(over_last(SUM, last), column, where, over, options)
