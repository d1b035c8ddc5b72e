"""From an event that is written to a value that is served: how long it takes, at several rates.

A generator, a worker, the embedded store and the client that asks share the machine. A probe is an
event of a show of its own; it is visible when a request, made every few milliseconds, counts it.
"""

import argparse
import multiprocessing
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC, datetime
from itertools import count
from multiprocessing.synchronize import Event as Signal
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa

from slate.deployment import Deployment, load
from slate.online import EventWriter, FeatureClient
from slate.online.store.redis_client import connect, open_store
from slate.online.store.stream_names import units
from slate.online.stream.workers.status import stream_status
from slate.online.stream.workers.worker import Worker

RATES = (1_000, 10_000, 20_000)
SECONDS = 20.0
VIEWERS, SHOWS, SELLERS = 200_000, 4_000, 2_000
# The share of events with which a viewer has gone on to another show.
MOVES = 0.1
KINDS = ("view", "tap", "chat", "bid", "purchase", "follow", "share")
SHARES = (0.45, 0.25, 0.15, 0.08, 0.03, 0.03, 0.01)
CATEGORIES = ("toys", "cards", "shoes", "books", "music", "plants", "games", "art")
TICK = 0.02
POLL = 0.01
MINUTE = 60
# While the generator's process begins.
WARM_UP = 4
LIMIT = 5_000_000
_VIEWERS, _SHOWS, _SELLERS = (
    pa.array([f"{prefix}{n:08d}" for n in range(number)])
    for prefix, number in (("v", VIEWERS), ("sh", SHOWS), ("s", SELLERS))
)
_CONTEXT = multiprocessing.get_context("spawn")


class Events:
    """Events without end, drawn as viewers and shows are: a few have most of them.

    A viewer stays in a show for some events, and goes on to another.

    Args:
        seed: of the random numbers; also what sets the ids of several apart.
    """

    def __init__(self, seed: int) -> None:
        self._random = np.random.default_rng(seed)
        self._prefix = f"{seed}-{time.time_ns()}"
        self._number = 0
        self._show = self._shows(VIEWERS)

    def make(self, number: int) -> pa.Table:
        """So many events of just now."""
        random = self._random
        viewer = (VIEWERS * random.power(0.6, number)).astype(np.int64)
        moving = viewer[random.random(number) < MOVES]
        self._show[moving] = self._shows(len(moving))
        show = self._show[viewer]
        kind = random.choice(len(KINDS), number, p=SHARES)
        price = np.where(np.isin(kind, [3, 4]), random.lognormal(3, 1, number), np.nan)
        watched = np.where(kind == 0, random.exponential(60, number), np.nan)
        now = datetime.now(UTC)
        ids = [f"{self._prefix}-{n}" for n in range(self._number, self._number + number)]
        self._number += number
        return pa.table(
            {
                "event_id": ids,
                "event_ts": pa.array([now] * number, pa.timestamp("us", "UTC")),
                "viewer_id": _VIEWERS.take(pa.array(viewer)),
                "show_id": _SHOWS.take(pa.array(show)),
                "seller_id": _SELLERS.take(pa.array(show % SELLERS)),
                "category": _picked(CATEGORIES, show % len(CATEGORIES)),
                "kind": _picked(KINDS, kind),
                "price": pa.array(price, pa.float64(), from_pandas=True),
                "watch_seconds": pa.array(watched, pa.float64(), from_pandas=True),
            }
        )

    def _shows(self, number: int) -> Any:
        return (SHOWS * self._random.power(0.4, number)).astype(np.int64)


def _picked(texts: tuple[str, ...], numbers: Any) -> pa.Array:
    return pa.array(texts).take(pa.array(numbers))


def generate(deployment: Deployment, rate: float, seconds: float, done: Any) -> None:
    """Write events at a rate, and tell how many that were."""
    events, written, began = Events(int(rate)), 0, time.monotonic()
    with EventWriter.connect(deployment, "event", limit=LIMIT) as writer:
        while (now := time.monotonic() - began) < seconds:
            due = int(now * rate) - written
            if due:
                writer.write(events.make(due), wait=60)
                written += due
            time.sleep(max(TICK - (time.monotonic() - began - now), 0))
    done.put(written)


def work(deployment: Deployment, stop: Signal) -> None:
    """One worker."""
    with connect(open_store(deployment)[0]) as redis:
        flag = threading.Event()

        def told() -> None:
            stop.wait()
            flag.set()

        threading.Thread(target=told, daemon=True).start()
        Worker(redis, deployment).run(flag)


@contextmanager
def worker(deployment: Deployment) -> Iterator[int]:
    """A worker in a process of its own; gives its number."""
    stop = _CONTEXT.Event()
    # A copy, as what is loaded of a deployment cannot be sent to another process.
    process = _CONTEXT.Process(target=work, args=(replace(deployment), stop))
    process.start()
    assert process.pid is not None
    try:
        yield process.pid
    finally:
        stop.set()
        process.join()


def probe(deployment: Deployment, until: float) -> list[float]:
    """The seconds from writing one event to seeing it, again and again."""
    taken, number = [], 0
    with (
        EventWriter.connect(deployment, "event") as writer,
        FeatureClient.connect(deployment, timeout=5) as client,
    ):
        base = Events(1).make(1).to_pylist()[0] | {"show_id": "the probe", "kind": "view"}
        while time.monotonic() < until:
            number += 1
            began = time.perf_counter()
            writer.write([base | {"event_id": f"p{began}", "event_ts": datetime.now(UTC)}])
            while True:
                answer = client.get("show_quality", show_id="the probe")
                if answer["show_activity.views_1d"][0] >= number:
                    break
                time.sleep(POLL)
            taken.append(time.perf_counter() - began)
            time.sleep(0.05)
    return taken


def wait_for(deployment: Deployment) -> None:
    """Wait until a worker holds everything."""
    registry = load().registry
    with connect(open_store(deployment)[0]) as redis:
        found = None
        while found is None or found.held < found.partitions:
            time.sleep(0.1)
            found = stream_status(redis, deployment.name, registry, registry.sources["event"])


def measure(deployment: Deployment, rate: float, seconds: float) -> None:
    """Freshness at one rate; prints a line."""
    with connect(open_store(deployment)[0]) as redis:
        redis.flushall()
    done = _CONTEXT.Queue()
    generator = _CONTEXT.Process(target=generate, args=(replace(deployment), rate, seconds, done))
    with worker(deployment):
        wait_for(deployment)
        generator.start()
        time.sleep(WARM_UP)
        taken = probe(deployment, time.monotonic() + seconds - WARM_UP)
        written = done.get()
        generator.join()
    p50, p99 = np.quantile(taken, [0.5, 0.99]) * 1000
    print(
        f"freshness: rate={written / seconds:.0f} p50_ms={p50:.1f} p99_ms={p99:.1f} "
        f"probes={len(taken)}",
        flush=True,
    )


def peak(deployment: Deployment, number: int) -> float:
    """How many events a second one worker applies when it is behind; prints a line."""
    registry = deployment.registry
    with connect(open_store(deployment)[0]) as redis:
        redis.flushall()
        events = Events(7)
        with EventWriter.connect(deployment, "event", limit=LIMIT) as writer:
            for _ in range(number // 1_000):
                writer.write(events.make(1_000))
        source = registry.sources["event"]
        routed = units(deployment.name, registry, source)[1:]
        names = [unit.pending for unit in routed]

        def waiting() -> float:
            """The events that wait, each by as much as its routes do."""
            store: Any = redis
            return sum(map(int, store.mget(names))) / len({unit.route for unit in routed})

        with worker(deployment):
            # Without the time that it takes to begin.
            while (first := waiting()) > number * 0.95:
                time.sleep(0.01)
            began = time.perf_counter()
            while waiting():
                time.sleep(0.05)
            rate = first / (time.perf_counter() - began)
    print(f"backlog: events={number} applied_per_s={rate:.0f}", flush=True)
    return rate


def soak(deployment: Deployment, rate: float, seconds: float) -> None:
    """One rate for long; prints a line each minute with the lag and what memory is taken."""
    done, registry = _CONTEXT.Queue(), deployment.registry
    source = registry.sources["event"]
    generator = _CONTEXT.Process(target=generate, args=(replace(deployment), rate, seconds, done))
    with connect(open_store(deployment)[0]) as redis:
        redis.flushall()
        store: Any = redis
        with worker(deployment) as pid:
            wait_for(deployment)
            generator.start()
            minutes = max(int(seconds // MINUTE), 1)
            for minute in range(1, minutes + 1):
                time.sleep(min(MINUTE, seconds))
                found = stream_status(redis, deployment.name, registry, source)
                memory = store.info("memory")
                names = redis.scan_iter(f"{deployment.name}:*:deltas:*")
                keys = sum(redis.hlen(name) for name in names)
                seen = sum(store.strlen(n) for n in store.scan_iter("*:seen:*"))
                print(
                    f"soak: minute={minute} rate={rate:.0f} lag_ms={found.lag * 1000:.0f} "
                    f"waiting={found.waiting} worker_mb={_resident(pid):.0f} "
                    f"store_mb={memory['used_memory'] / 1e6:.0f} keys={keys} "
                    f"ids_mb={seen / 1e6:.0f}",
                    flush=True,
                )
            print(f"soak: events={done.get()} seconds={seconds:.0f}", flush=True)
        generator.join()


def _resident(pid: int) -> float:
    """The memory that a process has, in MB."""
    text = Path(f"/proc/{pid}/status").read_text()
    return int(text.split("VmRSS:")[1].split()[0]) / 1000


def main() -> None:
    """Measure, and print a line for each rate."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seconds", type=float, default=SECONDS)
    parser.add_argument("--backlog", type=int, default=1_000_000)
    parser.add_argument("--rates", type=int, nargs="*", default=list(RATES))
    parser.add_argument("--soak", type=float, default=0, metavar="SECONDS")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        deployment = replace(load(), data=Path(folder), redis="")
        address, server = open_store(deployment)
        assert server is not None
        with server:
            deployment = replace(deployment, redis=address)
            # Each with an archive of its own: a lost store would be filled from the one before.
            fresh = (replace(deployment, data=Path(folder) / str(n)) for n in count())
            for rate in options.rates:
                measure(next(fresh), rate, options.seconds)
            highest = peak(next(fresh), options.backlog)
            if options.soak:
                soak(next(fresh), highest / 2, options.soak)
            else:
                measure(next(fresh), 0.8 * highest, options.seconds)


if __name__ == "__main__":
    main()
