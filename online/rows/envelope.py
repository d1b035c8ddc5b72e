"""The envelope of every value of the store: what it is, how long, and whether it is whole.

::

    identity | length    checksum    the value's own words

The first word says the layout's ``FORMAT``, the kind of value, the first digits of the definition's
fingerprint, and the length in words. Into the checksum go, besides, the whole fingerprint, the
generation, and the key: a value that was moved to where it does not belong is as bad as a damaged
one. Both words are verified for all values of a read at once, before anything in them is believed;
``slate.online.rows.checksums`` tells how, and how much of it is luck.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from enum import IntEnum
from functools import lru_cache
from hashlib import blake2b

import numpy as np

from slate.fingerprints import fingerprint
from slate.online.rows import checksums
from slate.online.rows.checksums import Sums
from slate.online.rows.row_format import FORMAT, WORD, Blobs, Words, starts_of
from slate.views import FeatureView

HEADER = 2
_LENGTH = 32


class Content(IntEnum):
    """What a value is.

    ROW: a published row. PAIRS: the published rows of one first key. SECTIONS: what the stream adds
    to one key.
    """

    ROW = 1
    PAIRS = 2
    SECTIONS = 3


@dataclass(frozen=True)
class Opened:
    """Values laid end to end, and what could not be opened.

    Attributes:
        words: all values, behind what was put in front of them.
        starts: the word at which each value's own words start; 0, where the words in front are, if
            it has none, or cannot be opened.
        ends: where they end; 0 likewise.
        damaged: of those that cannot be opened, by position, what is wrong.
    """

    words: Words
    starts: Words
    ends: Words
    damaged: dict[int, str]


class Envelope:
    """Puts the values of one view into envelopes, and takes them out.

    Args:
        view: the view.
        content: what its values are.
        least: how many words a value has at least, without the envelope.
    """

    def __init__(self, view: type[FeatureView], content: Content, least: int = 1) -> None:
        digits = int(fingerprint(view)[:4], 16)
        self._identity = digits << 16 | content << 8 | FORMAT
        self._least = (HEADER + least) * WORD

    def seal(self, scope: str, keys: Sums, values: Blobs) -> list[bytes]:
        """Values in their envelopes.

        Args:
            scope: what their names in the store begin with, up to the key.
            keys: a checksum of each one's key, as a text.
            values: the values.
        """
        if not len(keys):
            return []
        sizes = np.diff(values.starts) + HEADER
        starts = starts_of(sizes)
        words = np.empty(starts[-1] + 1, np.int64)
        inside = np.ones(len(words), np.bool_)
        inside[starts] = inside[starts[:-1] + 1] = False
        words[inside] = values.words
        words[starts[:-1]] = self._headers(sizes)
        words[starts[:-1] + 1] = 0
        words[-1] = self._identity
        sums = checksums.of_each(words, starts[:-1]) + _seeds(scope, keys)
        words[starts[:-1] + 1] = sums.view(np.int64)
        return Blobs(words[:-1], starts).split()

    def open(
        self, scope: str, keys: Sums, values: Sequence[bytes | None], front: bytes = b""
    ) -> Opened:
        """Take values out of their envelopes.

        Args:
            scope: as in ``seal``.
            keys: as in ``seal``.
            values: the value of each key, None where it has none.
            front: whole words to be put in front of them.
        """
        (opened,) = open_together([Sealed(self, scope, keys, values)], front)
        return opened

    @property
    def identity(self) -> bytes:
        """What all headers begin with, as a whole word."""
        return self._identity.to_bytes(WORD, "little")

    def lengths(self, values: Sequence[bytes | None]) -> tuple[list[bytes], Words, dict[int, str]]:
        """Values, how many words each has, and what is wrong with those that have no whole number.

        These come as empty ones, and so do those that are None.
        """
        held = [value or b"" for value in values]
        sizes = np.fromiter(map(len, held), np.int64, len(held))
        damaged: dict[int, str] = {}
        odd = (sizes & WORD - 1 != 0) | (sizes < self._least)
        for place in np.flatnonzero(odd).tolist() if odd.any() else ():
            if values[place] is not None:
                damaged[place] = f"it has {sizes[place]} bytes, as many as none of this view has"
            held[place], sizes[place] = b"", 0
        return held, sizes >> 3, damaged

    def wrong_headers(self, words: Words, sizes: Words) -> dict[int, str]:
        """Of values of these sizes that words begin with, those of other headers: what is wrong."""
        begins = starts_of(sizes)[:-1]
        wrong = (words[begins] != self._headers(sizes)) & (sizes > 0)
        return {
            place: self._difference(int(words[begins[place]]), int(sizes[place]))
            for place in np.flatnonzero(wrong).tolist()
        }

    def _headers(self, sizes: Words) -> Words:
        return sizes << _LENGTH | self._identity

    def _difference(self, header: int, size: int) -> str:
        """What is wrong with a value whose header is not what it should be."""
        identity, length = header & 0xFFFF_FFFF, header >> _LENGTH
        if identity == self._identity:
            return f"it says that it has {length} words, and has {size}"
        known, told = (
            {"format": one & 0xFF, "content": one >> 8 & 0xFF, "definition": one >> 16}
            for one in (self._identity, identity)
        )
        if told["content"] not in list(Content):
            return "it does not begin as a value of Slate does"
        if told["format"] != known["format"]:
            return f"it is of format {told['format']}, and format {FORMAT} is read"
        if told["content"] != known["content"]:
            return f"it is a value of {Content(told['content']).name.lower()}"
        return "it is of another view, or of another definition of this one"


@dataclass(frozen=True)
class Sealed:
    """Values in their envelopes.

    Attributes:
        envelope: what they are in.
        scope: what their names in the store begin with, up to the key.
        keys: a checksum of each one's key, as a text.
        values: the value of each key, None where it has none.
    """

    envelope: Envelope
    scope: str
    keys: Sums
    values: Sequence[bytes | None]


def open_together(sealed: Sequence[Sealed], front: bytes = b"") -> list[Opened]:
    """Take values out of their envelopes, all into the same words.

    Args:
        sealed: the values.
        front: whole words to be put in front of all.
    """
    parts, groups = [front], []
    begin = len(front) // WORD
    for one in sealed:
        held, sizes, odd = one.envelope.lengths(one.values)
        # A checksum takes in the header behind a value, which all of one envelope begin with alike.
        parts += [*held, one.envelope.identity]
        groups.append((one, sizes, begin, odd))
        begin += int(sizes.sum()) + 1
    # Unlike one of bytes, an array of these can be written to.
    words = np.frombuffer(bytearray().join(parts), np.int64)
    wrong = [one.envelope.wrong_headers(words[at:], sizes) for one, sizes, at, _ in groups]
    if any(wrong):
        # Without those whose lengths cannot be believed.
        good = [
            replace(one, values=[None if n in bad else value for n, value in enumerate(one.values)])
            for one, bad in zip(sealed, wrong, strict=True)
        ]
        found = open_together(good, front)
        return [
            replace(opened, damaged=opened.damaged | bad)
            for opened, bad in zip(found, wrong, strict=True)
        ]
    return [_verified(one, words, sizes, at, odd) for one, sizes, at, odd in groups]


def _verified(
    sealed: Sealed, words: Words, sizes: Words, begin: int, damaged: dict[int, str]
) -> Opened:
    """Values of these sizes that lie end to end in words, from one on, behind them a header."""
    begins = starts_of(sizes)
    rows = words[begin : begin + begins[-1] + 1]
    # Nearly always there are all: then nothing need be gathered.
    there = slice(None) if sizes.all() else np.flatnonzero(sizes)
    at, lengths = begins[:-1][there], sizes[there]
    told = rows[at + 1].view(np.uint64) - _seeds(sealed.scope, sealed.keys[there])
    rows[at + 1] = 0
    starts, ends = np.zeros(len(sizes), np.int64), np.zeros(len(sizes), np.int64)
    starts[there], ends[there] = at + (begin + HEADER), at + (begin + lengths)
    if int(checksums.moved(told, at).sum()) != checksums.of_all(rows):
        wrong = checksums.of_each(rows, at) != told
        for place in np.arange(len(sizes))[there][wrong].tolist():
            damaged[place] = "its checksum is another"
            starts[place] = ends[place] = 0
    return Opened(words, starts, ends, damaged)


def _seeds(scope: str, keys: Sums) -> Sums:
    """What is added to the checksums of values under some keys."""
    return checksums.spread(keys ^ _digest(scope))


@lru_cache(256)
def _digest(scope: str) -> np.uint64:
    return np.uint64(int.from_bytes(blake2b(scope.encode(), digest_size=8).digest(), "little"))
