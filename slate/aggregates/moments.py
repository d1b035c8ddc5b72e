"""Mean and deviation of many values, merged without losing digits."""

from collections.abc import Sequence
from typing import ClassVar

import numpy as np

from slate.aggregates.partials import (
    Array,
    EventsInput,
    EventsSql,
    TileColumn,
    TilePartial,
    where_clause,
)
from slate.aggregates.reduced import NUMBER
from slate.kinds import Kind


class Moments(TilePartial):
    """The mean and the sum of squared deviations from it, pooled with those of other events.

    No large sum is ever squared (Chan, Golub, LeVeque, "Algorithms for computing the sample
    variance").
    """

    columns = (TileColumn("mean", Kind.FLOAT, 0.0), TileColumn("m2", Kind.FLOAT, 0.0))
    macro = "pooled"
    reads: ClassVar[tuple[str, ...]] = ("n",)

    @property
    def part(self) -> str:
        """A part of a window is a list of (n, mean, m2)."""
        return "parts"

    def columns_of_events(self, events: EventsSql) -> tuple[str, ...]:
        """The columns of a tile (SQL)."""
        column, where = events.column, events.where
        return f"avg({column}){where}", f"var_pop({column}){where} * count({column}){where}"

    def part_of_events(self, events: EventsSql) -> str:
        """A part of a window (SQL)."""
        (n,), (mean, m2) = NUMBER.columns_of_events(events), self.columns_of_events(events)
        return f"case when {n} > 0 then [{{n: cast({n} as double), mean: {mean}, m2: {m2}}}] end"

    def part_of_tiles(self, name: str, condition: str) -> str:
        """A part of a window (SQL)."""
        struct = f"{{n: cast({name}__n as double), mean: {name}__mean, m2: {name}__m2}}"
        return f"list({struct}){where_clause(condition, f'{name}__n > 0')}"

    def alone(self, part: str) -> str:
        """A single part as one (n, mean, m2) (SQL)."""
        return f"{{{{ {self.macro}(['{part}']) }}}}"

    def columns_of_part(self, part: str) -> tuple[str, ...]:
        """A part as the columns of a tile (SQL)."""
        pooled = self.alone(part)
        return f"{pooled}.mean", f"{pooled}.m2"

    def inputs(self, events: EventsInput) -> tuple[Array, Array]:
        """The value of each event, and which of them take part."""
        return events.values().astype(np.float64), events.taking_part

    def reduced(
        self, inputs: tuple[Array, Array], starts: Array, *read: Array
    ) -> tuple[Array, ...]:
        """The columns of groups of events, in two passes."""
        (values, there), (n,) = inputs, read
        mean = np.add.reduceat(np.where(there, values, 0.0), starts) / np.maximum(n, 1)
        sizes = np.diff(starts, append=len(values))
        apart = np.where(there, values - np.repeat(mean, sizes), 0.0)
        return mean, np.add.reduceat(apart * apart, starts)

    def merge(
        self, target: Sequence[Array], into: Array, other: Sequence[Array], of: Array
    ) -> None:
        """Pool some of the arrays' members with others, in place."""
        (mean, m2, n), (other_mean, other_m2, other_n) = target, other
        before, more = n[into], other_n[of]
        share = more / np.maximum(before + more, 1)
        distance = other_mean[of] - mean[into]
        m2[into] += other_m2[of] + distance * distance * (before * share)
        mean[into] += distance * share
