"""An archive in a process of its own, to be killed, under a clock that the store holds."""

from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

from slate.deployment import Deployment
from slate.online.store.redis_client import connect
from slate.online.stream.archive.log_archive import Archive
from tests.deployments.bikes.definitions import Move


def archive(address: str, data: Path, up: Connection) -> None:
    """Archive until killed.

    Args:
        address: the store's.
        data: the deployment's data folder.
        up: is told when the archive is at work.
    """
    redis: Any = connect(address)
    deployment = Deployment("bikes", "", data, data, data, address)
    archive = Archive(redis, deployment, Move, flush=0, most=50, now=lambda: int(redis.get("now")))
    up.send_bytes(b"up")
    while True:
        archive.step()
