"""Reading features of how often values occur: of each window the values that are kept."""

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
from slate.online.rows.window_rows import Later, OpenRows


class CountedValues:
    """A column of value counts of rows, with what came after them.

    Args:
        column: the column.
        number: its number in the layout.
        rows: the rows, and behind them those that are merged into them.
        count: how many they are without those.
        later: those, in order of time.
    """

    def __init__(
        self, column: CountedColumn, number: int, rows: OpenRows, count: int, later: Later
    ) -> None:
        self._kept, self._hop = column.partial.kept, column.hop
        self._count, self._rows = count, rows
        self._tallies = rows.tallies(number)
        if column.partial.valued and column.partial.kind is Kind.STRING:
            # Texts are read when they are picked: until then each is known by its number.
            self._own_row, self._references = self._tallies.row, self._tallies.value
            self._tallies = replace(self._tallies, value=np.arange(len(self._own_row)))
        if later:
            flat = self._tallies.flat()
            parts = [flat.take(flat.row < count)]
            for some, index in later:
                part = flat.take((flat.row >= some.start) & (flat.row < some.stop))
                parts.append(replace(part, row=index[part.row - some.start]))
            self._tallies = by_value(tallied(parts, self._kept))

    def read(self, feature: Aggregated, since: int) -> Array:
        """A feature over the window that begins at an instant; many values as a masked array."""
        found = counted(self._tallies, since // self._hop, self._count, self._kept)
        function = feature.measure.function
        assert isinstance(function, ValuesFunction)
        return finish_counts(feature, function, found, lambda some: self._texts(some, feature))

    def _texts(self, numbers: Words, feature: Aggregated) -> Array:
        """The texts of these numbers."""
        own_row, references = self._own_row[numbers], self._references[numbers]
        return self._rows.texts_of(own_row, references, feature.null)
