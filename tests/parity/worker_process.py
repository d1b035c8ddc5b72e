"""A worker in a process of its own, to be killed: ``python -m tests.parity.worker_process``.

It is given a deployment's slate.toml and the store's address by the environment, and the folder of
its archive. The past that the tests play has no hours but those of its arrivals.
"""

import os
import sys
import threading
from dataclasses import replace
from pathlib import Path

from slate.deployment import load
from slate.online.store.redis_client import connect
from slate.online.store.stream_names import StreamNames, streamed_sources
from slate.online.stream.workers.worker import Worker

LEASE_SECONDS = 0.5
FLUSH_SECONDS = 0.2


def main() -> None:
    """Work until killed."""
    deployment = replace(load(), data=Path(sys.argv[1]), redis=os.environ["SLATE_REDIS"])
    redis = connect(deployment.redis)
    clocks = [StreamNames(deployment.name, s).clock for s in streamed_sources(deployment.registry)]

    def latest() -> int:
        return max(int(value or 0) for value in redis.mget(clocks))

    worker = Worker(redis, deployment, lease_seconds=LEASE_SECONDS, flush=FLUSH_SECONDS, now=latest)
    worker.run(threading.Event())


if __name__ == "__main__":
    main()
