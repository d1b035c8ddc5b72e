"""`slate stream`: workers that apply and archive the streams, until they are told to stop."""

import logging
import signal
import subprocess
import sys
import threading
import time
from argparse import Namespace
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass

from redis.exceptions import RedisError

from slate.cli import processes
from slate.cli.processes import TIMEOUT
from slate.cli.text import Clock, Say
from slate.deployment import Deployment, load
from slate.errors import ConfigurationError
from slate.online import spans
from slate.online.store.redis_client import connect
from slate.online.store.stream_names import streamed_sources
from slate.online.stream.workers.status import stream_status
from slate.online.stream.workers.worker import Worker, WorkerStats

TELL_SECONDS = 5.0
STOP_SECONDS = 30.0
# How often it is asked whether the other workers run, and after how long one that ended is started
# again: later each time, so that one that cannot start does not take the machine.
LOOK_SECONDS = 0.5
FIRST_PAUSE, LONGEST_PAUSE = 1.0, 60.0
LAST_PORT = 65_535


def run(options: Namespace) -> int:
    """Run workers, one process each; this process is the first of them."""
    say = Clock()
    deployment = load()
    _require_ports(options)
    processes.require_machine_clock(deployment)
    logging.basicConfig(format="%(message)s", level=logging.INFO, stream=sys.stderr)
    processes.prepare(deployment)
    spans.send_where_configured("slate-stream")
    names = ", ".join(source.stream for source in streamed_sources(deployment.registry))
    if not names:
        print("slate: no source has a stream: give one `stream = ...`", file=sys.stderr)
        return 1
    stop = threading.Event()
    with processes.store(deployment) as store, _others(options, stop, say):
        say(f"applying {names} in {store}")
        with connect(store.address, TIMEOUT) as redis, connect(store.address, TIMEOUT) as asked:
            worker = Worker(redis, deployment, server=store.server, lease_seconds=options.lease)
            if options.metrics:
                # Only now: none is needed to apply events.
                from slate.cli.metrics import serve

                serve(options.metrics, asked, deployment, worker)
                say(f"metrics: http://127.0.0.1:{options.metrics}/metrics")
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


def _require_ports(options: Namespace) -> None:
    """Refuse a port of which the last worker's would be none.

    Raises:
        ConfigurationError: saying which is the last that does.
    """
    last = LAST_PORT - options.workers + 1
    if options.metrics and options.metrics > last:
        raise ConfigurationError(
            f"--metrics {options.metrics} leaves no ports for {options.workers:,} workers, each of "
            f"which takes the next one: give {last} or less"
        )


@dataclass
class _Other:
    """Another worker, in a process of its own.

    Attributes:
        number: which of all workers it is; the first is this process.
        command: what starts it.
        process: the latest that was started.
        began: when that was, as ``time.monotonic`` tells.
        pause: for how long it rests when it ends.
        due: when it is to be started again; None while it runs.
    """

    number: int
    command: Sequence[str]
    process: subprocess.Popen[bytes]
    began: float
    pause: float
    due: float | None = None

    @classmethod
    def start(cls, number: int, command: Sequence[str]) -> "_Other":
        return cls(number, command, subprocess.Popen(command), time.monotonic(), FIRST_PAUSE)

    def look(self, say: Say) -> None:
        """Tell that it ended, or start it again when that is due."""
        now = time.monotonic()
        if self.due is None:
            code = self.process.poll()
            if code is not None:
                if now - self.began > LONGEST_PAUSE:
                    self.pause = FIRST_PAUSE
                self._rest(f"ended with exit code {code}", say)
        elif now >= self.due:
            try:
                self.process, self.began, self.due = subprocess.Popen(self.command), now, None
            except OSError as error:
                self._rest(f"cannot be started ({error})", say)

    def _rest(self, what: str, say: Say) -> None:
        say(f"worker {self.number} {what}: it is started again in {self.pause:g} s")
        self.due = time.monotonic() + self.pause
        self.pause = min(2 * self.pause, LONGEST_PAUSE)


@contextmanager
def _others(options: Namespace, stop: threading.Event, say: Say) -> Iterator[None]:
    """The other workers; one that ends before it is to stop is started again."""
    command = [sys.executable, "-m", "slate.cli", "stream", "--quiet"]
    command += ["--lease", str(options.lease)]
    others: list[_Other] = []

    def keep() -> None:
        while not stop.wait(LOOK_SECONDS):
            for other in others:
                other.look(say)

    keeper = threading.Thread(target=keep, daemon=True)
    try:
        for number in range(1, options.workers):
            port = ["--metrics", str(options.metrics + number)] if options.metrics else []
            others.append(_Other.start(number + 1, [*command, *port]))
        keeper.start()
        yield
    finally:
        stop.set()
        if keeper.ident is not None:
            keeper.join()
        for other in others:
            other.process.terminate()
        for other in others:
            try:
                other.process.wait(STOP_SECONDS)
            except subprocess.TimeoutExpired:
                other.process.kill()


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
