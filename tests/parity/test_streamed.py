"""Equal, when events come by the stream: whatever is published in between, and whoever applies."""

import time

import numpy as np
import pytest
from redis import Redis

from online.store import connect, open_store
from online.stream.apply import Applier
from tests.parity.conftest import CONFIGS
from tests.parity.engines import Engines, Project
from tests.parity.oracle import Oracle
from tests.parity.scenarios import HOUR, bulk
from tests.parity.streaming import (
    Delivery,
    Workers,
    all_units,
    before,
    compare,
    hour_before,
    known,
    wait_until_applied,
)

# Between writes, and between kills: about as long as a worker takes to begin.
PAUSE, KILL_SECONDS = 0.1, 1.2
ASKS = 200


@pytest.fixture
def redis(engines: Engines, project: Project) -> Redis:
    redis = connect(open_store(project.deployment)[0])
    redis.flushall()
    return redis


@pytest.mark.parametrize("seed", range(2))
def test_micro_batches_of_any_cut_by_two_who_both_take_themselves_for_the_owner(
    engines: Engines, project: Project, redis: Redis, seed: int
) -> None:
    random = np.random.default_rng(seed)
    deployment, registry = project.deployment, project.deployment.registry
    scenario = bulk(registry, 100 + seed, rows=100, instants=5)
    asks = list(scenario.asks(registry))[:ASKS]
    delivery = Delivery(deployment, scenario, random)
    appliers = [Applier(redis, deployment.name, registry) for _ in range(2)]
    units = all_units(deployment)
    published = latest = 0
    for latest in delivery.run():
        for _ in range(int(random.integers(3))):
            some = [units[n] for n in random.permutation(len(units))[: random.integers(1, 30)]]
            appliers[random.integers(2)].step(some)
        if random.random() < 0.05:
            # Late by hours or not at all; now and then an hour that was published before.
            published = hour_before(latest - int(random.integers(0, 30)) * HOUR)
            engines.publish(before(scenario, delivery), published)
    for _ in range(20):
        appliers[0].step(units)
    delivery.close()
    rows = known(registry, scenario, delivery, published)
    oracle = Oracle(registry, rows.sources, rows.models(registry))
    compared, wrong = compare(engines, oracle, asks, max(latest, published) + 1, random)
    assert wrong == []
    assert compared > 10_000


def test_workers_that_are_killed_anywhere_lose_nothing_and_count_nothing_twice(
    engines: Engines, project: Project, redis: Redis
) -> None:
    random = np.random.default_rng(7)
    deployment, registry = project.deployment, project.deployment.registry
    scenario = bulk(registry, 200, rows=250, instants=5)
    asks = list(scenario.asks(registry))[:ASKS]
    delivery = Delivery(deployment, scenario, random)
    address = open_store(deployment)[0]
    workers = Workers(deployment, CONFIGS[deployment.name], address, 2)
    latest = 0
    try:
        killed = time.monotonic()
        for arrival in delivery.run():
            latest = arrival
            time.sleep(float(random.exponential(PAUSE)))
            if time.monotonic() - killed > KILL_SECONDS:
                workers.kill(int(random.integers(2)))
                killed = time.monotonic()
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
    assert compared > 10_000
    assert workers.kills >= 2
