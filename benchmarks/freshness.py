"""From an event that is written to a value that is served: how long it takes, at several rates.

A generator, a worker, the embedded store and the client that asks share the machine. A probe is an
event of a show of its own; it is visible when a request, made every few milliseconds, counts it in
what it reads from the store.
"""

import argparse
import multiprocessing
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from itertools import count
from multiprocessing.synchronize import Event as Signal
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.event_generator import CATEGORIES, LIMIT, SELLERS, SHOWS, Events, generate
from benchmarks.online import BUSY, attributes, windows
from live_shopping import definitions as shop
from slate.deployment import Deployment, load
from slate.online import EventWriter, FeatureClient, Publisher
from slate.online.store.redis_client import connect, open_store
from slate.online.store.stream_names import units
from slate.online.stream.workers.status import stream_status
from slate.online.stream.workers.worker import Worker

RATES = (1_000, 10_000, 20_000)
SECONDS = 20.0
# The seconds between looks, and after which a probe is lost.
POLL, LOST = 0.01, 120.0
MINUTE = 60
SHOW = "the probe"
NO_TILES = dict.fromkeys(BUSY, 0.0)
# While the generator's process begins.
WARM_UP = 4
_CONTEXT = multiprocessing.get_context("spawn")


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
        FeatureClient.connect(deployment, timeout=5, near=False) as client,
    ):
        base = Events(1).make(1).to_pylist()[0] | {"show_id": SHOW, "kind": "view"}
        while time.monotonic() < until:
            number += 1
            began = time.perf_counter()
            writer.write([base | {"event_id": f"p{began}", "event_ts": datetime.now(UTC)}])
            while True:
                answer = client.get("show_quality", show_id=SHOW)
                if answer["show_activity.views_1d"][0] >= number:
                    break
                if time.perf_counter() - began > LOST:
                    told = "; ".join(answer.errors) or "no error is told"
                    raise SystemExit(f"a probe was not seen within {LOST:.0f} s: {told}")
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


@dataclass(frozen=True)
class Freshness:
    """What was measured at one rate.

    Attributes:
        rate: the events written a second, as many as the machine could.
        p50, p99: of the milliseconds from an event to its being served.
        probes: how many events were looked for.
    """

    rate: float
    p50: float
    p99: float
    probes: int


def flush(deployment: Deployment) -> None:
    """Empty the store."""
    with connect(open_store(deployment)[0]) as redis:
        redis.flushall()


def publish(deployment: Deployment) -> None:
    """Publish what the events are about, as of this hour."""
    hour = datetime.now(UTC).replace(minute=0, second=0, microsecond=0)
    show = [SHOW, *(f"sh{number:08d}" for number in range(SHOWS))]
    seller = [f"s{number:08d}" for number in range(SELLERS)]
    of_show, of_seller = {"show_id": show}, {"seller_id": seller}
    led = {
        "seller_id": [seller[place % SELLERS] for place in range(len(show))],
        "category": [CATEGORIES[place % len(CATEGORIES)] for place in range(len(show))],
    }
    # Of the probe nothing has happened yet.
    activity = [
        windows(shop.ShowActivity, {"show_id": show[:1]}, NO_TILES, hour),
        windows(shop.ShowActivity, {"show_id": show[1:]}, BUSY, hour),
    ]
    with Publisher.connect(deployment) as publisher:
        publisher.publish(shop.ShowActivity, activity, hour)
        for view, rows in (
            (shop.ShowCatalog, attributes(shop.ShowCatalog, of_show, hour, **led)),
            (shop.SellerProfile, attributes(shop.SellerProfile, of_seller, hour)),
            (shop.SellerStats, windows(shop.SellerStats, of_seller, BUSY, hour)),
        ):
            publisher.publish(view, [rows], hour)


def measure(
    deployment: Deployment,
    rate: float,
    seconds: float,
    probed: Callable[[Deployment, float], list[float]] = probe,
) -> Freshness:
    """Freshness at one rate, while a worker applies what a generator writes.

    Args:
        deployment: the deployment.
        rate: the events to write a second.
        seconds: for how long.
        probed: gives the seconds that events took to be seen, until an instant of the clock that
            ``time.monotonic`` reads.
    """
    done = _CONTEXT.Queue()
    generator = _CONTEXT.Process(target=generate, args=(replace(deployment), rate, seconds, done))
    with worker(deployment):
        wait_for(deployment)
        generator.start()
        time.sleep(WARM_UP)
        taken = probed(deployment, time.monotonic() + seconds - WARM_UP)
        written = done.get()
        generator.join()
    p50, p99 = np.quantile(taken, [0.5, 0.99]) * 1000
    return Freshness(written / seconds, float(p50), float(p99), len(taken))


def tell(deployment: Deployment, rate: float, seconds: float) -> None:
    """Measure one rate with nothing streamed before, and print a line."""
    flush(deployment)
    publish(deployment)
    found = measure(deployment, rate, seconds)
    print(
        f"freshness: rate={found.rate:.0f} p50_ms={found.p50:.1f} p99_ms={found.p99:.1f} "
        f"probes={found.probes}",
        flush=True,
    )


def peak(deployment: Deployment, number: int) -> float:
    """How many events a second one worker applies when it is behind; prints a line."""
    registry = deployment.registry
    flush(deployment)
    publish(deployment)
    with connect(open_store(deployment)[0]) as redis:
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
    flush(deployment)
    publish(deployment)
    with connect(open_store(deployment)[0]) as redis:
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
                tell(next(fresh), rate, options.seconds)
            highest = peak(next(fresh), options.backlog)
            if options.soak:
                soak(next(fresh), highest / 2, options.soak)
            else:
                tell(next(fresh), 0.8 * highest, options.seconds)


if __name__ == "__main__":
    main()
