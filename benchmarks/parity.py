"""Equal, at length: streamed values against the oracle's, as many as asked for.

Rounds of a scenario each: its events are delivered to the stream and applied by workers, real
processes that are killed at random points; batches are published in between. Then every feature is
asked for at random instants, and held against the oracle, plain Python over the raw events. Near
views are asked too, and with ``--http`` a server, in JSON and in Arrow.
"""

import argparse
import tempfile
import time
from collections import Counter
from concurrent.futures import ProcessPoolExecutor
from contextlib import ExitStack, closing
from dataclasses import replace
from multiprocessing import get_context
from pathlib import Path

import numpy as np

from slate.deployment import load
from slate.online import FeatureClient, Publisher
from slate.online.store.redis_client import connect, open_store
from tests.parity.conftest import CONFIGS
from tests.parity.engines import Engines, Project, compiled
from tests.parity.near import NearPath
from tests.parity.oracle import Oracle
from tests.parity.over_http import OverHttp
from tests.parity.scenarios import HOUR, bulk
from tests.parity.streaming import (
    Delivery,
    Workers,
    before,
    compare,
    hour_before,
    known,
    wait_until_applied,
)

COMPARED = 10_000_000
ROWS, INSTANTS, WORKERS = 120, 6, 2
ASKED_AGAIN = 8
KILL_EVERY, PUBLISHES = 8, 3


def main() -> None:
    """Compare, and print how many values differ, by cause."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--compared", type=int, default=COMPARED, help="how many values at least")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--http", action="store_true", help="ask over HTTP too")
    options = parser.parse_args()
    with (
        tempfile.TemporaryDirectory() as folder,
        ProcessPoolExecutor(len(CONFIGS), get_context("spawn")) as pool,
    ):
        share = options.compared / len(CONFIGS)
        rounds = [
            pool.submit(play_rounds, name, Path(folder) / name, share, options.seed, options.http)
            for name in CONFIGS
        ]
        found = [one.result() for one in rounds]
    compared = sum(number for number, _ in found)
    causes = sum((wrong for _, wrong in found), Counter[str]())
    for what, number in causes.most_common():
        print(f"  {number} x {what}")
    print(f"parity: compared={compared} mismatched={causes.total()}", flush=True)


def play_rounds(
    name: str, folder: Path, wanted: float, seed: int, over_http: bool
) -> tuple[int, Counter[str]]:
    """Rounds of one deployment; gives how many values were compared, and what is wrong, by cause.

    Args:
        name: the deployment's.
        folder: where its project and data may lie.
        wanted: how many values to compare at least.
        seed: the first round's.
        over_http: whether each answer is asked for over HTTP too.
    """
    compared, kills, causes = 0, 0, Counter[str]()
    project = compiled(load(CONFIGS[name]), folder)
    address, server = open_store(project.deployment)
    assert server is not None
    project = replace(project, deployment=replace(project.deployment, redis=address))
    with (
        server,
        Publisher.connect(project.deployment) as publisher,
        FeatureClient.connect(project.deployment, refresh=0, timeout=5, near=False) as client,
        tempfile.TemporaryDirectory() as shared,
        closing(NearPath(project.deployment, address, Path(shared))) as near,
        ExitStack() as stack,
    ):
        http = None
        if over_http:
            http = stack.enter_context(closing(OverHttp(project.deployment)))
        engines = Engines(project, publisher, client, near, http=http)
        while compared < wanted:
            found, wrong, killed = play(engines, project, CONFIGS[name], address, seed)
            compared, kills, seed = compared + found, kills + killed, seed + 1
            causes.update(map(cause, wrong))
            print(
                f"{name}: seed={seed - 1} compared={compared} mismatched={causes.total()} "
                f"kills={kills} at {time.process_time():.0f} s of CPU",
                flush=True,
            )
    return compared, causes


def play(
    engines: Engines, project: Project, config: Path, address: str, seed: int
) -> tuple[int, list[str], int]:
    """One round; gives how many values were compared, what is wrong, and how many were killed."""
    random = np.random.default_rng(seed)
    registry = project.deployment.registry
    # An archive of its own: a lost store would be filled from that of the round before.
    deployment = replace(project.deployment, data=project.deployment.data / str(seed))
    scenario = bulk(registry, seed, rows=ROWS, instants=INSTANTS)
    redis = connect(address)
    redis.flushall()
    delivery = Delivery(deployment, scenario, random)
    workers = Workers(deployment, config, address, WORKERS)
    published = latest = 0
    try:
        for number, latest in enumerate(delivery.run(), 1):
            time.sleep(float(random.exponential(0.02)))
            if number % KILL_EVERY == 0:
                workers.kill(int(random.integers(WORKERS)))
            if not published or random.random() < PUBLISHES / ROWS:
                # Late by hours or not at all; a warehouse never knows less than it did.
                published = max(published, hour_before(latest - int(random.integers(0, 30)) * HOUR))
                engines.publish(before(scenario, delivery), published)
        wait_until_applied(redis, deployment)
    finally:
        workers.close()
        delivery.close()
    rows = known(registry, scenario, delivery, published)
    oracle = Oracle(registry, rows.sources, rows.models(registry))
    asks = list(scenario.asks(registry)) * ASKED_AGAIN
    compared, wrong = compare(engines, oracle, asks, max(latest, published) + 1, random)
    redis.close()
    return compared, wrong, workers.kills


def cause(wrong: str) -> str:
    """What a mismatch is about: the feature, and whether it is too much, too little or missing."""
    _, _, what = wrong.rpartition(" at ")
    _, _, what = what.partition(": ")
    feature, _, detail = what.partition(": ")
    should, _, found = detail.removeprefix("should be ").partition(", is ")
    try:
        return f"{feature}: {'too much' if float(found) > float(should) else 'too little'}"
    except ValueError:
        return f"{feature}: another value"


if __name__ == "__main__":
    main()
