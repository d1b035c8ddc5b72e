"""The least and the greatest value of a column."""

from collections.abc import Mapping
from typing import Any

import numpy as np

from slate.aggregates.function import Over, TileFunction, aggregate
from slate.aggregates.over_last import over_last
from slate.aggregates.partials import Array, TileColumn, TilePartial
from slate.aggregates.reduced import NUMBER, LeastText, Reduced
from slate.kinds import Kind

_LIMITS = np.iinfo(np.int64)


class Extreme(TileFunction):
    """The least or the greatest value of a column."""

    inputs = Kind.INTEGER, Kind.FLOAT, Kind.TIME, Kind.STRING

    def partials(self, column: Kind | None, length: int | None = None) -> tuple[TilePartial, ...]:
        """The value; of whole numbers their number as well, as any may be the least or greatest."""
        return (
            (NUMBER, *self.sql_partials(column))
            if column is Kind.INTEGER
            else self.sql_partials(column)
        )

    def sql_partials(self, column: Kind | None) -> tuple[TilePartial, ...]:
        """The value alone: null tells that there was no event."""
        assert column is not None
        if column is Kind.STRING:
            return (LeastText(self.name),)
        # Functions of floats pass over NaN. No time is an extreme integer, so that means none.
        least = self.name == "min"
        join: np.ufunc
        if column is Kind.FLOAT:
            kept = TileColumn(self.name, column, np.nan)
            join = np.fmin if least else np.fmax
        else:
            kept = TileColumn(self.name, column, int(_LIMITS.max if least else _LIMITS.min))
            join = np.minimum if least else np.maximum
        return (Reduced(kept, join, self.name, "least_of" if least else "greatest_of"),)

    def finish_sql(self, column: Kind | None, name: str) -> str:
        """The value (SQL)."""
        return f"{name}__{self.name}"

    def finish(self, column: Kind | None, found: Mapping[str, Array]) -> tuple[Array, Array | None]:
        """The values, and of others than floats which there are."""
        values = found[self.name]
        if column is Kind.FLOAT:
            return values, None
        if column is Kind.STRING:
            return values, ~np.isnan(values)
        if column is Kind.INTEGER:
            return values, found["n"] > 0
        (kept,) = self.sql_partials(column)[0].columns
        assert column is not None
        return values.view(column.dtype), values != kept.neutral


class Min(Extreme):
    """The least value."""

    name = "min"
    picks_values = True
    rank = 0


class Max(Extreme):
    """The greatest value."""

    name = "max"
    picks_values = True
    rank = 2


MIN, MAX = Min(), Max()


def min(
    column: Any, *, where: Any = None, over: Over = (), last: int | None = None, **options: Any
) -> Any:
    """The least value of a column; of texts the first in the order of code points."""
    return aggregate(over_last(MIN, last), column, where, over, options)


def max(
    column: Any, *, where: Any = None, over: Over = (), last: int | None = None, **options: Any
) -> Any:
    """The greatest value of a column; of texts the last in the order of code points."""
    return aggregate(over_last(MAX, last), column, where, over, options)
