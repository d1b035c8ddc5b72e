"""`slate keys`: what the store holds under one key."""

from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from slate.deployment import Deployment
from slate.online import Publisher
from slate.online.rows.partitioning import partition
from slate.online.store.embedded_server import EmbeddedServer
from slate.online.store.redis_client import connect
from slate.online.store.stream_names import deltas_name
from tests.cli.conftest import Slate
from tests.online.stream.test_worker import NOON, Bench
from tests.online.tables import attribute_rows

AT = ("--at", "2026-03-10T12:30")


@pytest.fixture
def bench(bikes: Deployment) -> Iterator[Bench]:
    """Riders with a profile, and rides that only the stream knows."""
    with (
        EmbeddedServer.attach(bikes.data / "redis") as server,
        connect(server.address) as redis,
        Publisher.connect(bikes) as publisher,
    ):
        views = bikes.registry.views
        profile = attribute_rows(views["rider_profile"], [{"rider_id": "a", "event_ts": NOON}])
        publisher.publish(views["rider_profile"], [profile], NOON)
        for name in ("rider_rides", "rider_at_station"):
            publisher.publish(views[name], [], NOON, stream_from=NOON)
        bench = Bench(replace(bikes, redis=server.address), redis)
        worker = bench.worker()
        worker.step()
        bench.now += timedelta(minutes=5)
        bench.write(bench.ride("a", 120), bench.ride("a", 3) | {"station_id": 7})
        worker.step()
        yield bench
        bench.close()


def told(out: str) -> dict[str, list[str]]:
    return {line.split()[0]: line.split()[1:] for line in out.splitlines() if line}


def test_values_without_and_with_the_stream(slate: Slate, bench: Bench) -> None:
    shown = slate("keys", "rider_rides", "a", *AT)
    assert shown.code == 0
    found = told(shown.out)
    # Without the stream there is no row: its value is a default.
    assert found["metres_1d"] == ["0", "(default)", "123"]
    assert found["published"][1:] == ["nothing"]
    assert found["published"][0].startswith("bikes:rider_rides:")
    assert found["streamed"][-7:] == ["arrived", "in", "the", "hour", "of", "2026-03-10", "12:00"]
    nobody = told(slate("keys", "rider_rides", "b", *AT).out)
    assert nobody["streamed"][1:] == ["nothing"]
    assert nobody["metres_1d"] == ["0", "(default)", "0", "(default)"]


def test_what_was_before_the_publish_is_not_told(slate: Slate, bench: Bench) -> None:
    shown = slate("keys", "rider_profile", "a", "--at", "2026-03-10T11:59:59")
    assert (shown.code, shown.out) == (1, "")
    assert "rider_profile is published as of 2026-03-10 12:00:00" in shown.err


def test_an_attribute_view_has_no_stream(slate: Slate, bench: Bench) -> None:
    shown = slate("keys", "rider_profile", "a", *AT)
    assert shown.code == 0
    assert "with the stream" not in shown.out
    assert told(shown.out)["published"][-1] == "bytes"


def test_a_row_older_than_the_ttl_is_stale(slate: Slate, bench: Bench, bikes: Deployment) -> None:
    view = bikes.registry.views["bike_profile"]
    row = {"bike_id": 3, "event_ts": NOON - timedelta(days=1), "frame": "carbon"}
    with Publisher.connect(bench.deployment) as publisher:
        publisher.publish(view, [attribute_rows(view, [row])], NOON)
    fresh, stale = (
        told(slate("keys", "bike_profile", "3", "--at", at).out)["frame"]
        for at in ("2026-03-12", "2026-03-14")
    )
    assert fresh == ["carbon"]
    assert stale == ["steel", "(stale)"]


def test_of_a_pair_both_keys(slate: Slate, bench: Bench) -> None:
    shown = slate("keys", "rider_at_station", "a", "7", *AT)
    assert shown.code == 0, shown.err
    assert "arrived in the hour of" in shown.out


def test_a_damaged_value_is_told(slate: Slate, bench: Bench) -> None:
    name = deltas_name("bikes", bench.view, partition("a"))
    bench.redis.hset(name, "a", b"x" * 80)
    shown = slate("keys", "rider_rides", "a", *AT)
    assert shown.code == 1
    assert "80 bytes" in shown.out
    assert "rider_rides: what the stream added to the rows" in shown.err
    assert told(shown.out)["metres_1d"] == ["0", "(default)", "0", "(missing)"]


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (["rider_ride", "a"], "did you mean 'rider_rides'"),
        (["rider_at_station", "a"], "rider_at_station is kept by rider_id, station_id: give 2"),
        (["rider_at_station", "a", "x"], "station_id is a whole number, and 'x' is none"),
        (["station_moves", "7"], "station_moves: nothing is published"),
    ],
)
def test_what_cannot_be_looked_up(
    slate: Slate, bench: Bench, arguments: list[str], says: str
) -> None:
    shown: Any = slate("keys", *arguments, *AT)
    assert shown.code == 1
    assert says in shown.err
