"""Spans for OpenTelemetry: of lookups, of requests over HTTP, of a worker's steps, of publishes.

Slate uses the tracer of the application that it is part of. Where nothing has imported
OpenTelemetry there is none, nothing is imported either, and a request is asked for one name more.
Names of services, views and sources are told, and numbers; never a key or a value.
"""

import os
import sys
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, MutableMapping, Sequence
from contextlib import contextmanager
from functools import cache
from typing import Any, NamedTuple

from slate.errors import MissingPackageError

Attributes = Mapping[str, str | bool | int | float | Sequence[str]]
# Where spans are sent, as OpenTelemetry's own settings have it.
ENDPOINTS = ("OTEL_EXPORTER_OTLP_ENDPOINT", "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT")


def _tracer() -> Any:
    """The application's tracer; None where it has none."""
    trace = sys.modules.get("opentelemetry.trace")
    return None if trace is None else _tracer_of(trace)


@cache
def _tracer_of(trace: Any) -> Any:
    # Of the provider that is set by now, or else of the one that will be.
    return trace.get_tracer("slate")


class SpanPart(NamedTuple):
    """A part of a span that is a span itself.

    Attributes:
        name: what it is.
        start: when it began, in nanoseconds.
        end: when it ended.
        attributes: what is told of it.
    """

    name: str
    start: int
    end: int
    attributes: Attributes


def begin(name: str) -> Any:
    """A span that begins now, as a part of what is going on; None where nobody records it."""
    tracer = _tracer()
    span = None if tracer is None else tracer.start_span(name)
    return span if span is not None and span.is_recording() else None


def end(
    span: Any, parts: Iterable[SpanPart], attributes: Attributes, error: BaseException | None
) -> None:
    """Tell of a span, which ends now.

    Args:
        span: the span, as ``begin`` gave it.
        parts: its parts.
        attributes: what is told of it.
        error: what ended it; of that only the type is told, as its words may have keys in them.
    """
    from opentelemetry import trace

    tracer, context = _tracer(), trace.set_span_in_context(span)
    for name, start, until, told in parts:
        tracer.start_span(name, context, attributes=told, start_time=start).end(until)
    span.set_attributes(attributes)
    if isinstance(error, Exception):
        span.set_attribute("error.type", type(error).__name__)
        span.set_status(trace.StatusCode.ERROR)
    span.end()


def began() -> int:
    """The instant that it is, for ``ended``, in nanoseconds."""
    return time.time_ns()


def ended(name: str, since: int, attributes: Callable[[], Attributes]) -> None:
    """Tell of something that ends now, as a part of what is going on.

    Args:
        name: what it is.
        since: when it began, as ``began`` gave it.
        attributes: gives what is told of it.
    """
    tracer = _tracer()
    if tracer is None:
        return
    span = tracer.start_span(name, start_time=since)
    if span.is_recording():
        span.set_attributes(attributes())
    span.end()


@contextmanager
def answering(name: str, headers: Mapping[str, str]) -> Iterator[Callable[[int], None]]:
    """A request over HTTP that is being answered, as a part of what its sender is doing.

    Args:
        name: what it is.
        headers: its headers, among them perhaps the sender's trace context (W3C).

    Yields:
        What is told the status of the answer.
    """
    tracer = _tracer()
    if tracer is None:
        yield _untold
        return
    from opentelemetry import propagate, trace

    context = propagate.extract(headers)
    with tracer.start_as_current_span(name, context, trace.SpanKind.SERVER) as span:

        def tell(status: int) -> None:
            span.set_attribute("http.response.status_code", status)
            if status >= 500:
                span.set_status(trace.StatusCode.ERROR)

        yield tell


@contextmanager
def asking(name: str, headers: MutableMapping[str, str]) -> Iterator[None]:
    """A request over HTTP that is sent, with the trace context among its headers."""
    tracer = _tracer()
    if tracer is None:
        yield
        return
    from opentelemetry import propagate, trace

    with tracer.start_as_current_span(name, kind=trace.SpanKind.CLIENT):
        propagate.inject(headers)
        yield


def _untold(_: int) -> None: ...


def send_where_configured(service: str) -> bool:
    """Send this process's spans, where OpenTelemetry's settings say where to; whether they do.

    Args:
        service: what the process is called there, unless ``OTEL_SERVICE_NAME`` says it.

    Raises:
        MissingPackageError: they do, and the packages for it are not installed.
    """
    if not any(os.environ.get(name) for name in ENDPOINTS):
        return False
    try:
        from opentelemetry import trace
        from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
        from opentelemetry.sdk.resources import Resource
        from opentelemetry.sdk.trace import TracerProvider
        from opentelemetry.sdk.trace.export import BatchSpanProcessor
    except ModuleNotFoundError as error:
        raise MissingPackageError(
            f"{ENDPOINTS[0]} is set, and spans need the package {error.name}, which is not "
            "installed: run `pip install slate[telemetry]`, or unset it"
        ) from error
    os.environ.setdefault("OTEL_SERVICE_NAME", service)
    provider = TracerProvider(resource=Resource.create())
    provider.add_span_processor(BatchSpanProcessor(OTLPSpanExporter()))
    trace.set_tracer_provider(provider)
    return True
