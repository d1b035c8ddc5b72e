"""Leases: which worker applies which partition, so that no two do the same work.

Only to save work: what keeps events from counting twice is the transaction that applies them.
"""

from collections.abc import Sequence
from typing import Any
from uuid import uuid4

from redis import Redis

from slate.online.store.stream_names import Unit

SECONDS = 5.0

# Whose lease it is: ours if it was, or if it is free and wanted.
_HOLD = """
local holder = redis.call('GET', KEYS[1])
if holder == ARGV[1] or (not holder and ARGV[3] == '1') then
  redis.call('SET', KEYS[1], ARGV[1], 'PX', ARGV[2])
  return 1
end
return 0
"""
_RELEASE = """
if redis.call('GET', KEYS[1]) == ARGV[1] then
  redis.call('DEL', KEYS[1])
end
"""

# In one step: were the store flushed in between, the worker would not be among those that live.
_REGISTER = """
redis.call('ZADD', KEYS[1], ARGV[2], ARGV[1])
redis.call('ZREMRANGEBYSCORE', KEYS[1], '-inf', ARGV[3])
return redis.call('ZRANGE', KEYS[1], 0, -1)
"""


class Leases:
    """One worker's leases.

    Each worker takes its share of all units, returns what is more as others come, and takes
    what others leave. A worker that dies loses its leases after ``seconds``.

    Args:
        redis: a client of the store.
        deployment: the deployment's name.
        units: everything that there is to be held.
        seconds: for how long a lease is good.

    Attributes:
        name: the worker's name.
        held: the units that are held.
    """

    def __init__(
        self, redis: Redis, deployment: str, units: Sequence[Unit], seconds: float = SECONDS
    ) -> None:
        self.name = uuid4().hex[:12]
        self.held: list[Unit] = []
        self._redis: Any = redis
        self._units = list(units)
        self._milliseconds = int(seconds * 1000)
        self._workers = f"{deployment}:stream:workers"

    def renew(self) -> list[Unit]:
        """Renew the leases, and take or return some; returns the units held before and no more."""
        rank, workers = self._register()
        share = -(-len(self._units) // workers)
        # Each begins elsewhere, so that they seldom want the same.
        first = rank * share % max(len(self._units), 1)
        units = [*self.held, *self._units[first:], *self._units[:first]]
        before = self.held
        kept: list[Unit] = []
        for unit in dict.fromkeys(units):
            wanted = len(kept) < share
            if unit in before and not wanted:
                self._redis.eval(_RELEASE, 1, unit.lease, self.name)
            elif unit in before or wanted:
                hold = (unit.lease, self.name, self._milliseconds, int(wanted))
                if self._redis.eval(_HOLD, 1, *hold):
                    kept.append(unit)
        self.held = kept
        return [unit for unit in before if unit not in kept]

    def release(self) -> None:
        """Give everything back."""
        for unit in self.held:
            self._redis.eval(_RELEASE, 1, unit.lease, self.name)
        self._redis.zrem(self._workers, self.name)
        self.held = []

    def _register(self) -> tuple[int, int]:
        """Tell that the worker lives; gives its place among those that do, and their number."""
        seconds, micros = self._redis.time()
        now = int(seconds) * 1000 + int(micros) // 1000
        found = self._redis.eval(
            _REGISTER, 1, self._workers, self.name, now, now - self._milliseconds
        )
        names = sorted(name.decode() for name in found)
        return names.index(self.name), len(names)


def held_by_workers(redis: Redis, units: Sequence[Unit]) -> int:
    """How many of these units workers hold."""
    store: Any = redis
    with store.pipeline(transaction=False) as pipeline:
        for unit in units:
            pipeline.exists(unit.lease)
        return sum(map(bool, pipeline.execute()))
