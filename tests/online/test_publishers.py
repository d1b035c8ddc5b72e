"""Two publishers of a view, killed or not: what is live is whole, and nothing else stays."""

import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, suppress
from random import Random
from typing import Any

import pytest
from redis import Redis

from slate.deployment import Deployment
from slate.errors import StoreError
from slate.online import FeatureClient, Publisher, Rows, State
from slate.online.publishing.sweeping import sweep
from slate.online.store.cluster_client import clustered
from slate.online.store.generations import GenerationNames, pointer_field
from slate.online.store.redis_client import connect
from tests.depth import either
from tests.online.arcade import GameCatalog
from tests.online.conftest import HOUR
from tests.online.stream.effects import Effects, Killed
from tests.online.tables import AS_OF, attribute_rows

KEYS = 6
NAMES = GenerationNames("arcade", "game_catalog")
PLAYS = 12
Title = Callable[[], str | None]
Another = Callable[[], Publisher]


@pytest.fixture
def effects(monkeypatch: pytest.MonkeyPatch) -> Effects:
    monkeypatch.setattr("slate.online.publishing.encoding.CHUNK_ROWS", 2)
    return Effects(monkeypatch)


@pytest.fixture
def another(deployment: Deployment) -> Iterator[Another]:
    """Publishers with connections of their own, as they may end anywhere."""
    with ExitStack() as stack:
        yield lambda: Publisher(stack.enter_context(connect(deployment.redis)), "arcade")


def titled(title: str) -> list[Rows]:
    rows = [{"game_id": f"g{n}", "event_ts": AS_OF, "title": title} for n in range(KEYS)]
    return [attribute_rows(GameCatalog, rows)]


@pytest.fixture
def live_title(client: FeatureClient) -> Title:
    def ask() -> str | None:
        """The title that all rows have; None if nothing is live."""
        games = [f"g{n}" for n in range(KEYS)]
        answer = client.get("play_ranking", at=AS_OF + HOUR, player_id=1, game_id=games)
        states, titles = set(answer.states["game_catalog"].state), set(answer["game_catalog.title"])
        if states == {State.MISSING}:
            return None
        assert states == {State.PRESENT}
        (title,) = titles
        assert isinstance(title, str)
        return title

    return ask


def require_no_more_than(redis: Redis, number: int) -> None:
    """All that the store holds are so many whole generations, and what says that they are."""
    if clustered(redis):
        # What was deleted is registered until a later sweep has found no row of it.
        sweep(redis, NAMES)
    kept = 2 + number * (KEYS + 2)
    assert len(list(redis.scan_iter())) == kept - sum(
        redis.llen(key) == 0 for key in redis.scan_iter("*:keys")
    ), "\n".join(sorted(map(str, redis.scan_iter())))
    assert redis.hkeys(NAMES.pointers) == [pointer_field(GameCatalog).encode()]


def step(redis: Redis) -> int:
    """The how-manieth effect is looked at: of a cluster fewer, as one server has them all."""
    return either(3, 1) if clustered(redis) else 1


# What was killed is not to say so.
@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
def test_a_publisher_that_is_killed_before_any_effect(
    redis: Redis, another: Another, publisher: Publisher, live_title: Title, effects: Effects
) -> None:
    publisher.publish(GameCatalog, titled("0"), AS_OF)
    number, ended, before = 0, False, "0"
    while not ended:
        with effects.killed_before(number), suppress(Killed):
            another().publish(GameCatalog, titled(f"killed {number}"), AS_OF)
            ended = True
        assert live_title() in (before, f"killed {number}")
        before = f"quiet {number}"
        publisher.publish(GameCatalog, titled(before), AS_OF)
        assert live_title() == before
        require_no_more_than(redis, 2)
        number += step(redis)
    assert number > 15


def test_another_publish_between_any_two_effects(
    redis: Redis, publisher: Publisher, live_title: Title, effects: Effects
) -> None:
    """The one that began later goes live, and the other is told."""
    publisher.publish(GameCatalog, titled("0"), AS_OF)
    number, told, more = 0, [], True

    def interrupt() -> None:
        publisher.publish(GameCatalog, titled("later"), AS_OF)

    while more:
        start = effects.number
        with effects.interrupted_before(number, interrupt):
            try:
                publisher.publish(GameCatalog, titled("earlier"), AS_OF)
                expected = {"earlier", "later"}
            except StoreError as error:
                told.append(str(error))
                expected = {"later"}
        more = effects.number - start > number
        assert live_title() in expected
        require_no_more_than(redis, 2)
        number += step(redis)
    assert number > 15
    assert len(told) > 5 / step(redis)
    assert all("a later publish began" in one for one in told)


class Turns:
    """Lets threads run one effect at a time, in an order that is drawn."""

    def __init__(self, random: Random, runs: list[Callable[[], Any]]) -> None:
        self._random = random
        self._changed = threading.Condition()
        self._waiting: set[threading.Thread] = set()
        self._chosen: threading.Thread | None = None
        self._killed: set[threading.Thread] = set()
        self._threads = [threading.Thread(target=self._run, args=(run,)) for run in runs]
        self._acting: dict[threading.Thread, threading.Thread] = {}
        self.told: list[str] = []

    def executor(self, workers: int) -> ThreadPoolExecutor:
        """One whose thread has its turns in the place of the one that made it, which waits."""
        owner = threading.current_thread()
        return ThreadPoolExecutor(
            workers, initializer=lambda: self._acting.update({threading.current_thread(): owner})
        )

    def hook(self) -> None:
        """Wait for its turn, before an effect."""
        current = threading.current_thread()
        me = self._acting.get(current, current)
        with self._changed:
            if me in self._killed:
                raise Killed
            self._waiting.add(me)
            self._changed.notify_all()
            self._changed.wait_for(lambda: self._chosen is me)
            self._chosen = None
            self._waiting.discard(me)
            if me in self._killed:
                raise Killed

    def _run(self, run: Callable[[], Any]) -> None:
        try:
            run()
        except Killed:
            pass
        except StoreError as error:
            self.told.append(str(error))

    def play(self, kills: float) -> None:
        """Run all to their ends, some of them killed on their way."""
        for thread in self._threads:
            thread.start()
        while True:
            with self._changed:
                alive = [thread for thread in self._threads if thread.is_alive()]
                if not alive:
                    return
                ready = [thread for thread in alive if thread in self._waiting]
                if len(ready) < len(alive) or self._chosen is not None:
                    self._changed.wait(0.0002)
                    continue
                self._chosen = self._random.choice(ready)
                if self._random.random() < kills:
                    self._killed.add(self._chosen)
                self._changed.notify_all()


@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
@pytest.mark.parametrize("kills", [0, 0.04])
def test_two_publishers_in_any_order(
    redis: Redis,
    another: Another,
    publisher: Publisher,
    live_title: Title,
    effects: Effects,
    monkeypatch: pytest.MonkeyPatch,
    kills: float,
) -> None:
    random, told = Random(int(100 * kills)), 0
    for number in range(PLAYS):
        redis.flushall()
        before = number % 3
        for _ in range(before):
            publisher.publish(GameCatalog, titled("before"), AS_OF)

        def publishes(name: str) -> Callable[[], None]:
            mine = another()

            def twice() -> None:
                for number in range(2):
                    mine.publish(GameCatalog, titled(f"{name} {number}"), AS_OF)

            return twice

        turns = Turns(random, [publishes("a"), publishes("b")])
        with monkeypatch.context() as patched, effects.watched(turns.hook):
            patched.setattr("slate.online.publishing.writing.ThreadPoolExecutor", turns.executor)
            turns.play(kills)
        assert live_title() is not None or (kills and not before)
        told += len(turns.told)
        assert all("a later publish began" in one for one in turns.told)
        publisher.publish(GameCatalog, titled("quiet"), AS_OF)
        assert live_title() == "quiet"
        live = publisher.live(GameCatalog)
        assert live is not None
        require_no_more_than(redis, 1 + (live.previous is not None))
    # A publish to a cluster has more effects before it can be told, and is killed sooner.
    assert told > 2 or (kills and clustered(redis))


def test_a_rollback_between_any_two_effects_of_a_publish(
    redis: Redis, publisher: Publisher, live_title: Title, effects: Effects
) -> None:
    number, more = 0, True

    def roll_back() -> None:
        publisher.rollback(GameCatalog)

    while more:
        redis.flushall()
        for title in ("0", "1"):
            publisher.publish(GameCatalog, titled(title), AS_OF)
        start = effects.number
        with effects.interrupted_before(number, roll_back):
            publisher.publish(GameCatalog, titled("2"), AS_OF)
        more = effects.number - start > number
        assert live_title() in ("2", "1")
        require_no_more_than(redis, 2)
        live = publisher.live(GameCatalog)
        assert live is not None
        assert live.previous is not None
        publisher.rollback(GameCatalog, to=live.previous.name)
        assert live_title() is not None
        number += step(redis)
    assert number > 15


def test_what_lists_its_keys_wrongly_is_swept_too(redis: Redis, publisher: Publisher) -> None:
    dropped = publisher.publish(GameCatalog, titled("0"), AS_OF)
    redis.lset(NAMES.chunks(dropped.name), 0, "no list")
    dropped = publisher.publish(GameCatalog, titled("1"), AS_OF)
    redis.delete(NAMES.chunks(dropped.name))
    redis.set(NAMES.chunks(dropped.name), "of another type")
    for title in ("2", "3"):
        publisher.publish(GameCatalog, titled(title), AS_OF)
    require_no_more_than(redis, 2)
