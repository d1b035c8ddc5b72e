"""The store's files written anew from what it holds, so that nothing deleted is in them."""

import time
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from pathlib import Path
from typing import Any

from redis import Redis
from redis.exceptions import ResponseError

from slate.errors import StoreError

PAUSE, PATIENCE = 0.05, 600.0
_COMPRESSION = "rdbcompression"


def rewrite_files(redis: Redis, folder: Path | None = None) -> str | None:
    """Have a server write its append-only file anew, or its dump; and wait until it has.

    Args:
        redis: a client of the server.
        folder: of the embedded server, its folder: the file's texts are then plain, to be searched.

    Returns:
        Why it could not be done; None if it was.

    Raises:
        StoreError: the server began and does not end.
        RedisError: the store fails.
    """
    store: Any = redis
    with _plain(store) if folder else nullcontext():
        try:
            appends = store.info("persistence").get("aof_enabled")
            store.execute_command("BGREWRITEAOF" if appends else "BGSAVE")
        except ResponseError as error:
            return str(error)
        deadline = time.monotonic() + PATIENCE
        while _busy(store) or (folder and _former(folder)):
            if time.monotonic() > deadline:
                raise StoreError("the online store does not end writing its file anew: see its log")
            time.sleep(PAUSE)
    told = "aof_last_bgrewrite_status" if appends else "rdb_last_bgsave_status"
    failed = store.info("persistence").get(told) == "err"
    return "the server could not write it: see its log" if failed else None


@contextmanager
def _plain(store: Any) -> Iterator[None]:
    before = store.config_get(_COMPRESSION)[_COMPRESSION]
    store.config_set(_COMPRESSION, "no")
    try:
        yield
    finally:
        store.config_set(_COMPRESSION, before)


def _busy(store: Any) -> bool:
    info = store.info("persistence")
    names = ("aof_rewrite_in_progress", "aof_rewrite_scheduled", "rdb_bgsave_in_progress")
    return any(info.get(name) for name in names)


def _former(folder: Path) -> bool:
    """Whether the embedded server has yet to remove files that its manifest does not name."""
    files = folder / "appendonlydir"
    manifests = list(files.glob("*.manifest"))
    named = {word for one in manifests for word in one.read_text().split()}
    return any(p.name not in named for p in files.iterdir() if p not in manifests)
