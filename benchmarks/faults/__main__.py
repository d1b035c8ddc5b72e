"""Requests at load while things break: ``make bench-faults``.

Rows are damaged, the store is stopped, gone, killed, out of memory, also on the way of a publish,
and flushed and filled again, views are published, also twice at once, and rolled back and forward
between generations of other values, archives find no room, clocks are set back, and workers,
publishers and processes of the server are killed, in random order, while events are written and
feeds are asked for over HTTP. Each answer is held against the truth: a value is right for the
events that its row knows, or its view is flagged. After each fault everything comes to rest, and
shows are asked for again: all events have to be in the answer.
"""

import argparse
import signal
import sys
import tempfile
import threading
import time
from contextlib import ExitStack
from dataclasses import replace
from datetime import UTC, datetime
from functools import partial
from pathlib import Path

import duckdb
import numpy as np

from benchmarks.faults.injections import Faults
from benchmarks.faults.load import TIMEOUT, Asker, Judge, Tally, Writer
from benchmarks.faults.moved_clocks import Clocks
from benchmarks.faults.releases import Releases, online_views, publish
from benchmarks.faults.truth import Truth
from benchmarks.faults.worker_process import WorkerProcess
from benchmarks.serving import serving
from live_shopping import definitions as shop
from slate.deployment import load
from slate.online import EventWriter, RemoteClient
from slate.online.store.embedded_server import EmbeddedServer
from tests.parity.answers import micros
from tests.parity.engines import build, compiled
from tests.parity.scenarios import Scenario

SECONDS = 1800.0
# Processes of the server, and how long a client waits for it: longer than it for the store.
SERVING, PATIENT = 2, 5.0
WRONG = ("wrong", "lost", "doubled")
# No near view is further behind.
NEAR_SECONDS = 1.0
ASKERS, REQUESTS, EVENTS = 2, 30.0, 200.0
BETWEEN = 1.0
# Until all is whole again after a fault, as a store that lost everything is filled again; damage of
# streamed rows may stay until an event comes.
SETTLE_SECONDS, SHORTLY = 120.0, 1.5
# Of the shows asked for at rest, one in so many is judged.
EVERY = 8


def main() -> None:
    """Break things for as long as is asked for, and print what became of the requests."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.faults", description=__doc__)
    parser.add_argument("--seconds", type=float, default=SECONDS)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--only", nargs="+", metavar="FAULT", help="names as it prints them")
    options = parser.parse_args()
    # Whoever is told to end ends what it has started too.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))
    random = np.random.default_rng(options.seed)
    tally = Tally()
    with tempfile.TemporaryDirectory() as name, ExitStack() as stack:
        folder = Path(name)
        project = compiled(load(), folder)
        server = stack.enter_context(EmbeddedServer.attach(folder / "redis"))
        deployment = replace(project.deployment, redis=server.address)
        began = datetime.now(UTC).replace(minute=0, second=0, microsecond=0)
        truth = Truth(random, began)
        warehouse = stack.enter_context(duckdb.connect())
        build(warehouse, project, Scenario(truth.sources()), micros(began))
        rows = online_views(deployment, warehouse)
        with duckdb.connect() as another:
            build(another, project, Scenario(truth.sources(other=True)), micros(began))
            other = online_views(deployment, another)
        (folder / "clocks").mkdir()
        clocks = Clocks.within(folder / "clocks")
        worker = WorkerProcess(deployment, clocks.worker)
        stack.callback(worker.close)
        stop = threading.Event()
        judge = Judge(truth, tally)
        connect = partial(EventWriter.connect, deployment, shop.Event)
        writer = Writer(truth, connect, EVENTS, stop, tally)
        (folder / "served").mkdir()
        # It is ready once something is published.
        publish(deployment, rows, began)
        with clocks.server.of_what_starts():
            served = stack.enter_context(
                serving(folder / "served", deployment.name, server.address, SERVING, TIMEOUT)
            )
        releases = Releases(deployment, rows, other, began, judge, random)
        faults = Faults(
            deployment, server, rows, releases, began, worker, served, writer, judge, clocks, random
        )
        client = stack.enter_context(RemoteClient.connect(served.address, timeout=PATIENT))
        askers = [
            Asker(client, truth, judge, REQUESTS / ASKERS, options.seed + n, stop, tally)
            for n in range(ASKERS)
        ]
        for thread in (writer, *askers):
            thread.start()
        ways = faults.all()
        if options.only:
            ways = {what: ways[what] for what in options.only}
        waiting: list[str] = []
        end = time.monotonic() + options.seconds
        print(
            f"seed {options.seed}: {REQUESTS:.0f} requests and {EVENTS:.0f} events a second",
            flush=True,
        )
        while time.monotonic() < end:
            time.sleep(float(random.exponential(BETWEEN)))
            # Each once, in random order, and again.
            waiting = waiting or random.permutation(list(ways)).tolist()
            what = waiting.pop()
            before, at, shown = tally.counts.copy(), time.monotonic(), len(tally.wrong)
            ways[what]()
            caught_up = faults.catch_up()
            settled(client, truth, judge, tally, caught_up)
            faults.go_on()
            since = tally.counts - before
            for text in tally.wrong[shown:]:
                print(f"    {text}", flush=True)
            print(
                f"  {what:<30} {time.monotonic() - at:5.1f} s, {since['requests']:4} requests, "
                f"{since['whole']:4} whole, {since['flagged']:6} values flagged, "
                f"{sum(since[what] for what in WRONG)} wrong, {since['exceptions']} exceptions",
                flush=True,
            )
        stop.set()
        for thread in (writer, *askers):
            thread.join()
        # What the server says of its own faults is lost with its folder.
        for text in served.failures:
            print(text)
    for text in tally.raised:
        print(f"  {text}")
    p50, p99 = np.quantile(tally.seconds, [0.5, 0.99]) * 1_000
    counts = tally.counts
    print(
        f"  {counts['events']:,} events written, {counts['values']:,} values held against the "
        f"truth, {worker.kills} workers killed, {counts['exceptions']} exceptions; a request took "
        f"p50 {p50:.1f}, p99 {p99:.1f} ms"
    )
    for what in ("requests", "values"):
        if not counts[what]:
            raise SystemExit(f"no {what} were judged: nothing is shown by this run")
    answered = counts["in deadline"] / counts["requests"]
    flagged = counts["flagged"] / (counts["flagged"] + counts["values"])
    print(
        f"availability: requests={counts['requests']} answered_in_time={answered:.3%} "
        f"flagged={flagged:.3%} wrong={counts['wrong']} "
        f"lost={counts['lost']} doubled={counts['doubled']}"
    )


def settled(
    client: RemoteClient, truth: Truth, judge: Judge, tally: Tally, caught_up: bool
) -> None:
    """Ask for every show, of which every event should be known by now."""
    if not caught_up:
        tally.note("lost", tally.wrong, "events written were not applied in time")
        return
    time.sleep(NEAR_SECONDS)
    until = time.monotonic() + (SHORTLY if judge.streamed else SETTLE_SECONDS)
    viewer = truth.viewers[int(time.monotonic()) % len(truth.viewers)]
    try:
        while True:
            answer = client.get(shop.feed_ranking.name, viewer_id=viewer, show_id=truth.shows)
            if not answer.errors or time.monotonic() > until:
                break
            time.sleep(0.1)
        rows = list(range(0, len(truth.shows), EVERY))
        judge.judge(answer, viewer, truth.shows, rows, whole=True)
    except Exception as error:
        tally.note("exceptions", tally.raised, f"ask: {error!r}")


if __name__ == "__main__":
    main()
