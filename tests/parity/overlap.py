"""Events that come by the stream, and in landing files that its archive did not write too."""

import time
from datetime import timedelta
from typing import Any

import numpy as np
from redis import Redis

from slate.deployment import Deployment
from slate.errors import StoreError
from slate.online import Publisher
from slate.online.stream.workers.worker import Worker
from tests.online.stream.effects import Effects, Killed
from tests.parity.answers import micros
from tests.parity.engines import Engines, LandedRows
from tests.parity.landing import moment
from tests.parity.oracle import Oracle
from tests.parity.scenarios import HOUR, Scenario
from tests.parity.streaming import Delivery, Rows, hour_before, waiting

LEASE_SECONDS = 0.05
MOST_EFFECTS = 120
Files = dict[str, list[LandedRows]]
# Up to when a batch knows what arrived, and the files that it took in.
Batch = tuple[int, Files]


class Overlap:
    """A batch that takes in files of its own beside those of the archive, and a worker.

    Of the events that stream, half come in a file too: with an arrival of its own, up to some hours
    before or after, and taken in before or after the stream brings the event.

    Args:
        engines: the batch.
        deployment: the deployment, with a data folder of its own.
        redis: a client of the store.
        delivery: what streams, and of which scenario.
        effects: what the worker does, to kill it in between.
        random: decides all that is left open.

    Attributes:
        kills: how often the worker was killed.
        replayed: how many events it applied again from the archive.
        at_once: how many roll backs were right before a worker looked at them.
        rebuilt: how many needed a worker to make rows of the stream anew.
    """

    def __init__(
        self,
        engines: Engines,
        deployment: Deployment,
        redis: Redis,
        delivery: Delivery,
        effects: Effects,
        random: np.random.Generator,
    ) -> None:
        self.kills = self.replayed = self.at_once = self.rebuilt = 0
        self._number = self._taken_until = 0
        self._engines, self._deployment, self._redis = engines, deployment, redis
        self._delivery, self._effects, self._random = delivery, effects, random
        self._sources = {name: deployment.registry.sources[name] for name in delivery.delivered}
        self._files: Files = {name: [] for name in self._sources}
        # What the live generations know, and what each publish did.
        self._live: Batch = (0, self._files)
        self._published: dict[str, Batch] = {}
        self._copies = {name: self._copied(name) for name in self._sources}
        self._worker = self._new_worker()

    def _copied(self, name: str) -> Rows:
        rows, source = self._delivery.scenario.sources[name], self._sources[name]
        first: dict[Any, dict[str, Any]] = {}
        for row in rows:
            first.setdefault(row[source.unique_id], row)
        found = []
        for row in rows:
            if self._random.random() < 0.5:
                arrival = row[source.arrival_time]
                arrival += timedelta(minutes=int(self._random.integers(-99, 99)))
                found.append({**first[row[source.unique_id]], source.arrival_time: arrival})
        return found

    def _new_worker(self) -> Worker:
        now = lambda: self._delivery.now  # noqa: E731
        return Worker(self._redis, self._deployment, lease_seconds=LEASE_SECONDS, flush=0, now=now)

    def step(self) -> None:
        """Let the worker take a step, or die in one."""
        try:
            with self._effects.killed_before(int(self._random.integers(MOST_EFFECTS))):
                self._worker.step()
        except Killed:
            self.kills += 1
            self._worker = self._new_worker()
            time.sleep(LEASE_SECONDS)

    def settle(self) -> None:
        """Let the worker apply all that waits, and go by what is published."""
        for _ in range(3):
            self._worker.step()
        while waiting(self._redis, self._deployment):
            self._worker.step()
        self.replayed += self._worker.stats.replayed

    def publish(self) -> None:
        """Take in some files, and the hours that the archive closed; publish them."""
        # A batch may be late by hours.
        late = int(self._random.choice([0, 2, 9])) * HOUR
        until = max(hour_before(self._delivery.now - late), self._taken_until)
        for name in self._sources:
            kinds = ["files", "stream"]
            for kind in kinds if self._random.random() < 0.5 else reversed(kinds):
                self._take_in(name, kind, until)
        self._taken_until = until
        self._live = until, {name: [*files] for name, files in self._files.items()}
        name = f"publish {len(self._published)}"
        self._published[name] = self._live
        self._engines.publish_landed(self._delivery.scenario, until, self._files, name)

    def roll_back(self) -> bool:
        """Make other generations live, older or newer ones; whether all is right at once."""
        publisher = Publisher(self._redis, self._deployment.name)
        views = list(self._deployment.registry.views.values())
        live = publisher.live(views[0])
        if live is None or not live.kept:
            return True
        to = live.kept[int(self._random.integers(len(live.kept)))].publish
        self._live = self._published[to]
        try:
            publisher.rollback(*views, to=to)
        except StoreError:
            moved = publisher.rollback(*views, to=to, rebuild=True)
            assert any(one.rebuilt for one in moved)
            self.rebuilt += 1
            return False
        self.at_once += 1
        return True

    def oracle(self) -> Oracle:
        """What is to be answered: what the batch knows, and behind it what streamed since."""
        until, _ = self._live
        batch, registry = self._batch(), self._deployment.registry
        streamed = {
            name: [
                row
                for row in self._delivery.delivered[name]
                if micros(row[source.arrival_time]) >= until
                and row[source.event_time]
                >= row[source.arrival_time] - timedelta(microseconds=source.horizon)
            ]
            for name, source in self._sources.items()
        }
        rows = {name: [*its, *streamed.get(name, [])] for name, its in batch.sources.items()}
        return Oracle(registry, rows, batch.models(registry))

    def _batch(self) -> Scenario:
        """What the live generations know, in the order in which it was taken in."""
        until, files = self._live
        rows: dict[str, Rows] = {}
        for name, its in self._delivery.scenario.sources.items():
            arrival = self._deployment.registry.sources[name].arrival_time
            rows[name] = (
                [row for file in files[name] for row in file.rows]
                if name in files
                else [row for row in its if micros(row[arrival]) < until]
            )
        return Scenario(rows)

    def _take_in(self, name: str, kind: str, until: int) -> None:
        arrival = self._sources[name].arrival_time
        if kind == "stream":
            rows = self._delivery.delivered[name]
            rows = [row for row in rows if self._taken_until <= micros(row[arrival]) < until]
        else:
            come = [row for row in self._copies[name] if micros(row[arrival]) < until]
            rows = [row for row in come if self._random.random() < 0.5]
            self._copies[name] = [row for row in self._copies[name] if row not in rows]
        for hour in sorted({hour_before(micros(row[arrival])) for row in rows}):
            its = [row for row in rows if hour_before(micros(row[arrival])) == hour]
            self._number += 1
            file = LandedRows(f"{name}/{hour}-{kind}.parquet", moment(self._number), its)
            self._files[name].append(file)
