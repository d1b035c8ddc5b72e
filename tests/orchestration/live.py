"""A bike-share whose events stream in, while its hourly job runs beside a worker."""

import threading
import time
from collections.abc import Mapping
from datetime import datetime
from typing import Any

import numpy as np
from redis import Redis

from slate import Source
from slate.deployment import Deployment
from slate.online import FeatureClient, Publisher
from slate.online.store.redis_client import connect, open_store
from slate.online.stream.workers.status import stream_status
from slate.online.stream.workers.worker import Worker
from tests.orchestration.bikes import SEED, Landing, Rows, happenings
from tests.parity.answers import differences, micros
from tests.parity.landing import moment
from tests.parity.oracle import Oracle
from tests.parity.scenarios import HOUR, MIDDAY, Scenario
from tests.parity.streaming import Delivery, streams

# How many hours after midday stream in before the job runs; while it runs, the one after them.
HOURS = 6
WAIT_SECONDS = 60.0
Answers = list[Mapping[str, Any]]
Write = tuple[int, type[Source], list[dict[str, Any]]]


class Live:
    """A deployment with a worker, and what landed and was delivered so far.

    What arrived before midday landed, what arrives after it streams.
    """

    def __init__(self, deployment: Deployment, landing: Landing) -> None:
        self.deployment = deployment
        self.streams = streams(deployment.registry)
        self.landing = landing
        self.publisher = Publisher.connect(deployment)
        self.client = FeatureClient.connect(deployment, timeout=5, refresh=0, near=False)
        self.redis: Redis = connect(open_store(deployment)[0])
        nothing: Rows = {source.name: [] for source in self.streams}
        self.delivery = Delivery(deployment, Scenario(nothing), np.random.default_rng(SEED))
        self.delivery.now = MIDDAY
        self._writes = sorted(
            (write for source in self.streams for write in self._planned(source)),
            key=lambda write: write[0],
        )
        self._stop = threading.Event()
        self._worker = threading.Thread(target=self._work)

    def _work(self) -> None:
        worker = Worker(self.redis, self.deployment, flush=0, now=lambda: self.delivery.now)
        worker.run(self._stop)

    def start(self) -> None:
        """Start the worker, whose time is that of the events."""
        self._worker.start()

    def stop(self) -> None:
        """Stop the worker."""
        self._stop.set()
        if self._worker.is_alive():
            self._worker.join()

    def close(self) -> None:
        """Stop all."""
        self.stop()
        self.delivery.close()
        self.redis.close()
        self.client.close()
        self.publisher.close()

    def deliver(self, until: int, over: float = 0) -> None:
        """Deliver what arrives before an instant, and let it become that.

        Args:
            until: the instant.
            over: over how many seconds.
        """
        due = [write for write in self._writes if write[0] < until]
        self._writes = self._writes[len(due) :]
        for arrival, source, rows in due:
            self.delivery.now = arrival
            self.delivery.write(source, rows)
            time.sleep(over / len(due))
        self.delivery.now = until

    def write(self, source: type[Source], late: bool) -> None:
        """Write one more event, later than the horizon or not."""
        unique, event_time = source.unique_id, source.event_time
        delivered = self.delivery.delivered[source.name]
        age = source.horizon + 1 if late else 0
        event = {
            **delivered[0],
            unique: max(row[unique] for row in delivered) + 1,
            event_time: moment(self.delivery.now - age),
        }
        self.delivery.write(source, [event])

    def settle(self) -> None:
        """Wait until all is applied and archived, and the hours that are over have landed."""
        deadline = time.monotonic() + WAIT_SECONDS
        name, registry = self.deployment.name, self.deployment.registry
        while True:
            status = [stream_status(self.redis, name, registry, one) for one in self.streams]
            left = sum(one.waiting + one.unarchived for one in status)
            if not left and self.landed == self._over:
                return
            assert time.monotonic() < deadline, (status, self.landed, self._over)
            time.sleep(0.05)

    @property
    def landed(self) -> set[str]:
        """The landing files that the archive wrote."""
        landing = self.deployment.landing
        return {str(path.relative_to(landing)) for path in landing.glob("*/*/*-stream*.parquet")}

    @property
    def _over(self) -> set[str]:
        """The landing files of the hours that are over."""
        hour = moment(self.delivery.now // HOUR * HOUR)
        return {
            f"{source.landing}/{arrival:%Y-%m-%d/%H}-stream.parquet"
            for source in self.streams
            for row in self.delivery.delivered[source.name]
            if (arrival := row[source.arrival_time]) < hour
        }

    def streamed_until(self, source: type[Source]) -> datetime:
        """The end of the last hour of a source's stream that landed."""
        paths = [path for path in self.landed if path.startswith(f"{source.landing}/")]
        day, hour = max(paths).split("/")[1:]
        return moment(micros(datetime.fromisoformat(f"{day}T{hour[:2]}:00:00+00:00")) + HOUR)

    @property
    def sources(self) -> Rows:
        """All that landed or was delivered, in load order."""
        delivered = self.delivery.delivered
        return {n: [*rows, *delivered.get(n, [])] for n, rows in self.landing.sources.items()}

    @property
    def known(self) -> Rows:
        """What of it the warehouse can know: of streams the hours that landed."""
        found = self.sources
        for source in self.streams:
            end = self.streamed_until(source)
            found[source.name] = [r for r in found[source.name] if r[source.arrival_time] < end]
        return found

    def answers(self, at: int) -> Answers:
        """What all requests are answered at an instant."""
        found: Answers = []
        for ask in Scenario(self.sources).asks(self.deployment.registry):
            inputs = {name: value for name, value in ask.inputs.items() if value is not None}
            answer = self.client.get(ask.service.name, at=moment(at), **ask.keys, **inputs)
            assert answer.errors == ()
            found += answer.to_dicts()
        return found

    def wrong(self, at: int, answers: Answers) -> list[str]:
        """Where answers at an instant are not the oracle's, in words."""
        registry, scenario = self.deployment.registry, Scenario(self.sources)
        oracle = Oracle(registry, scenario.sources, scenario.models(registry))
        wrong: list[str] = []
        for ask, answer in zip(scenario.asks(registry), answers, strict=True):
            expected = oracle.answer(ask.service, ask.keys, moment(at), ask.inputs)
            wrong += [f"{ask.keys} at {at}: {w}" for w in differences(expected, answer)]
        return wrong

    def _planned(self, source: type[Source]) -> list[Write]:
        """A source's writes: half of its rows in the hours before the job, half while it runs."""
        landed = {row[source.unique_id] for row in self.landing.sources[source.name]}
        # A repeat is the same event sent again.
        first: dict[Any, dict[str, Any]] = {}
        rows = [
            first.setdefault(row[source.unique_id], row)
            for row in happenings(self.deployment.registry, SEED, 0, 24)[source.name]
            if row[source.unique_id] not in landed
        ]
        half = len(rows) // 2
        spread = [
            np.linspace(0, HOURS * HOUR, half, endpoint=False),
            np.linspace(HOURS * HOUR, (HOURS + 1) * HOUR, len(rows) - half, endpoint=False),
        ]
        return [
            (arrival, source, [row])
            for arrival, row in zip(
                (MIDDAY + np.concatenate(spread).astype(np.int64)).tolist(), rows, strict=True
            )
            # What comes too late to be applied is another matter.
            if micros(row[source.event_time]) >= arrival - source.horizon
        ]
