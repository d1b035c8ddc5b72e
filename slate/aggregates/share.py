"""The share of the most frequent value."""

from typing import Any

import numpy as np

from slate.aggregates.function import Over, aggregate
from slate.aggregates.over_last import over_last
from slate.aggregates.partials import Array
from slate.aggregates.value_counts import MOST, Counted, CountedFunction, exact_values
from slate.kinds import Kind


class Share(CountedFunction):
    """How much of all events the most frequent value has."""

    name = "share"
    inputs = tuple(Kind)
    least = 0, "it is a share"

    def output(self, column: Kind | None) -> Kind:
        """A float."""
        return Kind.FLOAT

    def finish_sql(self, counted: str, length: int | None) -> str:
        """The share (SQL)."""
        most, total = (
            f"cast({f}([entry.n for entry in {counted}]) as double)"
            for f in ("list_max", "list_sum")
        )
        return f"case when len({counted}) < {self.kept} then {most} / {total} end"

    def finish(self, counted: Counted) -> Array:
        """The share, NaN over nothing and where values are lacking."""
        found = np.full(counted.rows, np.nan)
        rows = np.flatnonzero((counted.sizes > 0) & (counted.sizes < self.kept))
        if len(rows):
            filled = counted.filled
            most = np.zeros(counted.rows, np.int64)
            most[filled] = np.maximum.reduceat(counted.n, (counted.ends - counted.sizes)[filled])
            found[rows] = most[rows] / counted.totals[rows]
        return found


def share(
    column: Any,
    *,
    where: Any = None,
    over: Over = (),
    last: int | None = None,
    most: int = MOST,
    **options: Any,
) -> Any:
    """The share of all events that the most frequent value of a column has, between 0 and 1.

    Of more than ``most`` (1 to 10,000) different values of a key and window it cannot be told, and
    is null or the declared default.
    """
    return aggregate(
        over_last(Share(exact_values("share", most)), last), column, where, over, options
    )
