"""The ids that a partition has seen, in the store: in slices of the horizon, to be let go whole."""

from collections.abc import Iterator
from typing import Any

import numpy as np
from redis import Redis

from slate.online.rows.event_ids import SEEN, Ids
from slate.online.rows.row_format import Words
from slate.online.store.stream_names import Unit
from slate.sources import Source

SLICES = 8


def read(redis: Redis, unit: Unit, latest: int) -> Iterator[tuple[Ids, Words]]:
    """The ids of the last horizon with their arrivals, repeats too, in order of arrival.

    Args:
        redis: a client of the store.
        unit: the partition.
        latest: the latest arrival that is applied.
    """
    store: Any = redis
    for held in store.mget(names(unit, latest)):
        if held:
            found = np.frombuffer(held, SEEN)
            yield found["id"].copy(), found["arrival"].copy()


def names(unit: Unit, latest: int) -> list[str]:
    """The names of the ids of the last horizon.

    Args:
        unit: the partition.
        latest: the latest arrival that is applied.
    """
    return [f"{unit.seen}{number}" for number in _slices(unit.source, latest)]


def slices(unit: Unit, ids: Ids, arrivals: Words) -> Iterator[tuple[str, bytes]]:
    """What is to be appended for these ids, by name."""
    found = np.empty(len(ids), SEEN)
    found["id"], found["arrival"] = ids, arrivals
    number = arrivals // _width(unit.source)
    for one in np.unique(number).tolist():
        yield f"{unit.seen}{one}", found[number == one].tobytes()


def forgotten(unit: Unit, before: int, latest: int) -> list[str]:
    """The names of the ids that no event to come is compared with.

    Args:
        unit: the partition.
        before: the latest arrival that was applied until now.
        latest: the latest arrival now.
    """
    needed = _slices(unit.source, latest).start
    return [f"{unit.seen}{n}" for n in _slices(unit.source, before) if n < needed]


def _width(source: type[Source]) -> int:
    return max(source.horizon // SLICES, 1)


def _slices(source: type[Source], arrival: int) -> range:
    """The slices that are needed when something arrives."""
    width = _width(source)
    return range((arrival - source.horizon) // width, arrival // width + 1)
