"""What goes on while a server fails: writes, work and requests, and whether they are right."""

import threading
import time
from collections import Counter
from datetime import UTC, datetime
from typing import Any

import numpy as np

from slate.deployment import Deployment
from slate.errors import StoreError
from slate.online import Answer, EventWriter, FeatureClient, State
from slate.online.store.redis_client import connect
from slate.online.stream.workers.worker import Worker
from tests.deployments.bikes.definitions import Move
from tests.online.stream.moves import move

STATIONS = list(range(12))
FEATURE = "station_moves.moves_2h"


class Load:
    """Writes, applies and asks, in a thread each, until it is told to stop.

    Attributes:
        tried: by station, the events that were written or may be.
        written: those that were acknowledged.
        failures: how often a write was not.
        wrong: answers that know of more events than there are.
        flagged: how many answers lacked something and said so.
        answers: how many there were.
    """

    def __init__(self, deployment: Deployment) -> None:
        self.tried: Counter[int] = Counter()
        self.written: Counter[int] = Counter()
        self.failures = self.flagged = self.answers = 0
        self.wrong: list[str] = []
        self._deployment = deployment
        self._stop, self._quiet = threading.Event(), threading.Event()
        self._threads = [
            threading.Thread(target=target) for target in (self._write, self._work, self._ask)
        ]
        for thread in self._threads:
            thread.start()

    def _write(self) -> None:
        number, random = 0, np.random.default_rng(0)
        with EventWriter.connect(self._deployment, Move, timeout=1) as writer:
            while not self._quiet.is_set():
                stations = random.choice(STATIONS, int(random.integers(1, 6))).tolist()
                now = datetime.now(UTC)
                events = []
                for station in stations:
                    number += 1
                    events.append(move(number, moved_at=now, station_id=station))
                self.tried.update(stations)
                while True:
                    try:
                        writer.write(events, strict=True)
                        break
                    except StoreError:
                        self.failures += 1
                        time.sleep(0.02)
                self.written.update(stations)

    def _work(self) -> None:
        with connect(self._deployment.redis, timeout=1) as redis:
            Worker(redis, self._deployment, lease_seconds=1, flush=0.2).run(self._stop)

    def _ask(self) -> None:
        with FeatureClient.connect(self._deployment, timeout=0.5, near=False) as client:
            while not self._stop.is_set():
                answer = client.get("station_outlook", station_id=STATIONS, expected=1.0)
                for station, count in known_counts(answer).items():
                    if count > self.tried[station]:
                        self.wrong.append(f"station {station}: {count}")
                self.answers += 1
                self.flagged += bool(answer.errors)

    def quiet(self) -> None:
        """Write no more."""
        self._quiet.set()
        self._threads[0].join()

    def end(self) -> None:
        """Stop all of it."""
        self._quiet.set()
        self._stop.set()
        for thread in self._threads:
            thread.join()


def known_counts(answer: Answer) -> dict[int, Any]:
    """By station, what an answer says of it, if it says that it knows."""
    states = np.broadcast_to(answer.states["station_moves"].state, len(STATIONS))
    counts = np.broadcast_to(answer[FEATURE], len(STATIONS)).tolist()
    return {
        station: count
        for station, count, state in zip(STATIONS, counts, states, strict=True)
        if state != State.MISSING
    }
