"""The faults: what is done to the store, to what lies in it, to workers and to publishers."""

import multiprocessing
import os
import resource
import signal
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import datetime
from functools import partial
from typing import Any

import numpy as np
from redis import Redis

from benchmarks.faults.load import Judge, Writer
from benchmarks.faults.moved_clocks import Clocks, MovedClock, can_be_moved
from benchmarks.faults.releases import OnlineViews, Releases, publish, publish_when_told
from benchmarks.faults.worker_process import WorkerProcess
from benchmarks.serving import Server
from live_shopping import definitions as shop
from slate.deployment import Deployment
from slate.online import Publisher
from slate.online.store.embedded_server import EmbeddedServer
from slate.online.store.generations import GenerationNames
from slate.online.store.redis_client import connect
from slate.online.store.stream_names import deltas_prefix, streamed_sources
from slate.online.stream.workers.status import stream_status
from slate.views import FeatureView

DAMAGED_ROWS = 12
DAMAGED_SECONDS = 2.0
CATCH_UP_SECONDS = 90.0
# By then another one runs in its place.
KILLED_SECONDS = 3.0
GONE_SECONDS, FULL_SECONDS = 20.0, 5.0
# An archive writes its files every ten seconds.
NO_ROOM_SECONDS = 15.0
# About how long it takes to publish all.
PUBLISH_SECONDS = 1.0
# Seconds that a clock is set back by, in words, and for how long.
SET_BACK, SET_BACK_SECONDS = {60: "a minute", 3_600: "an hour"}, 8.0
_CONTEXT = multiprocessing.get_context("spawn")


class Faults:
    """Everything that can be broken.

    Args:
        deployment: the deployment; its store has an address.
        server: the store.
        rows: what is published of each view.
        releases: publishes all of it in one step.
        as_of: the instant up to which they know all events.
        worker: the worker.
        serving: what answers requests over HTTP.
        writer: the writer of events.
        judge: is told what was damaged.
        clocks: of what runs.
        random: draws what is broken, and where.
    """

    def __init__(
        self,
        deployment: Deployment,
        server: EmbeddedServer,
        rows: OnlineViews,
        releases: Releases,
        as_of: datetime,
        worker: WorkerProcess,
        serving: Server,
        writer: Writer,
        judge: Judge,
        clocks: Clocks,
        random: np.random.Generator,
    ) -> None:
        self._clocks = clocks
        self._deployment, self._server = deployment, server
        self._rows, self._releases, self._as_of = rows, releases, as_of
        self._worker, self._writer, self._judge, self._random = worker, writer, judge, random
        self._serving = serving
        self._registry = deployment.registry

    def all(self) -> dict[str, Callable[[], None]]:
        """What can happen, by name."""
        ways: dict[str, Callable[[], None]] = {
            "rows damaged": self.damage,
            "streamed rows damaged": self.damage_streamed,
            "store stopped": self.stop_store,
            "store killed": self.kill_store,
            "store gone": self.lose_store,
            "store without memory": self.fill_memory,
            "store flushed": self.flush,
            "archive without room": self.fill_disk,
            "publisher killed": self.kill_publisher,
            "published twice at once": self.publish_twice,
            "published": self.publish,
            "rolled back": self._releases.roll_back,
            "published without memory": self._releases.publish_without_memory,
            "worker killed": self.kill_worker,
            "server process killed": self.kill_serving,
        }
        if can_be_moved():
            for seconds, told in SET_BACK.items():
                worker, server = self._clocks.worker, self._clocks.server
                ways |= {
                    f"worker's clock {told} back": partial(self.set_back, worker, seconds),
                    f"server's clock {told} back": partial(self.set_back, server, seconds),
                    f"publisher's clock {told} back": partial(self.set_back_publisher, seconds),
                }
        return ways

    def publish(self, at_once: int = 1) -> None:
        """Publish every view, some times at once."""
        published = (self._deployment, self._rows, self._as_of)
        threads = [threading.Thread(target=publish, args=published) for _ in range(at_once)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        self._judge.damaged.clear()

    def publish_twice(self) -> None:
        """Publish every view twice at once."""
        self.publish(2)

    def set_back(self, clock: MovedClock, seconds: int) -> None:
        """Set a clock back while all goes on, and right again."""
        clock.move(-seconds)
        time.sleep(SET_BACK_SECONDS)
        clock.move(0)

    def set_back_publisher(self, seconds: int) -> None:
        """Publish every view by a process whose clock is set back, and then by one that is not."""
        self._clocks.publisher.move(-seconds)
        published = (replace(self._deployment), self._rows, self._as_of, _CONTEXT.Event())
        process = _CONTEXT.Process(target=publish_when_told, args=published)
        with self._clocks.publisher.of_what_starts():
            process.start()
        process.join()
        if process.exitcode:
            self._judge.note_wrong(f"a publisher whose clock is set back ends: {process.exitcode}")
        time.sleep(DAMAGED_SECONDS)
        self.publish()

    def damage(self) -> None:
        """Damage published rows of shows as they lie in the store, then publish again."""
        with self._redis() as redis:
            for view in (shop.ShowCatalog, shop.ShowActivity):
                for name in self._names(redis, view):
                    value: Any = redis.get(name)
                    if value:
                        redis.set(name, self._damaged(bytearray(value)))
                        self._judge.damaged.add(name.decode().rpartition("{")[2].rstrip("}"))
        time.sleep(DAMAGED_SECONDS)
        self.publish()

    def damage_streamed(self) -> None:
        """Damage what the stream added to rows of shows; the worker mends what it meets of it."""
        prefix = deltas_prefix(self._deployment.name, shop.ShowActivity)
        with self._redis() as redis:
            store: Any = redis
            for name in sorted(store.scan_iter(f"{prefix}*", count=10_000))[:DAMAGED_ROWS]:
                if store.type(name) != b"hash":
                    continue
                show = store.hrandfield(name)
                value = store.hget(name, show) if show else None
                if value:
                    self._judge.streamed.add(show.decode())
                    store.hset(name, show, self._damaged(bytearray(value)))
        time.sleep(DAMAGED_SECONDS)

    def _names(self, redis: Redis, view: type[FeatureView]) -> Iterator[bytes]:
        live = Publisher(redis, self._deployment.name).live(view)
        if live is not None:
            prefix = GenerationNames(self._deployment.name, view.name).prefix(live.name)
            found = sorted(redis.scan_iter(f"{prefix}{{*", count=10_000))
            yield from self._random.choice(found, min(DAMAGED_ROWS, len(found)), replace=False)

    def _damaged(self, value: bytearray) -> bytes:
        way = int(self._random.integers(3))
        at = int(self._random.integers(len(value)))
        if way == 0:
            return bytes(value[:at])
        if way == 1:
            return bytes(value) + self._random.bytes(8)
        value[at : at + 8] = self._random.bytes(len(value[at : at + 8]))
        return bytes(value)

    def stop_store(self) -> None:
        """Stop the store for longer than a request waits."""
        number = self._number()
        os.kill(number, signal.SIGSTOP)
        time.sleep(1.5)
        os.kill(number, signal.SIGCONT)

    def lose_store(self) -> None:
        """Stop the store for much longer than that."""
        number = self._number()
        os.kill(number, signal.SIGSTOP)
        time.sleep(GONE_SECONDS)
        os.kill(number, signal.SIGCONT)

    def fill_memory(self) -> None:
        """Let the store take nothing more in."""
        with self._redis() as redis:
            redis.config_set("maxmemory", 1)
            time.sleep(FULL_SECONDS)
            redis.config_set("maxmemory", 0)

    def fill_disk(self) -> None:
        """Let the worker write no file, as where its disk is full (Linux)."""
        number = self._worker.number
        before = resource.prlimit(number, resource.RLIMIT_FSIZE)
        resource.prlimit(number, resource.RLIMIT_FSIZE, (0, before[1]))
        time.sleep(NO_ROOM_SECONDS)
        resource.prlimit(number, resource.RLIMIT_FSIZE, before)

    def kill_publisher(self) -> None:
        """Kill a process that publishes every view, wherever it is, then publish again."""
        ready = _CONTEXT.Event()
        published = (replace(self._deployment), self._rows, self._as_of, ready)
        process = _CONTEXT.Process(target=publish_when_told, args=published)
        process.start()
        ready.wait()
        time.sleep(float(self._random.uniform(0, PUBLISH_SECONDS)))
        process.kill()
        process.join()
        self.publish()

    def kill_store(self) -> None:
        """Kill the store, and start it again from what it had on disk."""
        os.kill(self._number(), signal.SIGKILL)
        time.sleep(0.5)
        self._server.revive()

    def kill_worker(self) -> None:
        """Kill the worker."""
        self._worker.kill()

    def kill_serving(self) -> None:
        """Kill a process of the server: one that serves, or the one that keeps near views."""
        os.kill(int(self._random.choice(self._serving.processes)), signal.SIGKILL)
        time.sleep(KILLED_SECONDS)

    def flush(self) -> None:
        """Lose everything that the store holds, and fill it again from warehouse and archive.

        What no archive has yet would be lost with it: the writer waits until all is archived.
        """
        self._writer.pause.set()
        self._writer.paused.wait()
        self._wait(lambda status: status.unarchived == 0 and status.waiting == 0)
        with self._redis() as redis:
            redis.flushall()
        self._judge.streamed.clear()
        time.sleep(0.5)
        self.publish()
        self._writer.pause.clear()

    def catch_up(self) -> bool:
        """Wait, with the writer at rest, until every event is applied; gives whether that was."""
        self._writer.pause.set()
        self._writer.paused.wait()
        return self._wait(lambda status: status.waiting == 0)

    def go_on(self) -> None:
        """Let the writer go on."""
        self._writer.pause.clear()

    def _wait(self, until: Callable[[Any], bool]) -> bool:
        end = time.monotonic() + CATCH_UP_SECONDS
        with self._redis() as redis:
            while time.monotonic() < end:
                statuses = [
                    stream_status(redis, self._deployment.name, self._registry, source)
                    for source in streamed_sources(self._registry)
                ]
                if all(map(until, statuses)):
                    return True
                time.sleep(0.1)
        return False

    def _number(self) -> int:
        with self._redis() as redis:
            return int(redis.info("server")["process_id"])

    @contextmanager
    def _redis(self) -> Iterator[Redis]:
        with connect(self._deployment.redis) as redis:
            yield redis
