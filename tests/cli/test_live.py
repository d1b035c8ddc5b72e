"""`slate live`: a crowd acts, a worker applies, a feed follows; nothing is left behind."""

import os
import pty
import re
import select
import shutil
import signal
import subprocess
import sys
import termios
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from io import StringIO
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from rich.console import Console

from live_shopping.feed import Catalog
from live_shopping.live.ranking import Feed
from slate.deployment import Deployment, load
from slate.online import FeatureClient, Publisher
from slate.online.store.embedded_server import EmbeddedServer
from slate.online.store.redis_client import connect
from slate.online.stream.workers.status import stream_status
from tests.cli.conftest import Slate
from tests.made_once import made_once
from tests.online.tables import attribute_rows, window_rows
from tests.orchestration.bikes import MET_BY
from tests.processes import is_alive

ROOT = Path(__file__).parents[2]
COMMAND = [sys.executable, "-m", "cli", "live"]
HOUR = timedelta(hours=1)
VIEWERS = [f"v{n}" for n in range(30)]
SHOWS = [f"sh{n:02d}" for n in range(36)]
SELLERS = [f"se{n}" for n in range(9)]
CATEGORIES = ["sneakers", "toys", "watches"]
SECONDS = 60.0

pytestmark = pytest.mark.skipif(not Path("/proc").is_dir(), reason="looks at processes in /proc")


def show(number: int, at: datetime) -> dict[str, Any]:
    return {
        "show_id": SHOWS[number],
        "seller_id": SELLERS[number % len(SELLERS)],
        "category": CATEGORIES[number % len(CATEGORIES)],
        "title": f"Title {number}",
        "language": "en",
        # The first ones are live.
        "status": "live" if number < 24 else "scheduled",
        "start_price": 5.0 + number,
        "event_ts": at - HOUR / 2,
        "received_at": at - HOUR / 2,
        "scheduled_at": at + HOUR,
        "started_at": at - HOUR / 2 if number < 24 else None,
        "change_id": f"c{number}",
    }


def land(landing: Path, source: str, at: datetime, rows: list[dict[str, Any]]) -> None:
    file = landing / source / f"{at - HOUR:%Y-%m-%d/%H}.parquet"
    file.parent.mkdir(parents=True)
    pq.write_table(pa.Table.from_pylist(rows), file)


@pytest.fixture
def shop(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Deployment:
    """A small marketplace that has landed; nothing of it is published."""
    monkeypatch.setenv("SLATE_CONFIG", str(ROOT / "slate.toml"))
    monkeypatch.setenv("SLATE_DATA", str(tmp_path / "data"))
    monkeypatch.delenv("SLATE_REDIS", raising=False)
    monkeypatch.setenv("PYTHONPATH", str(ROOT))
    deployment = load()
    at = datetime.now(UTC).replace(minute=0, second=0, microsecond=0)
    listings = [show(number, at) for number in range(len(SHOWS))]
    taps = [
        {
            "viewer_id": viewer,
            "kind": "tap",
            "event_ts": at - HOUR / 4,
            "received_at": at - HOUR / 4,
        }
        for viewer in VIEWERS
    ]
    land(deployment.landing, "show_listings", at, listings)
    land(deployment.landing, "events", at, taps)
    return deployment


def publish(deployment: Deployment) -> None:
    """Publish it as a batch that knows no events."""
    at = datetime.now(UTC).replace(minute=0, second=0, microsecond=0)
    rows = {"show_catalog": [show(number, at) for number in range(len(SHOWS))]}
    with Publisher.connect(deployment) as publisher:
        for view in deployment.registry.views.values():
            if view.windowed:
                publisher.publish(view, [window_rows(view, [])], at)
            else:
                publisher.publish(view, [attribute_rows(view, rows.get(view.name, []))], at)


@pytest.fixture
def published(shop: Deployment) -> Deployment:
    """The same, with a copy of a store in which it is published."""
    made = made_once("live", lambda folder: publish(replace(shop, data=folder)))
    ignore = shutil.ignore_patterns(*MET_BY)
    shutil.copytree(made / "redis", shop.data / "redis", ignore=ignore)
    return shop


def test_a_line_a_second_and_what_was_measured(published: Deployment) -> None:
    ran = subprocess.run(
        [*COMMAND, "--plain", "--seconds", "8", "--rate", "100"],
        capture_output=True, text=True, timeout=SECONDS, check=False,
    )  # fmt: skip
    assert ran.returncode == 0, ran.stderr
    *lines, last = ran.stdout.splitlines()
    assert 3 <= len(lines) <= 9
    for line in lines:
        assert re.match(
            r"\d of 8 s, written [\d,]+/s, applied [\d,]+/s, lag \d+ ms, waiting [\d,]+, "
            r"dead letters 0, (sneakers|toys|watches) \d+ of top 10, the best at \d+; ",
            line,
        )
    found = re.fullmatch(
        r"live: events=(\d+) rate=(\d+) freshness_p50_ms=(\d+\.\d) freshness_p99_ms=(\d+\.\d) "
        r"new_seller_ms=(\d+\.\d)",
        last,
    )
    assert found, last
    assert int(found[1]) > 100
    # What the viewer taps on fills their feed.
    assert re.search(r"; tap \d+ in the answer after \d+ ms", lines[-1])
    assert max(int(n) for n in re.findall(r"(\d+) of top 10", ran.stdout)) >= 8
    with (
        EmbeddedServer.attach(published.data / "redis") as server,
        connect(server.address) as redis,
        FeatureClient.connect(published) as client,
    ):
        event = published.registry.sources["event"]
        standing = stream_status(redis, published.name, published.registry, event)
        assert (standing.waiting, standing.held) == (0, 0)
        answer = client.get("feed_ranking", viewer_id=VIEWERS[0], show_id=SHOWS)
        assert answer["show_activity.taps_1h"].sum() > 0
        assert answer["show_activity.taps_1h"][24:].sum() == 0
        # A show that the store does not know, and one that nobody has tapped on.
        feed = Feed(Catalog(["unknown", SHOWS[-1]], ["Unknown", "Title 35"]))
        feed.rank(client.get("feed_ranking", viewer_id=VIEWERS[0], show_id=["unknown", SHOWS[-1]]))
        written = StringIO()
        Console(file=written, width=200).print(feed.table("toys"))
    told = written.getvalue()
    assert re.search(r"Unknown +other \(default\) +0 \(default\) ", told)
    assert re.search(r"Title 35 +watches +0 \(default\) ", told)


def test_nothing_is_published(shop: Deployment) -> None:
    with EmbeddedServer.attach(shop.data / "redis"):
        ran = subprocess.run(COMMAND, capture_output=True, text=True, timeout=SECONDS, check=False)
    assert (ran.returncode, ran.stdout) == (1, "")
    assert "slate: nothing is published in the online store" in ran.stderr
    assert "run `make run` (or `slate run`) first" in ran.stderr


@pytest.fixture
def _as_it_was() -> Iterator[None]:
    """What the command changes of this process ends with the test."""
    numbers = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
    handlers = {number: signal.getsignal(number) for number in numbers}
    environment = {**os.environ}
    yield
    for number, handler in handlers.items():
        signal.signal(number, handler)
    os.environ.clear()
    os.environ.update(environment)


@pytest.mark.usefixtures("_as_it_was")
def test_nobody_and_nothing_is_there(published: Deployment, slate_here: Slate) -> None:
    nothing = {"show_listings": "has 30 active viewers and 0 live shows", "events": "no events"}
    for source, said in nothing.items():
        landed = published.landing / source
        away = landed.rename(published.data / source)
        with EmbeddedServer.attach(published.data / "redis"):
            refused = slate_here("live")
        assert (refused.code, refused.out) == (1, "")
        assert said in refused.err.splitlines()[-1]
        away.rename(landed)


def test_a_deployment_without_a_demonstration(slate: Slate) -> None:
    refused = slate("live")
    assert (refused.code, refused.out) == (1, "")
    assert "bikes has no live demonstration: set `demo` in slate.toml" in refused.err


@pytest.mark.parametrize("arguments", [("--seconds", "0"), ("--rate", "few"), ("now",)])
def test_wrong_usage(slate: Slate, arguments: Sequence[str]) -> None:
    assert slate("live", *arguments).code == 2


@pytest.mark.parametrize("end", ["q", "interrupt"])
def test_a_view_until_it_is_ended(published: Deployment, end: str) -> None:
    with terminal(COMMAND) as (process, master):
        before = termios.tcgetattr(master)
        seen = until(master, rb"tap \d+ in the answer")
        assert termios.tcgetattr(master) != before, "keys are taken as they are typed"
        children = descendants(process.pid)[1:]
        assert len(children) == 4, "the store with the two that watch it, and the worker"
        # What Ctrl-C sends, the terminal makes of the key.
        os.write(master, b"q" if end == "q" else b"\x03")
        seen += until(master, rb"new_seller_ms=\S+")
        assert process.wait(SECONDS) == 0
        assert termios.tcgetattr(master) == before
    text = re.sub(r"\x1b\[[0-9;?]*[A-Za-z]", "", seen.decode())
    assert "q ends it" in text
    assert "top 10 of 36 shows" in text
    # Of shows that the crowd is kept from nothing is known yet.
    taps = r"\d+( \(default\))?"
    row = rf" 10 .*sh\d\d +Title \d+ +(sneakers|toys|watches) +{taps} +\d\.\d\d"
    assert re.search(row, text)
    assert not [child for child in children if is_alive(child)]


def test_a_worker_that_dies_is_told_of(published: Deployment) -> None:
    command = [*COMMAND, "--plain", "--seconds", "30"]
    with subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    ) as process:
        assert process.stdout is not None
        process.stdout.readline()
        (worker,) = [
            child
            for child in descendants(process.pid)
            if b"stream" in Path(f"/proc/{child}/cmdline").read_bytes()
        ]
        os.kill(worker, signal.SIGKILL)
        _, told = process.communicate(timeout=SECONDS)
    assert process.returncode == 1
    assert "slate: the worker ended with exit code -9" in told


@contextmanager
def terminal(command: Sequence[str]) -> Iterator[tuple["subprocess.Popen[bytes]", int]]:
    """A process at a terminal of its own."""
    own = (
        "import fcntl, os, sys, termios; fcntl.ioctl(0, termios.TIOCSCTTY, 0); "
        "os.execv(sys.argv[1], sys.argv[1:])"
    )
    master, slave = pty.openpty()
    with subprocess.Popen(
        [sys.executable, "-c", own, *command], stdin=slave, stdout=slave, stderr=slave,
        start_new_session=True, env={**os.environ, "TERM": "xterm", "COLUMNS": "120"},
    ) as process:  # fmt: skip
        try:
            yield process, master
        finally:
            process.terminate()
            os.close(slave)
            os.close(master)


def until(master: int, wanted: bytes) -> bytes:
    """What is on a terminal until it matches a pattern."""
    seen, deadline = b"", time.monotonic() + SECONDS
    while not re.search(wanted, seen):
        left = deadline - time.monotonic()
        assert left > 0, seen.decode(errors="replace")
        if select.select([master], [], [], left)[0]:
            seen += os.read(master, 1 << 16)
    return seen


def descendants(process: int) -> list[int]:
    found = [process]
    for one in found:
        with suppress(FileNotFoundError):
            found += map(int, Path(f"/proc/{one}/task/{one}/children").read_text().split())
    return found
