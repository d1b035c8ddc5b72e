"""The ids that landing files brought and no stream's archive wrote: what the stream must not add.

An event may come both ways, as when a source is moved onto its stream. A published generation says
which of these files its rows know: those that were taken in until ``taken_in``, of them the events
that arrived before its ``as_of``. Their ids lie in the store for the source's horizon, so the
stream skips what the batch holds::

    <deployment>:stream:<source>:landed             <taken in>:<file>:<part> -> ids and arrivals
    <deployment>:stream:<source>:{<route>:<n>}:landed
                                                    what the partition's rows were made with

Where all files of a source are its archive's, both are empty, and cost nothing.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, NamedTuple, Self

import numpy as np
import pyarrow as pa
from redis import Redis

from slate.expressions import Array
from slate.online.rows.event_ids import SEEN, Ids, hash_ids
from slate.online.rows.instants import microseconds
from slate.online.rows.row_format import Words
from slate.online.store import seen_ids
from slate.online.store.generations import Generation
from slate.online.store.stream_names import StreamNames, Unit, definition
from slate.sources import Source
from slate.views import FeatureView
from slate.windows import HOUR

ROWS_AT_ONCE = 250_000


@dataclass(frozen=True)
class LandedFile:
    """A landing file that did not come by the stream.

    Attributes:
        number: its number in the order in which files were taken in.
        taken_in: when it was (UTC), by the time of the warehouse's ledgers, which never goes back.
        rows: how many rows it has.
        read: gives their unique ids and arrivals, in tables of so many rows.
    """

    number: int
    taken_in: datetime
    rows: int
    read: Callable[[int], Iterator[pa.Table]]

    @property
    def fields(self) -> list[str]:
        """The names that its ids lie under."""
        parts = -(-self.rows // ROWS_AT_ONCE)
        return [f"{microseconds(self.taken_in)}:{self.number}:{part}" for part in range(parts)]


@dataclass(frozen=True)
class LandedFiles:
    """What a view's rows know of the files of its source that did not come by the stream.

    Attributes:
        taken_in: until when such files were taken in; None if none ever was.
        files: those whose events lie within the source's horizon.
    """

    taken_in: datetime | None
    files: Sequence[LandedFile]


class LandedBounds(NamedTuple):
    """Which events of such files a generation knows, in microseconds.

    Attributes:
        taken_in: those of the files that were taken in until then,
        as_of: and that arrived before then.
    """

    taken_in: int
    as_of: int

    @classmethod
    def of(cls, generation: Generation) -> Self:
        """What a generation knows."""
        if generation.taken_in is None:
            return cls(0, 0)
        return cls(microseconds(generation.taken_in), microseconds(generation.as_of))


NOTHING = LandedBounds(0, 0)


class Change(NamedTuple):
    """Another generation of a view in the place of the one that its stream's rows were made with.

    Attributes:
        before: what that one knows.
        now: what the other one does.
        needed: the first hour of arrival whose rows are needed.
    """

    before: LandedBounds
    now: LandedBounds
    needed: int


def tell(redis: Redis, deployment: str, source: type[Source], files: Sequence[LandedFile]) -> None:
    """Let the store hold the ids of these files, and of no others of the source."""
    store: Any = redis
    name = StreamNames(deployment, source).landed
    held = {field.decode() for field in store.hkeys(name)}
    for file in files:
        if not held.issuperset(file.fields):
            for field, table in zip(file.fields, file.read(ROWS_AT_ONCE), strict=True):
                ids, arrivals = table.columns
                found = np.empty(table.num_rows, SEEN)
                found["id"] = hash_ids(ids)
                found["arrival"] = np.asarray(arrivals.cast(pa.int64()))
                store.hset(name, field, found.tobytes())
    gone = held.difference(*(file.fields for file in files))
    if gone:
        store.hdel(name, *gone)


class LandedIds:
    """A worker's copy of a source's ids.

    Args:
        redis: a client of the store.
        deployment: the deployment's name.
        source: the source.
    """

    def __init__(self, redis: Redis, deployment: str, source: type[Source]) -> None:
        self._redis: Any = redis
        self._name = StreamNames(deployment, source).landed
        self._horizon = source.horizon
        self._parts: dict[bytes, np.ndarray[Any, Any]] = {}
        self._lay([])

    def renew(self) -> None:
        """Read what was told since, and forget what is no longer held."""
        fields = set(self._redis.hkeys(self._name))
        if fields == self._parts.keys():
            return
        parts = {field: part for field, part in self._parts.items() if field in fields}
        for field in fields - parts.keys():
            # One at a time: each may have megabytes.
            if (held := self._redis.hget(self._name, field)) is not None:
                parts[field] = np.frombuffer(held, SEEN)
        self._parts = parts
        self._lay(list(parts.items()))

    def _lay(self, parts: list[tuple[bytes, np.ndarray[Any, Any]]]) -> None:
        """Lay all ids in order, to be searched."""
        rows = np.concatenate([np.empty(0, SEEN), *[part for _, part in parts]])
        taken = [np.full(len(part), int(field.split(b":")[0])) for field, part in parts]
        order = np.argsort(rows["id"], kind="stable")
        self._ids = rows["id"][order]
        self._arrivals = rows["arrival"][order]
        self._taken = np.concatenate([np.empty(0, np.int64), *taken])[order]

    def known(self, ids: Ids, arrivals: Words, known: LandedBounds) -> Array:
        """Which events a generation holds already: an id's copies are one within the horizon.

        Args:
            ids: the ids.
            arrivals: when each arrived, in microseconds.
            known: what the generation knows.
        """
        found = np.zeros(len(ids), np.bool_)
        if known == NOTHING or not len(self._ids):
            return found
        place = np.searchsorted(self._ids, ids)
        open_ = np.arange(len(ids))
        while True:
            open_ = open_[place[open_] < len(self._ids)]
            open_ = open_[self._ids[place[open_]] == ids[open_]]
            if not len(open_):
                return found
            here = place[open_]
            same = np.abs(self._arrivals[here] - arrivals[open_]) <= self._horizon
            found[open_] |= same & self._held(here, known)
            place[open_] += 1

    def differ(self, one: LandedBounds, other: LandedBounds) -> bool:
        """Whether there are ids of which only one of two generations knows."""
        everywhere = np.arange(len(self._ids))
        return bool((self._held(everywhere, one) != self._held(everywhere, other)).any())

    def _held(self, places: Words, known: LandedBounds) -> Array:
        held: Array = self._taken[places] <= known.taken_in
        return held & (self._arrivals[places] < known.as_of)


def counted_otherwise(
    redis: Redis,
    unit: Unit,
    landed: LandedIds,
    changes: Mapping[type[FeatureView], Change],
) -> list[type[FeatureView]]:
    """The views of which a partition would have counted other events than it did.

    Args:
        redis: a client of the store.
        unit: the partition.
        landed: the ids of its source.
        changes: what changes of views.
    """
    open_ = {view: one for view, one in changes.items() if landed.differ(one.before, one.now)}
    if not open_:
        return []
    store: Any = redis
    wrong = dict.fromkeys(open_, False)
    for ids, arrivals in seen_ids.read(redis, unit, int(store.get(unit.applied) or 0)):
        for view, (before, now, needed) in open_.items():
            differs = landed.known(ids, arrivals, before) != landed.known(ids, arrivals, now)
            wrong[view] |= bool((differs & (arrivals >= needed * HOUR)).any())
    return [view for view, is_wrong in wrong.items() if is_wrong]


def written(
    views: Sequence[type[FeatureView]], known: Mapping[type[FeatureView], LandedBounds]
) -> bytes:
    """What a partition's rows are made with, as it lies in the store; empty if with nothing."""
    said = {definition(view): known.get(view, NOTHING) for view in views}
    return " ".join(
        f"{name}={one.taken_in}/{one.as_of}" for name, one in sorted(said.items()) if any(one)
    ).encode()


def read(text: bytes) -> dict[str, LandedBounds]:
    """What ``written`` wrote, by the views' definitions."""
    pairs = [one.partition("=") for one in text.decode().split()]
    return {name: LandedBounds(*map(int, known.split("/"))) for name, _, known in pairs}
