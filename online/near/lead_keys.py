"""Keys that the rows of a near view lead to, each found once, when the view is loaded."""

from collections.abc import Mapping
from functools import cached_property
from itertools import repeat
from typing import Any
from weakref import ref

import numpy as np

from slate.expressions import Array
from slate.online.near.slots import Slots
from slate.online.rows.keys import Keys
from slate.online.rows.row_format import Words


class Leads:
    """The keys that an attribute of a near view leads to.

    Args:
        keys: the key of each slot.

    Attributes:
        values: the keys, each once.
        index: of each slot the position of its key among them; -1 where it has none.
    """

    def __init__(self, keys: Keys) -> None:
        self.values, self.index = keys.values, keys.index
        # Of each view, how many slots it had, and those of these keys.
        self._slots: list[tuple[ref[Slots], int, Words]] = []

    def slots(self, among: Slots) -> Words:
        """The slot of each of the keys, and behind them 0, for where there is no key.

        Args:
            among: the slots of a view, which are only ever added to.
        """
        for view, number, slots in self._slots:
            if view() is among and number == len(among):
                return slots
        number = len(among)
        found = np.fromiter(map(among.get, self.values, repeat(0)), np.int64, len(self.values))
        slots = np.append(found, 0)
        # Of views that are still held.
        held = [(one, one[0]()) for one in self._slots]
        others = [one for one, view in held if view is not None and view is not among]
        self._slots = [*others, (ref(among), number, slots)]
        return slots


class LeadKeys(Keys):
    """The keys that some slots lead to; each once only when it is asked for.

    Args:
        leads: the keys of all slots.
        at: the slots.
    """

    def __init__(self, leads: Leads, at: Words) -> None:
        self._leads = leads
        self._at = leads.index.take(at)

    @cached_property
    def _distinct(self) -> tuple[list[Any], Words]:  # type: ignore[override]
        used = np.zeros(len(self._leads.values) + 1, np.bool_)
        used[self._at] = True
        used[-1] = False
        of = np.flatnonzero(used)
        position = np.full(len(used), -1)
        position[of] = np.arange(len(of))
        values = self._leads.values
        return [values[place] for place in of.tolist()], position.take(self._at)

    def __len__(self) -> int:
        return len(self._at)

    @property
    def missing(self) -> Array:
        """The rows that have no key."""
        missing: Array = self._at < 0
        return missing

    def among(self, numbered: Mapping[Any, int]) -> Words:
        """The number of each row's key, 0 where it has none."""
        if isinstance(numbered, Slots):
            return self._leads.slots(numbered).take(self._at)
        return super().among(numbered)
