"""A node of a cluster fails under load: answers are right or flagged, and what was acknowledged is
there once."""

import time
from collections.abc import Iterator
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path

import pytest

from slate.deployment import Deployment
from slate.online import FeatureClient, Publisher
from slate.online.store.redis_client import all_servers
from slate.online.store.stream_names import LOG, Unit
from tests.deployments.bikes.definitions import Move
from tests.online.cluster.nodes import LocalCluster, LocalNode
from tests.online.cluster.test_lookups import owner
from tests.online.failover_load import STATIONS, Load, known_counts
from tests.online.local_servers import until

pytestmark = pytest.mark.process

BEFORE, AFTER, PATIENCE = 0.5, 1.5, 20.0


@pytest.fixture
def replicated(tmp_path: Path) -> Iterator[LocalCluster]:
    """A cluster of which each node has a replica."""
    (tmp_path / "nodes").mkdir()
    cluster = LocalCluster(tmp_path / "nodes", replicas=1)
    yield cluster
    cluster.close()


@pytest.fixture
def bikes(replicated: LocalCluster, tmp_path: Path) -> Deployment:
    return Deployment(
        name="bikes",
        definitions="tests.deployments.bikes.definitions",
        root=Path(__file__).parents[3],
        dbt_project=tmp_path,
        data=tmp_path,
        redis=replicated.address,
    )


# The log's node holds a third of all else, too.
@pytest.mark.parametrize(
    "victim", ["the log's", pytest.param("another", marks=pytest.mark.thorough)]
)
def test_a_node_that_is_killed_under_load(
    replicated: LocalCluster, bikes: Deployment, victim: str
) -> None:
    with Publisher.connect(bikes) as publisher:
        hour = datetime.now(UTC).replace(minute=0, second=0, microsecond=0)
        for view in bikes.registry.views.values():
            publisher.publish(view, [], hour)
    with all_servers(bikes.redis, timeout=5) as servers:
        assert servers.keys() == {f"127.0.0.1:{node.port}" for node in replicated.nodes}
    load = Load(bikes)
    try:
        time.sleep(BEFORE)
        of_the_log = owner(replicated, Unit("bikes", Move, LOG).stream)
        primaries = replicated.nodes[:3]
        node: LocalNode = of_the_log
        if victim == "another":
            node = next(one for one in primaries if one is not of_the_log)
        node.kill()
        replicated.nodes.remove(node)
        time.sleep(AFTER)
        load.quiet()
        with FeatureClient.connect(bikes, timeout=2, refresh=0, near=False) as client:

            def all_there() -> bool:
                answer = client.get("station_outlook", station_id=STATIONS, expected=1.0)
                return known_counts(answer) == {s: load.written[s] for s in STATIONS}

            with suppress(AssertionError):
                until(all_there, PATIENCE)
            answer = client.get("station_outlook", station_id=STATIONS, expected=1.0)
            assert known_counts(answer) == {s: load.written[s] for s in STATIONS}, answer.errors
    finally:
        load.end()
    assert load.wrong == []
    assert load.tried == load.written
    assert load.answers > 20
    assert load.failures or victim == "another"
