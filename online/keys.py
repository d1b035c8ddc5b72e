"""Keys of a request: each once, with the rows that they belong to."""

from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np

from online.rows import Words
from online.stream.names import partition
from slate.features import Attribute

# A key column of the request, or the attribute whose value is the key.
KeySource = str | Attribute


@dataclass(frozen=True)
class Keys:
    """A column of keys.

    Attributes:
        values: the keys, each once.
        index: for each row the position of its key in ``values``, -1 where it has none.
    """

    values: list[Any]
    index: Words

    @cached_property
    def texts(self) -> list[str]:
        """The keys as texts."""
        return [key if isinstance(key, str) else str(key) for key in self.values]

    @cached_property
    def size(self) -> int | None:
        """The bytes that each key has as a text; None if they differ, or are not all ASCII."""
        sizes = set(map(len, self.texts))
        return sizes.pop() if len(sizes) == 1 and "".join(self.texts).isascii() else None

    @cached_property
    def partitions(self) -> dict[int, list[int]]:
        """The positions of the keys by the partition of the stream that they are in."""
        found: dict[int, list[int]] = {}
        for position, text in enumerate(self.texts):
            found.setdefault(partition(text), []).append(position)
        return found

    @classmethod
    def of(cls, column: list[Any]) -> "Keys":
        """A column of keys, None where there is none."""
        found: dict[Any, int] = dict.fromkeys(column, 0)
        if None not in found and len(found) == len(column):
            return cls(column, np.arange(len(column)))
        found.pop(None, None)
        for position, key in enumerate(found):
            found[key] = position
        index = [-1 if key is None else found[key] for key in column]
        return cls(list(found), np.array(index, np.int64))

    def spread(self, values: Words, missing: int) -> Words:
        """A value per key as a value per row, ``missing`` where a row has no key."""
        return np.append(values, missing)[self.index]
