"""Standard deviations."""

from collections.abc import Mapping
from typing import Any

import numpy as np

from slate.aggregates.function import Over, TileFunction, aggregate
from slate.aggregates.moments import Moments
from slate.aggregates.over_last import over_last
from slate.aggregates.partials import Array, TilePartial
from slate.aggregates.reduced import NUMBER
from slate.kinds import Kind

MOMENTS = Moments()


class Deviation(TileFunction):
    """The standard deviation of a column: the population's, NumPy's default."""

    name = "std"
    inputs = Kind.INTEGER, Kind.FLOAT
    least = 0, "it is a deviation"
    over_forever = False

    def output(self, column: Kind | None) -> Kind:
        """A float."""
        return Kind.FLOAT

    def partials(self, column: Kind | None, length: int | None = None) -> tuple[TilePartial, ...]:
        """Their number and their moments."""
        return NUMBER, MOMENTS

    def sql_partials(self, column: Kind | None) -> tuple[TilePartial, ...]:
        """A part of moments has its own number."""
        return (MOMENTS,)

    def finish_sql(self, column: Kind | None, name: str) -> str:
        """The deviation (SQL)."""
        return f"sqrt({name}__parts.m2 / nullif({name}__parts.n, 0))"

    def finish(self, column: Kind | None, found: Mapping[str, Array]) -> tuple[Array, None]:
        """The deviation, NaN over nothing."""
        return np.sqrt(found["m2"] / found["n"]), None


STD = Deviation()


def std(
    column: Any, *, where: Any = None, over: Over = (), last: int | None = None, **options: Any
) -> Any:
    """The standard deviation of a column: the population's, NumPy's default; 0 for one event."""
    return aggregate(over_last(STD, last), column, where, over, options)
