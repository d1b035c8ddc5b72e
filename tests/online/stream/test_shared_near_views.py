"""Near views that one process keeps and others read: never half changed, and never for good."""

import fcntl
import json
import multiprocessing
import os
import resource
import signal
import subprocess
import sys
import threading
import time
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any
from urllib.request import urlopen

import pytest
from redis import Redis

from slate.deployment import load
from slate.errors import ConfigurationError
from slate.online import Answer
from slate.online.near import generation_load
from slate.online.near.memory import SharedMemory, header_path
from slate.online.near.near_views import NearViews
from slate.online.near.shared_view import SharedView
from slate.online.serving.live_services import Serving
from tests.online.http.conftest import LISTENING
from tests.online.stream.test_near_views import (
    DEFINITIONS,
    HOUR,
    SECOND,
    Both,
    require_same_and_near,
)
from tests.online.stream.test_worker import BIKES, NOON, _publish

STARTED = 60


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    folder = tmp_path / "near"
    folder.mkdir()
    return folder


@pytest.fixture
def both(redis: Redis, server: Any, tmp_path: Path, folder: Path) -> Iterator[Both]:
    config = tmp_path / "slate.toml"
    config.write_text(BIKES.read_text().replace("tests.deployments.bikes.definitions", DEFINITIONS))
    deployment = replace(load(config), data=tmp_path / "data", redis=server.address)
    both = Both(deployment, redis, folder)
    _publish(both, NOON)
    both._worker.step()
    both.come(both.ride("a"), both.ride("b", 7))
    yield both
    both.close()


def test_a_view_of_too_many_rows_is_not_waited_for(
    both: Both, monkeypatch: pytest.MonkeyPatch
) -> None:
    require_same_and_near(both)
    monkeypatch.setattr(generation_load, "MOST_ROWS", 1)
    both.path.step = both.keeper.step  # type: ignore[method-assign, assignment]
    both.keeper.step()
    assert both.path.near.ready
    assert both.same("a") == 0


def test_a_view_that_is_closed_tells_nothing_more(both: Both) -> None:
    """Also to a request that asks it at that moment; that goes to the store."""
    require_same_and_near(both)
    view = both.path.near.get("bike_use")
    assert isinstance(view, SharedView)
    closing = threading.Thread(target=view.close)
    with view._standing_still() as known:
        assert known
        closing.start()
    closing.join()
    with view._standing_still() as known:
        assert not known


@contextmanager
def command(both: Both, *options: str, log: Path) -> Iterator[subprocess.Popen[bytes]]:
    environment = {
        "SLATE_CONFIG": str(both.deployment.root / "slate.toml"),
        "SLATE_REDIS": both.deployment.redis,
        "SLATE_DATA": str(both.deployment.data),
        "SLATE_CLOCK": f"{both.now + SECOND:%Y-%m-%dT%H:%M:%SZ}",
    }
    if "--keep-near" in options:
        options = (*options, "--watcher", str(os.getpid()))
    full = [sys.executable, "-m", "slate.cli", "serve", *options]
    with (
        log.open("w") as file,
        subprocess.Popen(full, env=os.environ | environment, stderr=file) as process,
    ):
        try:
            yield process
        finally:
            process.terminate()


def test_while_a_view_is_changed_for_long_the_store_is_asked(both: Both, folder: Path) -> None:
    require_same_and_near(both)
    both.path.step = lambda: None  # type: ignore[method-assign]
    with header_path(folder, "bike_use").open("rb") as header:
        # As a process has it that is stopped just then.
        fcntl.flock(header, fcntl.LOCK_EX)
        assert both.same("a") == 0
    assert both.same("a") > 0


def test_what_was_left_half_changed_is_not_read(both: Both) -> None:
    require_same_and_near(both)
    kept = next(one for one in both.keeper.kept if one.view is both.view)
    assert kept.held is not None
    with pytest.raises(KeyboardInterrupt), kept.held.rows.lock:
        raise KeyboardInterrupt
    step, both.path.step = both.path.step, lambda: None  # type: ignore[method-assign]
    assert both.same("a") == 0
    both.path.step = step  # type: ignore[method-assign]
    require_same_and_near(both)


def test_keys_that_gave_way_before_they_were_read_are_asked_of_the_store(
    both: Both, folder: Path
) -> None:
    """As where a publish takes their place just then."""
    require_same_and_near(both)
    both.come(both.ride("fresh", 3))
    both.keeper.step()
    both.path.step = lambda: None  # type: ignore[method-assign]
    (keys,) = folder.glob("*.keys")
    held = keys.read_bytes()
    keys.unlink()
    assert both.same("fresh") == 0
    keys.write_bytes(held)
    assert both.same("fresh") > 0


def test_files_end_with_what_is_in_them(both: Both, folder: Path) -> None:
    for number in range(6):
        both.now += HOUR
        # Rows without end, other ticks, and a generation now and then.
        both.come(*[both.ride(f"r{number} {rider}") for rider in range(100)])
        if number % 3 == 2:
            _publish(both, both.now)
        assert both.same(f"r{number} 7") > 0
    described = json.loads(next(folder.glob("bike_use.*.json")).read_text())
    named = json.dumps(described)
    files = {path.name for path in folder.iterdir()}
    assert {name for name in files if name not in named} == {
        "bike_use.header",
        *(name for name in files if name.endswith(".json")),
    }
    assert len([name for name in files if name.endswith(".json")]) == 1


def test_a_process_that_was_forked_reads_by_a_lock_of_its_own(both: Both) -> None:
    require_same_and_near(both)
    both.path.step = lambda: None  # type: ignore[method-assign]
    shared = both.path.near.get(both.view.name)
    assert shared is not None
    with warnings.catch_warnings():
        # Later versions of Python warn of other threads.
        warnings.simplefilter("ignore", DeprecationWarning)
        # It is forked while this process reads, and ends its own reading before.
        with shared._standing_still():  # type: ignore[attr-defined]
            child = multiprocessing.get_context("fork").Process(target=shared.refresh)
            child.start()
            child.join(20)
            header = header_path(shared._folder, "bike_use")  # type: ignore[attr-defined]
            with header.open("rb") as other, pytest.raises(BlockingIOError):
                fcntl.flock(other, fcntl.LOCK_EX | fcntl.LOCK_NB)
    assert child.exitcode == 0


def test_without_room_the_folder_is_named(tmp_path: Path) -> None:
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (4096, before[1]))
    try:
        with pytest.raises(
            ConfigurationError, match=r"has no room for 8,000 bytes .*--near-folder"
        ):
            SharedMemory(tmp_path).array((1000,), int_type())
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
    assert not list(tmp_path.iterdir())


def int_type() -> Any:
    import numpy as np

    return np.dtype(np.int64)


def test_a_keeper_that_is_killed_is_replaced(both: Both, tmp_path: Path) -> None:
    folder = tmp_path / "elsewhere"
    folder.mkdir()
    both.now += HOUR
    near = NearViews.of(both.deployment, both.deployment.redis, folder)
    assert near is not None
    serving = Serving(both.deployment.registry, both.deployment.name, 0, near=near)
    total = both.metres("a")
    told = {total}
    riders = [f"n{number}" for number in range(40)]

    def answer(rider: str) -> Answer:
        flow = serving.lookup(both.service, both.now + SECOND, both.given(rider))
        return both.path._connections.run(flow)

    try:
        for number in range(2):
            with command(both, "--keep-near", str(folder), log=tmp_path / "log") as keeper:
                began, seen = time.monotonic(), 0
                while seen < 5:
                    assert keeper.poll() is None, (tmp_path / "log").read_text()
                    assert time.monotonic() < began + STARTED
                    both.come(both.ride("a", 1))
                    total += 1
                    told.add(total)
                    found = answer("a")
                    assert int(found[both.total][0]) in told
                    # What the one before showed is told for as long as a view may be behind.
                    shown = near.get(both.view.name)
                    assert shown is not None
                    is_its = shown.synced > began
                    seen += is_its and found.states[both.view.name].behind > 0
                if not number:
                    # The first meets them in the order in which they come, the next in another.
                    for metres, rider in enumerate(riders):
                        both.come(both.ride(rider, metres))
                else:
                    assert [int(answer(rider)[both.total][0]) for rider in riders] == [
                        both.metres(rider) for rider in riders
                    ]
                keeper.send_signal(signal.SIGKILL)
    finally:
        near.close()


def test_several_processes_serve_what_one_keeps(both: Both, tmp_path: Path) -> None:
    def behind(address: str) -> str:
        with urlopen(f"{address}/metrics", timeout=10) as found:
            lines = found.read().decode().splitlines()
        return next(
            (one for one in lines if one.startswith('slate_near_behind_seconds{view="bike_use')),
            "",
        )

    def keepers() -> list[int]:
        found = []
        for process in Path("/proc").glob("[0-9]*"):
            try:
                words = (process / "cmdline").read_bytes().split(b"\0")
                environment = (process / "environ").read_bytes()
            except OSError:
                continue
            if b"--keep-near" in words and str(both.deployment.data).encode() in environment:
                found.append(int(process.name))
        return found

    log = tmp_path / "log"
    folder = tmp_path / "shared"
    folder.mkdir()
    options = ("--port", "0", "--processes", "2", "--near-folder", str(folder))
    with command(both, *options, log=log) as served:
        until = time.monotonic() + STARTED
        while not (found := LISTENING.search(log.read_text())) or not behind(found[1]):
            assert time.monotonic() < until, log.read_text()
            time.sleep(0.05)
        (killed,) = keepers()
        os.kill(killed, signal.SIGKILL)
        while killed in keepers() or not keepers():
            assert time.monotonic() < until, log.read_text()
            time.sleep(0.05)
        # Without the process that watches all of them end, and nothing stays in memory.
        served.kill()
        while keepers() or list(folder.iterdir()):
            assert time.monotonic() < until, log.read_text()
            time.sleep(0.05)
