"""Tables of decoded values: a row for each slot, the values of one type beside each other.

So a row is one piece of memory: to take two thousand of them is one call for all columns, and
several times faster than to take each column's.
"""

from collections.abc import Iterable, Mapping
from typing import Any

import numpy as np

from slate.encoded import Operand, array
from slate.expressions import Array, Expr
from slate.online.rows.row_format import Words


class ValueTable:
    """Values of features by slot.

    Args:
        values: of each feature those of all slots, as they were decoded.
    """

    def __init__(self, values: Mapping[Expr, Operand]) -> None:
        # Lists and texts have columns of their own.
        self._others: dict[Expr, Array] = {}
        self._place: dict[Expr, tuple[np.dtype[Any], int]] = {}
        together: dict[np.dtype[Any], list[Array]] = {}
        for feature, column in values.items():
            held = array(column)
            if held.ndim == 1 and held.dtype.kind in "bifM" and not np.ma.isMaskedArray(held):
                columns = together.setdefault(held.dtype, [])
                self._place[feature] = held.dtype, len(columns)
                columns.append(held)
            else:
                self._others[feature] = held
        self._tables = {dtype: np.stack(columns, axis=1) for dtype, columns in together.items()}

    def take(self, at: Words, features: Iterable[Expr]) -> dict[Expr, Operand]:
        """The values of some slots.

        Args:
            at: the slots.
            features: the features.
        """
        rows: dict[np.dtype[Any], Array] = {}
        values: dict[Expr, Operand] = {}
        for feature in features:
            if feature in self._others:
                values[feature] = self._others[feature][at]
                continue
            dtype, place = self._place[feature]
            if dtype not in rows:
                rows[dtype] = self._tables[dtype].take(at, axis=0)
            values[feature] = rows[dtype][:, place]
        return values

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
