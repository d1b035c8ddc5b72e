"""Equal, when events come by the stream: whatever is published in between, and whoever applies."""

import time
from contextlib import closing
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from redis import Redis

from slate.deployment import Deployment
from slate.online import FeatureClient, Publisher
from slate.online.store.generations import pointers, whole_field
from slate.online.store.redis_client import connect, open_store
from slate.online.store.stream_names import definition
from slate.online.stream.applying.applier import Applier
from tests.depth import either
from tests.online.cluster.nodes import LocalCluster, cluster
from tests.online.stream.effects import Effects
from tests.parity.answers import differences
from tests.parity.conftest import CONFIGS, HTTP_EVERY, NEAR_EVERY, second_is_thorough
from tests.parity.engines import Engines, Project
from tests.parity.near import NearPath
from tests.parity.oracle import Oracle
from tests.parity.over_http import OverHttp
from tests.parity.overlap import Overlap
from tests.parity.scenarios import HOUR, bulk
from tests.parity.streaming import (
    Delivery,
    Workers,
    all_units,
    before,
    compare,
    fan_outs,
    hour_before,
    known,
    wait_until_applied,
)

__all__ = ["cluster"]

# Seconds between writes, and how many writes between kills.
PAUSE, KILL_EVERY = 0.05, 4
ASKS = 100
# How often something is published, or rolled back.
CHANGES = 7
# Each partition has a transaction of its own there.
ROWS_OF_CLUSTER = 16


@pytest.fixture
def redis(engines: Engines, project: Project) -> Redis:
    redis = connect(open_store(project.deployment)[0])
    redis.flushall()
    return redis


@second_is_thorough
def test_micro_batches_of_any_cut_by_two_who_both_take_themselves_for_the_owner(
    engines: Engines, project: Project, redis: Redis
) -> None:
    rows = either(40, 60)
    assert apply_micro_batches(engines, project.deployment, redis, 0, rows) > 80 * rows


def test_over_a_cluster_as_over_one_server(
    project: Project,
    cluster: LocalCluster,
    tmp_path: Path,
) -> None:
    """What writes put on the log alone is on all streams once, whoever puts it there."""
    deployment = replace(project.deployment, redis=cluster.address, data=tmp_path)
    cluster.flush()
    with (
        connect(cluster.address) as redis,
        Publisher.connect(deployment) as publisher,
        FeatureClient.connect(deployment, timeout=5, refresh=0, near=False) as client,
        closing(NearPath(deployment, cluster.address)) as near,
        closing(OverHttp(deployment)) as http,
    ):
        engines = Engines(project, publisher, client, near, NEAR_EVERY, http, HTTP_EVERY)
        assert apply_micro_batches(engines, deployment, redis, 2, ROWS_OF_CLUSTER) > 1_000


def apply_micro_batches(
    engines: Engines, deployment: Deployment, redis: Redis, seed: int, rows: int
) -> int:
    """Deliver a scenario's events, applied in any cut; gives how many values were right."""
    random = np.random.default_rng(seed)
    registry = deployment.registry
    scenario = bulk(registry, 100 + seed, rows=rows, instants=5)
    asks = list(scenario.asks(registry))[:ASKS]
    delivery = Delivery(deployment, scenario, random)
    appliers = [Applier(redis, deployment.name, registry) for _ in range(2)]
    units, fanning = all_units(deployment), fan_outs(redis, deployment) * 2
    # As workers say that began before anything streamed: there is nothing to be made anew.
    whole = {whole_field(definition(view)): "1" for view in registry.views.values()}
    redis.hset(pointers(deployment.name), mapping=whole)
    published = latest = 0
    for latest in delivery.run():
        for one in fanning:
            if random.random() < 0.2:
                one.step()
        for _ in range(int(random.integers(3))):
            some = [units[n] for n in random.permutation(len(units))[: random.integers(1, 30)]]
            appliers[random.integers(2)].step(some)
        if not published or random.random() < 0.05:
            # Late by hours or not at all; now and then an hour that was published before.
            published = hour_before(latest - int(random.integers(0, 30)) * HOUR)
            engines.publish(before(scenario, delivery), published)
    for one in fanning:
        one.step()
    for _ in range(20):
        appliers[0].step(units)
    delivery.close()
    right = known(registry, scenario, delivery, published)
    oracle = Oracle(registry, right.sources, right.models(registry))
    compared, wrong = compare(engines, oracle, asks, max(latest, published) + 1, random)
    assert wrong == []
    return compared


@second_is_thorough
def test_workers_that_are_killed_anywhere_lose_nothing_and_count_nothing_twice(
    engines: Engines, project: Project, redis: Redis
) -> None:
    random = np.random.default_rng(7)
    deployment, registry = project.deployment, project.deployment.registry
    scenario = bulk(registry, 200, rows=100, instants=5)
    asks = list(scenario.asks(registry))[:ASKS]
    delivery = Delivery(deployment, scenario, random)
    address = open_store(deployment)[0]
    workers = Workers(deployment, CONFIGS[deployment.name], address, 2)
    latest = 0
    try:
        for number, arrival in enumerate(delivery.run(), 1):
            latest = arrival
            time.sleep(float(random.exponential(PAUSE)))
            if number % KILL_EVERY == 0:
                workers.kill(int(random.integers(2)))
        published = hour_before(latest - 5 * HOUR)
        engines.publish(before(scenario, delivery), published)
        wait_until_applied(redis, deployment)
    finally:
        workers.close()
        delivery.close()
    rows = known(registry, scenario, delivery, published)
    oracle = Oracle(registry, rows.sources, rows.models(registry))
    compared, wrong = compare(engines, oracle, asks, max(latest, published) + 1, random)
    assert wrong == []
    assert compared > 5_000
    assert workers.kills >= 3


@second_is_thorough
def test_events_that_come_by_landing_files_too_count_once(
    engines: Engines,
    project: Project,
    redis: Redis,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Whichever way was first, and whether the worker was killed: once it goes by what is live."""
    random, effects = np.random.default_rng(0), Effects(monkeypatch)
    deployment = replace(project.deployment, data=tmp_path, redis=open_store(project.deployment)[0])
    scenario = bulk(project.deployment.registry, 300, rows=150, instants=5)
    asks = list(scenario.asks(deployment.registry))
    delivery = Delivery(deployment, scenario, random)
    overlap = Overlap(engines, deployment, redis, delivery, effects, random)
    compared, changes = 0, 0
    for number, _ in enumerate(delivery.run()):
        overlap.step()
        some = [asks[place] for place in random.permutation(len(asks))[:8]]
        if number % 3 == 2:
            overlap.publish()
        elif number % 3 == 1 and changes > 1:
            overlap.settle()
            if overlap.roll_back():
                # Before any worker has looked at it.
                _, wrong = compare(engines, overlap.oracle(), some, delivery.now + 1, random)
                assert wrong == [], f"after {changes} changes, at once"
            else:
                # What is not right is flagged.
                oracle, at = overlap.oracle(), delivery.now + 1
                for ask in some:
                    actual = engines.unflagged(ask, at)
                    expected = oracle.answer(ask.service, ask.keys, at, ask.inputs)
                    wrong = differences(expected, actual)
                    wrong = [one for one in wrong if not one.endswith(": is missing")]
                    assert wrong == [], f"after {changes} changes, {ask.keys} unflagged"
        else:
            continue
        changes += 1
        overlap.step()
        overlap.settle()
        values, wrong = compare(engines, overlap.oracle(), some, delivery.now + 1, random)
        assert wrong == [], f"after {changes} changes"
        compared += values
        if changes == CHANGES:
            break
    delivery.close()
    assert compared > 3_000
    assert overlap.kills > 5
    assert overlap.replayed > 5, "the stream was first, or a generation was rolled back"
    assert overlap.at_once + overlap.rebuilt > 2
