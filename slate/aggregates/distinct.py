"""The number of different values."""

from typing import Any

import numpy as np

from slate.aggregates.function import Over, aggregate
from slate.aggregates.over_last import over_last
from slate.aggregates.partials import Array
from slate.aggregates.value_counts import CODES, MOST, Counted, CountedFunction, exact_values
from slate.kinds import Kind


class Distinct(CountedFunction):
    """How many different values there are.

    Of more than are exact it is estimated from the greatest code that is kept, as codes are spread
    evenly (Bar-Yossef and others, "Counting distinct elements in a data stream").
    """

    name = "distinct"
    inputs = tuple(Kind)
    empty = 0
    least = 0, "it is a count"

    def output(self, column: Kind | None) -> Kind:
        """A whole number."""
        return Kind.INTEGER

    def finish_sql(self, counted: str, length: int | None) -> str:
        """Their number (SQL)."""
        estimate = f"cast(floor({self.most * CODES!r} / {counted}[-1].code) as bigint)"
        return f"case when len({counted}) < {self.kept} then len({counted}) else {estimate} end"

    def finish(self, counted: Counted) -> Array:
        """Their number."""
        found: Array = counted.sizes.astype(np.int64)
        more = np.flatnonzero(found >= self.kept)
        greatest = counted.code[counted.ends[more] - 1].astype(np.float64)
        found[more] = np.floor(self.most * CODES / greatest)
        return found


def distinct(
    column: Any,
    *,
    where: Any = None,
    over: Over = (),
    last: int | None = None,
    most: int = MOST,
    **options: Any,
) -> Any:
    """The number of different values of a column.

    It is exact up to ``most`` (1 to 10,000) values of a key and window. More are estimated, with a
    standard error of 1 / sqrt(most) of the number (6 % for 256), from a sample that is the same
    online and offline, and so the estimate is the same; it is never below ``most``. A larger
    ``most`` makes larger rows.
    """
    return aggregate(
        over_last(Distinct(exact_values("distinct", most)), last), column, where, over, options
    )
