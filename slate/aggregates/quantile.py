"""Quantiles: medians and the like."""

from dataclasses import dataclass
from typing import Any

import numpy as np

from slate.aggregates.function import Over, aggregate
from slate.aggregates.over_last import over_last
from slate.aggregates.partials import Array
from slate.aggregates.value_counts import MOST, Counted, PickingFunction, exact_values
from slate.errors import DefinitionError
from slate.kinds import Kind


@dataclass(frozen=True)
class Quantile(PickingFunction):
    """The least value that has at least a share of all events at or below it.

    Args:
        most: how many different values of a key and window are exact.
        q: the share.
        kind: the kind of the values.
    """

    q: float
    kind: Kind

    name = "quantile"
    inputs = Kind.INTEGER, Kind.FLOAT, Kind.TIME

    @property
    def parameters(self) -> str:
        """What its values depend on besides its column."""
        return f"{self.q!r} {super().parameters}"

    def finish_sql(self, counted: str, length: int | None) -> str:
        """The value (SQL)."""
        return f"{{{{ quantile_of('{counted}', {self.q!r}, '{self.kind.sql}') }}}}"

    def pick(self, counted: Counted, length: int) -> Array:
        """Where the value is."""
        picked = np.full((counted.rows, 1), -1)
        order = np.lexsort((counted.value.view(self.kind.dtype), counted.row))
        row, ends = counted.row[order], counted.ends
        upto = np.cumsum(counted.n[order])
        before = np.concatenate([[0], upto])[ends - counted.sizes]
        reached = (upto - before[row]).astype(np.float64) >= self.q * counted.totals[row]
        # The first that reaches it, so the last to be written.
        there = np.flatnonzero(reached)[::-1]
        picked[row[there], 0] = order[there]
        return picked


def quantile(
    column: Any,
    q: float,
    *,
    where: Any = None,
    over: Over = (),
    last: int | None = None,
    most: int = MOST,
    **options: Any,
) -> Any:
    """A quantile of a column: the least value with a share ``q`` of all events at or below it.

    It is one of the values, as NumPy's method "inverted_cdf" has it: ``quantile(Event.price, 0.5)``
    is the (lower) median. It is exact up to ``most`` (1 to 10,000) different values of a key and
    window. Of more it is that of a sample of ``most`` values with all their events, with a
    standard error of at most 0.5 / sqrt(most) of the events (3 % for 256) where all values are
    about equally frequent; the sample is the same online and offline.
    """
    if isinstance(q, bool) or not isinstance(q, int | float) or not 0 < q <= 1:
        raise DefinitionError(
            f"quantile({column!r}, {q!r}): say which, as a number above 0 and up to 1: 0.5 is the "
            "median"
        )
    kind = getattr(column, "kind", Kind.FLOAT)
    function = Quantile(exact_values("quantile", most), float(q), kind)
    return aggregate(over_last(function, last), column, where, over, options)
