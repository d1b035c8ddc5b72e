"""Another server becomes the primary: answers are right or flagged, and clients follow it."""

import asyncio
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import pytest

from slate.deployment import Deployment
from slate.errors import StoreError
from slate.online import (
    AsyncEventWriter,
    AsyncFeatureClient,
    EventWriter,
    FeatureClient,
    Publisher,
)
from slate.online.store.redis_client import all_servers
from slate.online.store.roles import set_user
from slate.online.store.stream_names import LOG, Unit
from tests.deployments.bikes.definitions import Move
from tests.online.failover_load import STATIONS, Load, known_counts
from tests.online.local_servers import until
from tests.online.sentinel.servers import SentinelSet
from tests.online.stream.moves import move

pytestmark = pytest.mark.process

ASKED: dict[str, Any] = {"station_id": STATIONS, "expected": 1.0}


def publish(publisher: Publisher, deployment: Deployment) -> None:
    hour = datetime.now(UTC).replace(minute=0, second=0, microsecond=0)
    for view in deployment.registry.views.values():
        publisher.publish(view, [], hour)


def test_a_primary_that_is_killed_under_load(watched: SentinelSet, bikes: Deployment) -> None:
    with Publisher.connect(bikes) as publisher:
        publish(publisher, bikes)
    load = Load(bikes)
    try:
        with FeatureClient.connect(bikes) as near:
            assert near.wait_until_near(20)
            until(lambda: sum(load.written.values()) > 50)
            primary = watched.primary()
            assert primary is not None
            primary.kill()
            watched.servers.remove(primary)
            until(lambda: watched.primary() is not None)
            load.quiet()

            def all_there() -> bool:
                # From near views, which have followed too.
                answer = near.get("station_outlook", **ASKED)
                in_step = answer.states["station_moves"].behind > 0
                return in_step and known_counts(answer) == load.written

            until(all_there)
    finally:
        load.end()
    assert load.wrong == []
    assert load.tried == load.written
    assert load.failures
    assert load.flagged


def at(client: Any) -> int:
    """The port of what a client takes for the primary."""
    port: int = client._connections.redis.connection_pool.primary.port
    return port


def test_a_planned_change_is_followed_while_the_former_primary_goes_on(
    watched: SentinelSet, bikes: Deployment
) -> None:
    stream = Unit("bikes", Move, LOG).stream
    with all_servers(bikes.redis, timeout=5) as servers:
        for server in servers.values():
            for role in ("reader", "writer", "publisher"):
                set_user(server, role, "bikes", role, "p")
    reader, writing, publishing = (
        replace(bikes, redis=bikes.redis.replace("//:of%20servers@", f"//{role}:p@"))
        for role in ("reader", "writer", "publisher")
    )
    # The first one that the address names.
    watched.sentinels.pop(0).kill()

    async def ask() -> None:
        async with (
            AsyncEventWriter.connect(writing, Move) as writer,
            AsyncFeatureClient.connect(reader, near=False) as client,
        ):
            await writer.write([move(1)])
            await client.get("station_outlook", **ASKED)
            after = watched.fail_over()
            assert after.redis.xlen(stream) == 2, "what was acknowledged is there"
            while at(client) != after.port:
                await client.get("station_outlook", **ASKED)
            while at(writer) != after.port:
                await writer.write([move(2)])

    with (
        Publisher.connect(publishing) as publisher,
        EventWriter.connect(writing, Move) as writer,
        FeatureClient.connect(reader, near=False) as client,
    ):
        publish(publisher, bikes)
        client.get("station_outlook", **ASKED)
        writer.write([move(3)])
        asyncio.run(ask())
        after = watched.primary()
        assert after is not None
        while at(client) != after.port:
            client.get("station_outlook", **ASKED)
        assert not client.get("station_outlook", **ASKED).errors
        while at(writer) != after.port:
            writer.write([move(4)])
        # What takes several steps is told, as what the former primary was told last may be lost.
        with pytest.raises(StoreError, match=r"the primary of 'main' is .+: try again"):
            publish(publisher, bikes)
        publish(publisher, bikes)
    for sentinel in watched.sentinels:
        sentinel.kill()
    with FeatureClient.connect(bikes) as client:
        answer = client.get("station_outlook", **ASKED)
    assert answer.states["station_moves"].counts["missing"] == len(STATIONS)
    assert "no sentinel tells where the primary of 'main' is: 127.0.0.1:" in answer.errors[0]
