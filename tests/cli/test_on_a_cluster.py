"""Commands about a store that is a cluster."""

import io
import sys
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from types import SimpleNamespace

import pytest
from redis import Redis

from slate.deployment import Deployment, load
from slate.online import EventWriter, FeatureClient, Publisher
from slate.online.store.redis_client import connect
from slate.online.stream.workers.worker import Worker
from tests.cli.conftest import Slate
from tests.online.cluster.nodes import LocalCluster, cluster
from tests.online.failover_load import STATIONS, known_counts
from tests.online.stream.moves import move

__all__ = ["cluster"]

pytestmark = pytest.mark.process

HOUR = datetime.now(UTC).replace(minute=0, second=0, microsecond=0)


@pytest.fixture
def redis(
    bikes: Deployment, cluster: LocalCluster, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Redis]:
    """A client of the cluster, which the bike-share has for its store."""
    monkeypatch.setenv("SLATE_REDIS", cluster.address)
    cluster.flush()
    with connect(cluster.address, timeout=5) as redis:
        yield redis
    for node in cluster.nodes:
        node.redis.execute_command("ACL", "DELUSER", "bikes-operator")


def publish(deployment: Deployment) -> bool:
    """What the chain does where nothing has landed: every view is published without rows."""
    with Publisher.connect(deployment) as publisher:
        for view in deployment.registry.views.values():
            stream_from = HOUR - timedelta(hours=1) if view.windowed else None
            publisher.publish(view, [], HOUR, stream_from=stream_from)
    return True


def counts() -> dict[int, int]:
    with FeatureClient.connect(load(), near=False, timeout=5) as client:
        return known_counts(client.get("station_outlook", station_id=STATIONS, expected=1.0))


@pytest.mark.usefixtures("up_to_date")
def test_an_operator_rebuilds_it_from_the_archive(
    slate: Slate, cluster: LocalCluster, redis: Redis, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("sys.stdin", io.StringIO("s3cret\n"))
    made = slate("acl", "--set", "operator")
    assert made.code == 0
    assert sorted(made.err.splitlines()) == sorted(
        f"bikes-operator may do in 127.0.0.1:{node.port} what operators do, until that ends: it "
        "has no aclfile to keep it in"
        for node in cluster.nodes
    )
    bikes = load()
    publish(bikes)
    with EventWriter.connect(bikes, "move") as writer:
        for number in range(30):
            station = STATIONS[number % len(STATIONS)]
            writer.write([move(number, moved_at=datetime.now(UTC), station_id=station)])
    worker = Worker(redis, bikes, flush=0)
    for _ in range(3):
        worker.step()
    worker.leave()
    before = counts()
    assert sum(before.values()) == 30
    cluster.flush()
    assert counts() == {}, "nothing is known of a store that was lost"
    chain = SimpleNamespace(run_everything=lambda deployment, *_: publish(deployment))
    monkeypatch.setitem(sys.modules, "slate.orchestration.runs", chain)
    address = cluster.address.replace("://", "://bikes-operator:s3cret@")
    monkeypatch.setenv("SLATE_REDIS", address)
    found = slate("rebuild")
    assert (found.code, found.err.count("s3cret")) == (0, 0), found.err
    assert "0 applied" in found.err
    assert counts() == before
