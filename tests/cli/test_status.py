"""`slate status`: how what is served stands, what is wrong, and what to do."""

import json
import re
import socket
from collections.abc import Iterator
from dataclasses import asdict
from datetime import datetime, timedelta
from pathlib import Path
from zlib import crc32

import numpy as np
import pytest
import urllib3
import yaml
from prometheus_client import CollectorRegistry, Histogram, generate_latest

from slate.cli.metrics import serve
from slate.cli.served import Served, quantile, served
from slate.deployment import Deployment
from slate.errors import ConfigurationError
from slate.online import Publisher
from slate.online.http.application import Application
from slate.online.http.metrics import Metrics
from slate.online.http.settings import Settings
from slate.online.store.embedded_server import EmbeddedServer
from slate.online.store.generations import pointer_field, pointers
from slate.online.store.redis_client import connect, open_store
from slate.online.store.told_drift import ToldDrift, tell, told
from slate.online.stream.workers.worker import Worker
from slate.quality import gate_history
from tests.cli.conftest import Slate
from tests.online.http.in_process import serving
from tests.online.stream.test_worker import NOON, Bench
from tests.online.tables import attribute_rows

MONITORING = Path(__file__).parents[2] / "docs/monitoring"
HOUR = timedelta(hours=1)


@pytest.fixture
def store(bikes: Deployment) -> Iterator[Publisher]:
    """The profiles of riders were published twice, and of no other view anything."""
    view = bikes.registry.view("rider_profile")
    with EmbeddedServer.attach(bikes.data / "redis"), Publisher.connect(bikes) as store:
        for number in range(2):
            rows = attribute_rows(view, [{"rider_id": "a", "event_ts": NOON}])
            store.publish(view, [rows], NOON + number * HOUR)
        yield store


def test_a_store_that_rests_is_not_started(slate: Slate, bikes: Deployment) -> None:
    shown = slate("status")
    assert shown.code == 1
    assert shown.out.splitlines()[-1].startswith("! the online store does not run: `slate run`")
    assert EmbeddedServer.running(bikes.data / "redis") is None


def test_drift_that_cannot_be_read_was_not_told(
    slate: Slate, bikes: Deployment, store: Publisher
) -> None:
    """As of another version of Slate."""
    with connect(open_store(bikes)[0]) as redis:
        known = ToldDrift("rental_v1", "2026-03-10T12:00:00", 5, 6, {"a.b": 0.5})
        for number, damaged in enumerate(("", "[]", '{"service": "rental_v1", "more": 1}')):
            redis.hset("bikes:drift", f"{number}", damaged)
        tell(redis, "bikes", known)
        assert told(redis, "bikes", {"rental_v1": None}) == [known]
        assert slate("status").code == 1


def test_a_key_that_is_none_is_refused() -> None:
    with pytest.raises(ConfigurationError, match="is no text of printable ASCII"):
        served("http://127.0.0.1:1", "of two\nlines")


def test_rows_that_lack_their_stream_are_told(
    slate: Slate, bikes: Deployment, store: Publisher
) -> None:
    """It is live, and every request is answered with its defaults."""
    store.publish(bikes.registry.view("rider_rides"), [], NOON, stream_from=NOON)
    (told,) = (line for line in slate("status").out.splitlines() if "! rider_rides: its" in line)
    assert "lack what its stream added to them, and are MISSING: start `slate stream`" in told


def test_what_another_version_published_is_told_and_all_else_too(
    slate: Slate, bikes: Deployment, store: Publisher
) -> None:
    view = bikes.registry.view("rider_rides")
    live = store.publish(view, [], NOON, stream_from=NOON)
    text = json.dumps({**asdict(live), "format": 9}, default=datetime.isoformat)
    pointer = f"{crc32(text.encode()):08x} {text}"
    with connect(open_store(bikes)[0]) as redis:
        redis.hset(pointers("bikes"), pointer_field(view), pointer)
    shown = slate("status")
    assert shown.code == 1
    troubles = [line for line in shown.out.splitlines() if line.startswith("! ")]
    (told,) = (line for line in troubles if line.startswith("! rider_rides: "))
    assert "it is of format 9, and this version reads 2" in told
    assert "publish the view again" in told
    missing = [line for line in troubles if "nothing is live as it is defined now" in line]
    assert len(missing) == len(bikes.registry.views) - 2
    listed = slate("generations").out
    assert re.search(rf"rider_rides +{live.name} +not known", listed)


def test_a_run_that_was_held_back_is_told(
    slate: Slate, bikes: Deployment, store: Publisher
) -> None:
    line = {"passed": False, "held_back_for": ["rating is null in all rows", "and more"]}
    gate_history.append(bikes.reports, "rider_profile", line)
    (told,) = (line for line in slate("status").out.splitlines() if "held back" in line)
    assert told.startswith("! rider_profile: its last run was held back, so what was live stays: ")
    assert "rating is null in all rows and 1 more; mend it, or `slate accept rider_prof" in told
    gate_history.append(bikes.reports, "rider_profile", {"passed": True})
    assert "held back" not in slate("status").out
    # Whoever looks from another machine has no report.
    store.tell_held_back([bikes.registry.view("rider_profile")], [])
    assert "! rider_profile: its runs are held back since 20" in slate("status").out


def test_what_is_wrong_is_told_with_what_to_do(
    slate: Slate, bikes: Deployment, store: Publisher
) -> None:
    store.rollback(bikes.registry.view("rider_profile"), pin=True)
    with connect(open_store(bikes)[0]) as redis:
        bench = Bench(bikes, redis)
        bench.write(bench.ride("a"))
        bench.writer.close()
        bench.client.close()
    shown = slate("status")
    assert shown.code == 1
    troubles = [line for line in shown.out.splitlines() if line.startswith("! ")]
    (pinned,) = (text for text in troubles if "rider_profile" in text)
    assert pinned.endswith("`slate unpin rider_profile` once the cause is mended")
    (lag,) = (text for text in troubles if text.startswith("! moves: "))
    assert lag.endswith("no worker holds its partitions: start some with `slate stream`")
    missing = [text for text in troubles if "nothing is live as it is defined now" in text]
    assert len(missing) == len(bikes.registry.views) - 1
    told = json.loads(slate("status", "--json").out)
    behind = re.compile(r"[\d,.]+ s behind")
    assert [behind.sub("", text) for text in told["troubles"]] == [
        behind.sub("", text.removeprefix("! ")) for text in troubles
    ]
    (row,) = (one for one in told["views"] if one["generation"])
    assert (row["view"], row["rows"], row["pinned"]) == ("rider_profile", 1, True)
    assert row["known_until"] == NOON.isoformat()
    assert told["streams"]["moves"]["waiting"] == 1


@pytest.mark.parametrize("began", ["before", "after"])
def test_a_stream_tells_nothing_of_what_came_before_it(
    slate: Slate, bikes: Deployment, store: Publisher, began: str
) -> None:
    """As clients say how far behind a view is, so does the status."""
    view = bikes.registry.view("rider_rides")
    store.publish(view, [], NOON + HOUR, stream_from=NOON + HOUR)
    with connect(open_store(bikes)[0]) as redis:
        bench = Bench(bikes, redis)
        bench.now = NOON + (HOUR / 2 if began == "before" else 2 * HOUR)
        worker = bench.worker()
        for _ in range(3):
            bench.write(bench.ride("a"))
            bench.now += HOUR
            worker.step()
        (row,) = (
            one
            for one in json.loads(slate("status", "--json").out)["views"]
            if one["view"] == "rider_rides"
        )
        answer = bench._answer("a")
        with socket.create_server(("127.0.0.1", 0)) as free:
            port = free.getsockname()[1]
        serve(port, redis, bikes, worker)
        of_worker = urllib3.request("GET", f"http://127.0.0.1:{port}/metrics").data.decode()
        worker.leave()
        bench.writer.close()
        bench.client.close()
    (line,) = re.findall(
        r'^slate_view_known_until_timestamp_seconds{view="rider_rides"} (.*)$',
        of_worker,
        re.MULTILINE,
    )
    known = answer.states["rider_rides"].known_until
    assert (float(line) == (NOON + HOUR).timestamp()) == (began == "after")
    assert (known == NOON + HOUR) == (began == "after")
    assert (row["known_until"] == (NOON + HOUR).isoformat()) == (began == "after")


def test_what_a_server_tells_is_on_the_page(
    slate: Slate, bikes: Deployment, store: Publisher
) -> None:
    name = "station_outlook_v1"
    with serving(Application(bikes, None, Settings(timeout=5, near=False))) as address:
        body = {"station_id": 1, "expected": 2.0}
        for _ in range(3):
            asked = urllib3.request("POST", f"{address}/v1/services/{name}", json=body)
            assert asked.status == 200, asked.data
        before = served(address)
        urllib3.request("POST", f"{address}/v1/services/{name}", json=body)
        after = served(address)
        lately = after.since(before)
        assert lately.requests(name) == 1
        assert after.requests(name) >= 4
        assert before.since(after) is before, "it was started anew, and counts from 0"
        within = after.quantile(name, 0.99)
        assert within is not None
        assert 0 < within < 20
        assert sum(lately.states.values()) == len(lately.shares())
        shown = slate("status", "--server", address)
        told = json.loads(slate("status", "--json", "--server", address).out)
        with pytest.raises(ConfigurationError, match="is no address of a server: give one such"):
            served(address.removeprefix("http://"))
        elsewhere = slate("status", "--server", f"{address}/elsewhere")
    assert re.search(rf"^{name} +{after.requests(name)} +[\d.]+ ms", shown.out, re.MULTILINE)
    assert told["served"][name]["requests"] == after.requests(name)
    assert elsewhere.code == 1
    assert "/elsewhere/metrics is no metrics of `slate serve`: it answers with" in elsewhere.err
    gone = slate("status", "--server", address)
    assert gone.code == 1
    assert "see that `slate serve` runs there" in gone.err


def test_a_quantile_is_the_one_of_the_values_to_a_bucket() -> None:
    registry, bounds = CollectorRegistry(), [n / 10 for n in range(1, 31)]
    histogram = Histogram("slate_serve_seconds", "", ["service"], buckets=bounds, registry=registry)
    values = np.random.default_rng(5).gamma(2, 0.4, 2_000).clip(0, 2.99)
    for value in values:
        histogram.labels("ranking_v1").observe(value)
    found = Served.of(generate_latest(registry).decode())
    assert found.requests("ranking_v1") == len(values)
    for share in (0.01, 0.5, 0.99, 1):
        assert found.quantile("ranking_v1", share) == pytest.approx(
            np.quantile(values, share), abs=0.1
        )
    assert quantile({}, 0.5) is None
    assert quantile({1.0: 0, float("inf"): 0}, 0.5) is None
    assert quantile({1.0: 0, float("inf"): 2}, 0.5) == float("inf")


def test_what_the_dashboard_and_the_alerts_ask_for_is_told(
    bikes: Deployment, store: Publisher
) -> None:
    dashboard = json.loads((MONITORING / "grafana.json").read_text())
    asked = [target["expr"] for panel in dashboard["panels"] for target in panel["targets"]]
    groups = yaml.safe_load((MONITORING / "alerts.yml").read_text())["groups"]
    asked += [rule["expr"] for group in groups for rule in group["rules"]]
    names = {name for expression in asked for name in re.findall(r"slate_\w+", expression)}
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    with connect(open_store(bikes)[0]) as redis:
        serve(port, redis, bikes, Worker(redis, bikes))
        of_worker = urllib3.request("GET", f"http://127.0.0.1:{port}/metrics").data.decode()
    there = set()
    for text in (of_worker, Metrics().written()[0].decode()):
        for name, kind in re.findall(r"# TYPE (slate_\w+) (\w+)", text):
            there |= {f"{name}_bucket", f"{name}_count"} if kind == "histogram" else {name}
    assert names - there == set()
    assert len(names) > 15


def test_watching_goes_on_after_a_look_that_fails(
    slate: Slate, store: Publisher, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The server starts again: of the second look it is told that it cannot be reached."""
    looks = 0

    def rest(_: float) -> None:
        nonlocal looks
        looks += 1
        if looks == 3:
            raise KeyboardInterrupt

    monkeypatch.setattr("slate.cli.status.time.sleep", rest)
    shown = slate("status", "--server", "http://127.0.0.1:1", "--watch", "5")
    assert shown.code == 130
    assert shown.out.count("! http://127.0.0.1:1 cannot be reached (") == 3
    assert shown.out.count("rider_profile") >= 3
    looks = 2
    assert slate("status", "--server", "127.0.0.1:1", "--watch", "5").code == 1
    alone = slate("status", "--key", "k")
    assert (alone.code, "give --server URL too" in alone.err) == (2, True)


def test_a_worker_tells_what_it_did_while_the_store_is_down(
    bikes: Deployment, store: Publisher
) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        with (
            connect(open_store(bikes)[0]) as redis,
            pytest.raises(
                ConfigurationError, match=rf"port {port} of 127.0.0.1 \(Address already in use\)"
            ),
        ):
            serve(port, redis, bikes, Worker(redis, bikes))
    with connect(open_store(bikes)[0]) as redis, connect("unix:///nowhere.sock") as down:
        worker = Worker(redis, bikes)
        worker.stats.errors = 7
        serve(port, down, bikes, worker)
        answer = urllib3.request("GET", f"http://127.0.0.1:{port}/metrics")
    told_lines = answer.data.decode().splitlines()
    assert answer.status == 200
    assert {"slate_stream_errors_total 7.0", "slate_stream_store_up 0.0"} <= {*told_lines}
    assert not [line for line in told_lines if line.startswith("slate_stream_waiting")]
