"""Arithmetic means."""

from collections.abc import Mapping
from typing import Any

from slate.aggregates import whole_sums
from slate.aggregates.function import Over, TileFunction, aggregate
from slate.aggregates.over_last import over_last
from slate.aggregates.partials import Array, TilePartial
from slate.aggregates.reduced import NUMBER
from slate.aggregates.sums import totals
from slate.kinds import Kind


class Mean(TileFunction):
    """The arithmetic mean of a column: a rounded sum, divided by how many there are."""

    name = "mean"
    inputs = Kind.INTEGER, Kind.FLOAT
    rank = 1
    rounded = True

    def output(self, column: Kind | None) -> Kind:
        """A float."""
        return Kind.FLOAT

    def partials(self, column: Kind | None, length: int | None = None) -> tuple[TilePartial, ...]:
        """Their number and their sum."""
        return (NUMBER, *totals(column))

    def finish_sql(self, column: Kind | None, name: str) -> str:
        """The mean (SQL)."""
        total = f"{name}__sum"
        if column is not Kind.FLOAT:
            total = f"{{{{ float_of_halves('{name}__upper', '{name}__lower') }}}}"
        return f"{total} / nullif({name}__n, 0)"

    def finish(self, column: Kind | None, found: Mapping[str, Array]) -> tuple[Array, None]:
        """The mean, NaN over nothing."""
        if column is Kind.FLOAT:
            return found["sum"] / found["n"], None
        return whole_sums.nearest_float(found["upper"], found["lower"]) / found["n"], None


MEAN = Mean()


def mean(
    column: Any, *, where: Any = None, over: Over = (), last: int | None = None, **options: Any
) -> Any:
    """The arithmetic mean of a column."""
    return aggregate(over_last(MEAN, last), column, where, over, options)
