"""How the streams stand, as the online store knows it."""

from dataclasses import dataclass
from typing import Any

from redis.exceptions import RedisError

from slate.deployment import Deployment
from slate.errors import StoreError
from slate.online.store.redis_client import connect, running_store
from slate.online.store.stream_names import routed_views, streamed_sources
from slate.online.stream.workers.status import StreamStatus, stream_status
from slate.registry import Registry
from slate.sources import Source

TIMEOUT = 5.0


def live_sources(registry: Registry) -> list[type[Source]]:
    """The sources that have a stream which keeps some view fresh."""
    return [source for source in streamed_sources(registry) if routed_views(registry, source)]


@dataclass(frozen=True)
class Reading:
    """How a source's stream stood at some instant.

    Attributes:
        source: the source.
        status: how its stream stood.
        at: when that was, by the store's clock in microseconds.
    """

    source: type[Source]
    status: StreamStatus
    at: int

    def numbers(self, rate: float | None) -> dict[str, float]:
        """What the UI plots.

        Args:
            rate: the events a second since the reading before this one, if there was one.
        """
        status = self.status
        return {
            "waiting": status.waiting,
            "lag_seconds": round(status.lag, 3),
            **({} if rate is None else {"events_per_second": round(rate, 1)}),
            "events": status.total,
            "unarchived": status.unarchived,
            "dead_letters": status.dead_letters,
            "moved_letters": status.moved_letters,
            "partitions_held": status.held,
        }


def read_streams(deployment: Deployment) -> list[Reading] | None:
    """How the streams stand; None where the embedded store does not run, as then nothing streams.

    Raises:
        StoreError: the deployment's own store cannot be reached.
    """
    address = running_store(deployment)
    if address is None:
        return None
    registry = deployment.registry
    try:
        with connect(address, TIMEOUT) as redis:
            store: Any = redis
            readings = []
            for source in live_sources(registry):
                seconds, micros = store.time()
                status = stream_status(redis, deployment.name, registry, source)
                readings.append(Reading(source, status, int(seconds) * 1_000_000 + int(micros)))
            return readings
    except (RedisError, OSError) as error:
        if not deployment.redis:
            return None
        raise StoreError(
            f"how the streams stand is not known, as the online store cannot be reached: {error}"
        ) from error
