"""The values of the latest events: of one, or of several."""

from collections.abc import Callable
from typing import Any

from slate.aggregates.function import LatestFunction, Over, aggregate
from slate.aggregates.kept_events import Latest
from slate.aggregates.partials import TileColumn
from slate.errors import DefinitionError
from slate.kinds import Kind

MOST_VALUES = 1_000


class Last(LatestFunction):
    """The value of the latest event."""

    name = "last"
    picks_values = True
    inputs = tuple(Kind)

    def partials(self, column: Kind | None, length: int | None) -> tuple[Latest]:
        """The latest event."""
        assert column is not None
        return (Latest(TileColumn("last", column, length=length)),)

    def finish_sql(self, name: str, in_time: Callable[[str], str]) -> str:
        """The value (SQL)."""
        terms = in_time(name)
        return f"case when {terms} then {name}.value end" if terms else f"{name}.value"


class LastN(Last):
    """The values of the latest events, the latest first."""

    name = "last_n"
    picks_values = True

    def finish_sql(self, name: str, in_time: Callable[[str], str]) -> str:
        """A list of the values (SQL)."""
        terms = in_time("event")
        where = f" if {terms}" if terms else ""
        return f"coalesce([event.value for event in {name}{where}], [])"


LAST, LAST_N = Last(), LastN()


def last(column: Any, *, where: Any = None, over: Over = (), **options: Any) -> Any:
    """The value of the latest event by (event time, arrival time, id) whose column is not null.

    Without ``over`` it looks back without bound; the view's ``ttl`` can bound it.
    """
    return aggregate(LAST, column, where, over, options)


def last_n(
    column: Any,
    n: int,
    *,
    where: Any = None,
    over: Over = (),
    **options: Any,
) -> Any:
    """The values of the latest ``n`` events, the latest first, bounded as ``last`` is.

    In tables it is a list of as many values as there are; in NumPy an array of shape (rows, n),
    padded with ``default``, or with null. A model reads it; request features cannot. Options:
    ``default``, ``tags``.
    """
    if type(n) is not int or not 1 <= n <= MOST_VALUES:
        raise DefinitionError(
            f"last_n({column!r}, {n!r}): say how many values, as a whole number from 1 to "
            f"{MOST_VALUES:,}"
        )
    return aggregate(LAST_N, column, where, over, options, n)
