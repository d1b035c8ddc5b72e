"""Aggregates of the latest so many events alone."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from slate.aggregates.function import Function, LatestFunction
from slate.aggregates.kept_events import Latest
from slate.aggregates.latest import MOST_VALUES
from slate.aggregates.partials import TileColumn
from slate.errors import DefinitionError
from slate.kinds import Kind


@dataclass(frozen=True)
class OverLast(LatestFunction):
    """An aggregate of the latest events that take part, so many of them or fewer.

    A tile keeps the latest events, as a list of values does; what is asked for is made of them when
    it is read.

    Args:
        inner: the aggregate.
        number: of how many events.
    """

    inner: Function
    number: int

    def __post_init__(self) -> None:
        for name in ("name", "inputs", "empty", "least", "saturates", "picks_values"):
            object.__setattr__(self, name, getattr(self.inner, name))

    @property
    def parameters(self) -> str:
        """What its values depend on besides its column."""
        return f"{self.inner.parameters} last {self.number}".strip()

    def output(self, column: Kind | None) -> Kind:
        """The kind of the inner aggregate's result."""
        return self.inner.output(column)

    def partials(self, column: Kind | None, length: int | None) -> tuple[Latest]:
        """The latest events."""
        assert column is not None
        return (Latest(TileColumn("last", column, length=self.number)),)

    def finish_sql(self, name: str, in_time: Callable[[str], str]) -> str:
        """Nothing: the events are aggregated before (see ``slate.compile.finishing``)."""
        raise NotImplementedError(f"{self.name} of the latest events is finished by itself")


def over_last(function: Function, last: Any) -> Function:
    """An aggregate as ``last`` bounds it.

    Args:
        function: the aggregate.
        last: of how many events; None for no bound.

    Raises:
        DefinitionError: it is not such a number.
    """
    if last is None:
        return function
    if type(last) is not int or not 1 <= last <= MOST_VALUES:
        raise DefinitionError(
            f"{function.name}(last={last!r}): say of how many of the latest events, as a whole "
            f"number from 1 to {MOST_VALUES:,}"
        )
    return OverLast(function, last)
