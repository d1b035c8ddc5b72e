"""Where the values of one view in an answer come from, and how old they are."""

from datetime import datetime, timedelta
from functools import cached_property

import numpy as np
import numpy.typing as npt

from slate.expressions import Array
from slate.online.rows.instants import instant
from slate.online.rows.row_format import NO_TIME, Words
from slate.online.serving.answer_preview import moment
from slate.states import WORDS, State
from slate.windows import SECOND


class ViewState:
    """Where the values of one view come from, row by row.

    Attributes:
        behind: the seconds since the view was in step with the store, of a view that is kept near;
            0 of one that was read from the store.
        generation: the name of the published version that was live; None if nothing is known.
    """

    def __init__(
        self, rows: int, at: int, as_of: int | None, event_ts: Words, stale: Array | None,
        missing: Array, known_until: int | None, behind: float = 0.0, generation: str | None = None,
    ) -> None:  # fmt: skip
        self._rows = rows
        self._at = at
        self._event_ts = event_ts
        self._stale = stale
        self._missing = missing
        self._as_of = as_of
        self._known_until = known_until
        self.behind = behind
        self.generation = generation

    @property
    def as_of(self) -> datetime | None:
        """The instant up to which the view knows all events (UTC); None if nothing is known."""
        return None if self._as_of is None else instant(self._as_of)

    @property
    def known_until(self) -> datetime | None:
        """The latest instant that the view knows of (UTC); None if nothing is known."""
        return None if self._known_until is None else instant(self._known_until)

    @property
    def lag(self) -> float | None:
        """The seconds from the latest that the view knows of to the instant asked about.

        That is what it is published as of, or the arrival of the latest event that its stream has
        applied, if that is later and the stream has held all events since what is published. What
        happened in that time is not in its values: asked about a day ahead, they are those of a
        day without events. None if nothing is known.
        """
        if self._known_until is None:
            return None
        return max(self._at - self._known_until, 0) / SECOND

    @cached_property
    def state(self) -> npt.NDArray[np.uint8]:
        """The ``State`` of each row."""
        state = np.where(self._event_ts == NO_TIME, State.DEFAULT, State.PRESENT)
        if self._stale is not None:
            state = np.where(self._stale, State.STALE, state)
        state = np.where(self._missing, State.MISSING, state)
        return np.broadcast_to(state.astype(np.uint8), self._rows)

    @cached_property
    def counts(self) -> dict[str, int]:
        """How many rows are of each state, by its word."""
        known = ~self._missing
        fresh = known if self._stale is None else known & ~self._stale
        present = fresh & (self._event_ts != NO_TIME)
        of_known, of_fresh, of_present = map(self._number, (known, fresh, present))
        of_each = (of_present, of_fresh - of_present, of_known - of_fresh, self._rows - of_known)
        return dict(zip(WORDS, of_each, strict=True))

    def _number(self, some: Array) -> int:
        """How many rows are some, given by row, or by one for all of them."""
        return int(np.count_nonzero(some)) * (self._rows if len(some) == 1 else 1)

    @property
    def event_ts(self) -> Words:
        """The instant of each row's latest event in microseconds, ``NO_TIME`` without a row."""
        return np.broadcast_to(self._event_ts, self._rows)

    @cached_property
    def age(self) -> npt.NDArray[np.float64]:
        """The seconds since each row's latest event; NaN where there is no row."""
        known = self._event_ts != NO_TIME
        age = np.where(known, (self._at - np.where(known, self._event_ts, 0)) / SECOND, np.nan)
        return np.broadcast_to(age, self._rows)

    def __str__(self) -> str:
        told = [f"{n:,} {state}" for state, n in self.counts.items() if n]
        told = told or ["no rows"]
        if self.as_of is not None:
            told.append(f"as of {moment(self.as_of)}")
        if self.lag is not None:
            told.append(f"{timedelta(seconds=round(self.lag))} behind")
        return ", ".join(told)

    def __repr__(self) -> str:
        return f"<{self}>"
