"""The most frequent values."""

from typing import Any

import numpy as np

from slate.aggregates.function import Over, aggregate
from slate.aggregates.latest import MOST_VALUES
from slate.aggregates.over_last import over_last
from slate.aggregates.partials import Array
from slate.aggregates.value_counts import MOST, Counted, PickingFunction, exact_values
from slate.errors import DefinitionError
from slate.kinds import Kind


class Top(PickingFunction):
    """The most frequent value, or several; of equally frequent ones that with the lesser code."""

    name = "top"
    picks_values = True
    inputs = tuple(Kind)

    def finish_sql(self, counted: str, length: int | None) -> str:
        """The value, or a list of them (SQL)."""
        entries = f"{{n: -entry.n, code: entry.code, value: entry.value}} for entry in {counted}"
        ordered = f"list_sort([{entries}])"
        value = f"{ordered}[1].value"
        if length is not None:
            value = f"[entry.value for entry in {ordered}[:{length}]]"
        return f"case when len({counted}) < {self.kept} then {value} end"

    def pick(self, counted: Counted, length: int) -> Array:
        """Where the values are, the most frequent first."""
        picked = np.full((counted.rows, length), -1)
        # Ordered by row and code already.
        order = np.lexsort((-counted.n, counted.row))
        row = counted.row[order]
        place = np.arange(len(row)) - (counted.ends - counted.sizes)[row]
        told = (place < length) & (counted.sizes[row] < self.kept)
        picked[row[told], place[told]] = order[told]
        return picked


def top(
    column: Any,
    n: int | None = None,
    *,
    where: Any = None,
    over: Over = (),
    last: int | None = None,
    most: int = MOST,
    **options: Any,
) -> Any:
    """The most frequent value of a column; with ``n`` a list of the ``n`` most frequent ones.

    Of equally frequent ones comes first that of which the MD5 is less: always the same, and no
    letter of the alphabet has the better of it. Of more than ``most`` (1 to 10,000) different
    values of a key and window it cannot be told: it is null or the declared default, and the list
    is empty.
    """
    if n is not None and (type(n) is not int or not 1 <= n <= MOST_VALUES):
        raise DefinitionError(
            f"top({column!r}, {n!r}): say how many values, as a whole number from 1 to "
            f"{MOST_VALUES:,}, or nothing for the one that is most frequent"
        )
    return aggregate(
        over_last(Top(exact_values("top", most)), last), column, where, over, options, n
    )
