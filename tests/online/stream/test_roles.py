"""Roles of the store: each does what is its own, and nothing else."""

from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from redis import Redis
from redis.exceptions import NoPermissionError

from slate.deployment import Deployment, load
from slate.errors import ConfigurationError, StoreError
from slate.online import EventWriter, FeatureClient, Publisher
from slate.online.store.cluster_client import clustered
from slate.online.store.delta_removal import forget_view
from slate.online.store.redis_client import connect
from slate.online.store.roles import ROLES, set_user, user_name
from slate.online.store.stream_names import LOG, Unit, definition
from slate.online.stream.dead_letters.queue import DeadLetters
from slate.online.stream.workers.status import stream_status
from slate.online.stream.workers.worker import Worker
from tests.online.stream.test_worker import BIKES, NOON, Bench, _publish
from tests.online.tables import attribute_rows

PASSWORD = "never told: /@#?"
QUOTED = "never%20told%3A%20%2F%40%23%3F"

FORBIDDEN = (
    ("FLUSHALL",),
    ("CONFIG", "SET", "maxmemory", "1"),
    ("KEYS", "*"),
    ("ACL", "LIST"),
    ("GET", "others:view:1:{a}"),
    ("SHUTDOWN",),
)

As = Callable[[str], Deployment]


@pytest.fixture
def as_role(redis: Redis, server: Any, tmp_path: Path) -> Iterator[As]:
    """The deployment as each role connects to it."""
    deployment = replace(load(BIKES), data=tmp_path)
    for role in ROLES:
        set_user(redis, user_name(deployment.name, role), deployment.name, role, PASSWORD)
    path = server.address.removeprefix("unix://")

    def found(role: str) -> Deployment:
        user = user_name(deployment.name, role)
        return replace(deployment, redis=f"unix://{user}:{QUOTED}@{path}")

    yield found
    for role in ROLES:
        redis.execute_command("ACL", "DELUSER", user_name(deployment.name, role))


class Roles(Bench):
    """A bench of which each part connects as its role."""

    def __init__(self, as_role: As) -> None:
        super().__init__(as_role("writer"), connect(as_role("worker").redis or ""))
        self.client.close()
        self.as_role = as_role
        self.deployment = as_role("worker")
        self.client = FeatureClient.connect(as_role("reader"), refresh=0, timeout=5)

    def close(self) -> None:
        super().close()
        self.redis.close()


@pytest.fixture
def roles(as_role: As) -> Iterator[Roles]:
    bench = Roles(as_role)
    bench.deployment = as_role("publisher")
    _publish(bench, NOON)
    bench.deployment = as_role("worker")
    yield bench
    bench.close()


def denied(redis: Redis) -> set[str]:
    """Who was refused something."""
    servers = redis.clients() if clustered(redis) else [redis]
    return {entry["username"] for server in servers for entry in server.acl_log(1_000)}


def test_each_role_does_its_part(roles: Roles, as_role: As, redis: Redis) -> None:
    redis.acl_log_reset()
    worker = roles.worker()
    roles.write(roles.ride("a"), roles.ride("b", 7))
    worker.step()
    assert roles.client.wait_until_near(10)
    near = roles.client._serving.near
    assert near is not None
    # From the store, which knows at once; and from near views, which follow.
    roles.client._serving.near = None
    assert (roles.metres("a"), roles.metres("nobody")) == (100, 0)
    roles.client._serving.near = near
    # Hours go by: rows are let go, the log is archived, and late events are dead letters.
    roles.now += timedelta(hours=3)
    late = roles.now - timedelta(days=60)
    roles.writer.write([roles.ride("a") | {roles.source.event_time: late}])
    roles.write(roles.ride("a", 5))
    worker.step()
    worker.step()
    roles.deployment = roles.as_role("publisher")
    _publish(roles, roles.now)
    _publish(roles, roles.now + timedelta(seconds=1))
    roles.write(roles.ride("a", 7))
    with Publisher.connect(roles.deployment) as publisher:
        publisher.rollback(roles.view, pin=True)
        publisher.unpin(roles.view)
        redis.srem(Unit("bikes", roles.source, "rider_id", 0).views, definition(roles.view))
        found = publisher.generations(roles.deployment.registry, roles.view)
        (left,) = (one for one in found if one.obstacle)
        publisher.rollback(roles.view, to=left.name, rebuild=True)
        publisher.clean(roles.view, 0)
    roles.deployment = roles.as_role("worker")
    for _ in range(3):
        worker.step()
    # A worker that knows of nothing finds all it needs.
    for lost in ("bikes:*:deltas:*", "bikes:stream:*:views"):
        redis.unlink(*redis.scan_iter(lost))
    again = roles.worker()
    for _ in range(3):
        again.step()
    status = stream_status(roles.redis, "bikes", roles.deployment.registry, roles.source)
    assert status.waiting == 0
    worker.leave()
    again.leave()
    with connect(as_role("operator").redis or "") as client:
        assert len(letters := DeadLetters(client, "bikes", roles.source)) == 1
        assert letters.forget(list(letters.read())) == 1
    assert denied(redis) == set()


def test_a_reader_freezes_answers(
    roles: Roles, redis: Redis, monkeypatch: pytest.MonkeyPatch
) -> None:
    registry = roles.deployment.registry
    for service in registry.services.values():
        monkeypatch.setattr(service, "frozen_us", 60_000_000)
    redis.acl_log_reset()
    for name in ("a", "b"):
        answers = [roles._answer(name, request_id=name) for _ in range(2)]
        assert answers[0].at == answers[1].at
        assert "frozen" not in " ".join(answers[0].errors)
    assert denied(redis) == set()


def test_no_role_does_what_is_not_its_own(roles: Roles, as_role: As, redis: Redis) -> None:
    redis.acl_log_reset()
    registry = roles.deployment.registry
    view, stream = registry.views["rider_profile"], Unit("bikes", roles.source, LOG).stream
    rows = attribute_rows(view, [{"rider_id": "a", "event_ts": NOON}])
    for role in ("reader", "writer", "worker"):
        with (
            Publisher.connect(as_role(role)) as publisher,
            pytest.raises(StoreError, match="ermission"),
        ):
            publisher.publish(view, [rows], NOON)
    for role in ("reader", "publisher"):
        writer = EventWriter.connect(as_role(role), "move")
        with closing(writer), pytest.raises(StoreError, match="ermission"):
            writer.write([roles.ride("a")])
        with connect(as_role(role).redis or "") as client:
            with pytest.raises(NoPermissionError):
                client.xadd(stream, {"a": "1"})
            with pytest.raises(NoPermissionError):
                Worker(client, as_role(role)).step()
    row = f"bikes:{view.name}:x:{{a}}"
    with connect(as_role("writer").redis or "") as writer_client:
        for name in (row, "bikes:generations", Unit("bikes", roles.source, LOG).position):
            with pytest.raises(NoPermissionError):
                writer_client.set(name, "1")
        with pytest.raises(NoPermissionError):
            writer_client.get(row)
    with connect(as_role("worker").redis or "") as worker_client:
        for name in (row, f"bikes:{view.name}:generations"):
            with pytest.raises(NoPermissionError):
                worker_client.set(name, "1")
    for role in ROLES:
        with connect(as_role(role).redis or "") as client:
            for words in FORBIDDEN:
                with pytest.raises(NoPermissionError):
                    client.execute_command(*words)
    assert {str(name).rpartition("-")[2].strip("'") for name in denied(redis)} == set(ROLES)


def test_what_is_no_user_is_refused(redis: Redis) -> None:
    with pytest.raises(ConfigurationError, match="the password of x is empty"):
        set_user(redis, "x", "bikes", "reader", "")
    with pytest.raises(ConfigurationError, match="'a b' is not a user's name"):
        set_user(redis, "a b", "bikes", "reader", "p")


def test_a_publisher_removes_a_view_of_which_no_stream_is_left(as_role: As, redis: Redis) -> None:
    redis.acl_log_reset()
    rows = "bikes:gone:f:2:deltas:{rider_id:1}"
    redis.hset(rows, "a", "x")
    with connect(as_role("publisher").redis or "") as publisher:
        forget_view(publisher, "bikes", "gone")
    assert not redis.exists(rows)
    assert denied(redis) == set()
