"""One near view in this process: its rows, its columns, and how far behind the store they are."""

import time
from collections.abc import Sequence
from contextlib import nullcontext
from dataclasses import dataclass
from itertools import islice

import numpy as np

from slate.candidates import CandidateSet
from slate.encoded import Operand, array
from slate.expressions import NOW, Array, Expr, evaluate
from slate.features import Attribute, Feature
from slate.online.near.decoded_columns import AttributeColumns, WindowColumns
from slate.online.near.held_rows import HeldRows
from slate.online.rows.decoded_rows import Decoded
from slate.online.rows.hour_sections import SKEW, hour_of
from slate.online.rows.keys import Keys
from slate.online.rows.row_format import Words
from slate.online.store.live_generations import Live
from slate.views import FeatureView
from slate.windows import SECOND


@dataclass(frozen=True)
class Taken:
    """What a near view told.

    Attributes:
        decoded: the rows.
        live: their generation, as it was when the view was last in step with the store.
        behind: how many seconds ago that was.
    """

    decoded: Decoded
    live: Live
    behind: float


@dataclass(frozen=True)
class Held:
    """A generation's rows and columns.

    Attributes:
        rows: the rows.
        columns: their columns.
        capacity: for how many slots.
    """

    rows: HeldRows
    columns: WindowColumns | AttributeColumns
    capacity: int


class KeptView:
    """One near view.

    Args:
        view: the view.

    Attributes:
        view: the view.
        held: what is held of it; None before it is loaded.
        live: the generation that is live, as of ``synced``; None if none is, or not as a whole.
        synced: when all of ``held`` was last in step with the store, by the monotonic clock.
    """

    def __init__(self, view: type[FeatureView]) -> None:
        assert view.near_us is not None
        self.view = view
        self.held: Held | None = None
        self.live: Live | None = None
        self.synced = 0.0
        self._most_behind = view.near_us / SECOND
        # The keys of each set, and what they were found in.
        self._sets: dict[CandidateSet, tuple[Held, Keys]] = {}

    @property
    def ready(self) -> bool:
        """Whether it can be taken from."""
        return self.held is not None and self.held.rows.live == self.live

    def take(
        self,
        live: Live,
        keys: Keys,
        at: int,
        features: Sequence[Feature],
        leads: Sequence[Attribute],
    ) -> Taken | None:
        """The rows of a request; None if the store has to be asked for them.

        That is so where another generation is held, where it is too far behind, where something of
        a row cannot be read, and of instants that its columns cannot tell: the past, another hop
        than the present one, or an hour in which later events came.

        Args:
            live: the generation that the request reads.
            keys: its keys.
            at: the instant asked about, in microseconds.
            features: the features that are wanted.
            leads: those that lead to other entities.
        """
        held = self.held
        behind = time.monotonic() - self.synced
        if held is None or behind > self._most_behind:
            return None
        if held.rows.live != live or self.live != live:
            return None
        told, rows = self.live, held.rows
        assert told is not None
        slots = keys.among(rows.slots)
        # A key that came just now has no place in the columns yet.
        if slots.max(initial=0) >= held.capacity:
            return None
        # All at once: an event that is too late for the instant may come at any time, or so many
        # keys that there are other columns by now.
        with rows.lock, np.errstate(all="ignore"):
            if self.held is not held or not _tells(rows, slots, at).all():
                return None
            decoded = held.columns.take(rows, slots, at, features, leads)
        return Taken(decoded, told, behind) if decoded is not None else None

    def keys_where(self, candidates: CandidateSet, at: int, live: Live | None) -> Keys | None:
        """The keys of a set; None if they cannot be told, as by ``take``.

        Rows of which something cannot be read are in no set. While a newer generation is loaded,
        those of the one before it are told to requests that read that.

        Args:
            candidates: the set, of this view.
            at: the instant asked about, in microseconds.
            live: the generation that the request reads; None if it knows of none.
        """
        held = self.held
        behind = time.monotonic() - self.synced
        if held is None or self.live is None or held.rows.live != live:
            return None
        if behind > self._most_behind:
            return None
        made = self._sets.get(candidates)
        if made is not None and made[0] is held and candidates.timeless:
            return made[1]
        rows = held.rows
        with rows.lock, np.errstate(all="ignore"):
            number = min(len(rows), held.capacity - 1)
            slots = np.arange(1, number + 1)
            decoded = held.columns.take(rows, slots, at, candidates.features, ())
            if decoded is None:
                return None
            known = _tells(rows, slots, at)
            keys = list(islice(rows.slots, number))
        values: dict[Expr, Operand] = {**decoded.values, NOW: np.array([at], "M8[us]")}
        chosen = np.flatnonzero(array(evaluate(candidates.where, values)) & known)
        found = Keys([keys[place] for place in chosen.tolist()], np.arange(len(chosen)))
        self._sets[candidates] = held, found
        return found

    def change(self, keys: Sequence[str], values: Sequence[bytes | None]) -> None:
        """Take in what a stream adds to some keys by now, and have it seen.

        Args:
            keys: the keys as texts, each once.
            values: the value of each, None where there is none.
        """
        held = self.held
        assert held is not None
        if not keys:
            return
        assert isinstance(held.columns, WindowColumns)
        # Where requests decode rows for themselves, they wait until all columns have them too.
        with held.rows.lock if held.columns.bounded else nullcontext():
            self._change(held, held.columns, keys, values)

    def _change(
        self,
        held: Held,
        old: WindowColumns,
        keys: Sequence[str],
        values: Sequence[bytes | None],
    ) -> None:
        slots = held.rows.stream(keys, values)
        if held.rows.capacity > held.capacity:
            # All anew, with room for more keys.
            columns = WindowColumns(self.view)
            columns.decode(held.rows, old.now)
            self.held = Held(held.rows, columns, held.rows.capacity)
            return
        changes = old.decode_again(held.rows, slots)
        with held.rows.lock:
            changes.apply()

    def prepare(self, now: int) -> None:
        """Have the columns of the present, and those of a hop that is about to begin.

        Args:
            now: the instant that it is, in microseconds.
        """
        if self.held is not None and isinstance(self.held.columns, WindowColumns):
            self.held.columns.decode(self.held.rows, now)


def _tells(rows: HeldRows, slots: Words, at: int) -> Array:
    """Of which slots it can be told how they were at an instant; of one for all of them."""
    streamed = rows.live.deltas is not None
    later = rows.latest_hour > hour_of(at - 1) or rows.latest_event > at + SKEW
    if not rows.some_lost and not (streamed and later):
        # Nearly always.
        return np.ones(1, np.bool_)
    known = ~rows.unknown(slots)
    if streamed:
        known &= (rows.hour[slots] <= hour_of(at - 1)) & (rows.event[slots] <= at + SKEW)
    return known


def made(view: type[FeatureView], rows: HeldRows, now: int) -> Held:
    """Rows with their columns, decoded as of the present."""
    if not view.windowed:
        return Held(rows, AttributeColumns(view, rows), rows.capacity)
    columns = WindowColumns(view)
    columns.decode(rows, now)
    return Held(rows, columns, rows.capacity)
