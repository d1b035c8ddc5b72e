"""The store's files written anew: where that fails, it is told."""

from pathlib import Path

import pytest

from slate.online.store.compaction import rewrite_files
from slate.online.store.redis_client import connect
from tests.online.local_servers import LocalServer


@pytest.mark.process
def test_a_dump_that_cannot_be_written_is_told(tmp_path: Path) -> None:
    server = LocalServer(tmp_path / "store", {"save": ""})
    try:
        with connect(f"redis://127.0.0.1:{server.port}", 5) as redis:
            redis.set("a", 1)
            assert rewrite_files(redis) is None
            (tmp_path / "store/dump.rdb").unlink()
            # Nothing takes the place of a folder.
            (tmp_path / "store/dump.rdb/full").mkdir(parents=True)
            assert rewrite_files(redis) == "the server could not write it: see its log"
    finally:
        server.kill()
