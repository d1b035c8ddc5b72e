"""Roles of a cluster, each node of which has users of its own."""

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from redis import Redis

from slate.deployment import Deployment, load
from slate.online.store.redis_client import all_servers
from slate.online.store.roles import ROLES, set_user, user_name
from tests.online.cluster.nodes import LocalCluster
from tests.online.stream.test_roles import (  # noqa: F401
    PASSWORD,
    QUOTED,
    As,
    roles,
    test_each_role_does_its_part,
)
from tests.online.stream.test_worker import BIKES


@pytest.fixture
def as_role(redis: Redis, cluster: LocalCluster, tmp_path: Path) -> Iterator[As]:
    """The deployment as each role connects to it."""
    deployment = replace(load(BIKES), data=tmp_path)
    with all_servers(cluster.address, timeout=5) as servers:
        for server in servers.values():
            for role in ROLES:
                set_user(server, user_name(deployment.name, role), deployment.name, role, PASSWORD)

        def found(role: str) -> Deployment:
            user = f"{user_name(deployment.name, role)}:{QUOTED}"
            address = cluster.address.replace("://", f"://{user}@")
            return replace(deployment, redis=address)

        yield found
        for server in servers.values():
            for role in ROLES:
                server.execute_command("ACL", "DELUSER", user_name(deployment.name, role))
