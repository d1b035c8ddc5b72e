"""The streamed path: a scenario's events by the stream, its other rows by the batch alone."""

import time
from collections.abc import Iterator, Sequence
from dataclasses import replace
from functools import partial
from itertools import takewhile
from multiprocessing import get_context
from multiprocessing.process import BaseProcess
from pathlib import Path
from typing import Any

import numpy as np
from redis import Redis

from slate import Registry, Source
from slate.deployment import Deployment
from slate.online import EventWriter
from slate.online.store.cluster_client import clustered
from slate.online.store.stream_names import LOG, Unit, routed_views, streamed_sources, units
from slate.online.stream.workers.fan_out import FanOut, fan_out
from tests.parity.answers import differences, micros
from tests.parity.engines import Engines
from tests.parity.landing import moment
from tests.parity.oracle import Oracle
from tests.parity.scenarios import AT_ONCE, DAY, HOUR, Ask, Scenario, by_service
from tests.parity.worker_process import work

Rows = list[dict[str, Any]]
START_SECONDS = 60.0


def streams(registry: Registry) -> list[type[Source]]:
    """The sources that stream, and that some view aggregates."""
    return [source for source in streamed_sources(registry) if routed_views(registry, source)]


def all_units(deployment: Deployment) -> list[Unit]:
    """The partitions of all routes."""
    return [
        unit
        for source in streams(deployment.registry)
        for unit in units(deployment.name, deployment.registry, source)[1:]
    ]


def fan_outs(redis: Redis, deployment: Deployment) -> list[FanOut]:
    """What puts events on the partitions' streams, where writes do not."""
    made = (
        fan_out(redis, deployment.name, deployment.registry, source)
        for source in streams(deployment.registry)
    )
    return [one for one in made if one is not None]


def hour_before(instant: int) -> int:
    """The beginning of an instant's hour."""
    return instant // HOUR * HOUR


class Delivery:
    """Delivers the events of a scenario to the stream, in order of arrival.

    Each event arrives when it says, or a microsecond after the one before it. Some come together.

    Args:
        deployment: the deployment.
        scenario: the scenario.
        random: decides which come together.

    Attributes:
        now: when the latest event arrived.
        scenario: the scenario.
        delivered: what arrived of each streamed source, with the arrivals that the store stamped.
    """

    def __init__(
        self, deployment: Deployment, scenario: Scenario, random: np.random.Generator
    ) -> None:
        self.now = 0
        self.scenario = scenario
        self._random = random
        self._writers = {
            source: EventWriter.connect(deployment, source, now=lambda: self.now)
            for source in streams(deployment.registry)
        }
        self.delivered: dict[str, Rows] = {source.name: [] for source in self._writers}

    def run(self) -> Iterator[int]:
        """Deliver everything, yielding after each write the latest arrival."""
        coming = [
            (micros(row[source.arrival_time]), source, row)
            for source in self._writers
            for row in self.scenario.sources[source.name]
        ]
        coming.sort(key=lambda one: one[0])
        # A repeat is the same event sent again: with another key it would go another way.
        first: dict[Any, dict[str, Any]] = {}
        coming = [
            (arrival, source, first.setdefault((source, row[source.unique_id]), row))
            for arrival, source, row in coming
        ]
        while coming:
            arrival, source, _ = coming[0]
            most = int(self._random.choice([1, 1, 2, 20]))
            together = list(takewhile(partial(_of, source), coming[:most]))
            coming = coming[len(together) :]
            self.now = max(arrival, self.now + 1)
            yield self.write(source, [row for _, _, row in together])

    def write(self, source: type[Source], rows: Sequence[dict[str, Any]]) -> int:
        """Write some events at once; gives when they arrived."""
        sent = [{k: v for k, v in row.items() if k != source.arrival_time} for row in rows]
        written = self._writers[source].write(sent, strict=True)
        arrival = moment(written.arrival)
        self.delivered[source.name] += [{**row, source.arrival_time: arrival} for row in rows]
        return written.arrival

    def close(self) -> None:
        """Close the writers."""
        for writer in self._writers.values():
            writer.close()


def _of(source: type[Source], one: tuple[int, type[Source], dict[str, Any]]) -> bool:
    return one[1] is source


class Workers:
    """Workers in processes of their own, forked from one that has imported what they need.

    Args:
        deployment: the deployment.
        config: its slate.toml.
        address: of its store.
        number: how many.

    Attributes:
        kills: how many were killed at work.
    """

    def __init__(self, deployment: Deployment, config: Path, address: str, number: int) -> None:
        self._context = get_context("forkserver")
        self._context.set_forkserver_preload(["__main__", work.__module__])
        self._given = config, deployment.data, address
        self._processes = [self._start() for _ in range(number)]
        self.kills = 0

    def _start(self) -> BaseProcess:
        """Start one, and wait until it is at work: killed before, it would lose nothing."""
        reader, writer = self._context.Pipe(duplex=False)
        process = self._context.Process(target=work, args=(*self._given, writer))
        process.start()
        writer.close()
        with reader:
            assert reader.poll(START_SECONDS), "a worker does not begin"
            reader.recv_bytes()
        return process

    def kill(self, number: int) -> None:
        """Kill one, wherever it is, and start another in its place."""
        self._processes[number].kill()
        self._processes[number].join()
        self._processes[number] = self._start()
        self.kills += 1

    def close(self) -> None:
        """Kill all."""
        for process in self._processes:
            process.kill()
            process.join()


def waiting(redis: Redis, deployment: Deployment) -> int:
    """How many events wait in all partitions."""
    pending: Any = redis.mget([unit.pending for unit in all_units(deployment)])
    return sum(int(number or 0) for number in pending)


def behind(redis: Redis, deployment: Deployment) -> bool:
    """Whether the log of a cluster has entries that partitions do not have yet."""
    logs = [Unit(deployment.name, source, LOG) for source in streams(deployment.registry)]
    store: Any = redis
    return clustered(redis) and any(
        store.xrevrange(log.stream, count=1)
        and store.xrevrange(log.stream, count=1)[0][0] != store.get(log.fanned)
        for log in logs
        if store.xlen(log.stream)
    )


def wait_until_applied(redis: Redis, deployment: Deployment) -> None:
    """Wait until nothing waits in any partition."""
    until = time.monotonic() + START_SECONDS
    while waiting(redis, deployment) or behind(redis, deployment):
        assert time.monotonic() < until, "the workers do not get on"
        time.sleep(0.05)


def known(registry: Registry, scenario: Scenario, delivery: Delivery, published: int) -> Scenario:
    """What the online store should know: all that was delivered, and of the rest what is published.

    An event that came later than the horizon counts once it is published.
    """
    rows = {}
    for name, its in scenario.sources.items():
        source = registry.sources[name]
        arrival, event = source.arrival_time, source.event_time
        if name in delivery.delivered:
            rows[name] = [
                row
                for row in delivery.delivered[name]
                if micros(row[arrival]) < published
                or micros(row[event]) >= micros(row[arrival]) - source.horizon
            ]
        else:
            rows[name] = [row for row in its if micros(row[arrival]) < published]
    return Scenario(rows, scenario.instants)


def compare(
    engines: Engines,
    oracle: Oracle,
    asks: Sequence[Ask],
    after: int,
    random: np.random.Generator,
) -> tuple[int, list[str]]:
    """Hold answers against the oracle's; gives how many values, and what is wrong.

    Args:
        engines: who answers.
        oracle: who knows.
        asks: what is asked.
        after: the first instant that is asked about.
        random: draws the instants.
    """
    compared = 0
    wrong: list[str] = []
    for ask in asks:
        at = after + int(random.choice([0, 1, HOUR // 3, DAY, int(random.integers(40 * DAY))]))
        expected = oracle.answer(ask.service, ask.keys, at, ask.inputs)
        actual = engines.online(ask, at)
        wrong += [f"{ask.keys} at {at}: {one}" for one in differences(expected, actual)]
        compared += len(actual)
    for some in by_service(asks):
        compared += engines.together(some[:AT_ONCE], after)
    return compared, wrong


def before(scenario: Scenario, delivery: Delivery) -> Scenario:
    """A scenario with what was delivered so far in place of what streams."""
    return replace(scenario, sources={**scenario.sources, **delivery.delivered})
