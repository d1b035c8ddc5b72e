"""Near views: what they answer is what the store answers, whatever happens to either."""

import multiprocessing
import threading
import time
import warnings
from collections.abc import Iterator
from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from redis import Redis

from slate.deployment import load
from slate.online import FeatureClient, Publisher
from slate.online.near import generation_load, held_rows, keeper
from slate.online.near.decoded_columns import WindowColumns
from slate.online.near.generation_load import GenerationLoad
from slate.online.near.keeper import Keeper
from slate.online.near.near_views import NearViews
from slate.online.near.slot_states import SlotStates
from slate.online.rows.keys import Keys
from slate.online.rows.partitioning import PARTITIONS
from slate.online.serving.answer import Answer
from slate.online.store import change_log
from slate.online.store.change_log import log_name
from slate.online.store.generations import GenerationNames
from slate.online.store.stream_names import Unit, deltas_name, route, streamed_sources, units
from tests.online.stream.test_worker import BIKES, NOON, Bench, _publish, _value
from tests.online.tables import attribute_rows
from tests.parity.answers import micros
from tests.parity.near import NearPath

SECOND, HOUR = timedelta(seconds=1), timedelta(hours=1)
RIDERS = ("a", "b", "c", "nobody")

DEFINITIONS = "tests.deployments.bikes.few_and_shared"


def bike_of(rider: str) -> int:
    """The bike that a rider always takes."""
    return int.from_bytes(rider.encode())


class Both(Bench):
    """A bench that asks the store and the near views, and holds one against the other.

    Args:
        shared: where the view that is watched is shown to other processes, and read; None for one
            that this process keeps.
    """

    def __init__(self, deployment: Any, redis: Redis, shared: Path | None = None) -> None:
        super().__init__(deployment, redis)
        self.path = NearPath(deployment, deployment.redis, shared)
        # One whose values are numbers alone can be shared.
        self.total = "rider_rides.metres_1d" if shared is None else "bike_use.metres_2d"
        self.view = deployment.registry.views[self.total.split(".")[0]]
        self._worker = self.worker()

    @property
    def keeper(self) -> Keeper:
        return self.path.keeper_of(self.view.name)

    def ride(self, rider: str, metres: int = 100) -> dict[str, Any]:
        return super().ride(rider, metres) | {"bike_id": bike_of(rider)}

    def given(self, rider: str) -> dict[str, Any]:
        plan = self.deployment.registry.plan(self.service)
        inputs = {i.column: _value(i) for i in plan.inputs if i.required}
        return {"rider_id": rider, "bike_id": bike_of(rider), **inputs}

    @property
    def service(self) -> str:
        services = self.deployment.registry.services.values()
        return next(s.name for s in services if any(f.name == self.total for f in s.features))

    def ask(self, rider: str, at: datetime | None = None) -> tuple[Answer, Answer]:
        given, at = self.given(rider), at or self.now + SECOND
        return self.client.get(self.service, at=at, **given), self.path.get(self.service, at, given)

    def metres(self, rider: str) -> int:
        return int(self.ask(rider)[0][self.total][0])

    def same(self, rider: str, at: datetime | None = None) -> float:
        """Both answers are one; gives how far behind the near one is, 0 if the store was asked."""
        store, near = self.ask(rider, at)
        assert near.to_dicts() == store.to_dicts()
        assert near.errors == store.errors
        for name, state in store.states.items():
            assert near.states[name].state.tolist() == state.state.tolist()
            assert near.states[name].as_of == state.as_of
            assert near.states[name].lag == state.lag
        return near.states[self.view.name].behind

    def come(self, *rides: dict[str, Any]) -> None:
        """Events are written, and applied."""
        self.write(*rides)
        self._worker.step()

    def units(self) -> list[Unit]:
        return [
            unit
            for source in streamed_sources(self.deployment.registry)
            for unit in units(self.deployment.name, self.deployment.registry, source)
        ]

    def close(self) -> None:
        self.path.close()
        super().close()


@pytest.fixture
def shared() -> bool:
    """Whether a view is watched that is read as by another process than the one that keeps it."""
    return False


@pytest.fixture
def both(redis: Redis, server: Any, tmp_path: Path, shared: bool) -> Iterator[Both]:
    folder = tmp_path / "near" if shared else None
    if folder is not None:
        folder.mkdir()
    deployment = replace(load(BIKES), definitions=DEFINITIONS, data=tmp_path, redis=server.address)
    both = Both(deployment, redis, folder)
    _publish(both, NOON)
    both._worker.step()
    yield both
    both.close()


def require_same_and_near(both: Both, at: datetime | None = None) -> None:
    for rider in RIDERS:
        assert both.same(rider, at) > 0, f"{rider} was asked of the store"


@pytest.mark.parametrize("shared", [False, True])
def test_what_a_stream_brings_is_near_after_a_step(both: Both) -> None:
    require_same_and_near(both)
    for metres in (3, 20, 100):
        both.come(both.ride("a", metres), both.ride("b", metres))
        require_same_and_near(both)
    both.now += 2 * HOUR
    both.come(both.ride("c", 9))
    require_same_and_near(both)
    assert both.metres("a") == 123


@pytest.mark.parametrize("shared", [False, True])
def test_tails_move_with_their_hops(both: Both) -> None:
    for _ in range(12):
        both.come(both.ride("a"), both.ride("b", 7))
        both.now += timedelta(minutes=23)
    for step in (SECOND, 5 * SECOND, timedelta(minutes=1), HOUR, timedelta(days=1)):
        for _ in range(4):
            both.now += step
            assert both.same("a") > 0


def test_hops_change_while_requests_are_on_their_way(both: Both) -> None:
    """Of every window, whether its hop is a second or a day."""
    both.come(both.ride("a"))
    step, moment = both.path.step, timedelta(milliseconds=200)
    for begin in (HOUR, timedelta(days=1)):
        edge = NOON + 3 * begin
        for kept, asked in ((edge - SECOND, edge), (edge + moment, edge - moment)):
            assert both.same("a", kept) > 0
            both.path.step = lambda: None  # type: ignore[method-assign]
            assert both.same("a", asked) > 0
            both.path.step = step  # type: ignore[method-assign]


def test_of_another_time_the_store_is_asked(both: Both) -> None:
    both.come(both.ride("a"))
    both.same("a")
    both.path.step = lambda: None  # type: ignore[method-assign]
    assert both.same("a", both.now + timedelta(days=3)) == 0
    both.now += 10 * timedelta(minutes=1)
    both.come(both.ride("a"))
    del both.path.step
    # Within the hour of a later event, but before it.
    assert both.same("a", both.now - timedelta(minutes=5)) == 0
    assert both.same("b", both.now - timedelta(minutes=5)) > 0


def test_what_is_too_far_behind_is_asked_of_the_store(both: Both) -> None:
    both.come(both.ride("a"))
    assert both.same("a") > 0
    both.come(both.ride("a", 20))
    both.path.step = lambda: None  # type: ignore[method-assign]
    time.sleep(both.view.near_us / 1e6)
    assert both.same("a") == 0
    assert both.metres("a") == 120


def cut_off(both: Both) -> None:
    """More than the log keeps, between two steps."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(change_log, "KEPT", 4)
        for _ in range(6):
            both.come(both.ride("a", 1), both.ride("b", 1))
    assert max(both.redis.xlen(log_name(unit)) for unit in both.units()) == 4


def deleted(both: Both) -> None:
    both.come(both.ride("a"), both.ride("b"))
    both.redis.delete(*[log_name(unit) for unit in both.units()])


def foreign(both: Both) -> None:
    both.come(both.ride("a"), both.ride("b"))
    for unit in both.units():
        both.redis.xadd(log_name(unit), {"before": "x", "keys": "["})


def without_a_log(both: Both) -> None:
    """As a worker does that knows of no near views."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(type(both._worker._applier.rows[both.source]), "is_near", lambda *_: False)
        both.come(both.ride("a"), both.ride("b"))


def replayed(both: Both) -> None:
    both.come(both.ride("a"), both.ride("b"))
    both.now += HOUR
    both._worker.step()
    for unit in both.units():
        for view in both.redis.smembers(unit.views):
            both.redis.srem(unit.views, view)
    # Whatever is there by now is made anew.
    name = deltas_name(both.deployment.name, both.view, 0)
    both.redis.delete(name)
    both._worker = both.worker()
    both._worker.step()


@pytest.mark.parametrize("gap", [cut_off, deleted, foreign, without_a_log, replayed])
def test_a_gap_in_the_log_is_read_over(both: Both, gap: Any) -> None:
    both.come(both.ride("a"), both.ride("c"))
    require_same_and_near(both)
    gap(both)
    require_same_and_near(both)
    both.come(both.ride("a", 5))
    require_same_and_near(both)


def test_a_new_generation_is_loaded_beside_the_one_that_is_served(both: Both) -> None:
    both.come(both.ride("a"))
    require_same_and_near(both)
    _publish(both, NOON + HOUR)
    both.now = NOON + 2 * HOUR
    require_same_and_near(both)
    both.come(both.ride("b"))
    require_same_and_near(both)


def test_what_changes_while_a_generation_is_loaded_is_not_missed(
    both: Both, monkeypatch: pytest.MonkeyPatch
) -> None:
    both.come(both.ride("a"))
    go_on = GenerationLoad.go_on

    def meanwhile(load: GenerationLoad) -> bool:
        done = go_on(load)
        if done and load._view is both.view and not load.missed:
            both.come(both.ride("a", 20), both.ride("b", 3))
            # Seen by a step that comes before the end of loading.
            return False
        return done

    monkeypatch.setattr(GenerationLoad, "go_on", meanwhile)
    both.path.step()
    require_same_and_near(both)
    assert both.metres("a") >= 120


def test_a_flushed_store_is_not_answered_for(both: Both, tmp_path: Path) -> None:
    both.come(both.ride("a"))
    require_same_and_near(both)
    both.redis.flushall()
    assert both.same("a") == 0
    _publish(both, NOON)
    both._worker = both.worker()
    both._worker.step()
    require_same_and_near(both)


def test_a_damaged_row_that_was_streamed_is_asked_of_the_store(both: Both) -> None:
    both.come(both.ride("a"), both.ride("b"))
    require_same_and_near(both)
    (name,) = (
        name
        for number in range(PARTITIONS)
        if both.redis.hexists(name := deltas_name("bikes", both.view, number), "a")
    )
    both.redis.hset(name, "a", b"x" * 80)
    # As for a process that begins now.
    both.keeper._places.clear()
    assert both.same("a") == 0
    assert both.same("b") > 0


def test_a_damaged_row_that_was_published_is_asked_of_the_store(both: Both) -> None:
    view = both.deployment.registry.views["rider_profile"]
    rows = [{"rider_id": rider, "event_ts": NOON} for rider in ("a", "b")]
    with Publisher.connect(both.deployment) as publisher:
        live = publisher.publish(view, [attribute_rows(view, rows)], NOON)
    prefix = GenerationNames("bikes", view.name).prefix(live.name)
    both.redis.set(f"{prefix}{{a}}", b"x" * 80)
    for rider, near in (("a", False), ("b", True)):
        store, answer = both.ask(rider)
        assert (answer.states[view.name].behind > 0) == near
        assert answer.to_dicts() == store.to_dicts()
        assert answer.errors == store.errors


@pytest.mark.parametrize("shared", [False, True])
def test_new_keys_find_room(both: Both) -> None:
    require_same_and_near(both)
    for start in range(0, 900, 100):
        both.come(*[both.ride(f"r{number}", number + 1) for number in range(start, start + 100)])
        assert both.same(f"r{start}") > 0
        assert both.same(f"r{start + 99}") > 0
    assert both.same("r5") > 0


def test_room_is_given_back(both: Both, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(held_rows, "_LITTLE", 100)
    compacted = []
    compact = held_rows.HeldRows._compact
    monkeypatch.setattr(
        held_rows.HeldRows, "_compact", lambda self: compacted.append(compact(self))
    )
    for number in range(24):
        both.come(both.ride("a"), both.ride("b"), both.ride(f"r{number % 7}"))
        if number % 12 == 11:
            both.now += HOUR
        both.path.step()
    assert compacted
    require_same_and_near(both)


def test_a_view_of_too_many_rows_is_read_from_the_store(
    both: Both, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(generation_load, "MOST_ROWS", -1)
    both.path.step = both.keeper.step  # type: ignore[method-assign, assignment]
    assert both.same("a") == 0
    assert "rider_rides is near and has more than" in caplog.text
    # A server that waited for it would never be ready.
    assert both.path.near.ready


def test_a_view_that_comes_to_have_too_many_rows_is_let_go(
    both: Both, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(generation_load, "MOST_ROWS", 20)
    require_same_and_near(both)
    both.path.step = both.keeper.step  # type: ignore[method-assign, assignment]
    both.come(*[both.ride(f"r{number}") for number in range(21)])
    assert both.same("r0") == 0
    assert "rider_rides is near and has more than 20 rows" in caplog.text
    kept = both.path.near.get("rider_rides")
    assert kept is not None
    assert kept.held is None
    both.come(both.ride("r0", 20))
    assert both.same("r0") == 0
    assert caplog.text.count("more than 20 rows") == 1
    assert both.path.near.ready


def test_a_step_that_fails_half_way_has_missed_nothing(both: Both) -> None:
    """Also where the logs were followed already, and what they name was not read yet."""
    both.come(both.ride("a"), both.ride("b"))
    require_same_and_near(both)
    near = both.keeper
    for of, broken in ((keeper, "streamed"), (near, "_expect"), (near, "_load")):
        both.come(both.ride("a", 20), both.ride("b", 3))
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(of, broken, raising(ConnectionError("cut")))
            with pytest.raises(ConnectionError):
                near.step()
        require_same_and_near(both)


def test_a_generation_is_loaded_although_it_failed_before(both: Both) -> None:
    view = both.deployment.registry.views["rider_profile"]
    rows = [{"rider_id": rider, "event_ts": NOON} for rider in ("a", "b")]
    with Publisher.connect(both.deployment) as publisher:
        publisher.publish(view, [attribute_rows(view, rows)], NOON)
    near = both.path.keeper_of(view.name)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(generation_load, "fetch", raising(ConnectionError("cut")))
        with pytest.raises(ConnectionError):
            near.step()
    _, answer = both.ask("a")
    assert answer.states[view.name].behind > 0


def test_a_request_meets_no_row_half_changed(both: Both, monkeypatch: pytest.MonkeyPatch) -> None:
    """Of the last values that a ttl bounds, and of all others, it sees the same events."""
    view = both.deployment.registry.views["station_moves"]
    with Publisher.connect(both.deployment) as publisher:
        publisher.publish(view, [], NOON, stream_from=NOON)
    kept = both.path.near.get(view.name)
    assert kept is not None
    features = [view.features[name] for name in ("moves_7d", "free")]
    seen: list[list[int]] = []
    threads: list[threading.Thread] = []

    def ask(at: int) -> None:
        assert kept.live is not None
        taken = kept.take(kept.live, Keys.of([1]), at, features, ())
        if taken is not None:
            seen.append([int(taken.decoded.values[feature][0]) for feature in features])

    def meanwhile(function: Any) -> Any:
        def asked_behind(*given: Any) -> Any:
            found = function(*given)
            threads.append(threading.Thread(target=ask, args=(micros(both.now + SECOND),)))
            threads[-1].start()
            # It has to wait, or is answered from before.
            threads[-1].join(0.1)
            return found

        return asked_behind

    monkeypatch.setattr(WindowColumns, "decode_again", meanwhile(WindowColumns.decode_again))
    for number in range(1, 4):
        both.come(both.ride("a") | {"station_id": 1, "free_docks": 10 * number})
        both.path._at = micros(both.now + SECOND)
        both.path.step()
        ask(micros(both.now + SECOND))
    for thread in threads:
        thread.join(10)
    assert [3, 30] in seen
    assert all(free == 10 * moves for moves, free in seen), seen


def test_what_can_be_told_is_told_of_the_rows_that_are_read(
    both: Both, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A later event than the instant asked about may come between."""
    both.come(both.ride("a"))
    require_same_and_near(both)
    both.now += HOUR
    both.come(both.ride("a", 20))
    at, tells, done = both.now - HOUR / 2, SlotStates.tells_all, list[threading.Thread]()

    def then_change(*given: Any) -> Any:
        told = tells(*given)
        if not done:
            done.append(threading.Thread(target=both.keeper.step))
            done[0].start()
            done[0].join(0.1)
        return told

    monkeypatch.setattr(both.path, "step", lambda: None)
    monkeypatch.setattr(SlotStates, "tells_all", then_change)
    store, near = both.ask("a", at)
    done[0].join(10)
    (metres,) = near["rider_rides.metres_1d"].tolist()
    # In step with the store as it was before, or asked of it by now.
    assert metres == 100 or near.to_dicts() == store.to_dicts()


def raising(error: Exception) -> Any:
    def fail(*_: object) -> None:
        raise error

    return fail


def test_the_thread_goes_on_after_what_it_did_not_expect(
    both: Both, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(keeper, "AFTER_FAILURE", 0.01)
    failing = pytest.MonkeyPatch()
    failing.setattr(Keeper, "_load", raising(ValueError("odd")))
    near = NearViews.of(replace(both.deployment, clock=both.now + SECOND), both.deployment.redis)
    assert near is not None
    try:
        assert not near.wait(0.5)
        failing.undo()
        assert near.wait(10)
        assert caplog.text.count("near views cannot be kept in step") == 1
    finally:
        failing.undo()
        near.close()


def test_the_thread_goes_on_after_the_store_was_away(
    both: Both, server: Any, caplog: pytest.LogCaptureFixture
) -> None:
    """Its connections are cut, and cut again."""
    near = NearViews.of(replace(both.deployment, clock=both.now + SECOND), server.address)
    assert near is not None
    try:
        assert near.wait(10)
        kept = near.get("rider_rides")
        assert kept is not None
        for _ in range(3):
            both.redis.client_kill_filter(_type="normal", skipme=True)
            before = kept.synced
            until = time.monotonic() + 10
            while kept.synced <= before + 0.2 and time.monotonic() < until:
                time.sleep(0.01)
            assert kept.synced > before + 0.2
    finally:
        near.close()


def test_a_process_that_was_forked_keeps_views_of_its_own(both: Both) -> None:
    deployment = replace(both.deployment, clock=both.now + SECOND)
    with FeatureClient.connect(deployment, timeout=10) as client:
        assert client.wait_until_near(10)
        assert client._serving.near is not None
        kept = client._serving.near.get("rider_rides")
        assert kept is not None
        assert kept.held is not None
        given = both.given("a")

        def ask() -> None:
            deadline = time.monotonic() + 10
            while not client.get(both.service, **given).states["rider_rides"].behind:
                assert time.monotonic() < deadline

        lock, held, done = kept.held.rows.lock, threading.Event(), threading.Event()

        def hold() -> None:
            with lock:
                held.set()
                done.wait(20)

        holder = threading.Thread(target=hold)
        holder.start()
        assert held.wait(20)
        with warnings.catch_warnings():
            # Later versions of Python warn of other threads.
            warnings.simplefilter("ignore", DeprecationWarning)
            child = multiprocessing.get_context("fork").Process(target=ask)
            child.start()
        done.set()
        child.join(20)
        code = child.exitcode
        child.kill()
        holder.join(20)
        assert code == 0


def test_workers_note_only_what_near_views_need(both: Both) -> None:
    both.come(both.ride("a"))
    noted = {unit.route for unit in both.units() if both.redis.xlen(log_name(unit))}
    near = {
        route(view)
        for view in both.deployment.registry.views.values()
        if view.near_us is not None and view.windowed
    }
    assert noted <= near
    assert "rider_id" in noted
