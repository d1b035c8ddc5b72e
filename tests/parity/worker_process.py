"""A worker in a process of its own, to be killed.

The past that the tests play has no hours but those of its arrivals.
"""

import threading
from dataclasses import replace
from multiprocessing.connection import Connection
from pathlib import Path

from slate.deployment import load
from slate.online.store.redis_client import connect
from slate.online.store.stream_names import StreamNames, streamed_sources
from slate.online.stream.workers.worker import Worker

LEASE_SECONDS = 0.5
FLUSH_SECONDS = 0.2


def work(config: Path, data: Path, address: str, up: Connection) -> None:
    """Work until killed.

    Args:
        config: the deployment's slate.toml.
        data: the folder of its archive.
        address: the store's.
        up: is told when the work begins.
    """
    deployment = replace(load(config), data=data, redis=address)
    redis = connect(deployment.redis)
    clocks = [StreamNames(deployment.name, s).clock for s in streamed_sources(deployment.registry)]

    def latest() -> int:
        return max(int(value or 0) for value in redis.mget(clocks))

    worker = Worker(redis, deployment, lease_seconds=LEASE_SECONDS, flush=FLUSH_SECONDS, now=latest)
    up.send_bytes(b"up")
    worker.run(threading.Event())
