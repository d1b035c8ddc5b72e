"""What a kind of aggregate says of itself, and an aggregate's way from a definition into a view.

An aggregate skips null inputs. Over an empty window, count and sum are 0 and every other is null or
its declared default.
"""

from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, ClassVar, NoReturn, TypeAlias

from numpy.lib.mixins import NDArrayOperatorsMixin

from slate.aggregates.kept_events import Latest
from slate.aggregates.partials import Array, Partial, TileColumn, TilePartial
from slate.errors import DefinitionError
from slate.expressions import Expr
from slate.kinds import Kind
from slate.windows import Window

# Windows as a definition writes them: one, or several.
Over: TypeAlias = str | list[str] | tuple[str, ...]


class Function(ABC):
    """A kind of aggregate.

    Attributes:
        name: as it is written in a definition.
        inputs: the kinds of column it takes; none for a count of events.
        empty: its value over no events, where that is not null.
        least: what it is never less than, and why; None if that depends on its column.
        saturates: whether a whole number that leaves 64 bits ends at their ends.
        grows: whether a longer window's value is never less than that of a shorter one inside it.
        rank: among aggregates of the same values, those of a higher rank are never less; None for
            those that cannot be compared.
        rounded: whether it is rounded by what is computed, so that this holds but for a little.
        picks_values: whether it is one of its column's values, or some of them: it is as personal
            as these, and is found where an entity is to be forgotten.
    """

    name: ClassVar[str]
    inputs: ClassVar[tuple[Kind, ...]]
    empty: ClassVar[int | None] = None
    least: ClassVar[tuple[int, str] | None] = None
    saturates: ClassVar[bool] = False
    grows: ClassVar[bool] = False
    rank: ClassVar[int | None] = None
    rounded: ClassVar[bool] = False
    picks_values: ClassVar[bool] = False

    @property
    def parameters(self) -> str:
        """What its values depend on besides its column; empty if on nothing."""
        return ""

    def output(self, column: Kind | None) -> Kind:
        """The kind of the result for a column of this kind."""
        assert column is not None
        return column

    @abstractmethod
    def partials(self, column: Kind | None, length: int | None) -> tuple[Partial, ...]:
        """What a tile keeps for it.

        Args:
            column: the column's kind; None for a count.
            length: how many values it has at most; None where it is one value.
        """


class TileFunction(Function):
    """An aggregate that is put together of a window's tiles.

    Attributes:
        over_forever: whether ``over="forever"`` may be asked of it, as SQL can keep it up.
    """

    over_forever: ClassVar[bool] = True

    @abstractmethod
    def partials(self, column: Kind | None, length: int | None = None) -> tuple[TilePartial, ...]:
        """What a tile keeps for it."""

    def sql_partials(self, column: Kind | None) -> tuple[TilePartial, ...]:
        """The partials that SQL needs of a window; where null tells enough, not all."""
        return self.partials(column)

    @abstractmethod
    def finish_sql(self, column: Kind | None, name: str) -> str:
        """The value (SQL).

        Args:
            column: the column's kind.
            name: what the columns of the window's merged parts begin with.
        """

    @abstractmethod
    def finish(self, column: Kind | None, found: Mapping[str, Array]) -> tuple[Array, Array | None]:
        """The values, and which of them there are.

        Args:
            column: the column's kind.
            found: the merged partials of windows, by suffix.

        Returns:
            The second is None where all are, or else are NaN.
        """


class LatestFunction(Function):
    """An aggregate of the latest events: one of a tile's columns serves all its windows."""

    @abstractmethod
    def partials(self, column: Kind | None, length: int | None) -> tuple[Latest]:
        """What a tile keeps for it."""

    @abstractmethod
    def finish_sql(self, name: str, in_time: Callable[[str], str]) -> str:
        """The value (SQL).

        Args:
            name: the merged column of the latest events.
            in_time: says of an event whether it lies in the window; empty where it always does.
        """


@dataclass(frozen=True, eq=False, repr=False)
class Aggregate(NDArrayOperatorsMixin):
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

    __hash__ = object.__hash__

    def __repr__(self) -> str:
        return f"{self.function.name}(...)"

    def __array_ufunc__(self, *_: Any, **__: Any) -> NoReturn:
        """It has no values to compute with in the view that it is written in."""
        raise self._nameless()

    def __array_function__(self, *_: Any, **__: Any) -> NoReturn:
        """Nor for functions that are not ufuncs."""
        raise self._nameless()

    def __bool__(self) -> NoReturn:
        """Nor is it true or false."""
        raise self._nameless()

    def __round__(self, digits: int | None = None) -> NoReturn:
        """Nor is it one number."""
        raise self._nameless()

    def _nameless(self) -> DefinitionError:
        return DefinitionError(
            f"{self!r} cannot be computed with in the view that it is written in: give it a line "
            "and a name of its own, and compute with that in a RequestFeatures, as in "
            "`per_order: float = Orders.spend / np.maximum(Orders.number, 1)`"
        )


def aggregate(
    function: Function,
    column: Any,
    where: Any,
    over: Over,
    options: Mapping[str, Any],
    length: int | None = None,
) -> Any:
    """An aggregate as a definition writes it.

    Raises:
        DefinitionError: the column or the filter is none.
    """
    if column is not None and not isinstance(column, Expr):
        raise DefinitionError(
            f"{function.name}({column!r}): aggregate a source's column, as in "
            f"{function.name}(Event.price)"
        )
    if where is not None and not isinstance(where, Expr):
        raise DefinitionError(
            f"{function.name}(where={where!r}): filter by comparing the source's columns with "
            "constants, joined by & | ~, as in where=Event.kind == 'tap'"
        )
    listed = isinstance(over, list | tuple)
    windows = tuple(over) if isinstance(over, list | tuple) else (over,)
    return Aggregate(function, column, where, windows, listed, options, length)


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
    def lasting(self) -> bool:
        """Whether it is of the latest events, so that one tile's column serves all windows."""
        return isinstance(self.function, LatestFunction)

    @property
    def partials(self) -> tuple[Partial, ...]:
        """What a tile keeps for it."""
        return self.function.partials(self.column_kind, self.length)

    @property
    def columns(self) -> tuple[TileColumn, ...]:
        """The columns in which a tile keeps it."""
        return tuple(column for partial in self.partials for column in partial.columns)

    @property
    def tile_columns(self) -> tuple[str, ...]:
        """The names of the columns in which a tile of the warehouse keeps it."""
        suffixes = (suffix for partial in self.partials for suffix in partial.suffixes)
        return tuple(map(self.tile_column, suffixes))

    def tile_column(self, suffix: str) -> str:
        """The name of such a column."""
        return f"{self.name}__{suffix}"
