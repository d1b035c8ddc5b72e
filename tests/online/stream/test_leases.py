"""Leases: shared out among the workers that live, and taken over from those that do not."""

import threading
import time

from redis import Redis

from slate import Registry
from slate.online.store.embedded_server import EmbeddedServer
from slate.online.store.redis_client import connect
from slate.online.store.stream_names import Unit, units
from slate.online.stream.workers.leases import Leases
from tests.deployments.bikes import definitions

REGISTRY = Registry.from_module(definitions.__name__)
UNITS = units("bikes", REGISTRY, REGISTRY.sources["move"])


def settled(*workers: Leases) -> list[set[Unit]]:
    for _ in range(4):
        for worker in workers:
            worker.renew()
    return [set(worker.held) for worker in workers]


def test_one_worker_holds_all(redis: Redis) -> None:
    worker = Leases(redis, "bikes", UNITS)
    assert worker.renew() == []
    assert set(worker.held) == set(UNITS)


def test_workers_share_and_none_is_held_twice(redis: Redis) -> None:
    workers = [Leases(redis, "bikes", UNITS) for _ in range(3)]
    held = settled(*workers)
    assert set.union(*held) == set(UNITS)
    assert sum(map(len, held)) == len(UNITS)
    assert max(map(len, held)) - min(map(len, held)) <= 2


def test_what_is_given_back_is_told(redis: Redis) -> None:
    one, other = (Leases(redis, "bikes", UNITS) for _ in range(2))
    one.renew()
    other.renew()
    lost = one.renew()
    assert set(lost) == set(UNITS) - set(one.held)
    assert lost


def test_a_worker_that_is_gone_loses_its_leases(redis: Redis) -> None:
    one, other = (Leases(redis, "bikes", UNITS, seconds=0.2) for _ in range(2))
    settled(one, other)
    time.sleep(0.3)
    (held,) = settled(other)
    assert held == set(UNITS)


def test_a_worker_that_leaves_makes_room_at_once(redis: Redis) -> None:
    one, other = (Leases(redis, "bikes", UNITS) for _ in range(2))
    settled(one, other)
    one.release()
    (held,) = settled(other)
    assert held == set(UNITS)
    assert one.held == []


def test_a_store_that_is_flushed_at_any_moment_ends_no_worker(
    redis: Redis, server: EmbeddedServer
) -> None:
    worker, ended = Leases(redis, "bikes", UNITS[:1]), threading.Event()

    def flush() -> None:
        with connect(server.address) as other:
            while not ended.is_set():
                other.flushall()

    flushing = threading.Thread(target=flush)
    flushing.start()
    try:
        for _ in range(2_000):
            worker.renew()
    finally:
        ended.set()
        flushing.join()
