"""What the stream keeps of a key: a section for each hour of arrival.

::

    number | (hour, the word at which its section starts) for each section | sections

A section is a row; of pairs, unlike what is published, each has a value of its own. Which of them
count depends on what is published: batch rows know the arrivals before some hour, and the sections
are taken from that hour on. So the stream and the batch may come in any order.

They also end at the hour that is asked about: what arrived later does not count yet. Within that
hour a section cannot be asked about an instant before its newest event, see ``Since.later``.

A value that was damaged is not added to. In its place comes a section of no words, which says that
nothing is known of what arrived up to the end of its hour, until a batch knows these arrivals.
"""

import struct
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from slate.expressions import Array
from slate.online.rows.envelope import Content, Envelope, Opened
from slate.online.rows.row_format import NO_TIME, WORD, Words
from slate.views import FeatureView
from slate.windows import HOUR

# The words of a value that has no more than its index.
_LEAST = 3


def hour_of(arrival: int) -> int:
    """The hour that an instant in microseconds lies in, counted from the epoch."""
    return arrival // HOUR


def sections_envelope(view: type[FeatureView]) -> Envelope:
    """What the stream's values of a view are in."""
    return Envelope(view, Content.SECTIONS, _LEAST)


@dataclass(frozen=True)
class HourSections:
    """The section of one hour in the values of many keys, to be read and replaced.

    Attributes:
        words: the empty row, and all values laid end to end.
        starts, ends: the words at which each key's section starts and ends; both 0, where the empty
            row is, if it has none.
        lost: the keys, by position, of whose sections nothing is known.
    """

    words: Words
    starts: Words
    ends: Words
    lost: Array
    _opened: Opened
    _hour: int
    _since: int
    # The words in front of a section that is the last one; 0 if the value is laid anew.
    _heads: Words

    @classmethod
    def of(cls, opened: Opened, hour: int, since: int) -> "HourSections":
        """Find an hour's sections.

        Args:
            opened: the value of each key, behind the view's empty row.
            hour: the hour.
            since: the first hour that is needed; sections of those before may go.
        """
        words, begins, behind = opened.words, opened.starts, opened.ends
        starts, ends, heads = (np.zeros(len(begins), np.int64) for _ in range(3))
        lost = np.zeros(len(begins), np.bool_)
        lost[list(opened.damaged)] = True
        there = np.flatnonzero(behind)
        begin = begins[there]
        last = begin + 2 * _numbers(opened, there) - 1
        # Nearly always: the hour is the last one, and no other has to go.
        usual = (words[last] == hour) & (words[begin + 1] >= since)
        at = there[usual]
        heads[at] = np.clip(words[last[usual] + 1], 0, behind[at] - begins[at])
        starts[at], ends[at] = begins[at] + heads[at], behind[at]
        for place in there[~usual].tolist():
            for other, first, end in _sections(words, begins[place], behind[place]):
                if other == hour:
                    starts[place], ends[place] = first, end
        empty = (starts == ends) & (ends > 0)
        lost |= empty
        starts[empty] = ends[empty] = heads[empty] = 0
        return cls(words, starts, ends, lost, opened, hour, since, heads)

    def replaced(self, rows: Sequence[bytes]) -> Iterator[bytes]:
        """Each key's value with another section; of one that was lost the value that says so."""
        data, none = self.words.data.cast("B"), all_lost(self._hour)
        begins, behind = (self._opened.starts * WORD).tolist(), (self._opened.ends * WORD).tolist()
        heads, lost = (self._heads * WORD).tolist(), self.lost.tolist()
        for row, begin, end, head, gone in zip(rows, begins, behind, heads, lost, strict=True):
            new = b"" if gone else row
            if head:
                yield b"".join((data[begin : begin + head], new))
            elif end:
                yield with_section(bytes(data[begin:end]), self._hour, new, self._since)
            else:
                yield none + new


def with_section(value: bytes, hour: int, new: bytes, since: int) -> bytes:
    """A value with another section for an hour, without those of hours before ``since``."""
    words = np.frombuffer(value, np.int64)
    found = {
        other: words[start:end].tobytes()
        for other, start, end in _sections(words, 0, len(words))
        if other >= since
    }
    ordered = sorted((found | {hour: new}).items())
    sizes = [(other, len(held) // WORD) for other, held in ordered]
    return _header(sizes) + b"".join(held for _, held in ordered)


def all_lost(hour: int) -> bytes:
    """The value of a key of which nothing is known that arrived up to the end of an hour."""
    return _header([(hour, 0)])


def newest(opened: Opened) -> Words:
    """The latest hour that each value has a section for; 0 without a value."""
    there = np.flatnonzero(opened.ends)
    begins = opened.starts[there]
    hours = np.zeros(len(opened.ends), np.int64)
    hours[there] = opened.words[begins + 2 * _numbers(opened, there) - 1]
    return hours


@dataclass(frozen=True)
class Since:
    """The sections of many keys from an hour on, up to the instant asked about.

    Args:
        opened: the value of each key.
        hour: the first hour that counts.
        at: the instant asked about, in microseconds.
    """

    opened: Opened
    hour: int
    at: int

    @cached_property
    def sections(self) -> list[tuple[Words, Words]]:
        """Each key's in order of time.

        As many pairs as the most sections that a key has: the words at which they start, and the
        positions of their keys.
        """
        asked = hour_of(self.at - 1)
        return [
            (starts[counts], of[counts])
            for hours, starts, ends, of in self._counted
            for counts in [(ends > starts) & (hours <= asked)]
        ]

    @cached_property
    def hours(self) -> list[int]:
        """The hours of which some key has a section that counts, in order."""
        return sorted({int(hour) for hours, _, _, _ in self._counted for hour in hours})

    @cached_property
    def lost(self) -> set[int]:
        """The positions of keys of which some hour that counts is not known."""
        found = set(self.opened.damaged)
        for _, starts, ends, of in self._counted:
            found.update(of[ends == starts].tolist())
        return found

    @cached_property
    def later(self) -> dict[int, int]:
        """The keys of which nothing can be told as of the instant asked about.

        A section that counts holds events of theirs that arrived at it or after, and they cannot
        be told from those before. By position, the instant up to which it knows events.
        """
        found: dict[int, int] = {}
        for starts, of in self.sections:
            known = self.opened.words.take(starts + 1, mode="clip")
            late = np.flatnonzero(known > self.at)
            found.update(zip(of[late].tolist(), known[late].tolist(), strict=True))
        return found

    @cached_property
    def latest(self) -> tuple[Words, Words]:
        """Of each key the latest hour that counts, and the latest event in it; or the least."""
        hours = np.zeros(len(self.opened.ends), np.int64)
        events = np.full(len(self.opened.ends), NO_TIME)
        for found, starts, ends, of in self._counted:
            hours[of] = np.maximum(hours[of], found)
            has = ends > starts
            known = self.opened.words[starts[has] + 1]
            events[of[has]] = np.maximum(events[of[has]], known)
        return hours, events

    @cached_property
    def _counted(self) -> list[tuple[Words, Words, Words, Words]]:
        """As ``sections``, whenever they arrived: hours, starts, ends and positions of keys."""
        words, found = self.opened.words, []
        keys = np.flatnonzero(self.opened.ends)
        begins, behind = self.opened.starts[keys], self.opened.ends[keys]
        numbers = _numbers(self.opened, keys)
        for place in range(int(numbers.max(initial=0))):
            has = np.flatnonzero(numbers > place)
            entry = begins[has] + 1 + 2 * place
            counts = words[entry] >= self.hour
            has, entry = has[counts], entry[counts]
            if len(has):
                begin, end = begins[has], behind[has]
                starts = np.minimum(np.maximum(begin + words[entry + 1], begin), end)
                after = begin + words.take(entry + 3, mode="clip")
                after = np.minimum(np.maximum(after, starts), end)
                ends = np.where(numbers[has] == place + 1, end, after)
                found.append((words[entry], starts, ends, keys[has]))
        return found


def _numbers(opened: Opened, there: Words) -> Words:
    """How many sections some values have; never more than they have room for."""
    begins = opened.starts[there]
    most = (opened.ends[there] - begins - 1) // 2
    numbers: Words = np.minimum(np.maximum(opened.words[begins], 1), most)
    return numbers


def _sections(words: Words, begin: int, end: int) -> Iterator[tuple[int, int, int]]:
    """Each section's hour, and the words at which it starts and ends."""
    if end > begin:
        index = words[begin + 1 : begin + 1 + 2 * int(words[begin])].tolist()
        ends = (*(begin + start for start in index[3::2]), end)
        starts = [begin + start for start in index[1::2]]
        yield from zip(index[::2], starts, ends, strict=True)


def _header(sizes: Sequence[tuple[int, int]]) -> bytes:
    """What lies in front of sections of these hours and sizes, in words."""
    index, start = [], 1 + 2 * len(sizes)
    for hour, size in sizes:
        index += [hour, start]
        start += size
    return struct.pack(f"<{1 + len(index)}q", len(sizes), *index)
