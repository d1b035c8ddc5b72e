"""Keys of a request: each once, with the rows that they belong to."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from slate.features import Attribute
from slate.online.rows import checksums
from slate.online.rows.checksums import Sums
from slate.online.rows.partitioning import partition
from slate.online.rows.row_format import Words

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

    @property
    def rows(self) -> list[Any]:
        """The key of each row, None where it has none."""
        values = [*self.values, None]
        return [values[place] for place in self.index.tolist()]

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


@dataclass(frozen=True)
class PairKeys(Keys):
    """Keys of pairs, as texts that name both, each pair once.

    Attributes:
        first: the first key of each, as a text.
    """

    first: list[str]

    @cached_property
    def partitions(self) -> dict[int, list[int]]:
        """The positions of the pairs by partition, which their first keys decide about."""
        # A request has few of them, nearly always one.
        number = {text: partition(text) for text in set(self.first)}
        if len(number) == 1:
            return {number.popitem()[1]: list(range(len(self.first)))}
        found: dict[int, list[int]] = {}
        for position, text in enumerate(self.first):
            found.setdefault(number[text], []).append(position)
        return found

    @classmethod
    def of_both(cls, first: Keys, second: Keys) -> "PairKeys":
        """The pairs of the rows of two columns, of one or as many rows each."""
        pairs, index = distinct_pairs(first, second)
        # A pair's text ends with that of its second key.
        begins = [pair_text(text, "") for text in first.texts]
        texts = [begins[one] + second.texts[other] for one, other in pairs]
        return cls(texts, index, [first.texts[one] for one, _ in pairs])


def distinct_pairs(first: Keys, second: Keys) -> tuple[list[tuple[int, int]], Words]:
    """The pairs of the rows of two columns, of one or as many rows each.

    Returns:
        The positions of both keys of each pair, and for each row the position of its pair, -1 where
        it lacks a key.
    """
    known = (first.index >= 0) & (second.index >= 0)
    width = max(len(second.values), 1)
    codes = np.where(known, first.index * width + second.index, -1)
    pairs, index = np.unique(codes, return_inverse=True)
    if len(pairs) and pairs[0] < 0:
        pairs, index = pairs[1:], index - 1
    one, other = (where.tolist() for where in np.divmod(pairs, width))
    return list(zip(one, other, strict=True)), index.reshape(codes.shape)


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
