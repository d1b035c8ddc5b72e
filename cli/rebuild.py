"""`slate rebuild`: every row of an empty online store, from the warehouse and then the streams."""

import sys
from argparse import Namespace
from contextlib import redirect_stdout

from slate.cli import processes
from slate.cli.text import Clock
from slate.deployment import load
from slate.errors import DataError
from slate.online.store.redis_client import connect, require_all_is_kept
from slate.online.store.stream_names import streamed_sources
from slate.online.stream.workers.status import stream_status
from slate.online.stream.workers.worker import Worker

# For how many seconds a store may be silent before it is taken for lost.
TIMEOUT = 10.0


def run(_: Namespace) -> int:
    """Publish from the warehouse, replay what the archive holds since, and catch up."""
    say = Clock()
    deployment = load()
    processes.prepare(deployment)
    with processes.store(deployment) as store:
        # Before the chain, which takes minutes, and all of it for nothing without a store.
        with connect(store.address, TIMEOUT) as redis:
            require_all_is_kept(redis)
        say(f"running the chain, which publishes every view that its checks pass, to {store}")
        # Only now, as it takes seconds.
        from slate.orchestration.runs import run_everything

        with redirect_stdout(sys.stderr):
            if not run_everything(deployment):
                return 1
        sources = streamed_sources(deployment.registry)
        if sources:
            say("replaying what the streams' archives hold since, and what waits in the streams")
            with connect(store.address) as redis:
                worker = Worker(redis, deployment, server=store.server)
                try:
                    waiting = 1
                    while waiting:
                        worker.step()
                        # What cannot be made anew keeps its events waiting, and no others.
                        waiting = sum(
                            stream_status(redis, deployment.name, deployment.registry, one).waiting
                            for one in sources
                            if one not in worker.unreplayed
                        )
                finally:
                    worker.leave()
            say(f"{worker.stats.replayed:,} events replayed, {worker.stats.events:,} applied")
            failures = [*worker.unreplayed.reasons(), *worker.unarchived.reasons()]
            if failures:
                raise DataError("\nslate: ".join(failures))
    say("done")
    return 0
