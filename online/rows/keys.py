"""Keys of a request: each once, with the rows that they belong to."""

from collections.abc import Mapping, Sequence
from functools import cached_property
from itertools import repeat
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from slate.expressions import Array
from slate.features import Attribute
from slate.online.rows import checksums
from slate.online.rows.checksums import Sums
from slate.online.rows.partitioning import partitions_of
from slate.online.rows.row_format import Words

# A key column of the request, or the attribute whose value is the key.
KeySource = str | Attribute


class Keys:
    """A column of keys.

    Args:
        values: the keys, each once.
        index: for each row the position of its key in ``values``, -1 where it has none.
    """

    def __init__(self, values: list[Any], index: Words) -> None:
        self._distinct = values, index

    @property
    def values(self) -> list[Any]:
        """The keys, each once."""
        return self._distinct[0]

    @property
    def index(self) -> Words:
        """For each row the position of its key in ``values``, -1 where it has none."""
        return self._distinct[1]

    def __len__(self) -> int:
        return len(self.index)

    @property
    def rows(self) -> list[Any]:
        """The key of each row, None where it has none."""
        values = [*self.values, None]
        return [values[place] for place in self.index.tolist()]

    @property
    def missing(self) -> Array:
        """The rows that have no key; of one row that stands for all where every row has one."""
        missing: Array = self.index < 0
        return missing

    @property
    def in_order(self) -> bool:
        """Whether the rows are the keys, in their order."""
        return len(self) == len(self.values) == 1 and self.index[0] == 0

    def among(self, numbered: Mapping[Any, int]) -> Words:
        """The number of each row's key, 0 where it has none."""
        numbers = np.fromiter(map(numbered.get, self.values, repeat(0)), np.int64, len(self.values))
        return self.spread(numbers, 0)

    @cached_property
    def texts(self) -> list[str]:
        """The keys as texts."""
        # Those of one column are of one kind.
        if self.values and isinstance(self.values[0], str):
            return self.values
        return list(map(str, self.values))

    @cached_property
    def size(self) -> int | None:
        """The bytes that each key has as a text; None if they differ, or are not all ASCII."""
        sizes = set(map(len, self.texts))
        return sizes.pop() if len(sizes) == 1 and "".join(self.texts).isascii() else None

    @cached_property
    def sums(self) -> Sums:
        """A checksum of each key as a text."""
        if self.size:
            return checksums.of_texts_alike("".join(self.texts).encode(), self.size)
        return checksums.of_texts(pa.array(self.texts, pa.string()))

    @cached_property
    def partitions(self) -> dict[int, list[int]]:
        """The positions of the keys by the partition of the stream that they are in."""
        numbers = partitions_of(self.texts)
        if len(numbers) == 1:
            return {int(numbers[0]): [0]}
        return {int(n): np.flatnonzero(numbers == n).tolist() for n in np.unique(numbers)}

    @classmethod
    def of(cls, column: list[Any]) -> "Keys":
        """A column of keys, None where there is none."""
        return _GivenKeys(column)

    def spread(self, values: Words, missing: int) -> Words:
        """A value per key as a value per row, ``missing`` where a row has no key."""
        return np.append(values, missing).take(self.index)


class _GivenKeys(Keys):
    """A column of keys as it was given; which of them are the same is found when it is asked.

    Args:
        column: the keys, None where there is none.
    """

    def __init__(self, column: list[Any]) -> None:
        self._column = column

    @cached_property
    def _distinct(self) -> tuple[list[Any], Words]:  # type: ignore[override]
        found: dict[Any, int] = dict.fromkeys(self._column, 0)
        if len(found) == len(self._column) and None not in found:
            return self._column, np.arange(len(self._column))
        found.pop(None, None)
        for position, key in enumerate(found):
            found[key] = position
        index = [-1 if key is None else found[key] for key in self._column]
        return list(found), np.array(index, np.int64)

    def __len__(self) -> int:
        return len(self._column)

    @property
    def rows(self) -> list[Any]:
        """The key of each row, None where it has none."""
        return self._column

    @cached_property
    def missing(self) -> Array:
        """The rows that have no key; of one row that stands for all where every row has one."""
        return self.index < 0 if None in self._column else np.zeros(1, np.bool_)

    @property
    def in_order(self) -> bool:
        """Whether the rows are the keys, in their order."""
        return self.values is self._column

    def among(self, numbered: Mapping[Any, int]) -> Words:
        """The number of each row's key, 0 where it has none."""
        return np.fromiter(map(numbered.get, self._column, repeat(0)), np.int64, len(self))


class PairKeys(Keys):
    """Keys of pairs, each pair once; as texts they name both.

    Args:
        first, second: the columns of the two keys, of one or as many rows each.

    Attributes:
        first, second: as given.
        ones, others: of each pair the positions of its keys among ``first.values`` and
            ``second.values``.
    """

    def __init__(self, first: Keys, second: Keys) -> None:
        self.first, self.second = first, second
        if len(first.values) == 1 and not first.missing.any():
            # Nearly always: as one key of a request, or of all of its rows.
            self.others = np.arange(len(second.values))
            self.ones = np.zeros(len(self.others), np.int64)
            self._codes = self.others
            index = second.index
            if len(index) == 1 < len(first):
                index = np.broadcast_to(index, len(first))
        else:
            known = (first.index >= 0) & (second.index >= 0)
            codes = np.where(known, first.index * self._width + second.index, -1)
            pairs, index = np.unique(codes, return_inverse=True)
            if len(pairs) and pairs[0] < 0:
                pairs, index = pairs[1:], index - 1
            self.ones, self.others = np.divmod(pairs, self._width)
            self._codes = pairs
            index = index.reshape(codes.shape)
        self._pairs = index

    @cached_property
    def _distinct(self) -> tuple[list[Any], Words]:  # type: ignore[override]
        return list(zip(self.ones.tolist(), self.others.tolist(), strict=True)), self._pairs

    @property
    def index(self) -> Words:
        """For each row the position of its pair, -1 where it lacks a key."""
        return self._pairs

    @property
    def in_order(self) -> bool:
        """Whether the rows are the pairs, in their order."""
        return len(self._pairs) == len(self.ones) == 1 and self._pairs[0] == 0

    @property
    def _width(self) -> int:
        return max(len(self.second.values), 1)

    def find(self, first: int, seconds: Words) -> tuple[Words, Words]:
        """Find the pairs of a first key.

        Args:
            first: its position among ``first.values``.
            seconds: positions among ``second.values``; less than 0 for what is not there.

        Returns:
            The positions of the pairs that there are, and for each which of ``seconds`` it has.
        """
        there = np.flatnonzero(seconds >= 0)
        codes = first * self._width + seconds[there]
        at = np.searchsorted(self._codes, codes, "left")
        behind = np.searchsorted(self._codes, codes, "right")
        found = behind > at
        return at[found], there[found]

    @cached_property
    def texts(self) -> list[str]:
        """The pairs as texts."""
        # A pair's text ends with that of its second key.
        begins = [pair_text(text, "") for text in self.first.texts]
        ends = self.second.texts
        if len(begins) == 1 and len(self.others) == len(ends):
            return [begins[0] + text for text in ends]
        pairs = zip(self.ones.tolist(), self.others.tolist(), strict=True)
        return [begins[one] + ends[other] for one, other in pairs]

    @cached_property
    def partitions(self) -> dict[int, list[int]]:
        """The positions of the pairs by partition, which their first keys decide about."""
        if len(self.first.texts) == 1 and len(self.ones):
            (number,) = self.first.partitions
            return {number: list(range(len(self.ones)))}
        numbers = partitions_of(self.first.texts)[self.ones]
        return {int(n): np.flatnonzero(numbers == n).tolist() for n in np.unique(numbers)}


def pair_text(first: str, second: str) -> str:
    """A pair as one text, unlike that of any other pair.

    Examples:
        >>> pair_text("v1", "toys")
        '2:v1:toys'
    """
    return f"{len(first)}:{first}:{second}"


def key_texts(columns: Sequence[pa.Array]) -> list[bytes]:
    """Key columns, one or two, as texts in UTF-8; pairs as ``pair_text`` has them."""
    texts = [column.cast(pa.string()) for column in columns]
    if len(texts) == 2:
        lengths = pc.utf8_length(texts[0]).cast(pa.string())
        texts = [pc.binary_join_element_wise(lengths, *texts, ":")]
    found: list[bytes] = texts[0].cast(pa.binary()).to_pylist()
    return found
