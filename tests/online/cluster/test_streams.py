"""Streams over a cluster: written to the log, fanned out behind it, once, whatever is killed."""

from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from typing import Any

import numpy as np
import pytest
from redis import Redis

from slate.deployment import Deployment
from slate.errors import StreamFullError
from slate.fingerprints import fingerprint
from slate.online import EventWriter
from slate.online.rows.instants import microseconds as us
from slate.online.store.cluster_client import clustered
from slate.online.store.delta_removal import forget_former_definitions
from slate.online.store.deployment_keys import names_of
from slate.online.store.stream_names import LOG, StreamNames, Unit, deltas_name, units
from slate.online.stream.applying.applier import Applier
from slate.online.stream.archive.log_archive import Archive
from slate.online.stream.events.block_schemas import ID
from slate.online.stream.events.blocks import Blocks
from slate.online.stream.workers.fan_out import FanOut
from slate.online.stream.workers.status import stream_status
from slate.online.stream.workers.worker import Worker
from tests.deployments.bikes.definitions import Move
from tests.online.stream.effects import Effects, Killed
from tests.online.stream.log import Log
from tests.online.stream.moves import NOON, move

LOGGED, NAMES = Unit("bikes", Move, LOG), StreamNames("bikes", Move)
WRITES = 6


@pytest.fixture
def bikes(deployment: Deployment) -> Deployment:
    return replace(deployment, name="bikes", definitions="tests.deployments.bikes.definitions")


@pytest.fixture
def writer(bikes: Deployment) -> Iterator[EventWriter]:
    with EventWriter.connect(bikes, Move, now=lambda: us(NOON)) as writer:
        yield writer


def fanning(redis: Any, deployment: Deployment) -> FanOut:
    return FanOut(redis, deployment.name, deployment.registry, Move)


def on_streams(redis: Any, deployment: Deployment) -> dict[str, list[tuple[int, int]]]:
    """By route, the ids and arrivals on its partitions' streams, with the counters held to them."""
    found: dict[str, list[tuple[int, int]]] = {}
    for unit in units("bikes", deployment.registry, Move)[1:]:
        events = Blocks(redis, "bikes", Move).read(redis.xrange(unit.stream)).table
        assert events.num_rows == int(redis.get(unit.pending) or 0), unit
        arrivals = np.asarray(events.column(Move.arrival_time).cast("int64")).tolist()
        found.setdefault(unit.route, []).extend(
            zip(events.column(ID).to_pylist(), arrivals, strict=True)
        )
    return found


def require_once_everywhere(redis: Any, deployment: Deployment, number: int) -> None:
    routes = on_streams(redis, deployment)
    (first, *others) = map(sorted, routes.values())
    assert len(first) == len(set(first)) == number
    assert all(other == first for other in others)


def test_a_write_is_on_the_log_until_all_partitions_have_it(
    redis: Any, bikes: Deployment, writer: EventWriter
) -> None:
    arrivals = [writer.write([move(n), move(n + 50)]).arrival for n in range(WRITES)]
    assert on_streams(redis, bikes)["station_id"] == []
    assert redis.get(NAMES.clock) is None, "what no partition has is not known"
    assert fanning(redis, bikes).step() == 2 * WRITES
    require_once_everywhere(redis, bikes, 2 * WRITES)
    assert int(redis.get(NAMES.clock)) == arrivals[-1]
    assert redis.xlen(LOGGED.stream) == WRITES, "the archive does not have it yet"
    Archive(redis, bikes, Move, flush=0, now=lambda: us(NOON)).step()
    assert redis.xlen(LOGGED.stream) == 0
    assert redis.get(LOGGED.pending) == b"0"


def test_what_is_archived_first_stays_on_the_log_as_long(
    redis: Any, bikes: Deployment, writer: EventWriter
) -> None:
    writer.write([move(1)])
    Archive(redis, bikes, Move, flush=0, now=lambda: us(NOON)).step()
    assert redis.xlen(LOGGED.stream) == 1
    fanning(redis, bikes).step()
    require_once_everywhere(redis, bikes, 1)
    assert redis.xlen(LOGGED.stream) == 0


def test_a_fan_out_that_is_killed_before_any_effect(
    redis: Any, bikes: Deployment, writer: EventWriter, monkeypatch: pytest.MonkeyPatch
) -> None:
    effects, number, written = Effects(monkeypatch), 0, 0
    while True:
        writer.write([move(written), move(written + 1), move(written + 2)])
        written += 3
        try:
            with effects.killed_before(number):
                fanning(redis, bikes).step()
            break
        except Killed:
            number += 1
    require_once_everywhere(redis, bikes, written)
    assert number > 8


def test_two_that_fan_out_between_any_two_effects(
    redis: Any, bikes: Deployment, writer: EventWriter, monkeypatch: pytest.MonkeyPatch
) -> None:
    effects, number, written, more = Effects(monkeypatch), 0, 0, True

    def other() -> None:
        nonlocal written
        writer.write([move(written)])
        written += 1
        fanning(redis, bikes).step()

    while more:
        writer.write([move(written), move(written + 1)])
        written += 2
        start = effects.number
        with effects.interrupted_before(number, other):
            fanning(redis, bikes).step()
        more = effects.number - start > number
        number += 1
    fanning(redis, bikes).step()
    require_once_everywhere(redis, bikes, written)


def test_a_partition_that_is_behind_is_full(redis: Any, bikes: Deployment) -> None:
    with EventWriter.connect(bikes, Move, limit=3) as writer:
        writer.write([move(1), move(1)])
        fanning(redis, bikes).step()
        Archive(redis, bikes, Move, flush=0).step()
        with pytest.raises(StreamFullError, match=r"\{\w+:\d\} is full: 2 of its"):
            writer.write([move(1), move(1)])
        Applier(redis, "bikes", bikes.registry).step(units("bikes", bikes.registry, Move))
        assert writer.write([move(1), move(1)]).written == 2


def test_dead_letters_are_there_once_where_the_archive_is_killed_before_any_effect(
    redis: Redis, bikes: Deployment, monkeypatch: pytest.MonkeyPatch
) -> None:
    log, effects, number = Log(redis, bikes), Effects(monkeypatch), 0
    while True:
        log.write(timedelta(minutes=1), timedelta(days=3))
        log.smuggle()
        log.smuggle(b=None)
        try:
            with effects.killed_before(number):
                log.archive().step()
            break
        except Killed:
            number += 1
    # What had its letters already was a step of its own.
    log.archive().step()
    assert sorted(log.dead(), key=str) == sorted(log.letters, key=str)
    assert log.found() == log.rows
    assert number > 8


def test_workers_take_all_of_it_on(redis: Redis, bikes: Deployment, writer: EventWriter) -> None:
    assert clustered(redis)
    workers = [Worker(redis, bikes, flush=0) for _ in range(2)]
    for number in range(WRITES):
        writer.write([move(number)])
        for worker in workers:
            worker.step()
    for worker in workers * 3:
        worker._renewed = 0
        worker.step()
    status = stream_status(redis, "bikes", bikes.registry, Move)
    assert (status.waiting, status.unarchived, status.total) == (0, 0, WRITES)
    assert status.held == status.partitions
    for worker in workers:
        worker.leave()


def test_rows_of_former_definitions_go_from_all_nodes(redis: Any, bikes: Deployment) -> None:
    """Of those that an earlier version left nothing tells but their names."""
    view = bikes.registry.view("station_moves")
    present = {deltas_name("bikes", view, part) for part in range(12)}
    former = {name.replace(fingerprint(view), "0123456789ab") for name in present}
    former |= {f"{name}:replayed" for name in former}
    assert not former & present
    for name in former | present:
        redis.hset(name, "1", "rows")
    assert len({id(server) for server, _ in names_of(redis, "bikes")}) == 3, "on every node"
    forget_former_definitions(redis, "bikes", bikes.registry)
    assert {name.decode() for _, names in names_of(redis, "bikes") for name in names} == present
