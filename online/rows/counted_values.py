"""Reading features of how often values occur: of each window the values that are kept."""

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from slate.aggregates import ValuesFunction
from slate.expressions import Array
from slate.features import Aggregated
from slate.kinds import Kind
from slate.online.rows.row_format import Words
from slate.online.rows.value_counts import by_value, counted, tallied
from slate.online.rows.window_finish import finish_counts
from slate.online.rows.window_layout import CountedColumn
from slate.online.rows.window_rows import OpenRows


class CountedValues:
    """A column of value counts of rows, with what came after them.

    Args:
        column: the column.
        number: its number in the layout.
        rows: the rows.
        newer: rows that hold what came after them, each with the positions that they are for.
    """

    def __init__(
        self,
        column: CountedColumn,
        number: int,
        rows: OpenRows,
        newer: Sequence[tuple[Words, OpenRows]],
    ) -> None:
        self._kept = column.partial.kept
        self._hop = column.hop
        self._count = len(rows.head[0])
        self._origins = [rows, *(other for _, other in newer)]
        own = [origin.tallies(number) for origin in self._origins]
        if column.partial.valued and column.partial.kind is Kind.STRING:
            # Texts are read when they are picked: until then each is known by its number.
            self._ends = np.cumsum([len(tallies.row) for tallies in own])
            self._own_row = np.concatenate([tallies.row for tallies in own])
            self._references = np.concatenate([tallies.value for tallies in own])
            numbers = np.split(np.arange(self._ends[-1]), self._ends[:-1])
            own = [replace(t, value=number) for t, number in zip(own, numbers, strict=True)]
        self._tallies = own[0]
        if newer:
            places = [np.arange(self._count), *(index for index, _ in newer)]
            placed = [replace(t, row=at[t.row]).flat() for t, at in zip(own, places, strict=True)]
            self._tallies = by_value(tallied(placed, self._kept))

    def read(self, feature: Aggregated, since: int) -> Array:
        """A feature over the window that begins at an instant; many values as a masked array."""
        found = counted(self._tallies, since // self._hop, self._count, self._kept)
        function = feature.measure.function
        assert isinstance(function, ValuesFunction)
        return finish_counts(feature, function, found, lambda some: self._texts(some, feature))

    def _texts(self, numbers: Words, feature: Aggregated) -> Array:
        """The texts of these numbers."""
        found = Kind.STRING.full(len(numbers), feature.null)
        origin = np.searchsorted(self._ends, numbers, side="right")
        for place, rows in enumerate(self._origins):
            if len(at := np.flatnonzero(origin == place)):
                those = numbers[at]
                own_row, references = self._own_row[those], self._references[those]
                found[at] = rows.texts_of(own_row, references, feature.null)
        return found
