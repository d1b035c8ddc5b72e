"""A store whose file may not grow, which is what a full disk is to it."""

import logging
import os
import signal
import sys
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import replace

import pytest
from redis import Redis
from redis.exceptions import ResponseError

from slate.deployment import Deployment
from slate.errors import StoreError
from slate.online import EventWriter
from slate.online.store import persistence
from slate.online.store.embedded_server import EmbeddedServer
from slate.online.store.redis_client import connect
from slate.online.store.stream_names import LOG, Unit
from tests.deployments.bikes.definitions import Move
from tests.online.stream.moves import move

pytestmark = pytest.mark.process

if sys.platform == "linux":
    from resource import RLIM_INFINITY, RLIMIT_FSIZE, prlimit
else:
    pytest.skip("a limit is set to another process", allow_module_level=True)

REFUSED = "Errors writing to the AOF file"


@pytest.fixture
def kept(bikes: Deployment) -> Deployment:
    """The bike-share, with an embedded store of its own."""
    return replace(bikes, redis="")


@pytest.fixture
def own(kept: Deployment) -> Iterator[EmbeddedServer]:
    with EmbeddedServer.attach(kept.data / "redis") as server:
        yield server


def process(server: EmbeddedServer) -> int:
    with connect(server.address) as redis:
        number: int = redis.info("server")["process_id"]
        return number


def limit(server: EmbeddedServer, size: int) -> None:
    prlimit(process(server), RLIMIT_FSIZE, (size, RLIM_INFINITY))


def on_stream(server: EmbeddedServer) -> int:
    with connect(server.address) as redis:
        return int(redis.get(Unit("bikes", Move, LOG).total) or 0)


@pytest.mark.parametrize("by_address", [False, True], ids=["embedded", "by address"])
def test_events_that_were_written_are_there_after_a_full_disk_and_a_kill(
    kept: Deployment, own: EmbeddedServer, by_address: bool
) -> None:
    written = 0
    limit(own, 200_000)
    with EventWriter.connect(replace(kept, redis=own.address * by_address), Move) as writer:

        def write_on() -> None:
            nonlocal written
            while True:
                written += writer.write([move(written + n) for n in range(50)]).written

        with pytest.raises(StoreError, match="the store cannot save them"):
            write_on()
        with pytest.raises(StoreError, match=f"'moves' cannot be written.*{REFUSED}"):
            writer.write([move(written)])
        os.kill(process(own), signal.SIGKILL)
        assert own.revive()
        assert on_stream(own) == written > 0
        assert writer.write([move(written)]).written == 1
    assert on_stream(own) == written + 1


def test_a_write_does_not_wait_without_end(
    kept: Deployment, own: EmbeddedServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    """However long the store says that something is to be saved yet, as it does of others' too."""
    monkeypatch.setattr(persistence, "SAVING", 0.05)
    monkeypatch.setattr(persistence, "written", lambda info: False)
    with (
        EventWriter.connect(replace(kept, redis=own.address), Move) as writer,
        pytest.raises(StoreError, match=r"has not saved them in 0.05 s, so they may be lost"),
    ):
        writer.write([move(0)])


def test_a_store_without_a_file_is_written_to(kept: Deployment, own: EmbeddedServer) -> None:
    with connect(own.address) as redis:
        redis.config_set("appendonly", "no")
    with EventWriter.connect(replace(kept, redis=own.address), Move) as writer:
        assert writer.write([move(0)]).written == 1


def test_who_may_not_ask_the_store_is_believed(kept: Deployment, own: EmbeddedServer) -> None:
    with connect(own.address) as redis:
        redis.execute_command("ACL", "SETUSER", "default", "-info")
        with EventWriter.connect(replace(kept, redis=own.address), Move) as writer:
            assert writer.write([move(0)]).written == 1
        redis.execute_command("ACL", "SETUSER", "default", "+info")


def test_a_store_that_cannot_save_is_read_and_says_so(
    kept: Deployment, own: EmbeddedServer, caplog: pytest.LogCaptureFixture
) -> None:
    with connect(own.address) as redis:
        redis.set("before", "read")
        limit(own, 1)
        _write(redis)
        with pytest.raises(ResponseError, match=REFUSED):
            redis.set("after", "refused")
        with EmbeddedServer.attach(own.folder) as other, connect(other.address) as another:
            assert f"cannot save, so it takes no writes until it can: {REFUSED}" in caplog.text
            assert another.get("before") == b"read"
        limit(own, RLIM_INFINITY)
        while "MISCONF" in _write(redis):
            pass
        redis.set("after", "taken")


def test_what_is_lost_when_it_stops_is_told(
    kept: Deployment, own: EmbeddedServer, caplog: pytest.LogCaptureFixture
) -> None:
    with connect(own.address) as redis:
        limit(own, 1)
        _write(redis)
    own.stop()
    (told,) = [record for record in caplog.records if record.levelno == logging.ERROR]
    assert f"{own.folder} stops, and what was written to it last is not saved: {REFUSED}" in (
        told.getMessage()
    )


def _write(redis: Redis) -> str:
    """Write something; gives why that was refused."""
    with suppress(ResponseError):
        redis.set("key", "acknowledged before the file is written")
    try:
        redis.ping()
    except ResponseError as error:
        return str(error)
    return ""
