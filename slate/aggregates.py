"""Aggregates over a source's events: what a windowed view is made of.

An aggregate skips null inputs. Over an empty window, count and sum are 0 and every other is null or
its declared default.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import Enum
from typing import Any

from slate.errors import DefinitionError
from slate.expressions import Expr
from slate.kinds import Kind
from slate.windows import Window


class Merge(Enum):
    """How two partial results of one aggregate become one."""

    SUM = "sum"
    MIN = "min"
    MAX = "max"
    LATEST = "latest"
    POOL = "pool"


@dataclass(frozen=True)
class Partial:
    """A column of a tile: one number, from which the aggregate is finished.

    Attributes:
        suffix: what follows the feature's name in the tile's column ("spend__sum").
        kind: the column's kind; of a latest value, the value's kind.
        merge: how the tiles of a window are put together. POOL marks the three columns (number,
            mean, sum of squared deviations) that the pooled deviation is made of.
        length: of the latest values, how many a tile keeps at most; None for one, not in a list.
    """

    suffix: str
    kind: Kind
    merge: Merge
    length: int | None = None


@dataclass(frozen=True)
class Function:
    """A kind of aggregate.

    Attributes:
        name: as it is written in a definition.
        inputs: the kinds of column it takes; none for a count of events.
        empty: its value over no events, where that is not null.
    """

    name: str
    inputs: tuple[Kind, ...]
    empty: int | None = None

    def output(self, column: Kind | None) -> Kind:
        """The kind of the result for a column of this kind."""
        if self is COUNT or column is None:
            return Kind.INTEGER
        return Kind.FLOAT if self in (MEAN, STD) else column

    @property
    def lasting(self) -> bool:
        """Whether it is of the latest events, so that one tile's column serves all windows."""
        return self in (LAST, LAST_N)

    def partials(self, column: Kind | None, length: int | None = None) -> tuple[Partial, ...]:
        """The columns of a tile that this aggregate is finished from."""
        number = Partial("n", Kind.INTEGER, Merge.SUM)
        if self is COUNT or column is None:
            return (number,)
        if self is SUM:
            return _totals(column)
        if self is MEAN:
            return (number, *_totals(column))
        if self is STD:
            return (
                Partial("n", Kind.INTEGER, Merge.POOL),
                Partial("mean", Kind.FLOAT, Merge.POOL),
                Partial("m2", Kind.FLOAT, Merge.POOL),
            )
        if self.lasting:
            return (Partial("last", column, Merge.LATEST, length),)
        extreme = Partial(self.name, column, Merge.MIN if self is MIN else Merge.MAX)
        # Any whole number can be the least or the greatest: none is left to stand for no event.
        return (number, extreme) if column is Kind.INTEGER else (extreme,)


def _totals(column: Kind) -> tuple[Partial, ...]:
    """What the sum of a column is finished from; see ``slate.whole_sums``."""
    if column is Kind.FLOAT:
        return (Partial("sum", column, Merge.SUM),)
    return (Partial("upper", column, Merge.SUM), Partial("lower", column, Merge.SUM))


_NUMBERS = (Kind.INTEGER, Kind.FLOAT)
COUNT = Function("count", (), empty=0)
SUM = Function("sum", _NUMBERS, empty=0)
MEAN = Function("mean", _NUMBERS)
MIN = Function("min", (*_NUMBERS, Kind.TIME))
MAX = Function("max", (*_NUMBERS, Kind.TIME))
STD = Function("std", _NUMBERS)
LAST = Function("last", tuple(Kind))
LAST_N = Function("last_n", tuple(Kind))
MOST_VALUES = 1_000


@dataclass(frozen=True, eq=False, repr=False)
class Aggregate:
    """An aggregate as written in a view, before the view gives it a name.

    Attributes:
        function: what is computed.
        column: the source's column; None for a count.
        where: which events take part; None for all.
        over: the windows as written; empty for a last value without a bound.
        listed: whether ``over`` was written as a list, so that features are picked by window.
        options: default, constraints, tags.
        length: how many values it has at most; None where it is one value.
    """

    function: Function
    column: Expr | None
    where: Expr | None
    over: tuple[str, ...]
    listed: bool
    options: Mapping[str, Any]
    length: int | None = None

    def __repr__(self) -> str:
        return f"{self.function.name}(...)"


def _aggregate(
    function: Function,
    column: Any,
    where: Any,
    over: str | list[str] | tuple[str, ...],
    options: Mapping[str, Any],
    length: int | None = None,
) -> Any:
    if column is not None and not isinstance(column, Expr):
        raise DefinitionError(
            f"{function.name}({column!r}): aggregate a source's column, as in "
            f"{function.name}(Event.price)"
        )
    if where is not None and not isinstance(where, Expr):
        raise DefinitionError(
            f"{function.name}(where={where!r}): filter by comparing the source's columns with "
            "constants, joined by &, as in where=Event.kind == 'tap'"
        )
    listed = isinstance(over, list | tuple)
    windows = tuple(over) if isinstance(over, list | tuple) else (over,)
    return Aggregate(function, column, where, windows, listed, options, length)


def count(*, where: Any = None, over: str | list[str], **options: Any) -> Any:
    """The number of events. Options: ``min``, ``max``, ``tags``."""
    return _aggregate(COUNT, None, where, over, options)


def sum(column: Any, *, where: Any = None, over: str | list[str], **options: Any) -> Any:
    """The sum of a column; 0 over no events.

    Of whole numbers it is exact; a sum that leaves 64 bits is the nearest number that does not.
    """
    return _aggregate(SUM, column, where, over, options)


def mean(column: Any, *, where: Any = None, over: str | list[str], **options: Any) -> Any:
    """The arithmetic mean of a column."""
    return _aggregate(MEAN, column, where, over, options)


def min(column: Any, *, where: Any = None, over: str | list[str], **options: Any) -> Any:
    """The least value of a column."""
    return _aggregate(MIN, column, where, over, options)


def max(column: Any, *, where: Any = None, over: str | list[str], **options: Any) -> Any:
    """The greatest value of a column."""
    return _aggregate(MAX, column, where, over, options)


def std(column: Any, *, where: Any = None, over: str | list[str], **options: Any) -> Any:
    """The standard deviation of a column: the population's, NumPy's default; 0 for one event."""
    return _aggregate(STD, column, where, over, options)


def last(
    column: Any, *, where: Any = None, over: str | list[str] | tuple[str, ...] = (), **options: Any
) -> Any:
    """The value of the latest event by (event time, arrival time, id) whose column is not null.

    Without ``over`` it looks back without bound; the view's ``ttl`` can bound it.
    """
    return _aggregate(LAST, column, where, over, options)


def last_n(
    column: Any,
    n: int,
    *,
    where: Any = None,
    over: str | list[str] | tuple[str, ...] = (),
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
    return _aggregate(LAST_N, column, where, over, options, n)


@dataclass(frozen=True, eq=False)
class Measure:
    """An aggregate with its place: what a view's tiles keep one set of columns for.

    Attributes:
        name: the attribute's name in the view.
        function: what is computed.
        column: the source's column, or None.
        column_kind: its kind.
        where: which events take part.
        windows: the windows asked for; empty for an unbounded last value.
        length: how many values it has at most; None where it is one value.
    """

    name: str
    function: Function
    column: str | None
    column_kind: Kind | None
    where: Expr | None
    windows: tuple[Window, ...]
    length: int | None = None

    @property
    def partials(self) -> tuple[Partial, ...]:
        """The columns that a tile keeps for it."""
        return self.function.partials(self.column_kind, self.length)

    def tile_column(self, partial: Partial) -> str:
        """The name of such a column."""
        return f"{self.name}__{partial.suffix}"
