"""Partitions: by its key, every row that a stream adds to has one owner."""

import zlib
from collections.abc import Sequence

import numpy as np
import pyarrow as pa

from slate.online.rows.row_format import Words

# Fixed: what is in a store was partitioned so.
PARTITIONS = 8


def partition(key: str | int) -> int:
    """The partition of a key.

    Examples:
        >>> partition("v1"), partition(17)
        (5, 2)
    """
    return zlib.crc32(str(key).encode()) % PARTITIONS


def partitions_of(texts: Sequence[str]) -> Words:
    """The partition of each key, given as a text."""
    sums = map(zlib.crc32, map(str.encode, texts))
    return np.fromiter(sums, np.int64, len(texts)) % PARTITIONS


def partitions(keys: pa.Array) -> Words:
    """The partition of each key; -1 where it is null."""
    encoded = keys.dictionary_encode()
    numbers = partitions_of([str(key) for key in encoded.dictionary.to_pylist()])
    places = np.asarray(encoded.indices.fill_null(len(numbers)))
    found: Words = np.array([*numbers, -1], np.int64)[places]
    return found
