"""Spans for OpenTelemetry: where an application uses it, and nowhere else."""

import subprocess
import sys
from collections.abc import Iterator
from datetime import datetime
from typing import Any

import pytest
from opentelemetry import trace
from opentelemetry.sdk.trace import ReadableSpan, TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

from slate.deployment import Deployment
from slate.errors import MissingPackageError, RequestError
from slate.online import FeatureClient, Publisher, RemoteClient, spans
from slate.online.http.application import Application
from tests.online.arcade import GameCatalog
from tests.online.conftest import arcade_rows
from tests.online.http.in_process import serving
from tests.online.tables import AS_OF

ASKED: dict[str, Any] = {"at": AS_OF, "player_id": 1, "game_id": ["chess", "go"]}


@pytest.fixture(scope="module")
def exporter() -> InMemorySpanExporter:
    """What the process's spans go to: there is one provider in each."""
    exporter, provider = InMemorySpanExporter(), TracerProvider()
    provider.add_span_processor(SimpleSpanProcessor(exporter))
    trace.set_tracer_provider(provider)
    return exporter


@pytest.fixture
def told(exporter: InMemorySpanExporter) -> Iterator[InMemorySpanExporter]:
    exporter.clear()
    yield exporter
    exporter.clear()


def by_name(exporter: InMemorySpanExporter) -> dict[str, ReadableSpan]:
    return {span.name: span for span in exporter.get_finished_spans()}


def test_publishes_and_lookups_are_told(
    told: InMemorySpanExporter, publisher: Publisher, deployment: Deployment
) -> None:
    publisher.publish(GameCatalog, [arcade_rows(GameCatalog)], AS_OF)
    with FeatureClient.connect(deployment) as client:
        client.get("play_ranking", **ASKED)
    found = by_name(told)
    published, lookup = (dict(found[name].attributes or {}) for name in
                         ("slate.publish", "slate.lookup"))  # fmt: skip
    assert (published["slate.view"], published["slate.rows"]) == ("game_catalog", 3)
    assert (lookup["slate.service"], lookup["slate.rows"]) == ("play_ranking_v3", 2)
    assert lookup["slate.rows.present"] == 2
    assert lookup["slate.rows.missing"] > 0
    assert lookup["slate.errors"] > 0
    # No key and no value is told.
    assert "chess" not in str(found["slate.lookup"].to_json())


def test_the_stages_of_a_lookup_are_its_parts(
    told: InMemorySpanExporter, deployment: Deployment, published: datetime
) -> None:
    with FeatureClient.connect(deployment) as client:
        answer = client.get("play_ranking", **{**ASKED, "at": published})
    *parts, lookup = told.get_finished_spans()
    parts = [part for part in parts if part.name.startswith("slate.lookup.")]
    assert lookup.name == "slate.lookup"
    assert lookup.context is not None
    assert {part.parent and part.parent.span_id for part in parts} == {lookup.context.span_id}
    # One after the other, without gaps.
    assert [part.start_time for part in parts[1:]] == [part.end_time for part in parts[:-1]]
    names = [part.name.removeprefix("slate.lookup.") for part in parts]
    assert [*names[:4], names[-1]] == ["request", "live", "keys", "store", "compute"]
    assert set(names[4:-1]) == {"keys", "store", "decode"}
    decoded = [part for part in parts if part.name.endswith("decode")]
    views = [view for part in decoded for view in (part.attributes or {})["slate.views"]]
    assert sorted(views) == sorted(answer.states)


def test_a_lookup_that_is_refused_is_told_without_its_words(
    told: InMemorySpanExporter, deployment: Deployment
) -> None:
    with FeatureClient.connect(deployment) as client, pytest.raises(RequestError, match="chess"):
        client.get("play_ranking", player_id="chess", game_id=["go"])
    (lookup,) = told.get_finished_spans()
    assert lookup.status.status_code is trace.StatusCode.ERROR
    assert dict(lookup.attributes or {}) == {"error.type": "RequestError"}
    assert "chess" not in str(lookup.to_json())


def test_a_request_over_http_is_one_trace(
    told: InMemorySpanExporter, publisher: Publisher, deployment: Deployment
) -> None:
    publisher.publish(GameCatalog, [arcade_rows(GameCatalog)], AS_OF)
    with (
        serving(Application(deployment)) as address,
        RemoteClient.connect(address) as client,
        trace.get_tracer("app").start_as_current_span("feed"),
    ):
        client.get("play_ranking", **ASKED)
    found = by_name(told)
    served = found["POST /v1/services/play_ranking_v3"]
    asked, lookup, feed = (found[n] for n in ("slate.get play_ranking", "slate.lookup", "feed"))
    for child, parent in ((lookup, served), (served, asked), (asked, feed)):
        assert child.parent is not None
        assert parent.context is not None
        assert child.parent.span_id == parent.context.span_id
    assert served.kind is trace.SpanKind.SERVER
    assert dict(served.attributes or {})["http.response.status_code"] == 200


@pytest.mark.process
def test_without_an_application_that_uses_it_nothing_is_imported() -> None:
    script = (
        "import sys; sys.modules['opentelemetry'] = None\n"
        "from slate.online import FeatureClient, spans\n"
        "spans.ended('x', spans.began(), lambda: 1 / 0)\n"
        "with spans.answering('x', {}) as tell, spans.asking('x', {}): tell(200)\n"
        "assert not [name for name in sys.modules if name.startswith('opentelemetry.')]"
    )
    subprocess.run([sys.executable, "-c", script], check=True)


def test_they_are_sent_where_settings_say_so(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in spans.ENDPOINTS:
        monkeypatch.delenv(name, raising=False)
    assert not spans.send_where_configured("slate-serve")
    monkeypatch.setenv(spans.ENDPOINTS[0], "http://127.0.0.1:1")
    monkeypatch.setitem(sys.modules, "opentelemetry.sdk.trace", None)
    with pytest.raises(MissingPackageError, match=r"pip install slate\[telemetry\]"):
        spans.send_where_configured("slate-serve")
