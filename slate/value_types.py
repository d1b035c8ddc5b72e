"""What a column of features holds: a value of some kind a row, or a list of such."""

from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
import pyarrow as pa

from slate.encoded import Encoded, Operand
from slate.expressions import Array
from slate.kinds import Kind


@dataclass(frozen=True)
class ValueType:
    """The type of a feature's values.

    In tables a list holds as many values as there are. In NumPy it is a row of a masked array of
    shape (rows, length): the values first, and then, masked, what the array is padded with.
    ``docs/types.md`` has the types of each kind in all places where values are read.

    Attributes:
        kind: the kind of the values.
        length: the most values of a list; None where there is one value a row.
    """

    kind: Kind
    length: int | None = None

    @property
    def name(self) -> str:
        """The type as the catalogue names it: ``str``, or ``list[str]``."""
        return self.kind.value if self.length is None else f"list[{self.kind.value}]"

    @cached_property
    def is_number(self) -> bool:
        """Whether a matrix can hold it: a single number or truth value."""
        return self.length is None and self.kind not in (Kind.STRING, Kind.TIME)

    @property
    def sql(self) -> str:
        """The SQL type of a column."""
        return self.kind.sql if self.length is None else f"{self.kind.sql}[]"

    @property
    def arrow(self) -> pa.DataType:
        """The Arrow type of a column."""
        return self.kind.arrow if self.length is None else pa.list_(self.kind.arrow)

    def from_arrow(self, column: pa.Array, null: Any) -> Array:
        """An Arrow array of this type as one of NumPy.

        Args:
            column: the array, no list of it null.
            null: what lists are padded with.
        """
        if self.length is None:
            return self.kind.from_arrow(column)
        lengths = column.value_lengths().to_numpy(zero_copy_only=False)
        there = np.arange(self.length) < lengths[:, None]
        values = self.kind.full(there.size, null).reshape(there.shape)
        values[there] = self.kind.from_arrow(column.flatten())
        return np.ma.MaskedArray(values, ~there)

    def padded(self, values: Array, rows: int) -> Array:
        """An array of this type as one without a mask, of so many rows; read-only.

        Args:
            values: of this type, of one row that stands for all, or of all.
            rows: how many.
        """
        shape = (rows,) if self.length is None else (rows, self.length)
        return np.broadcast_to(np.ma.getdata(values), shape)

    def to_arrow(self, values: Operand, rows: int) -> pa.Array:
        """An array of this type as an Arrow array of so many rows.

        Args:
            values: of this type, of one row that stands for all, or of all.
            rows: how many.
        """
        if isinstance(values, Encoded):
            few = self.to_arrow(values.values, len(values.values))
            return few.take(pa.array(np.broadcast_to(values.index, rows)))
        if len(values) != rows:
            if self.length is not None or self.kind is Kind.STRING:
                # These are converted one by one.
                return self.to_arrow(values, 1).take(pa.array(np.zeros(rows, np.int32)))
            values = np.repeat(values, rows)
        if self.length is None:
            return self.kind.to_arrow(np.ma.getdata(values))
        there = ~np.ma.getmaskarray(values)
        offsets = np.zeros(rows + 1, np.int32)
        np.cumsum(there.sum(axis=1), out=offsets[1:])
        flat = self.kind.to_arrow(np.ma.getdata(values)[there])
        return pa.ListArray.from_arrays(pa.array(offsets), flat)
