"""What the stream keeps of a key: a section for each hour of arrival.

::

    number | (hour, the word at which its section starts) for each section | sections

A section is a row; of pairs, unlike what is published, each has a value of its own. Which of them
count depends on what is published: batch rows know the arrivals before some hour, and the sections
are taken from that hour on. So the stream and the batch may come in any order.
"""

import struct
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from online.rows import WORD, Words, join

HOUR = 3_600_000_000


def hour_of(arrival: int) -> int:
    """The hour that an instant in microseconds lies in, counted from the epoch."""
    return arrival // HOUR


@dataclass(frozen=True)
class HourSections:
    """The section of one hour in the values of many keys, to be read and replaced.

    Attributes:
        words: the empty row, and all values laid end to end.
        starts, ends: the words at which each key's section starts and ends; both 0, where the empty
            row is, if it has none.
    """

    words: Words
    starts: Words
    ends: Words
    _values: Sequence[bytes | None]
    _hour: int
    _since: int
    # The bytes in front of a section that is the last one; 0 if the value is laid anew.
    _heads: list[int]

    @classmethod
    def of(
        cls, values: Sequence[bytes | None], hour: int, since: int, empty: bytes
    ) -> "HourSections":
        """Find an hour's sections.

        Args:
            values: the value of each key, None where it has none.
            hour: the hour.
            since: the first hour that is needed; sections of those before may go.
            empty: the view's empty row.
        """
        words, begins = join([empty, *[value or b"" for value in values]])
        begins, behind = begins[1:], np.append(begins[2:], len(words))
        starts, ends, heads = (np.zeros(len(values), np.int64) for _ in range(3))
        there = np.flatnonzero(behind > begins)
        begin = begins[there]
        last = begin + 2 * words[begin] - 1
        # Nearly always: the hour is the last one, and no other has to go.
        usual = (words[last] == hour) & (words[begin + 1] >= since)
        at = there[usual]
        heads[at] = words[last[usual] + 1]
        starts[at], ends[at] = begins[at] + heads[at], behind[at]
        for place in there[~usual].tolist():
            for other, first, end in _sections(values[place] or b""):
                if other == hour:
                    starts[place], ends[place] = begins[place] + first, begins[place] + end
        return cls(words, starts, ends, values, hour, since, (heads * WORD).tolist())

    def replaced(self, rows: Sequence[bytes]) -> Iterator[bytes]:
        """Each key's value with another section."""
        alone = _header([(self._hour, 0)])
        for value, head, row in zip(self._values, self._heads, rows, strict=True):
            if value is None:
                yield alone + row
            elif head:
                yield value[:head] + row
            else:
                yield with_section(value, self._hour, row, self._since)


def with_section(value: bytes | None, hour: int, new: bytes, since: int) -> bytes:
    """A value with another section for an hour, without those of hours before ``since``."""
    found = {other: held for other, held in _held(value or b"") if other >= since} | {hour: new}
    ordered = sorted(found.items())
    sizes = [(other, len(held) // WORD) for other, held in ordered]
    return _header(sizes) + b"".join(held for _, held in ordered)


def newest(value: bytes) -> int:
    """The latest hour that a value has a section for."""
    return max(hour for hour, _, _ in _sections(value))


def opened(
    values: Sequence[bytes | None], since: int, empty: bytes
) -> Iterator[tuple[Words, Words, Words]]:
    """The sections from an hour on, each key's in order of time.

    Args:
        values: the value of each key.
        since: the first hour that counts.
        empty: the view's empty row.

    Yields:
        As often as the most sections that a key has: the empty row and all values laid end to end,
        the word at which a section starts, and the position of its key.
    """
    keys = np.array([place for place, value in enumerate(values) if value], np.int64)
    if not len(keys):
        return
    words, begins = join([empty, *[value for value in values if value]])
    begins = begins[1:]
    numbers = words[begins]
    for place in range(int(numbers.max())):
        has = np.flatnonzero(numbers > place)
        entry = begins[has] + 1 + 2 * place
        has = has[words[entry] >= since]
        if len(has):
            starts = begins[has] + words[begins[has] + 2 + 2 * place]
            yield words, starts, keys[has]


def _sections(value: bytes) -> Iterator[tuple[int, int, int]]:
    """Each section's hour, and the words at which it starts and ends."""
    if value:
        (number,) = struct.unpack_from("<q", value)
        index = struct.unpack_from(f"<{2 * number}q", value, WORD)
        ends = (*index[3::2], len(value) // WORD)
        yield from zip(index[::2], index[1::2], ends, strict=True)


def _held(value: bytes) -> Iterator[tuple[int, bytes]]:
    """Each section, with its hour."""
    for hour, start, end in _sections(value):
        yield hour, value[start * WORD : end * WORD]


def _header(sizes: Sequence[tuple[int, int]]) -> bytes:
    """What lies in front of sections of these hours and sizes, in words."""
    index, start = [], 1 + 2 * len(sizes)
    for hour, size in sizes:
        index += [hour, start]
        start += size
    return struct.pack(f"<{1 + len(index)}q", len(sizes), *index)
