"""The keys of a near view, each with a slot; and of which slots it is known how they were when."""

from contextlib import AbstractContextManager
from dataclasses import dataclass, field

import numpy as np

from slate.expressions import Array
from slate.online.near.slots import Slots
from slate.online.rows.hour_sections import hour_of
from slate.online.rows.row_format import Words
from slate.online.store.live_generations import Live

NEVER = int(np.iinfo(np.int64).max)


@dataclass(eq=False)
class SlotStates:
    """What is known of the slots of a view's generation.

    Attributes:
        live: the generation.
        lock: who reads slots or columns holds it, and who changes them.
        hour: of each slot the latest hour of arrival that the stream brought something in.
        event: of each slot the instant just after the latest event that the stream brought, in
            microseconds.
        lost: of which slots nothing can be told; shape (2, slots), of published rows and of what
            the stream adds.
        latest: of all slots there ever were the latest of ``hour``, the latest of ``event``, and
            whether anything was ever lost.
        slots: the slot of each key.
    """

    live: Live
    lock: AbstractContextManager[object]
    hour: Words
    event: Words
    lost: Array
    latest: Words
    slots: Slots = field(default_factory=Slots)

    def __len__(self) -> int:
        return len(self.slots)

    @property
    def streamed_until(self) -> int:
        """The instant just after all that the stream brought; the least of int64 for nothing."""
        return int(self.latest[1]) if self.live.deltas is not None else -NEVER

    def unknown(self, at: Words) -> Array:
        """Of which of some slots nothing can be told."""
        return np.asarray(self.lost[:, at].any(axis=0))

    def tells_all(self, instant: int) -> bool:
        """Whether it can be told of all slots how they were then, as it nearly always can.

        Args:
            instant: the instant asked about, in microseconds.
        """
        latest_hour, latest_event, some_lost = self.latest.tolist()
        if some_lost:
            return False
        too_late = latest_hour > hour_of(instant - 1) or latest_event > instant
        return self.live.deltas is None or not too_late

    def tell(self, at: Words, instant: int) -> Array:
        """Of which of some slots it can be told how they were.

        Args:
            at: the slots.
            instant: the instant asked about, in microseconds.
        """
        known = ~self.unknown(at)
        if self.live.deltas is not None:
            known &= (self.hour[at] <= hour_of(instant - 1)) & (self.event[at] <= instant)
        return known
