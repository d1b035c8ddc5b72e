"""The ids that were seen lately, to know repeats by."""

import numpy as np

from slate.expressions import Array
from slate.online.rows.event_ids import Ids
from slate.online.rows.row_format import Words

_SMALLEST = 1 << 12
# Fibonacci hashing: the highest bits of the product say where, whatever the ids have in common.
_SPREAD, _HALF = np.uint64(0x9E37_79B9_7F4A_7C15), np.uint64(32)
# Above this share of filled places searches become long; renewed, it is long until the next time.
_FULL, _RENEWED = 0.55, 0.35


class SeenIds:
    """The latest arrival of each id (a 64-bit digest), in 29 to 46 bytes an id.

    A hash table in two arrays, with linear probing, as a dictionary would take ten times as much.

    Args:
        horizon: for how long an id is remembered, in microseconds of arrival.
    """

    def __init__(self, horizon: int) -> None:
        self._horizon = horizon
        self._latest = 0
        self._used = 0
        self._ids = np.zeros(_SMALLEST, np.uint64)
        self._arrivals = np.zeros(_SMALLEST, np.int64)

    def __len__(self) -> int:
        """How many ids are remembered; some of them longer than need be."""
        return self._used

    def add(self, ids: Ids, arrivals: Words) -> Array:
        """Remember ids, and tell which of them are new.

        An id is a repeat if it arrived before, no longer ago than the horizon; the repeat counts
        for the next one too.

        Args:
            ids: the ids, in order of arrival.
            arrivals: the arrival of each, in microseconds.
        """
        if not len(ids):
            return np.empty(0, np.bool_)
        ids = np.where(ids == 0, np.uint64(1), ids)  # 0 marks a free place
        # Of an id that comes several times, each is compared with the one before it.
        order = np.argsort(ids, kind="stable")
        by_id, times = ids[order], arrivals[order]
        first = np.ones(len(ids), np.bool_)
        first[1:] = by_id[1:] != by_id[:-1]
        last = np.append(first[1:], True)
        new = np.ones(len(ids), np.bool_)
        again = np.flatnonzero(~first)
        new[again] = times[again] - times[again - 1] > self._horizon
        self._latest = int(arrivals[0])
        places, known = self._places(by_id[first])
        known_at = np.where(known, self._arrivals[places], times[first] - self._horizon - 1)
        new[first] = times[first] - known_at > self._horizon
        self._arrivals[places] = times[last]
        found = np.empty(len(ids), np.bool_)
        found[order] = new
        return found

    def _places(self, ids: Ids) -> tuple[Words, Array]:
        """The place of each of some distinct ids, taken if need be, and whether it was there."""
        if self._used + len(ids) > _FULL * len(self._ids):
            self._renew(len(ids))
        size = np.uint64(len(self._ids))
        place = (ids * _SPREAD >> _HALF) * size >> _HALF
        places = np.empty(len(ids), np.int64)
        known = np.zeros(len(ids), np.bool_)
        open_ = np.arange(len(ids))
        while len(open_):
            here = place[open_]
            held = self._ids[here]
            same = held == ids[open_]
            free = np.flatnonzero(held == 0)
            # Of several ids that want one free place, the last one written has it.
            self._ids[here[free]] = ids[open_[free]]
            mine = np.zeros(len(open_), np.bool_)
            mine[free] = self._ids[here[free]] == ids[open_[free]]
            done = same | mine
            places[open_[done]] = here[done]
            known[open_[same]] = True
            self._used += int(mine.sum())
            open_ = open_[~done]
            after = place[open_] + np.uint64(1)
            place[open_] = np.where(after == size, np.uint64(0), after)
        return places, known

    def _renew(self, more: int) -> None:
        """Forget what is older than the horizon, and make room."""
        kept = (self._ids != 0) & (self._arrivals >= self._latest - self._horizon)
        ids, arrivals = self._ids[kept], self._arrivals[kept]
        size = max(int((len(ids) + more) / _RENEWED), _SMALLEST)
        self._ids, self._arrivals = np.zeros(size, np.uint64), np.zeros(size, np.int64)
        self._used = 0
        places, _ = self._places(ids)
        self._arrivals[places] = arrivals
