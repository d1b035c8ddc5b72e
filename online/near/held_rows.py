"""The rows of one view as the store holds them, opened once: published ones, and the stream's.

Each key has a slot. Slot 0 is that of every key without a row. Values that cannot be read leave
their slot unknown, so that whoever asks for it goes to the store, which says why.
"""

from collections.abc import Sequence

import numpy as np
import pyarrow as pa

from slate.expressions import Array
from slate.kinds import Kind
from slate.online.near.memory import Memory
from slate.online.near.slot_states import NEVER, SlotStates
from slate.online.rows.checksums import of_texts
from slate.online.rows.codecs import codec
from slate.online.rows.envelope import Content, Envelope, Opened
from slate.online.rows.hour_sections import Since, sections_envelope
from slate.online.rows.partitioning import partition
from slate.online.rows.row_format import Words, starts_of
from slate.online.rows.window_decode import Newer
from slate.online.store.live_generations import Live
from slate.views import FeatureView

# A slot more is room for a key that nobody has heard of yet.
_ROOM = 1.25
_FEWEST = 256
# So many words are not worth being moved to give back what lies between them.
_LITTLE = 1 << 20


class HeldRows(SlotStates):
    """The rows of a view's generation, and what the stream adds to them.

    Args:
        view: a view of one key.
        live: its generation.
        memory: where what is known of its slots lies.

    Attributes:
        capacity: how many slots there are, those without a key too.
    """

    def __init__(self, view: type[FeatureView], live: Live, memory: Memory) -> None:
        self._memory = memory
        nothing = np.zeros(0, np.int64)
        lost, latest = np.zeros((2, 0), np.bool_), memory.array((3,), np.dtype(np.int64))
        super().__init__(live, memory.lock(view.name), nothing, nothing, lost, latest)
        latest[1] = -NEVER
        self.capacity = 0
        (kind,) = view.entity.keys.values()
        self._kind = kind
        self._empty = codec(view).empty
        self._envelope = Envelope(view, Content.ROW)
        self._sections = sections_envelope(view) if view.windowed else None
        # Published rows, and behind them what the stream adds.
        self._words = _Words(np.frombuffer(self._empty, np.int64))
        self._published = self._words.size
        self._starts = nothing
        # Of the first, second ... section of each slot where it starts; 0 if it has none.
        self._section_starts: list[Words] = []
        # Of what the stream adds to each slot where it lies.
        self._added = np.zeros((2, 0), np.int64)
        self._grow(_FEWEST)

    def publish(self, keys: Sequence[str | int], values: Sequence[bytes | None]) -> None:
        """Take in published rows, before any of the stream; a key that has none is unknown.

        Args:
            keys: the keys, as of ``Keys.values``.
            values: the value of each.
        """
        at = self._slots_of(keys)
        sums = of_texts(pa.array([str(key) for key in keys], pa.string()))
        opened = self._envelope.open(self.live.prefix, sums, values)
        lost = opened.ends == 0
        self._starts[at] = np.where(lost, 0, opened.starts + self._words.append(opened.words))
        self._published = self._words.size
        self.latest[2] |= lost.any()
        self.lost[0, at] = lost

    def stream(self, keys: Sequence[str], values: Sequence[bytes | None]) -> Words:
        """Take in what the stream adds to some keys; gives their slots.

        Args:
            keys: the keys as texts, each once.
            values: the value of each, None where there is none.
        """
        assert self._sections is not None
        assert self.live.deltas is not None
        sums = of_texts(pa.array(keys, pa.string()))
        opened = self._sections.open(self.live.deltas, sums, values)
        since = Since(opened, self.live.stream_from, NEVER)
        with self.lock:
            at = self._slots_of([self.key(text) for text in keys])
            self._add(at, opened, since)
            streamed = int(np.diff(self._added, axis=0).sum())
            if self._words.size - self._published > 2 * (_LITTLE + streamed):
                self._compact()
        return at

    def _add(self, at: Words, opened: Opened, since: Since) -> None:
        base = self._words.append(opened.words)
        for starts in self._section_starts:
            starts[at] = 0
        for place, (starts, of) in enumerate(since.sections):
            if place == len(self._section_starts):
                self._section_starts.append(np.zeros(self.capacity, np.int64))
            self._section_starts[place][at[of]] = starts + base
        hour, event = since.latest
        self.hour[at], self.event[at] = hour, event
        brought = [hour.max(initial=0), event.max(initial=-NEVER), bool(since.lost)]
        np.maximum(self.latest, brought, out=self.latest)
        lost = np.zeros(len(at), np.bool_)
        lost[list(since.lost)] = True
        self.lost[1, at] = lost
        there = opened.ends > 0
        self._added[0, at] = np.where(there, opened.starts + base, 0)
        self._added[1, at] = np.where(there, opened.ends + base, 0)

    def streamed(self, number: int) -> set[str]:
        """The keys of a partition, as texts, to which the stream adds something."""
        has = (self._added[1] > 0) | self.lost[1]
        keys = (str(key) for key, slot in self.slots.items() if has[slot])
        return {key for key in keys if partition(key) == number}

    def key(self, text: str) -> str | int:
        """A key of the view, from its text."""
        return text if self._kind is Kind.STRING else int(text)

    def rows(self, at: Words) -> tuple[Words, Words, list[Newer]]:
        """The rows of some slots, as a reader takes them: words, starts, and the stream's."""
        newer = []
        for starts in self._section_starts:
            found = starts[at]
            has = np.flatnonzero(found)
            if len(has):
                newer.append(Newer(found[has], has))
        return self._words.words, self._starts[at], newer

    def _slots_of(self, keys: Sequence[str | int]) -> Words:
        slots = self.slots
        for key in keys:
            if key not in slots:
                slots[key] = len(slots) + 1
        if len(slots) >= self.capacity:
            self._grow(int(len(slots) * _ROOM) + _FEWEST)
        return np.fromiter((slots[key] for key in keys), np.int64, len(keys))

    def _grow(self, capacity: int) -> None:
        more = capacity - self.capacity
        self.capacity = capacity
        self.lost = self._longer(self.lost, False)
        self.hour = self._longer(self.hour, 0)
        self.event = self._longer(self.event, -NEVER)
        self._starts = np.append(self._starts, np.zeros(more, np.int64))
        self._section_starts = [
            np.append(starts, np.zeros(more, np.int64)) for starts in self._section_starts
        ]
        self._added = np.append(self._added, np.zeros((2, more), np.int64), axis=1)

    def _longer(self, array: Array, filled: int) -> Array:
        """An array of all slots, with what one of fewer slots has."""
        longer = self._memory.array((*array.shape[:-1], self.capacity), array.dtype)
        longer[..., : array.shape[-1]] = array
        longer[..., array.shape[-1] :] = filled
        return longer

    def _compact(self) -> None:
        """Leave behind what later values took the place of."""
        slots = np.flatnonzero(self._added[1])
        begins, ends = self._added[:, slots]
        sizes = ends - begins
        offsets = starts_of(sizes)[:-1]
        starts = offsets + self._published
        old = self._words.words
        self._words = _Words(old[: self._published])
        moved = np.repeat(begins - offsets, sizes) + np.arange(int(sizes.sum()))
        self._words.append(old[moved])
        shift = np.zeros(self.capacity, np.int64)
        shift[slots] = starts - begins
        for found in self._section_starts:
            found += np.where(found > 0, shift, 0)
        self._added[0, slots], self._added[1, slots] = starts, starts + sizes


class _Words:
    """Words that more can be added to, behind those that they begin with."""

    def __init__(self, front: Words) -> None:
        self._held: Array = front.copy()
        self.size = len(front)

    @property
    def words(self) -> Words:
        """All of them."""
        return self._held[: self.size]

    def append(self, words: Words) -> int:
        """Add words; gives where they begin."""
        begin, self.size = self.size, self.size + len(words)
        if self.size > len(self._held):
            held = np.empty(2 * self.size, np.int64)
            held[:begin] = self._held[:begin]
            self._held = held
        self._held[begin : self.size] = words
        return begin
