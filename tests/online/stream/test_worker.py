"""A worker over a store that is lost, definitions that change, and batches that catch up."""

from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from redis import Redis
from redis.exceptions import RedisError

from slate.deployment import Deployment, load
from slate.errors import ConfigurationError, DataError, StoreError
from slate.online import EventWriter, FeatureClient, Publisher, State
from slate.online.rows.partitioning import partition
from slate.online.serving import live_services, request_instants
from slate.online.serving.lookup import Lookup
from slate.online.store.delta_removal import forget_former_definitions
from slate.online.store.generations import pointers
from slate.online.store.stream_names import Unit, definition, deltas_name, streamed_sources, units
from slate.online.stream.applying import applier
from slate.online.stream.applying.applier import Applier
from slate.online.stream.workers.status import stream_status
from slate.online.stream.workers.worker import Worker
from tests.parity.answers import micros

DEFINITIONS = "tests.deployments.bikes.few"
BIKES = Path(__file__).parents[2] / "deployments" / "bikes" / "slate.toml"
NOON = datetime(2026, 3, 10, 12, tzinfo=UTC)


class Bench:
    """A deployment with a clock of its own, a writer and a client."""

    def __init__(self, deployment: Deployment, redis: Redis) -> None:
        self.deployment, self.redis = deployment, redis
        self.now = NOON
        self.source = deployment.registry.sources["move"]
        self.view = deployment.registry.views["rider_rides"]
        self.writer = EventWriter.connect(deployment, "move", now=lambda: micros(self.now))
        # Near views may be a moment behind.
        self.client = FeatureClient.connect(deployment, refresh=0, timeout=5, near=False)
        self.number = 0

    def worker(self) -> Worker:
        return Worker(self.redis, self.deployment, flush=0, now=lambda: micros(self.now))

    def ride(self, rider: str, metres: int = 100) -> dict[str, Any]:
        self.number += 1
        values = {
            column.name: _value(column)
            for column in self.source.columns.values()
            if column.name != self.source.arrival_time
        }
        return values | {
            self.source.unique_id: self.number,
            self.source.event_time: self.now - timedelta(seconds=5),
            "rider_id": rider,
            "kind": "take",
            "metres": metres,
        }

    def write(self, *rides: dict[str, Any]) -> None:
        assert self.writer.write(list(rides), strict=True).written == len(rides)

    def metres(self, rider: str) -> int:
        """What the stream's rows say of a rider's last day."""
        answer = self._answer(rider)
        assert self.view.name not in " ".join(answer.errors)
        return int(answer["rider_rides.metres_1d"][0])

    def require_unknown(self, rider: str) -> None:
        """What a stream adds says nothing, where what it adds to is gone."""
        answer = self._answer(rider)
        state = answer.states[self.view.name]
        assert (state.state.tolist(), state.as_of) == ([State.MISSING], None)
        assert answer["rider_rides.metres_1d"].tolist() == [0]
        assert [error for error in answer.errors if error.startswith("rider_rides: nothing is pub")]

    def require_lacking(self, rider: str) -> None:
        """What is published says nothing, where what a stream adds to it is gone."""
        answer = self._answer(rider)
        assert answer.states[self.view.name].state.tolist() == [State.MISSING]
        assert [error for error in answer.errors if "rider_rides: what its stream brought" in error]

    def _answer(self, rider: str, at: datetime | None = None, request_id: str = "") -> Any:
        return self.asked(rider, at or self.now + timedelta(seconds=1), request_id)

    def asked(self, rider: str, at: datetime | None, request_id: str = "") -> Any:
        service = next(
            s for s in self.deployment.registry.services.values()
            if any(f.name == "rider_rides.metres_1d" for f in s.features)
        )  # fmt: skip
        given = dict.fromkeys(service.request_keys, 7) | {"rider_id": rider}
        plan = self.deployment.registry.plans[service.full_name]
        given |= {i.column: _value(i) for i in plan.inputs if i.required}
        return self.client.get(service.name, at=at, request_id=request_id, **given)

    def close(self) -> None:
        self.writer.close()
        self.client.close()


def _value(column: Any) -> Any:
    if column.constraints.one_of:
        return column.constraints.one_of[0]
    return {
        "str": "x", "int": 1, "float": 1.0, "bool": True, "datetime": NOON - timedelta(days=1)
    }[column.kind.value]  # fmt: skip


@pytest.fixture
def bench(redis: Redis, server: Any, tmp_path: Path) -> Iterator[Bench]:
    deployment = replace(load(BIKES), definitions=DEFINITIONS, data=tmp_path, redis=server.address)
    bench = Bench(deployment, redis)
    _publish(bench, NOON)
    yield bench
    bench.close()


def test_what_is_written_is_answered(bench: Bench) -> None:
    worker = bench.worker()
    bench.write(bench.ride("a"), bench.ride("b", 7))
    bench.write(bench.ride("a", 20))
    worker.step()
    assert (bench.metres("a"), bench.metres("b"), bench.metres("nobody")) == (120, 7, 0)
    assert worker.stats.repeats == 0


def test_an_empty_text_is_a_key_of_its_own_where_a_key_may_be_null(bench: Bench) -> None:
    worker = bench.worker()
    bench.write(bench.ride("", 5), bench.ride("a", 20))
    worker.step()
    assert (bench.metres(""), bench.metres("a")) == (5, 20)


def test_later_events_are_not_in_an_answer_about_the_past(bench: Bench) -> None:
    def asked(rider: str, minute: float) -> tuple[State, int, list[str]]:
        answer = bench._answer(rider, NOON + timedelta(minutes=minute))
        (state,) = answer.states["rider_rides"].state.tolist()
        told = [error for error in answer.errors if error.startswith("rider_rides")]
        return State(state), int(answer["rider_rides.metres_1d"][0]), told

    worker = bench.worker()
    for minute, rides in (
        (5, [bench.ride("a"), bench.ride("b", 7)]),
        (20, [bench.ride("a", 20)]),
        (80, [bench.ride("a", 3), bench.ride("c", 9)]),
    ):
        bench.now = NOON + timedelta(minutes=minute)
        bench.write(*rides)
        worker.step()
    assert asked("a", 81) == (State.PRESENT, 123, [])
    # As of the hour of a later event, but before it.
    state, metres, told = asked("a", 10)
    assert (state, metres) == (State.MISSING, 0)
    assert len(told) == 1
    assert "arrived after 2026-03-10 12:10:00" in told[0]
    assert "rider_id 'a' (up to 2026-03-10 12:20:00" in told[0]
    assert "ask about now, or read history from a training set" in told[0]
    assert asked("b", 10) == (State.PRESENT, 7, []), "it has no later event in that hour"
    # As of any other instant it is known what had arrived.
    assert asked("a", 30) == asked("a", 60) == (State.PRESENT, 120, [])
    assert asked("b", 60) == (State.PRESENT, 7, [])
    assert asked("c", 60) == (State.DEFAULT, 0, [])
    assert asked("c", 70)[0] is State.MISSING
    # However little before it.
    assert asked("a", 20 - 1 / 60)[0] is State.MISSING


def test_of_now_rows_are_told_as_of_the_events_that_they_hold(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The store's clock stamps arrivals, and a machine that serves may be a little behind it."""
    lookups = []

    class Counted(Lookup):
        def run(self, error: str | None = None) -> Any:
            lookups.append(self)
            return super().run(error)

    monkeypatch.setattr(live_services, "Lookup", Counted)
    monkeypatch.setattr(bench.client._serving._clock, "_refresh", 3600)

    def asked(behind: float, rider: str = "a") -> tuple[State, int, float]:
        now = micros(bench.now) - round(behind * 1_000_000)
        monkeypatch.setattr(request_instants, "asked", lambda at: now if at is None else micros(at))
        lookups.clear()
        answer = bench.asked(rider, None)
        (state,) = answer.states["rider_rides"].state.tolist()
        metres, ahead = int(answer["rider_rides.metres_1d"][0]), micros(answer.at) - now
        return State(state), metres, ahead / 1_000_000

    worker = bench.worker()
    bench.now += timedelta(minutes=20)
    bench.write(bench.ride("a"))
    worker.step()
    assert asked(4.0) == (State.PRESENT, 100, 4.000_001)
    assert len(lookups) == 2
    assert asked(4.0) == (State.PRESENT, 100, 4.000_001)
    assert len(lookups) == 1, "it is known of by now"
    assert asked(2.0) == (State.PRESENT, 100, 4.000_001), "for a while"
    state, metres, ahead = asked(6.0)
    assert (state, metres) == (State.MISSING, 0), "that clock is wrong"
    assert ahead == 4.000_001
    monkeypatch.setattr(bench.client._serving._clock, "_until", 0)
    assert asked(-1.0) == (State.PRESENT, 100, 0.0)


def test_rows_that_go_on_while_they_are_read_are_told_all_the_same(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    worker = bench.worker()
    bench.now += timedelta(minutes=20)
    bench.write(bench.ride("a"))
    worker.step()

    class Slow(Lookup):
        def run(self, error: str | None = None) -> Any:
            bench.now += timedelta(milliseconds=50)
            bench.write(bench.ride("a"))
            worker.step()
            return super().run(error)

    def asked(at: Any) -> int:
        return micros(bench.now if at is None else at)

    monkeypatch.setattr(live_services, "Lookup", Slow)
    monkeypatch.setattr(request_instants, "asked", asked)
    answer = bench.asked("a", None)
    assert answer.states["rider_rides"].state.tolist() == [State.PRESENT]
    rides = int(answer["rider_rides.metres_1d"][0]) // 100
    assert rides == bench.number
    assert micros(bench.now) < micros(answer.at) < micros(bench.now) + 1_000_000


def test_what_another_applied_since_it_was_read_is_not_applied_again(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Two who both take themselves for the owner of a partition, as after a long pause."""
    registry = bench.deployment.registry
    everything = list(units("bikes", registry, bench.source))
    one, other = (Applier(bench.redis, "bikes", registry) for _ in range(2))
    worker = bench.worker()
    bench.write(bench.ride("a"))
    worker.step()
    for applier_ in (one, other):
        assert applier_.step(everything).events == 0
    bench.write(bench.ride("a", 20))
    apply = one._apply

    def late(parts: Any) -> Any:
        assert other.step(everything).conflicts == 0
        return apply(parts)

    monkeypatch.setattr(one, "_apply", late)
    assert one.step(everything).conflicts > 0
    assert bench.metres("a") == 120


def test_a_worker_that_is_behind_takes_partitions_in_turn(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(applier, "MOST_EVENTS", 4)
    riders = [f"r{number}" for number in range(12)]
    for _ in range(5):
        bench.write(*[bench.ride(rider, 10) for rider in riders])
    worker, steps = bench.worker(), 0
    registry = bench.deployment.registry
    while stream_status(bench.redis, "bikes", registry, bench.source).waiting:
        worker.step()
        steps += 1
        assert steps < 200
    assert steps > 5
    assert [bench.metres(rider) for rider in riders] == [50] * len(riders)
    assert worker.stats.repeats == worker.stats.conflicts == 0


def test_a_store_that_was_lost_is_filled_from_the_archive(bench: Bench) -> None:
    ride = bench.ride("a")
    bench.write(ride)
    bench.now += timedelta(hours=2)
    bench.write(bench.ride("a", 20), bench.ride("b", 7))
    worker = bench.worker()
    for _ in range(3):
        worker.step()
    bench.redis.flushall()
    # Before the replay, while nobody knows what was lost.
    bench.now += timedelta(minutes=1)
    bench.write(bench.ride("b", 1), ride)
    for one in (worker, bench.worker()):
        if one is worker:
            # However long it has taken until now, it does not look at its leases again yet.
            one._renewed = float("inf")
            one.step()
            bench.require_unknown("a")
            _publish(bench, NOON)
            bench.require_lacking("a")
            one._renewed = -1e9
        for _ in range(3):
            one.step()
        one.leave()
        assert (bench.metres("a"), bench.metres("b")) == (120, 8)
    assert worker.stats.replayed > 0
    assert worker.stats.repeats > 0, "a repeat of before the loss is still known"


def test_a_view_that_is_new_to_a_partition_is_replayed(bench: Bench) -> None:
    bench.write(bench.ride("a"), bench.ride("a", 20))
    worker = bench.worker()
    worker.step()
    worker.leave()
    for unit in units("bikes", bench.deployment.registry, bench.source)[1:]:
        bench.redis.delete(unit.views)
    number = partition("a")
    assert bench.redis.delete(deltas_name("bikes", bench.view, number))
    assert bench.metres("a") == 0
    bench.write(bench.ride("a", 3))
    bench.worker().step()
    assert bench.metres("a") == 123


@pytest.mark.parametrize("since", [NOON, None], ids=["streamed before", "published before"])
def test_workers_of_two_definitions_never_make_one_of_them_wrong(
    bench: Bench, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, since: datetime | None
) -> None:
    """Also where both were published before anything had streamed."""
    new = Bench(replace(bench.deployment, definitions=changed(tmp_path, monkeypatch)), bench.redis)
    new.number = 1_000
    assert definition(new.view) != definition(bench.view)
    for one in (bench, new):
        with Publisher.connect(one.deployment) as publisher:
            publisher.publish(one.view, [], NOON, stream_from=since)
    deployed = new.worker()
    new.write(new.ride("a", 1))
    deployed.step()
    assert new.metres("a") == 1
    deployed.leave()
    # The former definition's worker is still there, and applies what comes meanwhile.
    former = bench.worker()
    new.write(new.ride("a", 10))
    former.step()
    assert bench.metres("a") == 11
    new.require_lacking("a")
    former.leave()
    deployed = new.worker()
    new.write(new.ride("a", 100))
    deployed.step()
    assert new.metres("a") == 111
    bench.require_lacking("a")
    new.close()


@pytest.mark.parametrize("killed", [False, True], ids=["left behind", "half made"])
def test_rows_of_a_former_definition_go_whoever_made_them(
    bench: Bench, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, killed: bool
) -> None:
    """Also those that nobody goes on with, and those half made."""
    former = bench.worker()
    bench.write(bench.ride("a"))
    former.step()
    bench.write(bench.ride("a", 10))
    former.leave()
    rows = deltas_name("bikes", bench.view, partition("a"))
    if killed:
        for unit in units("bikes", bench.deployment.registry, bench.source):
            bench.redis.srem(unit.views, definition(bench.view))
        bench.redis.rename(rows, f"{rows}:replayed")
    new = Bench(replace(bench.deployment, definitions=changed(tmp_path, monkeypatch)), bench.redis)
    new.number = 1_000
    worker = new.worker()
    with Publisher.connect(new.deployment) as publisher:
        publisher.publish(new.view, [], NOON, stream_from=NOON)
        worker.step()
        assert bench.redis.keys(f"{rows}*"), "it is still published"
        assert new.metres("a") == 110
        for name in bench.redis.hkeys(pointers("bikes")):
            if definition(bench.view).startswith(name.decode()):
                bench.redis.hdel(pointers("bikes"), name)
    worker._retained = worker._renewed = -1e9
    worker.step()
    assert not bench.redis.keys(f"{rows}*")
    assert new.metres("a") == 110
    new.close()


def test_rows_of_former_definitions_are_found_by_name(
    bench: Bench, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Those that earlier versions left, of which nothing else tells."""
    worker = bench.worker()
    bench.write(bench.ride("a"))
    worker.step()
    worker.leave()
    rows = deltas_name("bikes", bench.view, partition("a"))
    forget_former_definitions(bench.redis, "bikes", bench.deployment.registry)
    assert bench.redis.exists(rows)
    deployment = replace(bench.deployment, definitions=changed(tmp_path, monkeypatch))
    forget_former_definitions(bench.redis, "bikes", deployment.registry)
    assert not bench.redis.exists(rows)


def changed(folder: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    """A module of the same definitions but for a window less of one view."""
    name, text = "bikes_changed", (BIKES.parent / "few.py").read_text()
    former, changed = 'over=["1h", "30d"])', 'over=["30d"])'
    assert text.count(former) == 1
    (folder / f"{name}.py").write_text(text.replace(former, changed))
    monkeypatch.syspath_prepend(folder)
    return name


def test_what_is_no_deployment_and_what_are_no_events_is_said_in_words(bench: Bench) -> None:
    wrong: Any = "redis://127.0.0.1:1"
    with pytest.raises(ConfigurationError, match=r"a str is not a deployment: .*SLATE_REDIS"):
        FeatureClient.connect(wrong)
    for events in (bench.ride("a"), "event", (one for one in [bench.ride("a")])):
        given: Any = events
        with pytest.raises(DataError, match="a list of mappings, or as an Arrow table, not as a"):
            bench.writer.write(given)


def test_what_waits_to_be_applied_is_not_known(bench: Bench) -> None:
    def lag() -> float:
        return float(bench._answer("a").states[bench.view.name].lag)

    worker = bench.worker()
    bench.write(bench.ride("a"))
    worker.step()
    known = lag()
    for _ in range(3):
        bench.now += timedelta(minutes=1)
        bench.write(bench.ride("a"))
    assert lag() >= known + 180
    worker.step()
    assert lag() == known


def test_a_stream_that_began_after_the_batch_ends_does_not_tell_how_far_behind_an_answer_is(
    bench: Bench,
) -> None:
    def lag() -> float:
        return float(bench._answer("a").states[bench.view.name].lag)

    worker = bench.worker()
    bench.now = NOON + timedelta(minutes=41)
    bench.write(bench.ride("a"))
    worker.step()
    # Between noon and then, events may have landed that no batch has brought yet.
    assert lag() == 41 * 60 + 1
    _publish(bench, NOON + timedelta(minutes=41))
    assert lag() == 1
    bench.now = NOON + timedelta(hours=2)
    bench.write(bench.ride("a"))
    worker._retained = worker._renewed = -1e9
    worker.step()
    assert lag() == 1
    # The batch is put back to before the stream began.
    _publish(bench, NOON)
    assert lag() == 2 * 60 * 60 + 1


def test_no_worker_serves_a_store_that_lets_rows_go(bench: Bench) -> None:
    worker = bench.worker()
    bench.redis.config_set("maxmemory-policy", "allkeys-lfu")
    try:
        with pytest.raises(StoreError, match="set its maxmemory-policy to noeviction"):
            worker.step()
    finally:
        bench.redis.config_set("maxmemory-policy", "noeviction")


def test_what_batches_know_is_let_go(bench: Bench) -> None:
    bench.write(bench.ride("a"))
    worker = bench.worker()
    worker.step()
    name = deltas_name("bikes", bench.view, partition("a"))
    assert bench.redis.hlen(name) == 1
    bench.now += timedelta(hours=3)
    _publish(bench, NOON + timedelta(hours=1))
    assert bench.metres("a") == 0, "the generation says that it knows all before its cut"
    worker._retained = worker._renewed = -1e9
    worker.step()
    assert bench.redis.hlen(name) == 0


def test_what_an_older_batch_does_not_know_is_made_anew(bench: Bench) -> None:
    bench.write(bench.ride("a"))
    worker = bench.worker()
    worker.step()
    bench.now += timedelta(hours=3)
    bench.write(bench.ride("a", 20))
    _publish(bench, NOON + timedelta(hours=1))
    worker._retained = worker._renewed = -1e9
    worker.step()
    assert bench.metres("a") == 20
    # The warehouse was put back to an older state.
    _publish(bench, NOON)
    worker._retained = worker._renewed = -1e9
    worker.step()
    assert bench.metres("a") == 120
    bench.write(bench.ride("a", 3))
    worker.step()
    assert bench.metres("a") == 123
    assert worker.stats.replayed > 0
    assert worker.stats.repeats == 0


def _publish(bench: Bench, until: datetime) -> None:
    """Publish the view twice, without rows: the generation before the live one counts too."""
    with Publisher.connect(bench.deployment) as publisher:
        for _ in range(2):
            publisher.publish(bench.view, [], until, stream_from=until)


def test_the_status_tells_what_waits(bench: Bench) -> None:
    registry = bench.deployment.registry

    def status() -> Any:
        return stream_status(bench.redis, "bikes", registry, bench.source)

    assert (status().waiting, status().unarchived) == (0, 0)
    bench.write(bench.ride("a"), bench.ride("b"), bench.ride("a"))
    late = bench.ride("a")
    late[bench.source.event_time] = bench.now - timedelta(days=300)
    bench.write(late)
    assert (status().waiting, status().unarchived, status().held) == (4, 4, 0)
    assert status().lag > 0
    bench.worker().step()
    found = status()
    assert (found.waiting, found.unarchived, found.lag) == (0, 0, 0)
    assert found.dead_letters == 1
    assert found.held == found.partitions
    assert found.last_arrival >= micros(bench.now)


def test_all_sources_that_stream_have_their_units(bench: Bench) -> None:
    everything = [
        unit
        for source in streamed_sources(bench.deployment.registry)
        for unit in units("bikes", bench.deployment.registry, source)
    ]
    assert len({unit.stream for unit in everything}) == len(everything)
    assert all(isinstance(unit, Unit) for unit in everything)


def test_what_is_damaged_of_the_stream_is_flagged_not_added_to_and_made_anew(
    bench: Bench, caplog: pytest.LogCaptureFixture
) -> None:
    _publish(bench, NOON)
    worker = bench.worker()
    bench.write(bench.ride("a"), bench.ride("b", 7))
    worker.step()
    name = deltas_name("bikes", bench.view, partition("a"))
    held = bench.redis.hget(name, "a") or b""
    bench.redis.hset(name, "a", held[:-8] + b"8 bytes!")

    def is_flagged() -> bool:
        answer = bench._answer("a")
        assert bench.metres("b") == 7
        (state,) = answer.states["rider_rides"].state.tolist()
        told = [e for e in answer.errors if e.startswith("rider_rides: ") and "'a'" in e]
        assert bool(told) == (state == State.MISSING)
        return bool(told)

    assert is_flagged()
    bench.write(bench.ride("a", 20), bench.ride("b", 0))
    worker.step()
    assert "rider_rides: what the stream added to the rows of rider_id 'a'" in caplog.text
    assert is_flagged()
    worker.step()
    assert not is_flagged()
    assert bench.metres("a") == 120
    assert worker.stats.errors == 0


def test_a_key_of_another_type_in_place_of_the_streams_rows_stops_no_worker(bench: Bench) -> None:
    _publish(bench, NOON)
    worker = bench.worker()
    bench.write(bench.ride("a"))
    worker.step()
    name = deltas_name("bikes", bench.view, partition("a"))
    bench.redis.delete(name)
    bench.redis.lpush(name, "not a hash")
    bench.write(bench.ride("a", 20))
    with pytest.raises(RedisError):
        worker.step()
    worker._retained = worker._renewed = -1e9  # as `run` does after an error
    worker.step()
    worker.step()
    assert bench.metres("a") == 120


def test_damage_that_no_event_meets_ends_with_the_batches_that_know_its_hour(bench: Bench) -> None:
    worker = bench.worker()
    bench.write(bench.ride("a"))
    worker.step()
    name = deltas_name("bikes", bench.view, partition("a"))
    bench.redis.hset(name, "a", b"anything")
    for hours, there in ((0, 1), (1, 0)):
        bench.now = NOON + timedelta(hours=3)
        _publish(bench, NOON + timedelta(hours=hours))
        worker._retained = worker._renewed = -1e9
        worker.step()
        assert bench.redis.hlen(name) == there


def _landed(bench: Bench, worker: Worker) -> Path:
    """The landing file of an hour from noon, in which a rode 100 metres; now is two hours later."""
    bench.write(bench.ride("a"))
    worker.step()
    bench.now += timedelta(hours=2)
    bench.write(bench.ride("a", 20))
    worker.step()
    worker.step()
    (path,) = (bench.deployment.landing / "moves").glob("*/12-stream.parquet")
    return path


def _check_up(bench: Bench) -> None:
    """Write an event of another source."""
    with EventWriter.connect(bench.deployment, "checkup", now=lambda: micros(bench.now)) as writer:
        event = {c.name: _value(c) for c in _source(bench, "checkup").columns.values()}
        event |= {"checkup_id": f"c{bench.now}", "event_ts": bench.now}
        del event[_source(bench, "checkup").arrival_time]
        writer.write([event], strict=True)


def _source(bench: Bench, name: str) -> Any:
    return bench.deployment.registry.sources[name]


def _status(bench: Bench, name: str) -> Any:
    registry = bench.deployment.registry
    return stream_status(bench.redis, "bikes", registry, registry.sources[name])


def test_a_damaged_hour_is_told_of_once_and_other_sources_and_a_mend_go_on(
    bench: Bench, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr("slate.online.stream.workers.worker.REPLAY_RETRY_SECONDS", 0.0)
    first = bench.worker()
    path = _landed(bench, first)
    first.leave()
    good = path.read_bytes()
    path.write_bytes(good[: len(good) // 2])
    bench.redis.flushall()
    _publish(bench, NOON)
    bench.now += timedelta(minutes=1)
    bench.write(bench.ride("a", 3))
    _check_up(bench)
    worker = bench.worker()
    for _ in range(3):
        worker.step()
    (told,) = [r.getMessage() for r in caplog.records if "cannot be rebuilt" in r.getMessage()]
    assert "rider_rides" in told
    assert f"MISSING until it can: {path} cannot be read (" in told
    assert "put a good copy in its place" in told
    assert worker.stats.errors == 3
    bench.require_lacking("a")
    assert _status(bench, "move").waiting == 1, "nothing is applied to rows that are not there"
    assert (_status(bench, "checkup").waiting, _status(bench, "checkup").unarchived) == (0, 0)
    assert _status(bench, "move").unarchived == 0
    path.write_bytes(good)
    worker.step()
    worker.step()
    assert bench.metres("a") == 123
    assert worker.unreplayed.reasons() == []
    assert worker.stats.repeats == 0
    assert not [
        name for name in bench.redis.scan_iter("*") if name.decode().endswith("replayed")
    ], "what was half made is gone"


def test_a_damaged_hour_costs_only_the_views_that_need_it(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("slate.online.stream.workers.worker.REPLAY_RETRY_SECONDS", 0.0)
    first = bench.worker()
    path = _landed(bench, first)
    first.leave()
    path.write_bytes(b"")
    bench.redis.flushall()
    # Long after, so that the ids of the damaged hour are not needed either.
    bench.now += timedelta(days=3)
    _publish(bench, bench.now - timedelta(hours=1))
    bench.write(bench.ride("a", 3))
    worker = bench.worker()
    worker.step()
    (reason,) = worker.unreplayed.reasons()
    assert "rider_rides" not in reason
    assert "rider_at_station" in reason
    assert str(path) in reason
    assert bench.metres("a") == 3
    bench.write(bench.ride("a", 4))
    worker.step()
    assert bench.metres("a") == 7


def test_rows_that_lack_a_damaged_hour_are_served_no_more_but_go_on(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As after a roll back to a generation that needs the hour again."""
    monkeypatch.setattr("slate.online.stream.workers.worker.REPLAY_RETRY_SECONDS", 0.0)
    worker = bench.worker()
    path = _landed(bench, worker)
    _publish(bench, NOON + timedelta(hours=1))
    worker._retained = worker._renewed = -1e9
    worker.step()
    assert bench.metres("a") == 20
    good = path.read_bytes()
    path.write_bytes(b"")
    _publish(bench, NOON)
    worker._retained = worker._renewed = -1e9
    worker.step()
    bench.require_lacking("a")
    bench.write(bench.ride("a", 3))
    worker.step()
    assert _status(bench, "move").waiting == 0
    bench.require_lacking("a")
    path.write_bytes(good)
    worker.step()
    assert bench.metres("a") == 123
    assert worker.stats.repeats == 0


@pytest.mark.parametrize("stream", ["moves", "checkups"])
def test_an_archive_that_cannot_write_stops_no_other(
    bench: Bench, stream: str, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr("slate.online.stream.workers.worker.ARCHIVE_RETRY_SECONDS", 0.0)
    in_the_way = bench.deployment.data / "stream" / stream
    in_the_way.parent.mkdir()
    in_the_way.write_text("in the way")
    bench.write(bench.ride("a"))
    _check_up(bench)
    worker = bench.worker()
    for _ in range(3):
        worker.step()
    names = {"moves": "move", "checkups": "checkup"}
    left = {one: _status(bench, name).unarchived for one, name in names.items()}
    assert left == {one: int(one == stream) for one in names}
    told = [r.getMessage() for r in caplog.records if "cannot go on" in r.getMessage()]
    assert len(told) == 1
    assert f"the archive of the stream {stream!r} cannot go on: " in told[0]
    assert str(in_the_way) in told[0]
    assert worker.stats.errors == 3
    assert bench.metres("a") == 100
    in_the_way.unlink()
    worker.step()
    assert _status(bench, names[stream]).unarchived == 0
    assert worker.unarchived.reasons() == []
