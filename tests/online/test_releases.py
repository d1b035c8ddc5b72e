"""Releases: several views go live together or not at all, and are rolled back together."""

import json
import multiprocessing
import os
import signal
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from datetime import datetime
from random import Random
from typing import Any
from zlib import crc32

import pytest
from redis import Redis

from slate import Registry
from slate.deployment import Deployment
from slate.errors import DataError, StoreError
from slate.online import Answer, FeatureClient, Publisher, Standing, State
from slate.online.publishing import rollback
from slate.online.store.generations import GenerationNames, pointers
from slate.online.store.redis_client import connect
from slate.views import FeatureView
from tests.online import arcade
from tests.online.arcade import GameCatalog, PlayerProfile, StudioProfile
from tests.online.conftest import HOUR
from tests.online.stream.effects import Effects, Killed
from tests.online.tables import AS_OF, attribute_rows

REGISTRY = Registry.from_module(arcade)
VIEWS = (GameCatalog, PlayerProfile, StudioProfile)
ASKED: dict[str, Any] = {"player_id": 1, "game_id": ["chess", "go"], "at": AS_OF + HOUR}
Numbers = tuple[int, ...]


def numbered(view: type[FeatureView], number: int) -> Any:
    """Rows of a view, all of which have a number in them."""
    given = {"event_ts": AS_OF - HOUR}
    rows: dict[type[FeatureView], list[dict[str, Any]]] = {
        GameCatalog: [
            {"game_id": game, "studio_id": 10, "genre": "board", "players": number}
            for game in ("chess", "go")
        ],
        PlayerProfile: [{"player_id": 1, "level": number}],
        StudioProfile: [{"studio_id": 10, "country": str(number)}],
    }
    return [attribute_rows(view, [given | row for row in rows[view]])]


def release(publisher: Publisher, number: int, views: tuple[Any, ...] = VIEWS) -> None:
    with publisher.release(f"run {number}") as release:
        for view in views:
            release.write(view, numbered(view, number), AS_OF)
        release.go_live()


def numbers(answer: Answer) -> set[int]:
    """The numbers that the rows of an answer have."""
    found = {*answer["game_catalog.players"], *answer["player_profile.level"]}
    return {int(one) for one in (*found, *answer["studio_profile.country"])}


@pytest.fixture
def publisher(redis: Redis) -> Publisher:
    return Publisher(redis, "arcade", keep=3)


@pytest.fixture
def live(client: FeatureClient, redis: Redis) -> Callable[[], set[int]]:
    return lambda: numbers(client.get("play_ranking", **ASKED))


@pytest.fixture
def effects(monkeypatch: pytest.MonkeyPatch) -> Effects:
    return Effects(monkeypatch)


def test_what_is_left_out_stays_as_it_was_and_leaves_nothing_behind(
    publisher: Publisher, live: Callable[[], set[int]], redis: Redis
) -> None:
    release(publisher, 1)
    before = publisher.live(PlayerProfile)
    with publisher.release("run 2") as written:
        for view in VIEWS:
            written.write(view, numbered(view, 2), AS_OF)
        written.leave_out(PlayerProfile)
        assert set(written.go_live()) == {"game_catalog", "studio_profile"}
    assert publisher.live(PlayerProfile) == before
    assert live() == {1, 2}
    names = GenerationNames("arcade", PlayerProfile.name)
    assert before is not None
    assert redis.smembers(names.generations) == {before.name.encode()}
    assert not redis.hexists(names.pointers, names.publishing)


@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
def test_a_publisher_that_is_killed_before_any_effect_changes_all_or_nothing(
    deployment: Deployment, publisher: Publisher, live: Callable[[], set[int]], effects: Effects
) -> None:
    release(publisher, 0)
    number, ended, before = 0, False, {0}
    while not ended:
        with connect(deployment.redis) as redis, effects.killed_before(3 * number):
            try:
                release(Publisher(redis, "arcade", keep=3), number + 1)
                ended = True
            except Killed:
                pass
        assert live() in (before, {number + 1})
        before = live()
        number += 1
    assert number > 8
    assert before == {number}


def test_what_fails_on_its_way_leaves_all_as_it_was(
    redis: Redis, publisher: Publisher, live: Callable[[], set[int]]
) -> None:
    release(publisher, 0)
    names = set(redis.scan_iter())
    with publisher.release() as broken:
        broken.write(GameCatalog, numbered(GameCatalog, 1), AS_OF)
        with pytest.raises(DataError, match="player_profile: no column 'player_id'"):
            broken.write(PlayerProfile, numbered(GameCatalog, 1), AS_OF)
    with publisher.release() as overtaken:
        for view in VIEWS:
            overtaken.write(view, numbered(view, 1), AS_OF)
        publisher.publish(StudioProfile, numbered(StudioProfile, 0), AS_OF)
        with pytest.raises(StoreError, match="publishing studio_profile: a later publish began"):
            overtaken.go_live()
    assert live() == {0}
    assert {name for name in redis.scan_iter() if b"studio" not in name} == {
        name for name in names if b"studio" not in name
    }


def test_a_publish_is_rolled_back_as_a_whole(
    publisher: Publisher, live: Callable[[], set[int]]
) -> None:
    for number in range(3):
        release(publisher, number)
    release(publisher, 3, VIEWS[:2])
    # What was published since has taken the place of some of it.
    assert publisher.views_of_publish(REGISTRY, "run 2") == ("run 2", [StudioProfile])
    publish, views = publisher.views_of_publish(REGISTRY, "run 3")
    assert (publish, set(views)) == ("run 3", set(VIEWS[:2]))
    publisher.rollback(*views)
    assert live() == {2}
    # Or to what went live together once.
    moved = publisher.rollback(*VIEWS, to="run 0")
    assert {one.view for one in moved} == {view.name for view in VIEWS}
    assert live() == {0}
    for unclear, says in (("run", "several publishes"), ("else", "no publish begins")):
        release(publisher, 4, VIEWS[:1])
        with pytest.raises(StoreError, match=f"{says}.*run 0, run 4"):
            publisher.views_of_publish(REGISTRY, unclear)


def test_where_one_view_cannot_be_rolled_back_none_is(
    publisher: Publisher, live: Callable[[], set[int]]
) -> None:
    release(publisher, 0, VIEWS[:2])
    release(publisher, 1)
    before = {view: publisher.live(view) for view in VIEWS}
    with pytest.raises(StoreError, match=r"studio_profile cannot be .*: no other generation of it"):
        publisher.rollback(*VIEWS)
    assert {view: publisher.live(view) for view in VIEWS} == before
    assert live() == {1}


def test_two_rollbacks_at_the_same_time_go_back_once(
    publisher: Publisher, live: Callable[[], set[int]], monkeypatch: pytest.MonkeyPatch
) -> None:
    """As does one that is tried again as its reply was lost."""
    for number in range(4):
        release(publisher, number)
    change, tries = rollback.RollBack._change, []

    def interrupted(self: Any, pipeline: Any) -> None:
        change(self, pipeline)
        tries.append(live())
        if len(tries) == 1:
            publisher.rollback(*VIEWS)

    monkeypatch.setattr(rollback.RollBack, "_change", interrupted)
    moved = publisher.rollback(*VIEWS)
    # The other one's comes between.
    assert tries == [{3}, {3}, {2}]
    assert live() == {2}
    assert {one.left.publish for one in moved} == {"run 3"}


def test_as_many_are_kept_as_it_is_told_and_what_was_live_last_longest(
    redis: Redis, publisher: Publisher
) -> None:
    def kept() -> list[str]:
        found = publisher.live(GameCatalog)
        assert found is not None
        (members,) = (redis.smembers("arcade:game_catalog:generations"),)
        assert {one.decode() for one in members} == {one.name for one in (found, *found.kept)}
        return [one.publish for one in (found, *found.kept)]

    for number in range(5):
        release(publisher, number)
    assert kept() == ["run 4", "run 3", "run 2", "run 1"]
    publisher.rollback(GameCatalog, to="run 2")
    assert kept() == ["run 2", "run 4", "run 3", "run 1"]
    release(publisher, 5)
    assert kept() == ["run 5", "run 2", "run 4", "run 3"]
    publisher.rollback(GameCatalog)
    assert kept() == ["run 2", "run 5", "run 4", "run 3"]
    assert len(publisher.clean(GameCatalog, 1)) == 2
    assert kept() == ["run 2", "run 5"]
    assert publisher.clean(GameCatalog) == []
    Publisher(redis, "arcade").publish(GameCatalog, numbered(GameCatalog, 6), AS_OF)
    assert len(kept()) == 2
    publisher.clean(GameCatalog, 0)
    assert len(kept()) == 1


def test_the_order_of_publishes_does_not_follow_a_clock_that_is_set_back(
    publisher: Publisher, live: Callable[[], set[int]], monkeypatch: pytest.MonkeyPatch
) -> None:
    class Earlier(datetime):
        @classmethod
        def now(cls, zone: Any = None) -> datetime:
            return datetime.now(zone) - HOUR

    release(publisher, 0)
    monkeypatch.setattr("slate.online.publishing.release.datetime", Earlier)
    release(publisher, 1)
    publisher.rollback(*VIEWS)
    assert live() == {0}


@pytest.fixture
def fill(redis: Redis) -> Iterator[Callable[[], None]]:
    """Lets the store take nothing more in, until the test ends."""
    yield lambda: redis.config_set("maxmemory", 1)
    redis.config_set("maxmemory", 0)


def test_of_a_full_store_nothing_goes_live_by_half(
    redis: Redis, publisher: Publisher, live: Callable[[], set[int]], fill: Callable[[], None]
) -> None:
    release(publisher, 0)
    before = set(redis.scan_iter())
    with publisher.release("run 1") as written:
        for view in VIEWS:
            written.write(view, numbered(view, 1), AS_OF)
        fill()
        with pytest.raises(StoreError, match=r"is full .* what was written is deleted again"):
            written.go_live()
    assert set(redis.scan_iter()) == before
    assert live() == {0}


def test_a_full_store_is_gone_back_in_once_there_is_room_and_room_can_be_made(
    redis: Redis, publisher: Publisher, live: Callable[[], set[int]], fill: Callable[[], None]
) -> None:
    for number in range(3):
        release(publisher, number)
    used = redis.info("memory")["used_memory"]
    fill()
    with pytest.raises(StoreError, match=r"^rolling game_catalog.* --clean --keep N.*again$"):
        publisher.rollback(*VIEWS)
    assert live() == {2}
    redis.config_set("maxmemory", used)
    for view in VIEWS:
        with suppress(StoreError):  # The pointer may still find no room, the rows are gone.
            publisher.clean(view, 1)
        assert redis.scard(GenerationNames("arcade", view.name).generations) == 2
    assert live() == {2}
    redis.config_set("maxmemory", 0)
    publisher.rollback(*VIEWS)
    assert live() == {1}
    with pytest.raises(StoreError, match="cannot be rolled back"):
        publisher.rollback(*VIEWS)


def test_what_is_pinned_stays_while_others_go_on(
    publisher: Publisher, live: Callable[[], set[int]]
) -> None:
    for number in range(2):
        release(publisher, number)
    with publisher.release("run 2") as under_way:
        for view in VIEWS:
            under_way.write(view, numbered(view, 2), AS_OF)
        publisher.rollback(GameCatalog, pin=True)
        assert set(under_way.go_live()) == {"player_profile", "studio_profile"}
    assert live() == {0, 2}
    assert publisher.pinned(PlayerProfile) is None
    with pytest.raises(StoreError, match=r"game_catalog is not published.*`slate unpin game_cat"):
        publisher.publish(GameCatalog, numbered(GameCatalog, 3), AS_OF)
    assert publisher.unpin(GameCatalog)
    assert not publisher.unpin(GameCatalog)
    release(publisher, 4)
    assert live() == {4}


def test_generations_are_listed_with_what_can_be_gone_back_to(
    redis: Redis, publisher: Publisher
) -> None:
    for number in range(3):
        release(publisher, number)
    # As of another definition, and as an earlier version wrote it.
    former = publisher.live(GameCatalog)
    assert former is not None
    told = json.loads(former.to_pointer().partition(" ")[2]) | {"previous": None, "name": "abc-1-2"}
    del told["kept"], told["publish"]
    text = json.dumps(told)
    pointer = f"{crc32(text.encode()):08x} {text}"
    redis.hset(pointers("arcade"), "game_catalog:abc", pointer)
    redis.delete(GenerationNames("arcade", "game_catalog").marker(former.kept[1].name))
    redis.hset(pointers("arcade"), "retired_view:abc", pointer)
    with publisher.release() as under_way:
        writing = under_way.write(GameCatalog, numbered(GameCatalog, 3), AS_OF)
        found = publisher.generations(REGISTRY, GameCatalog)
    by_name = {one.name: one for one in found}
    assert [one.standing for one in found] == [
        Standing.LIVE,
        Standing.LIVE,
        Standing.KEPT,
        Standing.KEPT,
        Standing.WRITING,
    ]
    live, back, lost = (by_name[one.name] for one in (former, *former.kept))
    assert (live.same_definition, live.can_go_live) == (True, False)
    assert (back.next_back, back.can_go_live, back.told.publish) == (True, True, "run 1")
    assert (lost.next_back, lost.obstacle) == (False, f"the store has lost {lost.name}")
    assert "check out the definitions of then" in str(by_name["abc-1-2"].obstacle)
    with pytest.raises(StoreError, match=r"of another definition \(abc, and it is"):
        publisher.rollback(GameCatalog, to="abc-1-2")
    assert by_name[writing.name].told is None
    everything = publisher.generations(REGISTRY)
    (retired,) = (one for one in everything if one.view == "retired_view")
    assert (retired.standing, retired.obstacle) == ("live", "its view is no longer defined")


def _nursery(address: str, pipe: Any) -> None:
    """Fork publishers that are at work at once, as the first release of a process takes long."""
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)
    with connect(address) as redis:
        release(Publisher(redis, "arcade"), 1)
    pipe.send(0)
    while True:
        number = pipe.recv()
        process = os.fork()
        if not process:
            with connect(address) as redis:
                while True:
                    number += 1
                    release(Publisher(redis, "arcade"), number)
        pipe.send(process)


def test_no_answer_is_half_of_a_publish_while_publishers_are_killed(
    deployment: Deployment, publisher: Publisher
) -> None:
    """Nor half of a roll back; asked of the store over and over, by clients that know it late."""
    random, stop = Random(0), threading.Event()
    seen: list[set[int]] = []
    flagged: list[Answer] = []
    clients = [FeatureClient.connect(deployment, timeout=5, refresh=r) for r in (0.0, 0.02)]

    def ask(client: FeatureClient) -> None:
        while not stop.is_set():
            answer = client.get("play_ranking", **ASKED)
            if State.MISSING in answer.states["game_catalog"].state:
                flagged.append(answer)
            else:
                seen.append(numbers(answer))

    # A process that has imported all that they need, and has no threads.
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload([__name__])
    pipe, theirs = context.Pipe()
    nursery = context.Process(target=_nursery, args=(deployment.redis, theirs))
    nursery.start()
    assert pipe.recv() == 0
    threads = [threading.Thread(target=ask, args=(client,)) for client in clients]
    for thread in threads:
        thread.start()
    try:
        for kill in range(10):
            before = publisher.live(GameCatalog)
            pipe.send(1_000 * kill)
            process, deadline = pipe.recv(), time.monotonic() + 30
            while publisher.live(GameCatalog) == before:
                assert time.monotonic() < deadline, "it does not publish"
            # While it is at the next ones.
            time.sleep(random.uniform(0, 0.2))
            os.kill(process, signal.SIGKILL)
            publisher.rollback(*VIEWS)
    finally:
        stop.set()
        for thread in threads:
            thread.join()
        nursery.kill()
        nursery.join()
        for client in clients:
            client.close()
    assert [one for one in seen if len(one) > 1] == []
    assert len({next(iter(one)) for one in seen}) > 4
    assert len(flagged) < len(seen) / 2
    assert all(answer.errors for answer in flagged)
