"""Whether the store has what a stream adds to a generation that is to be live again.

Rows of the stream are kept by the hour of arrival, for all generations of a definition alike. So a
generation finds its own, if none of its hours was let go, and if the same events count: a landing
file may have brought some of them to the batch of one generation, and not of the other.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from redis import Redis

from slate.online.rows.instants import instant
from slate.online.rows.partitioning import PARTITIONS
from slate.online.store import landed_ids
from slate.online.store.cluster_client import clustered
from slate.online.store.generations import Generation, pointers, stream_field, whole_field
from slate.online.store.landed_ids import NOTHING, Change, LandedBounds, LandedIds
from slate.online.store.stream_names import StreamNames, Unit, definition, route
from slate.sources import Source
from slate.views import FeatureView
from slate.windows import HOUR


@dataclass(frozen=True)
class StreamedRows:
    """What a stream adds to the rows of a view, whichever of its generations is live.

    Attributes:
        redis: a client of the store.
        deployment: the deployment's name.
        view: a windowed view whose source has a stream.
        landed: the ids of landing files by source, as far as they were read, shared among views.
    """

    redis: Redis
    deployment: str
    view: type[FeatureView]
    landed: dict[type[Source], LandedIds]

    @classmethod
    def of(
        cls,
        redis: Redis,
        deployment: str,
        view: type[FeatureView],
        landed: dict[type[Source], LandedIds],
        found: Mapping[bytes, bytes],
    ) -> "StreamedRows | None":
        """Those of a view; None if no stream has brought anything.

        Args:
            redis: a client of the store.
            deployment: the deployment's name.
            view: the view.
            landed: as the attribute.
            found: what the store's hash of pointers holds.
        """
        if not view.windowed or not view.source.stream:
            return None
        if stream_field(view.source).encode() not in found:
            return None
        return cls(redis, deployment, view, landed)

    @cached_property
    def _units(self) -> list[Unit]:
        where = self.view.source, route(self.view)
        return [Unit(self.deployment, *where, number) for number in range(PARTITIONS)]

    @cached_property
    def _landed(self) -> LandedIds:
        source = self.view.source
        if source not in self.landed:
            self.landed[source] = LandedIds(self.redis, self.deployment, source)
        self.landed[source].renew()
        return self.landed[source]

    @property
    def watched(self) -> list[str]:
        """The names whose values decide about ``lacking``."""
        return [name for unit in self._units for name in (unit.let_go, unit.landed, unit.views)]

    def lacking(self, generation: Generation) -> str | None:
        """What a generation would lack if it were live; None if nothing."""
        store: Any = self.redis
        known, needed = definition(self.view), generation.first_hour
        with store.pipeline(transaction=False) as pipeline:
            pipeline.get(StreamNames(self.deployment, self.view.source).clock)
            for unit in self._units:
                pipeline.smembers(unit.views)
                pipeline.hget(unit.let_go, known)
                pipeline.get(unit.landed)
            clock, *replies = pipeline.execute()
        if int(clock or 0) < needed * HOUR:
            return None
        views, hours, landed = replies[::3], replies[1::3], replies[2::3]
        let_go = max(int(hour or 0) for hour in hours)
        if let_go > needed:
            return (
                f"what its stream brought between {instant(needed * HOUR):%Y-%m-%d %H:%M} and "
                f"{instant(let_go * HOUR):%Y-%m-%d %H:%M} UTC was let go"
            )
        if not all(known.encode() in held for held in views):
            return "what its stream brought is not there as a whole, or workers make it anew now"
        now = LandedBounds.of(generation)
        for unit, held in zip(self._units, landed, strict=True):
            before = landed_ids.read(held or b"").get(known, NOTHING)
            change = {self.view: Change(before, now, needed)}
            if landed_ids.counted_otherwise(self.redis, unit, self._landed, change):
                return (
                    "landing files brought events to the batch of one of the two generations that "
                    "its stream brings too, so its stream's rows are not those of the other"
                )
        return None

    def forget(self, pipeline: Any) -> None:
        """Have workers make the rows anew; until then the view is MISSING.

        Args:
            pipeline: takes the commands of the transaction in which another generation goes live.
        """
        pipeline.hdel(pointers(self.deployment), whole_field(definition(self.view)))
        if not clustered(self.redis):
            self._leave_gaps(pipeline)

    def forgotten(self) -> None:
        """Do behind this transaction what of a cluster is not part of it."""
        if clustered(self.redis):
            self._leave_gaps(self.redis)
            # A worker may have told in between that all was there.
            self.redis.hdel(pointers(self.deployment), whole_field(definition(self.view)))

    def _leave_gaps(self, store: Any) -> None:
        for unit in self._units:
            store.srem(unit.views, definition(self.view))
