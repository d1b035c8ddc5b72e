"""What the stream keeps of a key: a section for each hour of arrival.

::

    number | (hour, the word at which its section starts) for each section | sections

A section is what a published value would be: a row, or of pairs the rows of a first key. Which of
them count depends on what is published: batch rows know the arrivals before some hour, and the
sections are taken from that hour on. So the stream and the batch may come in any order.
"""

import struct
from collections.abc import Iterator, Sequence
from itertools import pairwise

import numpy as np

from online.rows import WORD, Words, join

HOUR = 3_600_000_000


def hour_of(arrival: int) -> int:
    """The hour that an instant in microseconds lies in, counted from the epoch."""
    return arrival // HOUR


def section(value: bytes | None, hour: int) -> bytes | None:
    """The section of an hour."""
    if value is None:
        return None
    alone = _alone(hour)
    if value.startswith(alone):
        return value[len(alone) :]
    return dict(_sections(value)).get(hour)


def with_section(value: bytes | None, hour: int, new: bytes, since: int) -> bytes:
    """A value with another section for an hour, without those of hours before ``since``."""
    alone = _alone(hour)
    if value is None or value.startswith(alone):
        return alone + new
    found = {other: held for other, held in _sections(value) if other >= since}
    return _value(found | {hour: new})


def newest(value: bytes) -> int:
    """The latest hour that a value has a section for."""
    return max(hour for hour, _ in _sections(value))


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


def sections(values: Sequence[bytes | None], since: int) -> Iterator[list[bytes | None]]:
    """The sections from an hour on, by key, as often as the most that a key has; as ``opened``."""
    found = [
        [held for hour, held in _sections(value) if hour >= since] if value else []
        for value in values
    ]
    for place in range(max(map(len, found), default=0)):
        yield [held[place] if place < len(held) else None for held in found]


def _alone(hour: int) -> bytes:
    """How a value of a single section begins."""
    return struct.pack("<3q", 1, hour, 3)


def _sections(value: bytes) -> Iterator[tuple[int, bytes]]:
    (number,) = struct.unpack_from("<q", value)
    index = struct.unpack_from(f"<{2 * number}q", value, WORD)
    ends = [start * WORD for start in index[1::2]] + [len(value)]
    for hour, (start, end) in zip(index[::2], pairwise(ends), strict=True):
        yield hour, value[start:end]


def _value(sections: dict[int, bytes]) -> bytes:
    index, start = [], 1 + 2 * len(sections)
    for hour, held in sorted(sections.items()):
        index += [hour, start]
        start += len(held) // WORD
    head = struct.pack(f"<{1 + len(index)}q", len(sections), *index)
    return head + b"".join(held for _, held in sorted(sections.items()))
