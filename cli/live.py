"""`slate live`: the demonstration writes events, a worker applies them, a view shows it all."""

import signal
import subprocess
import sys
import tempfile
import threading
import time
from argparse import Namespace
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from redis import Redis
from rich.console import Group
from rich.live import Live
from rich.text import Text

from slate.cli import processes
from slate.cli.demo import Play, Stage, demo
from slate.cli.keyboard import has_keyboard, keyboard
from slate.cli.standing import Streams, StreamStanding
from slate.cli.text import Clock, Say
from slate.deployment import Deployment, load
from slate.errors import ConfigurationError, DataError, StoreError
from slate.online import FeatureClient
from slate.online.store.generations import pointer_field, pointers
from slate.online.store.redis_client import connect

TICK = 1.0
PAUSE = 0.05
# A busy machine is to make the view slow, not empty.
TIMEOUT = 5.0
READY_SECONDS, APPLY_SECONDS, STOP_SECONDS = 30.0, 5.0, 30.0

Check = Callable[[], None]
# Shows facts about the streams, and the play.
Show = Callable[[list[str], Play], None]


def run(options: Namespace) -> int:
    """Play until the time is over, or a key or an interrupt ends it; print what was measured."""
    say = Clock()
    deployment = load()
    processes.require_machine_clock(deployment)
    shown = demo(deployment)
    if shown is None or not hasattr(shown, "live"):
        raise ConfigurationError(
            f"{deployment.name} has no live demonstration: set `demo` in slate.toml to a module "
            "with a function `live`, or run `slate stream` and write events of your own"
        )
    processes.prepare(deployment)
    with processes.store(deployment) as store, connect(store.address, TIMEOUT) as redis:
        _require_published(redis, deployment, say)
        stop = _stop()
        with Streams(deployment, redis) as streams, _worker(say) as check:
            _await_worker(streams, check, stop)
            say(f"writing {options.rate} events/s for {options.seconds} s")
            stage = Stage(deployment, _client, streams.write, options.rate, options.seconds, stop)
            with shown.live(stage) as play:
                plain = options.plain or not sys.stdout.isatty()
                first, last = _play(stage, streams, play, check, plain)
            _await_applied(streams, check)
    results = {"events": f"{last.written}", "rate": f"{last.rates(first)[0]:.0f}"}
    results |= {name: f"{value:.1f}" for name, value in play.results().items()}
    print("live:", *(f"{name}={value}" for name, value in results.items()))
    return 0


def _play(
    stage: Stage, streams: Streams, play: Play, check: Check, plain: bool
) -> tuple[StreamStanding, StreamStanding]:
    """Show how it goes until it is over; return how the streams stood first and last."""
    first = before = streams.look()
    with keyboard(stage.stop) as pause, _in_lines() if plain else _terminal() as show:
        while not stage.stop.is_set():
            gone = time.monotonic() - first.at
            if gone >= stage.seconds:
                break
            pause(min(TICK - gone % TICK, stage.seconds - gone))
            check()
            play.step()
            now = streams.look()
            show(_facts(first, before, now, stage.seconds), play)
            before = now
    return first, before


def _facts(
    first: StreamStanding, before: StreamStanding, now: StreamStanding, seconds: float
) -> list[str]:
    written, applied = now.rates(before)
    return [
        f"{now.at - first.at:.0f} of {seconds:.0f} s",
        f"written {written:,.0f}/s",
        f"applied {applied:,.0f}/s",
        f"lag {now.lag * 1e3:.0f} ms",
        f"waiting {now.waiting:,}",
        f"dead letters {now.dead_letters:,}",
    ]


@contextmanager
def _terminal() -> Iterator[Show]:
    """A view that is drawn anew."""
    end = "q ends it" if has_keyboard() else "Ctrl-C ends it"

    def show(facts: list[str], play: Play) -> None:
        told = Text("   ".join(facts), "bold")
        view.update(Group(told.append(f"   {end}", "not bold dim"), play.view()), refresh=True)

    with Live(auto_refresh=False) as view:
        yield show


@contextmanager
def _in_lines() -> Iterator[Show]:
    """A line at a time."""
    yield lambda facts, play: print(", ".join([*facts, play.line()]), flush=True)


def _client(deployment: Deployment) -> FeatureClient:
    return FeatureClient.connect(deployment, timeout=TIMEOUT)


def _require_published(redis: Redis, deployment: Deployment, say: Say) -> None:
    """Refuse to play with defaults alone."""
    views = deployment.registry.views.values()
    found = set(redis.hkeys(pointers(deployment.name)))
    missing = [view.name for view in views if pointer_field(view).encode() not in found]
    if len(missing) == len(views):
        raise DataError(
            "nothing is published in the online store as it is defined now: run `make run` (or "
            "`slate run`) first, which fills it"
        )
    if missing:
        say(f"not published as now defined, so empty until `make run`: {', '.join(missing)}")


def _stop() -> threading.Event:
    """What is set when the terminal, or who started this process, wants it to end."""
    stop = threading.Event()
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, lambda *_: stop.set())
    return stop


@contextmanager
def _worker(say: Say) -> Iterator[Check]:
    """A worker in a process of its own.

    Yields:
        What raises a ``StoreError`` where it has ended.
    """
    say("starting a worker")
    command = [sys.executable, "-m", "slate.cli", "stream", "--quiet"]
    with tempfile.TemporaryFile() as told:
        # Its own session: an interrupt typed at the terminal is for us, and we stop it.
        worker = subprocess.Popen(
            command, stdin=subprocess.DEVNULL, stdout=told, stderr=told, start_new_session=True
        )

        def check() -> None:
            if worker.poll() is not None:
                told.seek(0)
                words = told.read().decode(errors="replace").strip()
                raise StoreError(f"the worker ended with exit code {worker.returncode}: {words}")

        try:
            yield check
        finally:
            worker.terminate()
            try:
                worker.wait(STOP_SECONDS)
            except subprocess.TimeoutExpired:
                worker.kill()
                worker.wait()


def _await_worker(streams: Streams, check: Check, stop: threading.Event) -> None:
    """Wait until workers hold all partitions and have applied what waited before."""
    deadline = time.monotonic() + READY_SECONDS
    while not stop.wait(PAUSE):
        check()
        now = streams.look()
        if now.held and not now.waiting:
            return
        if time.monotonic() > deadline:
            raise StoreError(
                f"after {READY_SECONDS:.0f} s the worker does not hold all partitions, or has not "
                f"applied what waits ({now.waiting:,} events): let `slate stream` do it first"
            )


def _await_applied(streams: Streams, check: Check) -> None:
    """Leave nothing waiting, unless that takes long."""
    deadline = time.monotonic() + APPLY_SECONDS
    while streams.look().waiting and time.monotonic() < deadline:
        check()
        time.sleep(PAUSE)
