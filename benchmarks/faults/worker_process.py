"""A worker in a process of its own, that can be killed."""

import multiprocessing
from dataclasses import replace
from typing import Any

from benchmarks.faults.moved_clocks import MovedClock
from benchmarks.freshness import work
from slate.deployment import Deployment

_CONTEXT = multiprocessing.get_context("spawn")


class WorkerProcess:
    """A worker in a process of its own, that can be killed.

    Args:
        deployment: the deployment; its store has an address.
        clock: its clock.
    """

    def __init__(self, deployment: Deployment, clock: MovedClock) -> None:
        self._deployment, self._clock = deployment, clock
        self._process = self._start()
        self.kills = 0

    def _start(self) -> Any:
        # One for each: whoever is killed while it waits for an event blocks who sets it.
        self._stop = _CONTEXT.Event()
        process = _CONTEXT.Process(target=work, args=(replace(self._deployment), self._stop))
        with self._clock.of_what_starts():
            process.start()
        return process

    @property
    def number(self) -> int:
        """The process's."""
        number: int = self._process.pid
        return number

    def kill(self) -> None:
        """Kill it, wherever it is, and start another in its place."""
        self._process.kill()
        self._process.join()
        self._process = self._start()
        self.kills += 1

    def close(self) -> None:
        """Stop it."""
        self._stop.set()
        self._process.join(10)
        self._process.kill()
