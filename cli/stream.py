"""`slate stream`: workers that apply and archive the streams, until they are told to stop."""

import logging
import signal
import subprocess
import sys
import threading
import time
from argparse import Namespace
from collections.abc import Iterator
from contextlib import contextmanager, suppress

from redis.exceptions import RedisError

from slate.cli import processes
from slate.cli.text import Clock, Say
from slate.deployment import Deployment, load
from slate.online import spans
from slate.online.store.redis_client import connect
from slate.online.store.stream_names import streamed_sources
from slate.online.stream.workers.status import stream_status
from slate.online.stream.workers.worker import Worker, WorkerStats

TELL_SECONDS = 5.0
STOP_SECONDS = 30.0
# No reply takes as long: a store that hangs is told of, and does not keep a worker from ending.
TIMEOUT = 10.0


def run(options: Namespace) -> int:
    """Run workers, one process each; this process is the first of them."""
    say = Clock()
    deployment = load()
    processes.require_machine_clock(deployment)
    logging.basicConfig(format="%(message)s", level=logging.INFO, stream=sys.stderr)
    processes.prepare(deployment)
    spans.send_where_configured("slate-stream")
    names = ", ".join(source.stream for source in streamed_sources(deployment.registry))
    if not names:
        print("slate: no source has a stream: give one `stream = ...`", file=sys.stderr)
        return 1
    with processes.store(deployment) as store, _others(options):
        say(f"applying {names} in {store}")
        with connect(store.address, TIMEOUT) as redis, connect(store.address, TIMEOUT) as asked:
            worker = Worker(redis, deployment, server=store.server, lease_seconds=options.lease)
            if options.metrics:
                # Only now: none is needed to apply events.
                from slate.cli.metrics import serve

                serve(options.metrics, asked, deployment, worker)
                say(f"metrics: http://127.0.0.1:{options.metrics}/metrics")
            stop = threading.Event()
            for number in (signal.SIGINT, signal.SIGTERM):
                signal.signal(number, lambda *_: stop.set())
            teller = threading.Thread(
                target=_tell, args=(store.address, deployment, worker.stats, stop, say), daemon=True
            )
            if not options.quiet:
                teller.start()
            worker.run(stop)
    stats = worker.stats
    say(
        f"stopped: {stats.events:,} applied, {stats.repeats:,} repeats passed over, "
        f"{stats.archived:,} archived, {stats.dead:,} dead"
    )
    return 0


@contextmanager
def _others(options: Namespace) -> Iterator[None]:
    """The other workers, each in a process of its own."""
    command = [
        sys.executable,
        "-m",
        "slate.cli",
        "stream",
        "--quiet",
        "--lease",
        str(options.lease),
    ]
    others = []
    for number in range(1, options.workers):
        port = ["--metrics", str(options.metrics + number)] if options.metrics else []
        others.append(subprocess.Popen([*command, *port]))
    try:
        yield
    finally:
        for other in others:
            other.terminate()
        for other in others:
            try:
                other.wait(STOP_SECONDS)
            except subprocess.TimeoutExpired:
                other.kill()


def _tell(
    address: str, deployment: Deployment, stats: WorkerStats, stop: threading.Event, say: Say
) -> None:
    """Tell now and then how the streams stand; that the store fails, the worker tells."""
    before: dict[str, tuple[float, int]] = {}
    with connect(address, TIMEOUT) as redis:
        while not stop.wait(TELL_SECONDS):
            for source in streamed_sources(deployment.registry):
                with suppress(RedisError):
                    found = stream_status(redis, deployment.name, deployment.registry, source)
                    now, applied = time.monotonic(), found.total - found.waiting
                    then, already = before.get(source.name, (now, applied))
                    before[source.name] = now, applied
                    rate = (applied - already) / max(now - then, TELL_SECONDS)
                    say(
                        f"{source.stream}: {found.waiting:,} waiting, {found.lag:.2f} s behind, "
                        f"{found.dead_letters:,} dead letters; {rate:,.0f} applied/s, "
                        f"{found.held} of {found.partitions} partitions held; "
                        f"{stats.repeats:,} repeats passed over here"
                    )
