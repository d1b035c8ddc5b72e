"""The streams of a deployment, written to and looked at."""

import threading
import time
from contextlib import ExitStack
from dataclasses import dataclass
from typing import Any, Self

from redis import Redis

from slate.deployment import Deployment
from slate.online import EventWriter
from slate.online.store.stream_names import streamed_sources
from slate.online.stream.workers.status import stream_status

# For how many seconds a write waits for room in a full stream.
WAIT = 5.0


@dataclass(frozen=True)
class StreamStanding:
    """How the streams stand, all together.

    Attributes:
        at: when, by the monotonic clock.
        written: how many events this process has written.
        waiting: how many are not applied yet.
        lag: the seconds since the oldest of these arrived.
        dead_letters: how many there are.
        held: whether workers hold all partitions.
    """

    at: float
    written: int
    waiting: int
    lag: float
    dead_letters: int
    held: bool

    def rates(self, before: "StreamStanding") -> tuple[float, float]:
        """How many events a second were written, and how many applied, since some time before."""
        seconds = max(self.at - before.at, 1e-3)
        written = self.written - before.written
        return written / seconds, (written - self.waiting + before.waiting) / seconds


class Streams:
    """Writers to all streams of a deployment.

    Args:
        deployment: the deployment.
        redis: a client of the store.
    """

    def __init__(self, deployment: Deployment, redis: Redis) -> None:
        self._name, self._registry = deployment.name, deployment.registry
        self._redis = redis
        self._sources = streamed_sources(self._registry)
        self._written = 0
        self._lock = threading.Lock()
        with ExitStack() as stack:
            self._writers = {
                source.stream: stack.enter_context(EventWriter.connect(deployment, source))
                for source in self._sources
            }
            self._stack = stack.pop_all()

    def write(self, stream: str, events: Any) -> int:
        """Write events to the stream of this name, all or none; gives their arrival.

        Raises:
            DataError: one of them is refused.
            StreamFullError: no worker makes room for them.
        """
        result = self._writers[stream].write(events, strict=True, wait=WAIT)
        with self._lock:
            self._written += result.written
        return result.arrival

    def look(self) -> StreamStanding:
        """How they stand now."""
        written = self._written
        found = [
            stream_status(self._redis, self._name, self._registry, source)
            for source in self._sources
        ]
        return StreamStanding(
            time.monotonic(),
            written,
            sum(one.waiting for one in found),
            max((one.lag for one in found), default=0.0),
            sum(one.dead_letters for one in found),
            all(one.held == one.partitions for one in found),
        )

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._stack.close()
