"""Texts in rows: a word says where in the row a text lies and how long it is.

Behind a row's fixed words each text starts at a word of its own and is filled up with zeros, so
that texts, too, are gathered by the word.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

import numpy as np
import pyarrow as pa

from slate.expressions import Array
from slate.kinds import STRING_DTYPE
from slate.online.rows.keys import Keys
from slate.online.rows.row_format import NO_TEXT, WORD, Words, within

Bytes = np.ndarray[Any, np.dtype[np.uint8]]
# The words of a text up to which it is read together with the others of its column.
WIDEST = 128


@dataclass(frozen=True)
class TextColumn:
    """A column of texts, wherever they lie.

    Attributes:
        data: the bytes that they lie in, and a word more.
        offsets: where in them each text starts.
        lengths: the length of each in bytes; negative where it is null.
    """

    data: Bytes
    offsets: Words
    lengths: Words

    @classmethod
    def of(cls, column: pa.Array) -> "TextColumn":
        """An Arrow array's."""
        rows, first = len(column), column.offset
        if not rows:
            return cls(np.zeros(WORD, np.uint8), np.empty(0, np.int64), np.empty(0, np.int64))
        _, offsets, data = column.buffers()
        bounds = np.frombuffer(offsets, np.int32)[first : first + rows + 1].astype(np.int64)
        lengths = np.diff(bounds)
        if column.null_count:
            lengths[column.is_null().to_numpy(zero_copy_only=False)] = -1
        held = np.frombuffer(data, np.uint8) if data is not None else np.empty(0, np.uint8)
        held = np.concatenate([held[bounds[0] : bounds[-1]], np.zeros(WORD, np.uint8)])
        return cls(held, bounds[:-1] - bounds[0], lengths)

    def take(self, index: Words) -> "TextColumn":
        """Some of them."""
        return TextColumn(self.data, self.offsets[index], self.lengths[index])


@dataclass(frozen=True)
class RowTexts:
    """Texts of which a row has any number.

    Attributes:
        texts: the texts, those of one row next to each other.
        row: whose each is, ascending.
    """

    texts: TextColumn
    row: Words


class TextWriter:
    """Lays columns of texts behind all else in rows.

    Args:
        columns: columns of a text a row, or of any number.
        rows: how many rows there are.

    Attributes:
        sizes: the words that each row's texts take.
    """

    def __init__(self, columns: Iterable[pa.Array | TextColumn | RowTexts], rows: int) -> None:
        self.sizes = np.zeros(rows, np.int64)
        # Of each column the texts, whose each is, and how many words of its row come before it.
        self._columns: list[tuple[TextColumn, Words | slice, Words]] = []
        for column in columns:
            if isinstance(column, RowTexts):
                self._add_several(column)
                continue
            texts = column if isinstance(column, TextColumn) else TextColumn.of(column)
            self._columns.append((texts, slice(None), self.sizes.copy()))
            self.sizes += _words(texts.lengths)

    def _add_several(self, column: RowTexts) -> None:
        row, counts = column.row, _words(column.texts.lengths)
        before = np.cumsum(counts) - counts
        first = np.searchsorted(row, row)
        self._columns.append((column.texts, row, self.sizes[row] + before - before[first]))
        np.add.at(self.sizes, row, counts)

    def references(self, behind: Words) -> list[Words]:
        """The word that stands for each text, by column.

        Args:
            behind: the word inside each row at which its texts start.
        """
        return [
            np.where(texts.lengths < 0, NO_TEXT, texts.lengths << 32 | (behind[row] + before))
            for texts, row, before in self._columns
        ]

    def write(self, words: Words, texts_at: Words) -> None:
        """Write the texts themselves.

        Args:
            words: all rows.
            texts_at: the word at which each row's texts start.
        """
        for texts, row, before in self._columns:
            counts = _words(texts.lengths)
            places = within(counts)
            found = _words_at(texts.data, np.repeat(texts.offsets, counts) + places * WORD)
            # Behind a text's own bytes are those of the next.
            own = np.minimum(np.repeat(texts.lengths, counts) - places * WORD, WORD)
            words[np.repeat(texts_at[row] + before, counts) + places] = found & _FIRST_BYTES[own]


@dataclass(frozen=True)
class Texts:
    """A column of texts as gathered from rows.

    Attributes:
        words: the words of each text, of shape (N, longest); zeros of one that is very long.
        lengths: the length of each in bytes; negative where it is null.
        long: those that are very long, by row: a table as wide as they are would be a large one.
    """

    words: Words
    lengths: Words
    long: dict[int, bytes]

    @property
    def _fixed(self) -> Array:
        return self.words.view(f"S{self.words.shape[1] * WORD}").ravel()

    def _cut(self, fixed: Array) -> list[int]:
        """Where NumPy's bytes, which end at the last byte that is not zero, lack some of a text."""
        short = np.strings.str_len(fixed) < self.lengths
        cut: list[int] = short.nonzero()[0].tolist()
        return cut

    def _whole(self, row: int) -> str:
        """One of these."""
        held = self.long.get(row)
        return (self.words[row].tobytes()[: self.lengths[row]] if held is None else held).decode()

    def values(self, null: str | float) -> Array:
        """As an array of strings, with ``null`` where there is none."""
        fixed = self._fixed
        values = fixed.astype(STRING_DTYPE)
        for row in self._cut(fixed):
            values[row] = self._whole(row)
        empty = self.lengths < 0
        if empty.any():
            values[empty] = null
        return values

    def strings(self) -> list[Any]:
        """As a list, with None where there is none."""
        fixed = self._fixed
        texts: list[Any] = [text.decode() for text in fixed.tolist()]
        for row in self._cut(fixed):
            texts[row] = self._whole(row)
        for row in (self.lengths < 0).nonzero()[0].tolist():
            texts[row] = None
        return texts

    def keys(self) -> Keys:
        """As keys, each once."""
        if self._cut(self._fixed):
            texts = self.values(np.nan).tolist()
            return Keys.of([t if isinstance(t, str) else None for t in texts])
        width = self.words.shape[1] * WORD
        buffers = [None, pa.py_buffer(np.ascontiguousarray(self.words))]
        fixed = pa.Array.from_buffers(pa.binary(width), len(self.words), buffers)
        encoded = fixed.dictionary_encode()
        index = encoded.indices.to_numpy().astype(np.int64)
        index[self.lengths < 0] = -1
        unique = np.frombuffer(
            encoded.dictionary.buffers()[1], f"S{width}", len(encoded.dictionary)
        )
        return Keys([text.decode() for text in unique.tolist()], index)


def read_texts(words: Words, starts: Words, references: Words) -> Texts:
    """Gather a column of texts.

    Args:
        words: all rows.
        starts: the word at which each row starts.
        references: the word that stands for the text in each.
    """
    lengths = references >> 32
    counts, begins = _words(lengths), starts + (references & 0xFFFF_FFFF)
    width, long = max(int(counts.max(initial=0)), 1), {}
    if width > WIDEST:
        long = {
            row: words[begins[row] : begins[row] + counts[row]].tobytes()[: lengths[row]]
            for row in np.flatnonzero(counts > WIDEST).tolist()
        }
        counts = np.where(counts > WIDEST, 0, counts)
        width = max(int(counts.max()), 1)
    places = np.arange(width)
    at = begins[:, None] + places
    # A shorter text is followed by what is not its own, at the very end by nothing.
    found = words.take(at, mode="clip")
    if counts.min(initial=width) < width:
        found[places >= counts[:, None]] = 0
    return Texts(found, lengths, long)


def _words(lengths: Words) -> Words:
    """The words that texts of these lengths take; none for a null."""
    return np.maximum(lengths, 0) + (WORD - 1) >> 3


# For each number of bytes, the word that keeps so many of another's first ones.
_FIRST_BYTES = np.array([(1 << 8 * kept) - 1 for kept in range(WORD)] + [-1], np.int64)


def _words_at(data: Bytes, at: Words) -> Words:
    """The words that begin at some bytes, wherever these are; behind the last there is another."""
    return np.ndarray(len(data) - WORD + 1, np.dtype("<i8"), data, strides=(1,))[at]
