"""`slate rebuild`: every row of an empty online store, from the warehouse and then the streams."""

import time
from argparse import Namespace
from contextlib import suppress

from redis import Redis
from redis.exceptions import WatchError

from slate.cli import processes
from slate.cli.chain import catch_up_streams, chain
from slate.cli.processes import TIMEOUT
from slate.cli.text import Clock
from slate.compile.project import require_up_to_date
from slate.deployment import Deployment, load
from slate.errors import DataError
from slate.locks.standing import standing
from slate.online.store.embedded_server import EmbeddedServer
from slate.online.store.redis_client import connect, require_all_is_kept
from slate.online.store.stream_names import streamed_sources
from slate.online.stream.workers.status import stream_status
from slate.online.stream.workers.worker import Worker

# Between two looks at what waits for other workers.
PAUSE = 0.2


def run(_: Namespace) -> int:
    """Publish from the warehouse, replay what the archive holds since, and catch up."""
    say = Clock()
    deployment = load()
    require_up_to_date(deployment.registry, deployment.dbt_project)
    standing(deployment).require_kept()
    processes.prepare(deployment)
    with processes.store(deployment) as store:
        # Before the chain, which takes minutes, and all of it for nothing without a store.
        with connect(store.address, TIMEOUT) as redis:
            require_all_is_kept(redis)
        say(f"running the chain, which publishes every view that its checks pass, to {store}")
        if not chain(deployment, say):
            return 1
        if streamed_sources(deployment.registry):
            say("replaying what the streams' archives hold since, and what waits in the streams")
            with connect(store.address, TIMEOUT) as redis:
                worker = _apply_what_waits(redis, deployment, store.server)
            say(f"{worker.stats.replayed:,} events replayed, {worker.stats.events:,} applied")
            failures = [*worker.unreplayed.reasons(), *worker.unarchived.reasons()]
            if failures:
                raise DataError("\nslate: ".join(failures))
            # Of partitions that other workers hold.
            catch_up_streams(deployment, store, say)
    say("done")
    return 0


def _apply_what_waits(
    redis: Redis, deployment: Deployment, server: EmbeddedServer | None
) -> Worker:
    """Apply what had arrived by now, and make anew what rows lack; other workers may do part of it.

    Returns:
        The worker that did; it holds nothing any more.
    """
    began, sources = time.monotonic(), streamed_sources(deployment.registry)
    worker = Worker(redis, deployment, server=server)
    try:
        while True:
            events = 0
            with suppress(WatchError):  # another worker makes the same anew
                events = worker.step().events
            found = [
                stream_status(redis, deployment.name, deployment.registry, one)
                for one in sources
                # What cannot be made anew keeps its events waiting, and no others.
                if one not in worker.unreplayed
            ]
            since = time.monotonic() - began
            if not any(one.waiting and one.lag >= since for one in found):
                return worker
            if not events:
                # What waits does so for another worker.
                time.sleep(PAUSE)
    finally:
        worker.leave()
