"""What all rows of the online store have in common.

A row is 64-bit words, little-endian: fixed words first, then whatever varies in length. Rows laid
end to end are one array, and the same word of all of them is one gather. A key without a row is
read as its view's *empty row*, which always lies first, so decoding knows no special case.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import numpy as np

from slate.expressions import Array
from slate.kinds import Kind

# Raised when the layout of rows changes: those of another format are not read.
FORMAT = 2
WORD = 8
Words = np.ndarray[Any, np.dtype[np.int64]]

# The word of a time that is null (NaT's own), and of a text that is null.
NO_TIME = int(np.iinfo(np.int64).min)
NO_TEXT = -1


@dataclass(frozen=True)
class Blobs:
    """Encoded rows, laid end to end.

    Attributes:
        words: all of them.
        starts: the word that each row starts at, and the end of the last.
    """

    words: Words
    starts: Words

    @classmethod
    def of(cls, rows: Sequence[bytes]) -> "Blobs":
        """Rows laid end to end."""
        sizes = np.fromiter(map(len, rows), np.int64, len(rows))
        return cls(np.frombuffer(b"".join(rows), np.int64), starts_of(sizes // WORD))

    def split(self) -> list[bytes]:
        """Each row by itself."""
        data = self.words.tobytes()
        return [data[start:end] for start, end in pairwise((self.starts * WORD).tolist())]


def starts_of(sizes: Words) -> Words:
    """Where rows of these sizes start, and where the last ends."""
    starts = np.zeros(len(sizes) + 1, np.int64)
    np.cumsum(sizes, out=starts[1:])
    return starts


def within(sizes: Words) -> Words:
    """The position of each member in its group, of groups of these sizes laid end to end."""
    return np.arange(sizes.sum()) - np.repeat(np.cumsum(sizes) - sizes, sizes)


def changes(*columns: Words) -> Array:
    """Which members differ from those before them in one of the columns; the first does."""
    found = np.ones(len(columns[0]), np.bool_)
    found[1:] = False
    for column in columns:
        found[1:] |= column[1:] != column[:-1]
    return found


def gather(words: Words, begins: Words, width: int) -> Words:
    """So many words from some words on, of shape (width, N).

    Each is copied in one piece: an index of every word would be as large as what it finds.
    """
    last = len(words) - width
    if last < 0 or not width:
        return words.take(begins + np.arange(width)[:, None], mode="clip")
    pieces = np.ndarray(last + 1, f"V{width * WORD}", words, strides=(WORD,))
    # NumPy's clip takes as long as ten of these, of one row.
    found = pieces[np.minimum(np.maximum(begins, 0), last)].view(np.int64).reshape(-1, width)
    return np.ascontiguousarray(found.T)


def to_words(values: Array) -> Words:
    """Numbers, truth values or times as the words of rows."""
    return values.view(np.int64) if values.dtype.itemsize == WORD else values.astype(np.int64)


def from_words(words: Words, kind: Kind) -> Array:
    """Words of rows as values of a kind other than text."""
    return words != 0 if kind is Kind.BOOLEAN else words.view(kind.dtype)
