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
from itertools import accumulate, islice, pairwise

import numpy as np

from slate.expressions import Array
from slate.fingerprints import fingerprint
from slate.online.rows import checksums
from slate.online.rows.checksums import Sums
from slate.online.rows.row_format import FORMAT, WORD, Blobs, Words, starts_of
from slate.views import FeatureView

HEADER = 2
_LENGTH = 32
# What a value of no bytes is taken for, which is none either.
_NOTHING = b"\0"


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

    Attributes:
        number: what all headers begin with.
        identity: the same as a whole word.
        least: how many bytes a value has at least, with the envelope.
    """

    def __init__(self, view: type[FeatureView], content: Content, least: int = 1) -> None:
        digits = int(fingerprint(view)[:4], 16)
        self.number = digits << 16 | content << 8 | FORMAT
        self.identity = self.number.to_bytes(WORD, "little")
        self.least = (HEADER + least) * WORD

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
        words[starts[:-1]] = sizes << _LENGTH | self.number
        words[starts[:-1] + 1] = 0
        words[-1] = self.number
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
        ((opened,),) = open_together([(front, [Sealed(self, scope, keys, values)])])
        return opened

    def damage(self, value: bytes) -> str:
        """What is wrong with a value that has not the length or the header of one of these."""
        if len(value) % WORD or len(value) < self.least:
            return f"it has {len(value)} bytes, as many as none of this view has"
        size, header = len(value) // WORD, int.from_bytes(value[:WORD], "little", signed=True)
        identity, length = header & 0xFFFF_FFFF, header >> _LENGTH
        if identity == self.number:
            return f"it says that it has {length} words, and has {size}"
        known, told = (
            {"format": one & 0xFF, "content": one >> 8 & 0xFF, "definition": one >> 16}
            for one in (self.number, identity)
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


def open_together(groups: Sequence[tuple[bytes, Sequence[Sealed]]]) -> list[list[Opened]]:
    """Take values out of their envelopes, those of all groups at once.

    Args:
        groups: of each the whole words that are put in front of it, and its values. Those of one
            group come to lie in the same words.
    """
    sealed = [one for _, some in groups for one in some]
    if not sealed:
        return [[] for _ in groups]
    parts: list[bytes] = []
    # Of each which of the parts are in front of its group, its own ones, and behind its group.
    fronts, firsts, lasts, behind = [], [], [], []
    for front, some in groups:
        fronts += [len(parts)] * len(some)
        parts.append(front)
        for one in some:
            firsts.append(len(parts))
            parts += [b"" if value is None else value or _NOTHING for value in one.values]
            lasts.append(len(parts))
            # A checksum takes in the header behind a value, which all of one envelope begin with
            # alike.
            parts.append(one.envelope.identity)
        behind += [len(parts)] * len(some)
    lengths = np.fromiter(map(len, parts), np.int64, len(parts))
    # Of each value whose it is, and which of the parts.
    of = np.repeat(np.arange(len(sealed)), [len(one.values) for one in sealed])
    own = np.concatenate([np.arange(*both) for both in zip(firsts, lasts, strict=True)])
    sizes = lengths[own]
    least = np.array([one.envelope.least for one in sealed], np.int64)[of]
    wrong = np.flatnonzero((sizes > 0) & ((sizes & WORD - 1 > 0) | (sizes < least)))
    if len(wrong):
        return _without(groups, set(wrong.tolist()))
    # Unlike one of bytes, an array of these can be written to.
    words = np.frombuffer(bytearray().join(parts), np.int64)
    begins = starts_of(lengths >> 3)
    at, sizes = begins[own], sizes >> 3
    numbers = np.array([one.envelope.number for one in sealed], np.int64)[of]
    wrong = np.flatnonzero((sizes > 0) & (words[at] != sizes << _LENGTH | numbers))
    if len(wrong):
        return _without(groups, set(wrong.tolist()))
    bounds = list(accumulate((len(one.values) for one in sealed), initial=0))
    damaged: list[dict[int, str]] = [{} for _ in sealed]
    has = sizes > 0
    for number in _changed(sealed, words, begins[firsts], begins[lasts] + 1, of, at, has):
        has[number] = False
        damaged[of[number]][number - bounds[of[number]]] = "its checksum is another"
    front_at, behind_at = begins[fronts], begins[behind]
    since = at - front_at[of]
    starts, ends = (np.where(has, since + more, 0) for more in (HEADER, sizes))
    opened = iter(
        [
            Opened(words[front:end], starts[first:last], ends[first:last], bad)
            for (first, last), front, end, bad in zip(
                pairwise(bounds), front_at.tolist(), behind_at.tolist(), damaged, strict=True
            )
        ]
    )
    return [list(islice(opened, len(some))) for _, some in groups]


def _without(
    groups: Sequence[tuple[bytes, Sequence[Sealed]]], wrong: set[int]
) -> list[list[Opened]]:
    """What is opened of values of which some do not begin, or end, as they should.

    Args:
        groups: as in ``open_together``.
        wrong: those, by position among all values.
    """
    good, damaged, first = [], [], 0
    for front, some in groups:
        kept = []
        for one in some:
            bad = {place for place in range(len(one.values)) if first + place in wrong}
            values = [None if n in bad else value for n, value in enumerate(one.values)]
            kept.append(replace(one, values=values))
            damaged.append({n: one.envelope.damage(one.values[n] or b"") for n in sorted(bad)})
            first += len(one.values)
        good.append((front, kept))
    told = iter(damaged)
    return [
        [replace(opened, damaged=opened.damaged | next(told)) for opened in some]
        for some in open_together(good)
    ]


def _changed(
    sealed: Sequence[Sealed],
    words: Words,
    begins: Words,
    ends: Words,
    of: Words,
    at: Words,
    has: Array,
) -> list[int]:
    """Which of some values are not as they were sealed, by position; their checksums are taken out.

    Args:
        sealed: all values.
        words: the words that they lie in.
        begins: the word at which those of each sealed begin.
        ends: where they end, with the header behind them.
        of: of each value which of the sealed it is of.
        at: the word at which each begins.
        has: which of them there are.
    """
    scopes = np.array([_digest(one.scope) for one in sealed], np.uint64)
    seeds = checksums.spread(np.concatenate([one.keys for one in sealed]) ^ scopes[of])
    # Nearly always there are all: then nothing need be gathered.
    there = None if has.all() else np.flatnonzero(has)
    if there is not None:
        seeds, of, at = seeds[there], of[there], at[there]
    told = words[at + 1].view(np.uint64) - seeds
    words[at + 1] = 0
    sums = np.append(np.uint64(0), checksums.moved(told, at - begins[of]).cumsum())
    bounds = of.searchsorted(np.arange(len(sealed) + 1))
    sums = np.diff(sums[bounds])
    wrong = []
    for number, (begin, end) in enumerate(zip(begins.tolist(), ends.tolist(), strict=True)):
        rows = words[begin:end]
        if sums[number] != checksums.of_all(rows):
            own = slice(bounds[number], bounds[number + 1])
            other = checksums.of_each(rows, at[own] - begin) != told[own]
            wrong += (np.flatnonzero(other) + own.start).tolist()
    return wrong if there is None else there[wrong].tolist()


def _seeds(scope: str, keys: Sums) -> Sums:
    """What is added to the checksums of values under some keys."""
    return checksums.spread(keys ^ _digest(scope))


@lru_cache(256)
def _digest(scope: str) -> np.uint64:
    return np.uint64(int.from_bytes(blake2b(scope.encode(), digest_size=8).digest(), "little"))
