"""Tables of decoded values: a row for each slot, the values of one type beside each other.

So a row is one piece of memory: to take two thousand of them is one call for all columns, and
several times faster than to take each column's.
"""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Self, TypeAlias

import numpy as np

from slate.encoded import Operand, array
from slate.expressions import Array, Expr
from slate.online.near.memory import Memory
from slate.online.rows.row_format import Words

# A feature, and its column in a table.
_Column: TypeAlias = tuple[Expr, int]


class ValueTable:
    """Values of features by slot."""

    def __init__(self) -> None:
        # Lists and texts have columns of their own.
        self._others: dict[Expr, Array] = {}
        self._place: dict[Expr, tuple[np.dtype[Any], int]] = {}
        self._tables: dict[np.dtype[Any], Array] = {}
        # Of features that were asked for together those of each table, with their columns.
        self._asked: dict[tuple[Expr, ...], list[tuple[np.dtype[Any], list[_Column]]]] = {}

    @classmethod
    def decoded(cls, values: Mapping[Expr, Operand], memory: Memory) -> Self:
        """A table of values.

        Args:
            values: of each feature those of all slots, as they were decoded.
            memory: where it lies; lists and texts are always of this process.
        """
        table = cls()
        together: dict[np.dtype[Any], list[Array]] = {}
        for feature, column in values.items():
            held = array(column)
            if held.ndim == 1 and held.dtype.kind in "bifM" and not np.ma.isMaskedArray(held):
                columns = together.setdefault(held.dtype, [])
                table._place[feature] = held.dtype, len(columns)
                columns.append(held)
            else:
                table._others[feature] = held
        for dtype, columns in together.items():
            rows = memory.array((len(columns[0]), len(columns)), dtype)
            table._tables[dtype] = np.stack(columns, axis=1, out=rows)
        return table

    @classmethod
    def of(cls, parts: Iterable[tuple[Array, Sequence[Expr]]]) -> Self:
        """A table of what ``parts`` told of another."""
        table = cls()
        for rows, features in parts:
            table._tables[rows.dtype] = rows
            for place, feature in enumerate(features):
                table._place[feature] = rows.dtype, place
        return table

    @property
    def parts(self) -> list[tuple[Array, list[Expr]]]:
        """Its pieces of memory, and the features of each piece's columns."""
        assert not self._others
        return [
            (rows, [feature for feature, (of, _) in self._place.items() if of == dtype])
            for dtype, rows in self._tables.items()
        ]

    def take(self, at: Words, features: tuple[Expr, ...]) -> dict[Expr, Operand]:
        """The values of some slots.

        Args:
            at: the slots.
            features: the features.
        """
        values: dict[Expr, Operand] = {}
        for dtype, columns in self._columns(features):
            rows = self._tables[dtype].take(at, axis=0)
            for feature, place in columns:
                values[feature] = rows[:, place]
        for feature in self._others.keys() & features:
            values[feature] = self._others[feature][at]
        return values

    def _columns(self, features: tuple[Expr, ...]) -> list[tuple[np.dtype[Any], list[_Column]]]:
        """Where features lie that are no lists or texts: found once, as the same are asked for."""
        found = self._asked.get(features)
        if found is None:
            by_table: dict[np.dtype[Any], list[_Column]] = {}
            for feature in features:
                if feature not in self._others:
                    dtype, place = self._place[feature]
                    by_table.setdefault(dtype, []).append((feature, place))
            found = self._asked[features] = list(by_table.items())
        return found

    def put(self, at: Words, values: Mapping[Expr, Operand]) -> None:
        """Replace the values of some slots.

        Args:
            at: the slots.
            values: their new ones, of all features.
        """
        together: dict[np.dtype[Any], list[Array]] = {dtype: [] for dtype in self._tables}
        for feature, column in values.items():
            if feature in self._others:
                self._others[feature][at] = array(column)
            else:
                together[self._place[feature][0]].append(array(column))
        for dtype, columns in together.items():
            self._tables[dtype][at] = np.stack(columns, axis=1)
