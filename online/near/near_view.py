"""One near view, and taking the rows of a request from it."""

import time
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import islice
from typing import Generic, Protocol, TypeVar

import numpy as np

from slate.candidates import CandidateSet
from slate.encoded import Operand, array
from slate.expressions import NOW, Expr, evaluate
from slate.features import Attribute, Feature
from slate.online.near.slot_states import SlotStates
from slate.online.rows.decoded_rows import Decoded
from slate.online.rows.keys import Keys
from slate.online.rows.row_format import Words
from slate.online.store.live_generations import Live
from slate.views import FeatureView
from slate.windows import SECOND


class Columns(Protocol):
    """The decoded values of all slots."""

    def take(
        self, at: Words, instant: int, features: Sequence[Feature], leads: Sequence[Attribute]
    ) -> Decoded | None:
        """The values of some slots as of an instant; None if they cannot be told.

        Args:
            at: the slots.
            instant: in microseconds.
            features: the features.
            leads: the features that lead to other entities.
        """


RowsT = TypeVar("RowsT", bound=SlotStates)
ColumnsT = TypeVar("ColumnsT", bound=Columns)


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
class Held(Generic[RowsT, ColumnsT]):
    """A generation's rows and columns.

    Attributes:
        rows: the rows.
        columns: their columns.
        capacity: for how many slots.
    """

    rows: RowsT
    columns: ColumnsT
    capacity: int


class NearView(Generic[RowsT, ColumnsT]):
    """One near view.

    Args:
        view: the view.

    Attributes:
        view: the view.
        held: what is held of it; None before it is loaded.
        live: the generation that is live, as of ``synced``; None if none is, or not as a whole.
        synced: when all of ``held`` was last in step with the store, by the monotonic clock.
        refused: the name of the generation of which nothing is held, as it has too many rows; None
            if there is none.
    """

    def __init__(self, view: type[FeatureView]) -> None:
        assert view.near_us is not None
        self.view = view
        self.held: Held[RowsT, ColumnsT] | None = None
        self.live: Live | None = None
        self.synced = 0.0
        self.refused: str | None = None
        self._most_behind = view.near_us / SECOND
        # The keys of each set that time does not change, and what they were found in.
        self._sets: dict[CandidateSet, tuple[Held[RowsT, ColumnsT], Keys]] = {}

    @property
    def ready(self) -> bool:
        """Whether it can be taken from."""
        return self.held is not None and self.held.rows.live == self.live

    @property
    def known(self) -> bool:
        """Whether all that is published of it can be taken, if anything is and may be held."""
        if self.live is None:
            return self.synced > 0
        return self.ready or self.live.name == self.refused

    def refresh(self) -> None:
        """See how it is by now, where another process keeps it."""

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
        rows = held.rows
        if rows.live != live or self.live != live:
            return None
        slots = keys.among(rows.slots)
        # A key that came just now has no place in the columns yet.
        if slots.max(initial=0) >= held.capacity:
            return None
        # All at once: an event that is too late for the instant may come at any time, or so many
        # keys that there are other columns by now.
        with rows.lock, np.errstate(all="ignore"):
            if self.held is not held:
                return None
            if not (rows.tells_all(at) or rows.tell(slots, at).all()):
                return None
            decoded = held.columns.take(slots, at, features, leads)
        return Taken(decoded, live, behind) if decoded is not None else None

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
        if made is not None and made[0] is held:
            return made[1]
        rows = held.rows
        with rows.lock, np.errstate(all="ignore"):
            number = min(len(rows), held.capacity - 1)
            slots = np.arange(1, number + 1)
            decoded = held.columns.take(slots, at, candidates.features, ())
            if decoded is None:
                return None
            known = rows.tell(slots, at)
            keys = list(islice(rows.slots, number))
        values: dict[Expr, Operand] = {**decoded.values, NOW: np.array([at], "M8[us]")}
        chosen = np.flatnonzero(array(evaluate(candidates.where, values)) & known)
        found = Keys([keys[place] for place in chosen.tolist()], np.arange(len(chosen)))
        if candidates.timeless:
            self._sets[candidates] = held, found
        return found
