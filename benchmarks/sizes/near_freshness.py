"""From an event that is written to its being seen in a near view of another process.

A generator, a worker, the embedded store, the process that writes the probes and the one that looks
for them share the machine.
"""

import logging
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC, datetime
from multiprocessing.connection import Connection
from pathlib import Path

from benchmarks.event_generator import Events
from benchmarks.freshness import LOST, SHOW, Freshness, flush, measure, publish
from benchmarks.sizes.latency import LOADING, TIMEOUT, require_loaded
from benchmarks.sizes.processes import CONTEXT
from slate.deployment import Deployment, load
from slate.online import EventWriter, FeatureClient

# The seconds between looks and between probes.
POLL, BETWEEN = 0.005, 0.02
# What the 99th percentile is to be below, in milliseconds.
AIM = 500.0


def by_rate(address: str, folder: Path, rates: Sequence[int], seconds: float) -> list[Freshness]:
    """Ever more events a second, or as many as the machine can write."""
    print(f"\nfrom an event to its being seen in a near view of another process, aim {AIM:.0f} ms")
    found = []
    for rate in rates:
        # An archive of its own: a lost store would be filled from the one before.
        deployment = replace(load(), redis=address, data=folder / str(rate))
        flush(deployment)
        publish(deployment)
        with watching(deployment) as watched:
            probe = Probe(watched)
            one = measure(deployment, rate, seconds, probe)
        print(
            f"  {rate:>7,} events/s   {one.rate:8,.0f} reached   p50 {one.p50:7.1f} ms   "
            f"p99 {one.p99:7.1f} ms   {one.probes} probes, {probe.from_store} seen in the store",
            flush=True,
        )
        found.append(one)
    return found


class Probe:
    """Writes one event after another, each once the one before was seen.

    Args:
        watched: the process that sees them.

    Attributes:
        from_store: how many were seen in what was read from the store, as the near view was too
            far behind.
    """

    def __init__(self, watched: Connection) -> None:
        self._watched = watched
        self.from_store = 0

    def __call__(self, deployment: Deployment, until: float) -> list[float]:
        """The seconds from writing each to its being seen, until an instant."""
        taken = list[float]()
        event = Events(1).make(1).to_pylist()[0] | {"show_id": SHOW, "kind": "view"}
        with EventWriter.connect(deployment, "event") as writer:
            while time.monotonic() < until:
                self._watched.send(len(taken) + 1)
                # Read from the system's clock, which all processes share.
                began = time.monotonic()
                writer.write([event | {"event_id": f"p{began}", "event_ts": datetime.now(UTC)}])
                if not self._watched.poll(LOST):
                    raise SystemExit(f"a probe was not seen within {LOST:.0f} s")
                seen, near = self._watched.recv()
                taken.append(seen - began)
                self.from_store += not near
                time.sleep(BETWEEN)
        return taken


@contextmanager
def watching(deployment: Deployment) -> Iterator[Connection]:
    """A process that is told how many probes to wait for, and tells when it has seen them."""
    ours, theirs = CONTEXT.Pipe()
    # A copy, as what is loaded of a deployment cannot be sent to another process.
    process = CONTEXT.Process(target=watch, args=(replace(deployment), theirs), daemon=True)
    process.start()
    theirs.close()
    try:
        assert ours.recv(), "near views were not loaded"
        yield ours
    finally:
        ours.close()
        process.join()


def watch(deployment: Deployment, told: Connection) -> None:
    """Look for probes until nobody waits for any."""
    # Views that nothing is published of are not asked for here.
    logging.disable(logging.WARNING)
    with FeatureClient.connect(deployment, timeout=TIMEOUT) as client:
        require_loaded(client.wait_until_near(LOADING))
        told.send(True)
        while True:
            try:
                wanted = told.recv()
            except EOFError:
                return
            while True:
                answer = client.get("show_quality", show_id=SHOW)
                if answer["show_activity.views_1d"][0] >= wanted:
                    break
                time.sleep(POLL)
            told.send((time.monotonic(), answer.states["show_activity"].behind > 0))
