"""Lookups over a cluster: the same answers, also while slots move; flags where nodes are gone."""

import asyncio
from datetime import datetime

import numpy as np
import pytest
from redis import Redis
from redis.crc import key_slot

from slate.deployment import Deployment
from slate.online import Answer, AsyncFeatureClient, FeatureClient, Publisher, State
from slate.online.rows.keys import Keys
from slate.online.serving.stored_rows import stored_row
from slate.online.store.addresses import Node
from slate.online.store.cluster_slots import SLOTS, SlotMap, slot, slots
from slate.online.store.generations import GenerationNames, pointers
from tests.online.arcade import GameCatalog, PlayerGameHistory
from tests.online.cluster.nodes import LocalCluster, LocalNode
from tests.online.conftest import arcade_rows
from tests.online.local_servers import until
from tests.online.tables import AS_OF, us

# These say what is asked and answered, and hold whatever the store is.
from tests.online.test_client import (  # noqa: F401
    test_a_cancelled_request_leaves_no_other_its_reply,
    test_a_request_follows_from_one_entity_to_the_next,
    test_asynchronous_answers_are_the_same,
    test_many_rows_spread_few_keys,
)

GAMES = ["chess", "go", "tag", "none", "with } brace", "{both}", "ünïcode"]


def ask(client: FeatureClient) -> Answer:
    return client.get("play_ranking", at=AS_OF, player_id=1, game_id=GAMES)


async def ask_async(deployment: Deployment) -> Answer:
    async with AsyncFeatureClient.connect(deployment, timeout=5) as client:
        return await client.get("play_ranking", at=AS_OF, player_id=1, game_id=GAMES)


def require_same(one: Answer, other: Answer) -> None:
    assert one.errors == other.errors
    for name in one.names:
        np.testing.assert_array_equal(one[name], other[name], name)


@pytest.mark.parametrize("prefix", ["x:", None, "odd{x}:"])
def test_slots_are_those_of_names(prefix: str | None) -> None:
    keys = Keys.of([*GAMES, "", "}", "{", "{}", "{}{a}"])
    names = keys.texts if prefix is None else [f"{prefix}{{{key}}}" for key in keys.texts]
    assert slots(prefix, keys).tolist() == [key_slot(name.encode()) for name in names]


def test_a_node_that_does_not_know_its_host_means_the_one_that_was_asked() -> None:
    first = [0, 99, [None, 7000, b"id"], [b"b", 7001, b"id"]]
    told = [first, [100, SLOTS - 2, [b"c", 7002, b"id"]]]
    found = SlotMap.of(told, Node("a", 1))
    assert [found.node(n) for n in (0, 99, 100, SLOTS - 1)] == [
        Node("a", 7000), Node("a", 7000), Node("c", 7002), None,
    ]  # fmt: skip
    assert found.replicas == {Node("a", 7000): [Node("b", 7001)], Node("c", 7002): []}


def owner(cluster: LocalCluster, name: str) -> LocalNode:
    """The node that has a name's slot."""
    for start, end, (_, port, *_), *_ in cluster.nodes[0].redis.execute_command("CLUSTER SLOTS"):
        if start <= slot(name) <= end:
            return next(node for node in cluster.nodes if node.port == port)
    raise AssertionError(name)


def move_slot(cluster: LocalCluster, name: str, finish: bool) -> LocalNode:
    """Move the slot of a name to another node; left on its way, or to its end."""
    source, number = owner(cluster, name), slot(name)
    target = next(node for node in cluster.nodes if node is not source)
    run = "CLUSTER SETSLOT"
    target.redis.execute_command(run, number, "IMPORTING", source.id)
    source.redis.execute_command(run, number, "MIGRATING", target.id)
    while keys := source.redis.execute_command("CLUSTER GETKEYSINSLOT", number, 100):
        where = ("127.0.0.1", target.port, "", 0, 5_000, "KEYS")
        source.redis.execute_command("MIGRATE", *where, *keys)
    if finish:
        for node in (target, *cluster.nodes):
            node.redis.execute_command(run, number, "NODE", target.id)
    return target


@pytest.mark.parametrize("finish", [False, True])
def test_slots_that_move_while_they_are_asked_for(
    deployment: Deployment,
    cluster: LocalCluster,
    client: FeatureClient,
    published: datetime,
    redis: Redis,
    finish: bool,
) -> None:
    before = ask(client)
    assert before.errors == ()
    for name in ("chess", "go", pointers("arcade")):
        move_slot(cluster, name, finish)
    try:
        require_same(ask(client), before)
        require_same(asyncio.run(ask_async(deployment)), before)
        found = stored_row(redis, "arcade", deployment.registry, GameCatalog, ["chess"], us(AS_OF))
        assert found.published
    finally:
        if not finish:
            for name in ("chess", "go", pointers("arcade")):
                for node in cluster.nodes:
                    node.redis.execute_command("CLUSTER SETSLOT", slot(name), "STABLE")
    if finish:
        # Nobody is told: who writes finds out as well.
        Publisher(redis, "arcade").publish(GameCatalog, [arcade_rows(GameCatalog)], AS_OF)
        require_same(ask(client), before)


def test_what_lies_on_a_node_that_is_gone_is_missing_and_nothing_else(
    deployment: Deployment, cluster: LocalCluster, published: datetime, publisher: Publisher
) -> None:
    nodes = [owner(cluster, f"{{{game}}}") for game in GAMES]
    node, names = nodes[0], GenerationNames("arcade", GameCatalog.name)
    # Whether a view's rows are whole is told by one node, and this is to be another.
    generation = publisher.publish(GameCatalog, [arcade_rows(GameCatalog)], AS_OF)
    while owner(cluster, names.marker(generation.name)) is node:
        generation = publisher.publish(GameCatalog, [arcade_rows(GameCatalog)], AS_OF)
    with FeatureClient.connect(deployment, timeout=2, refresh=3_600) as client:
        whole = ask(client)
        node.kill()
        try:
            require_right_or_missing(asyncio.run(ask_async(deployment)), whole)
            for answer in (ask(client), ask(client)):
                assert answer.errors
                assert answer.states["game_catalog"].state[0] == State.MISSING
                require_right_or_missing(answer, whole)
            missing = [state == State.MISSING for state in answer.states["game_catalog"].state]
            assert missing == [there is node for there in nodes]
        finally:
            node.start()
            until(cluster.ready)


def require_right_or_missing(answer: Answer, whole: Answer) -> None:
    for name in whole.names:
        if (state := answer.states.get(name.split(".")[0])) is not None:
            known = np.broadcast_to(state.state != State.MISSING, len(GAMES))
            one, other = (np.broadcast_to(found[name], len(GAMES)) for found in (answer, whole))
            np.testing.assert_array_equal(one[known], other[known], name)


def test_what_is_stored_under_a_key(
    deployment: Deployment, redis: Redis, published: datetime
) -> None:
    found = stored_row(
        redis, "arcade", deployment.registry, PlayerGameHistory, ["1", "chess"], us(AS_OF)
    )
    assert found.published_at.endswith(":{1}")
    assert found.published
