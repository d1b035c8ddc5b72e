"""Commands as what the nodes of a cluster are asked: things, each of which lies in one slot."""

from collections.abc import Iterator, Sequence
from typing import Any, Protocol

import numpy as np
from redis.exceptions import ResponseError

from slate.online.rows.keys import Keys
from slate.online.rows.row_format import Words
from slate.online.store.cluster_slots import slot, slots
from slate.online.store.commands import Packed, Spread, each, write_each


class ClusterQuestion(Protocol):
    """What nodes are asked for one command.

    Attributes:
        slots: the slot of each thing that it asks about.
        width: how many replies there are about each.
        behind: names whose values belong to its reply, and are asked for once all else is there.
    """

    slots: Words
    width: int
    behind: Sequence[str] = ()

    def commands(self, places: Words) -> Iterator[tuple[Words, Packed]]:
        """What asks about some of the things, by their places: parts of them, with the commands."""

    def replies(self, found: Sequence[Sequence[Any]]) -> Sequence[Any]:
        """The replies to the command, from those about each thing."""


def question(packed: Packed) -> ClusterQuestion:
    """What nodes are asked for a command."""
    return RowsQuestion(packed.spread) if packed.spread is not None else Whole(packed)


class Whole(ClusterQuestion):
    """A command, or several that belong together, on names of one slot."""

    def __init__(self, packed: Packed) -> None:
        self._packed = packed
        self.slots = np.array([slot(packed.name)], np.int64)
        self.width = packed.number

    def commands(self, places: Words) -> Iterator[tuple[Words, Packed]]:
        """The command as it is."""
        yield places, self._packed

    def replies(self, found: Sequence[Sequence[Any]]) -> Sequence[Any]:
        """Its replies as they are."""
        return found[0]


class RowsQuestion(ClusterQuestion):
    """A command on rows, asked about each of them."""

    def __init__(self, spread: Spread) -> None:
        self._spread, self.width, self.behind = spread, 1, spread.behind
        none = np.empty(0, np.int64)
        self.slots = np.concatenate([none, *[slots(*one) for one in spread.rows]])

    def commands(self, places: Words) -> Iterator[tuple[Words, Packed]]:
        """One for each of the rows."""
        start = 0
        for prefix, keys in self._spread.rows:
            end = start + len(keys.values)
            mine = places[(places >= start) & (places < end)]
            at = (mine - start).tolist()
            some = Keys([keys.texts[place] for place in at], np.arange(len(at)))
            if at and self._spread.values:
                yield mine, write_each(prefix, some, [self._spread.values[place] for place in at])
            elif at:
                yield mine, each(self._spread.what, prefix, some)
            start = end

    def replies(self, found: Sequence[Sequence[Any]]) -> Sequence[Any]:
        """The one reply that the command has where all rows lie on one server."""
        replies = [one for (one,) in found]
        if self._spread.what == b"GET":
            # As MGET has it, there is no value under a name that something else has.
            return [[None if isinstance(one, ResponseError) else one for one in replies]]
        errors = [one for one in replies if isinstance(one, Exception)]
        if errors:
            return errors[:1]
        return [replies[-1:] if self._spread.values else sum(replies)]
