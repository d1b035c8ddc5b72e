"""The stages of lookups, noted where somebody is told of them: OpenTelemetry, Prometheus.

A lookup notes what it has been at each time that it goes on to something else. Its notes become
parts of its span, and sums in the metrics. Where nobody is told of a lookup nothing is noted.
"""

import time
from collections.abc import Iterable
from enum import StrEnum
from types import TracebackType
from typing import TYPE_CHECKING, Any, Protocol, Self

from slate.errors import MissingPackageError
from slate.online import spans
from slate.online.serving.answer import Answer
from slate.online.serving.view_read import ViewRead

if TYPE_CHECKING:
    from prometheus_client import CollectorRegistry

    from slate.online.serving.lookup_metrics import LookupMetrics

NAME = "slate.lookup"
# By the registry that they are in; none until an application asks for some.
_metrics: "dict[CollectorRegistry, LookupMetrics]" = {}


class Stage(StrEnum):
    """What a lookup is at.

    REQUEST: what is asked is read and checked. LIVE: the store is asked which generations are live,
    about once a second. NEAR: rows are taken from near views. KEYS: keys are spread over views and
    partitions, and made commands. STORE: a connection is had, commands are sent, replies awaited
    and taken in. DECODE: rows are opened, and their windows merged with what the stream added.
    COMPUTE: request features are computed.
    """

    REQUEST = "request"
    LIVE = "live"
    NEAR = "near"
    KEYS = "keys"
    STORE = "store"
    DECODE = "decode"
    COMPUTE = "compute"


class Mark(Protocol):
    """Notes that a stage of a lookup is over, and which rows it was about."""

    def __call__(self, stage: Stage, reads: Iterable[ViewRead] = ()) -> None: ...  # noqa: D102


def unobserved(stage: Stage, reads: Iterable[ViewRead] = ()) -> None:
    """What a lookup that nobody is told of notes."""


class ObservedLookup:
    """A lookup of which somebody is told; to be entered when it begins.

    Args:
        span: its span; None where none is recorded.

    Attributes:
        answer: what came of it; None before.
    """

    def __init__(self, span: Any) -> None:
        self.answer: Answer | None = None
        self._span = span
        self._began = self._since = time.perf_counter_ns()
        self._laps: list[tuple[Stage, int, int, Iterable[ViewRead]]] = []

    def mark(self, stage: Stage, reads: Iterable[ViewRead] = ()) -> None:
        """Note that a stage is over; see ``Mark``."""
        now = time.perf_counter_ns()
        self._laps.append((stage, self._since, now, reads))
        self._since = now

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, _: TracebackType | None
    ) -> None:
        now = time.perf_counter_ns()
        if self._span is not None:
            # Spans have the time of day.
            self._tell_span(time.time_ns() - now, error)
        if self.answer is not None and _metrics:
            seconds: dict[str, float] = {}
            for stage, start, end, _reads in self._laps:
                seconds[stage] = seconds.get(stage, 0.0) + (end - start) / 1e9
            for metrics in list(_metrics.values()):
                metrics.count(self.answer, (now - self._began) / 1e9, seconds)

    def _tell_span(self, epoch: int, error: BaseException | None) -> None:
        parts = []
        for stage, start, end, reads in self._laps:
            views = sorted({read.view.name for read in reads})
            told: spans.Attributes = {"slate.views": views} if views else {}
            parts.append(spans.SpanPart(f"{NAME}.{stage}", epoch + start, epoch + end, told))
        attributes = {} if self.answer is None else self.answer.span_attributes()
        spans.end(self._span, parts, attributes, error)


def observed() -> ObservedLookup | None:
    """A lookup that begins now; None if nobody is told of it."""
    span = spans.begin(NAME)
    return None if span is None and not _metrics else ObservedLookup(span)


def enable_metrics(registry: "CollectorRegistry | None" = None) -> "LookupMetrics":
    """Have this process's lookups measured for Prometheus, from now on.

    ::

        from slate.online import enable_metrics

        enable_metrics()  # beside the application's own metrics

    It holds for all clients of the process that read the online store. Once is enough; once more
    changes nothing. ``docs/serving.md`` names the metrics.

    Args:
        registry: where the metrics are registered; by default the library's own.

    Returns:
        The metrics.

    Raises:
        MissingPackageError: prometheus_client is not installed.
    """
    try:
        from prometheus_client import REGISTRY

        from slate.online.serving.lookup_metrics import LookupMetrics
    except ModuleNotFoundError as error:
        raise MissingPackageError(
            f"metrics need the package {error.name}, which is not installed: run "
            "`pip install slate[metrics]`"
        ) from error
    registry = registry or REGISTRY
    if registry not in _metrics:
        _metrics[registry] = LookupMetrics(registry)
    return _metrics[registry]
