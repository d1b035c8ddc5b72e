"""Rows on their way to the landing area: one NumPy array per column.

Ids are integers and words are codes until a file is written, so that rows that wait for a later
hour stay small and are cheap to sort. Null is -1 for ids and codes, NEVER for instants.
"""

from collections.abc import Sequence
from typing import Any, ClassVar, Self, TypeAlias

import numpy as np
from numpy.typing import NDArray

Ints: TypeAlias = NDArray[np.int64]
Floats: TypeAlias = NDArray[np.float64]
Bools: TypeAlias = NDArray[np.bool_]
Array: TypeAlias = NDArray[Any]
Rows: TypeAlias = dict[str, Array]


def count(rows: Rows) -> int:
    """Return the number of rows."""
    return len(next(iter(rows.values())))


def take(rows: Rows, which: Array) -> Rows:
    """Return the rows that an index or a mask selects."""
    return {name: column[which] for name, column in rows.items()}


def concat(parts: Sequence[Rows]) -> Rows:
    """Return the rows of all parts, which have the same columns, in their order."""
    if len(parts) == 1:
        return parts[0]
    return {name: np.concatenate([part[name] for part in parts]) for name in parts[0]}


class Columns:
    """Base of the dataclasses that hold one array per attribute, all of one length."""

    __slots__ = ()
    __match_args__: ClassVar[tuple[str, ...]] = ()  # set by each dataclass: its fields in order

    def __len__(self) -> int:
        return len(self._arrays()[0])

    def __add__(self, more: Self) -> Self:
        pairs = zip(self._arrays(), more._arrays(), strict=True)
        return type(self)(*(np.concatenate(pair) for pair in pairs))

    def take(self, which: Array | slice) -> Self:
        """Return what an index, a mask or a slice selects."""
        return type(self)(*(array[which] for array in self._arrays()))

    def _arrays(self) -> list[Array]:
        return [getattr(self, name) for name in self.__match_args__]
