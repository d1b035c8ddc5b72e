"""What the server tells Prometheus: of all its processes, as the library gathers them.

Here is what it tells of requests; what it tells of their lookups, any client can that makes some.
Where ``PROMETHEUS_MULTIPROC_DIR`` is set when this is imported, each process writes its numbers
into files of that folder, and whichever is asked adds them up.
"""

import os
import time
from collections.abc import Iterable, Mapping
from pathlib import Path

from prometheus_client import (
    CONTENT_TYPE_LATEST,
    REGISTRY,
    CollectorRegistry,
    Counter,
    Histogram,
    Metric,
    generate_latest,
)
from prometheus_client.multiprocess import MultiProcessCollector, mark_process_dead

from slate.online.serving.lookup_stages import enable_metrics

FOLDER = "PROMETHEUS_MULTIPROC_DIR"

_SECONDS = (0.001, 0.0025, 0.005, 0.01, 0.015, 0.02, 0.03, 0.05, 0.1, 0.2, 0.5, 1.0, 2.5)

_answered = Histogram(
    "slate_serve_seconds",
    "Seconds from a request's head to the last of its answer.",
    ["service"],
    buckets=_SECONDS,
)
_statuses = Counter(
    "slate_serve_requests", "Requests answered, by their status.", ["service", "status"]
)
_stages = Histogram(
    "slate_serve_stage_seconds",
    "Seconds of a request: its body read, its turn awaited, looked up, its answer written.",
    ["service", "stage"],
    buckets=_SECONDS,
)


_exposures = Counter(
    "slate_serve_exposures",
    "Exposures of units, by their experiment and arm.",
    ["experiment", "arm"],
)
_not_logged = Counter(
    "slate_serve_not_logged",
    "Answers and exposures that were to be logged and were not, by what they lacked.",
    ["lacked"],
)


class Stages:
    """The stages of one request.

    Args:
        service: the service's name.
    """

    def __init__(self, service: str) -> None:
        self._service = service
        self._since = time.perf_counter()

    def mark(self, stage: str) -> None:
        """Note that a stage ends, and the next one begins."""
        now = time.perf_counter()
        _stages.labels(self._service, stage).observe(now - self._since)
        self._since = now


class _AllProcesses(MultiProcessCollector):
    """The numbers of all processes that have begun to write theirs."""

    def collect(self) -> Iterable[Metric]:
        """Read them; a file is empty for a moment, or for good if its process died just then."""
        files = [str(path) for path in Path(self._path).glob("*.db") if not _is_empty(path)]
        metrics: Iterable[Metric] = self.merge(files, accumulate=True)  # type: ignore[no-untyped-call]
        return metrics


def _is_empty(path: Path) -> bool:
    try:
        return not path.stat().st_size
    except FileNotFoundError:
        return True


class Metrics:
    """What is counted and timed."""

    def __init__(self) -> None:
        self._lookups = enable_metrics()
        self._noted: dict[str, int] = {}

    def answered(self, service: str, status: int, seconds: float) -> None:
        """Note that a request was answered."""
        _statuses.labels(service, str(status)).inc()
        _answered.labels(service).observe(seconds)

    def exposed(self, experiment: str, arm: str) -> None:
        """Note an exposure."""
        _exposures.labels(experiment, arm).inc()

    def note_not_logged(self, lost: Mapping[str, int]) -> None:
        """Note how many entries of the log were lost ever, by what they lacked."""
        for lacked, number in lost.items():
            _not_logged.labels(lacked).inc(number - self._noted.get(lacked, 0))
            self._noted[lacked] = number

    def note_views(self) -> None:
        """Note how views stand, and how far near ones are behind: another process may be asked."""
        self._lookups.note_views()

    def written(self) -> tuple[bytes, str]:
        """All of it as Prometheus reads it, and what type that is."""
        self.note_views()
        registry = REGISTRY
        if FOLDER in os.environ:
            registry = CollectorRegistry()
            _AllProcesses(registry)  # type: ignore[no-untyped-call]
        return generate_latest(registry), CONTENT_TYPE_LATEST


def forget(process: int) -> None:
    """Leave out what a process that ended last told of itself."""
    mark_process_dead(process)  # type: ignore[no-untyped-call]
