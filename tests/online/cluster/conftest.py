from collections.abc import Iterator
from pathlib import Path

import pytest
from redis import Redis

from slate.deployment import Deployment
from slate.online.store.cluster_connections import AnyConnections, connections_to
from slate.online.store.redis_client import connect
from tests.online.cluster.nodes import LocalCluster


@pytest.fixture(scope="package")
def cluster(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LocalCluster]:
    """A cluster that the tests of this folder share."""
    cluster = LocalCluster(tmp_path_factory.mktemp("cluster"))
    yield cluster
    cluster.close()


@pytest.fixture
def redis(cluster: LocalCluster) -> Iterator[Redis]:
    cluster.flush()
    with connect(cluster.address) as redis:
        yield redis


@pytest.fixture
def connections(cluster: LocalCluster) -> Iterator[AnyConnections]:
    connections = connections_to(cluster.address, timeout=5)
    yield connections
    connections.close()


@pytest.fixture
def deployment(cluster: LocalCluster, redis: Redis, tmp_path: Path) -> Deployment:
    return Deployment(
        name="arcade",
        definitions="tests.online.arcade",
        root=Path(__file__).parents[3],
        dbt_project=tmp_path,
        data=tmp_path,
        redis=cluster.address,
    )
