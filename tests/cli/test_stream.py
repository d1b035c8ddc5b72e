"""`slate stream`: what it says, and how it ends, whatever becomes of the store."""

import os
import signal
import subprocess
import sys
import threading
import time
from argparse import Namespace
from collections.abc import Iterator
from datetime import UTC, datetime
from types import SimpleNamespace
from typing import Any

import pytest

from slate.cli import stream
from slate.deployment import Deployment
from slate.online import EventWriter
from slate.online.store.embedded_server import EmbeddedServer
from slate.online.store.redis_client import connect
from slate.online.stream.workers.status import stream_status
from slate.online.stream.workers.worker import Worker, WorkerStats
from tests.cli.conftest import BIKES, Slate
from tests.online.stream.moves import move


@pytest.fixture
def server(bikes: Deployment) -> Iterator[EmbeddedServer]:
    with EmbeddedServer.attach(bikes.data / "redis") as server:
        yield server


def kill(server: EmbeddedServer) -> None:
    with connect(server.address) as redis:
        os.kill(redis.info("server")["process_id"], signal.SIGKILL)


def write(bikes: Deployment, *numbers: int) -> None:
    with EventWriter.connect(bikes, "move") as writer:
        moves = [move(number, moved_at=datetime.now(UTC)) for number in numbers]
        assert writer.write(moves, strict=True).written == len(moves)


def await_applied(bikes: Deployment, server: EmbeddedServer) -> None:
    source, deadline = bikes.registry.sources["move"], time.monotonic() + 20
    with connect(server.address) as redis:
        while stream_status(redis, bikes.name, bikes.registry, source).waiting:
            assert time.monotonic() < deadline
            time.sleep(0.02)


def test_a_worker_starts_an_embedded_store_again(
    bikes: Deployment, server: EmbeddedServer, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("INFO")
    stop = threading.Event()
    with connect(server.address) as redis:
        worker = Worker(redis, bikes, server=server)
        running = threading.Thread(target=worker.run, args=(stop,))
        running.start()
        try:
            write(bikes, 1, 2)
            await_applied(bikes, server)
            kill(server)
            while "started again" not in caplog.text:
                time.sleep(0.02)
            write(bikes, 3)
            await_applied(bikes, server)
        finally:
            stop.set()
            running.join()
    assert worker.stats.events == 3
    told = [record.getMessage() for record in caplog.records]
    assert told[1:] == [
        "the embedded store had ended, and was started again",
        "the online store answers again",
    ]
    assert told[0].startswith("the online store fails (")


def test_status_lines_go_on_when_the_store_is_back(
    bikes: Deployment, server: EmbeddedServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    """They count events, not each of their routes, and partitions of the source."""
    monkeypatch.setattr(stream, "TELL_SECONDS", 0.05)
    said: list[str] = []
    stop = threading.Event()
    arguments: Any = (server.address, bikes, WorkerStats(repeats=3), stop, said.append)
    teller = threading.Thread(target=stream._tell, args=arguments)
    teller.start()

    def await_line(text: str) -> None:
        deadline = time.monotonic() + 20
        while not [line for line in said if text in line]:
            assert time.monotonic() < deadline, said
            time.sleep(0.02)
        said.clear()

    try:
        await_line("moves: 0 waiting")
        write(bikes, 1, 2, 3)
        await_line("moves: 3 waiting")
        kill(server)
        time.sleep(0.2)
        server.revive()
        said.clear()
        await_line("moves: 3 waiting")
        with connect(server.address) as redis:
            worker = Worker(redis, bikes)
            worker.step()
            await_line("moves: 0 waiting, 0.00 s behind, 0 dead letters; ")
            await_line("25 of 25 partitions held; 3 repeats passed over here")
            assert worker.stats.events == 3
            worker.leave()
    finally:
        stop.set()
        teller.join()


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_it_ends_cleanly_also_without_a_store(bikes: Deployment, number: int) -> None:
    command = [sys.executable, "-m", "cli", "stream", "--quiet"]
    environment = os.environ | {"SLATE_REDIS": "unix://:hush-hush@/nowhere.sock"}
    with subprocess.Popen(
        command, env=environment, stderr=subprocess.PIPE, text=True, cwd=BIKES.parents[2]
    ) as worker:
        assert worker.stderr is not None
        assert "applying" in worker.stderr.readline()
        failing = worker.stderr.readline()
        assert failing.startswith("the online store fails (")
        worker.send_signal(number)
        rest = worker.stderr.read()
        assert worker.wait(20) == 0
    assert "Traceback" not in rest
    assert rest.splitlines()[-1].endswith(
        "stopped: 0 applied, 0 repeats passed over, 0 archived, 0 dead"
    )
    assert "hush-hush" not in failing + rest


@pytest.mark.usefixtures("up_to_date")
def test_a_rebuild_ends_with_what_could_not_be_made_anew(
    bikes: Deployment, server: EmbeddedServer, slate: Slate, monkeypatch: pytest.MonkeyPatch
) -> None:
    chain = SimpleNamespace(run_everything=lambda *_: True)
    monkeypatch.setitem(sys.modules, "slate.orchestration.runs", chain)
    path = bikes.landing / "moves/2026-03-10/12-stream.parquet"
    path.parent.mkdir(parents=True)
    path.write_bytes(b"PAR1")
    write(bikes, 1)
    found = slate("rebuild")
    assert found.code == 1
    (told,) = [line for line in found.err.splitlines() if line.startswith("slate: what")]
    assert "the stream 'moves' added to " in told
    assert f"{path} cannot be read (" in told
    path.unlink()
    found = slate("rebuild")
    assert found.code == 0
    assert "0 events replayed, 1 applied" in found.err


def test_a_rebuild_does_not_publish_what_other_definitions_built(slate: Slate) -> None:
    found = slate("rebuild")
    assert found.code == 1
    assert found.err.startswith("slate: generated files are out of date: run `slate compile`")


@pytest.mark.usefixtures("up_to_date")
def test_a_rebuild_asks_the_store_before_it_works(
    bikes: Deployment, slate: Slate, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SLATE_REDIS", f"unix://{bikes.data}/none.sock")
    found = slate("rebuild")
    assert found.code == 1
    (told,) = found.err.splitlines()
    assert told.startswith("slate: the online store fails (")


@pytest.mark.usefixtures("up_to_date")
def test_a_rebuild_does_not_fill_a_store_that_lets_rows_go(
    bikes: Deployment, server: EmbeddedServer, slate: Slate
) -> None:
    with connect(server.address) as redis:
        redis.config_set("maxmemory-policy", "allkeys-lru")
    found = slate("rebuild")
    assert found.code == 1
    assert "running the chain" not in found.err
    assert "set its maxmemory-policy to noeviction" in found.err


def test_a_worker_that_ends_is_told_and_started_again(monkeypatch: pytest.MonkeyPatch) -> None:
    """Later each time."""
    monkeypatch.setattr(stream, "LOOK_SECONDS", 0.02)
    monkeypatch.setattr(stream, "FIRST_PAUSE", 0.1)
    monkeypatch.setattr(sys, "executable", "/bin/false")
    said: list[str] = []
    options = Namespace(lease=5.0, workers=2, metrics=None)
    with stream._others(options, threading.Event(), said.append):
        deadline = time.monotonic() + 20
        while len(said) < 3:
            assert time.monotonic() < deadline, said
            time.sleep(0.02)
    assert said[:3] == [
        f"worker 2 ended with exit code 1: it is started again in {pause} s"
        for pause in (0.1, 0.2, 0.4)
    ]


@pytest.mark.parametrize(
    ("arguments", "code", "says"),
    [
        (["--lease", "0"], 2, "'0' is not a number of seconds: give more than 0"),
        (["--lease", "nan"], 2, "'nan' is not a number of seconds"),
        (["--lease", "0.01"], 2, "'0.01' is too short for workers to renew it in time"),
        (["--metrics", "70000"], 2, "'70000' is not a port: give 1 to 65535"),
        (["--metrics", "0"], 2, "'0' is not a port: give 1 to 65535"),
        (["--metrics", "65535", "--workers", "2"], 1, "leaves no ports for 2 workers"),
    ],
)
def test_options_that_no_worker_can_have(
    slate: Slate, arguments: list[str], code: int, says: str
) -> None:
    refused = slate("stream", *arguments)
    assert (refused.code, says in refused.err) == (code, True), refused.err
