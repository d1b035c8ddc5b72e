"""Metrics of a process's lookups, for Prometheus."""

import os
from collections.abc import Iterable, Mapping

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, Metric

from slate.online.near.near_views import seconds_behind
from slate.online.serving.answer import Answer
from slate.online.serving.view_metrics import ViewMetrics

_SECONDS = (
    0.0001, 0.00025, 0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5
)  # fmt: skip


class LookupMetrics:
    """Metrics of lookups, of the near views that they read, and of how views stand.

    Args:
        registry: where they are registered.
    """

    def __init__(self, registry: CollectorRegistry) -> None:
        self._seconds = Histogram(
            "slate_lookup_seconds", "Seconds of a lookup.", ["service"],
            buckets=_SECONDS, registry=registry,
        )  # fmt: skip
        self._stages = Histogram(
            "slate_lookup_stage_seconds", "Seconds of a lookup in one of its stages.",
            ["service", "stage"], buckets=_SECONDS, registry=registry,
        )  # fmt: skip
        self._rows = Counter(
            "slate_lookup_rows", "Rows answered.", ["service"], registry=registry
        )  # fmt: skip
        self._states = Counter(
            "slate_lookup_states", "Rows of views answered, by where their values come from.",
            ["service", "view", "state"], registry=registry,
        )  # fmt: skip
        self._errors = Counter(
            "slate_lookup_errors", "Errors of answers: what kept values from being read.",
            ["service"], registry=registry,
        )  # fmt: skip
        self._failed = Counter(
            "slate_lookup_failed_rows",
            "Rows that lack a request feature, as its expression fails or one that it reads.",
            ["service", "feature"], registry=registry,
        )  # fmt: skip
        self._behind = _Behind(
            "slate_near_behind_seconds",
            "Seconds since a near view was in step with the store, of the process furthest behind.",
            ["view"], registry=registry, multiprocess_mode="livemax",
        )  # fmt: skip
        self._views = ViewMetrics(registry)
        self._by_files = "PROMETHEUS_MULTIPROC_DIR" in os.environ

    def count(self, answer: Answer, seconds: float, stages: Mapping[str, float]) -> None:
        """Count a lookup.

        Args:
            answer: its answer.
            seconds: how long it took.
            stages: how many seconds of them each stage took.
        """
        service = answer.service
        self._seconds.labels(service).observe(seconds)
        for stage, took in stages.items():
            self._stages.labels(service, stage).observe(took)
        self._rows.labels(service).inc(answer.rows)
        # That a feature's expression fails is no fault of what is read.
        self._errors.labels(service).inc(sum(not error.features for error in answer.errors))
        for feature, number in answer.failed.items():
            self._failed.labels(service, feature).inc(number)
        for view, state in answer.states.items():
            for name, number in state.counts.items():
                if number:
                    self._states.labels(service, view, name).inc(number)
        if self._by_files:
            self.note_views()

    def note_views(self) -> None:
        """Note how views stand, where another process may be asked for it."""
        self._behind.note()
        if self._by_files:
            self._views.note()


class _Behind(Gauge):
    """How far this process's near views are behind, looked at when it is asked for."""

    def note(self) -> None:
        """Look at it."""
        for view, seconds in seconds_behind().items():
            self.labels(view).set(seconds)

    def collect(self) -> Iterable[Metric]:
        """Look at it, and tell it."""
        self.clear()
        self.note()
        return super().collect()
