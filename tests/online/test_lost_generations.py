"""Generations that are lost, or that nothing right is said of: never a wrong value unflagged."""

import threading
from collections.abc import Callable
from contextlib import closing
from datetime import datetime
from typing import Any
from zlib import crc32

import pytest
from redis import Redis

from slate import FeatureView, Registry
from slate.deployment import Deployment
from slate.errors import StoreError
from slate.online import Answer, FeatureClient, Publisher, Rows, State
from slate.online.serving.live_services import Serving
from slate.online.store.channel import Channel
from slate.online.store.connections import Connections
from slate.online.store.flows import Step, drive
from slate.online.store.generations import GenerationNames, pointer_field
from tests.online import arcade
from tests.online.arcade import GameCatalog, StudioProfile
from tests.online.conftest import HOUR, arcade_rows
from tests.online.tables import AS_OF, attribute_rows

ASKED = {"at": AS_OF + HOUR, "player_id": 1, "game_id": ["chess", "go"]}
# What a game's row leads to.
LED = {"studio_profile", "player_studio_history", "player_genre_taste"}
NAMES = GenerationNames("arcade", "game_catalog")


@pytest.fixture
def patient(connections: Connections) -> FeatureClient:
    """A client that believes for an hour what it knows of generations."""
    registry = Registry.from_module(arcade)
    return FeatureClient(Serving(registry, "arcade", refresh=3_600), connections)


def states(answer: Answer) -> dict[str, set[State]]:
    return {view: set(map(State, found.state)) for view, found in answer.states.items()}


def missing(answer: Answer) -> set[str]:
    return {view for view, found in states(answer).items() if found == {State.MISSING}}


def require_unknown(answer: Answer, *views: str) -> None:
    """Of these views nothing is known, errors tell each, and the others are served."""
    assert missing(answer) == set(views) | (LED if "game_catalog" in views else set())
    assert {error.split(":")[0] for error in answer.errors} == set(views)
    for view in views:
        assert answer.states[view].as_of is None
    assert answer["studio_profile.country"].tolist() == (
        ["nowhere"] * 2 if "studio_profile" in views else ["no", "jp"]
    )


def titled(title: str) -> Rows:
    given = {"event_ts": AS_OF - HOUR, "genre": "board", "title": title}
    return attribute_rows(
        GameCatalog,
        [
            {**given, "game_id": "chess", "studio_id": 10},
            {**given, "game_id": "go", "studio_id": 20},
        ],
    )


def a_byte_changed(pointer: bytes) -> bytes:
    return pointer.replace(b"-", b"_", 1)


def of_another_format(pointer: bytes) -> bytes:
    text = pointer[9:].replace(b'"format": ', b'"format": 9')
    return b"%08x %b" % (crc32(text), text)


BAD: dict[str, tuple[Callable[[bytes], bytes], str]] = {
    "an empty object": (lambda _: b"{}", "{}"),
    "not JSON": (lambda _: b"not json", "not json"),
    "another object": (lambda _: b'{"name": 3}', r'{"name": 3}'),
    "another object with a checksum": (
        lambda _: b"%08x %b" % (crc32(b'{"name": 3}'), b'{"name": 3}'),
        "KeyError|format",
    ),
    "a list with a checksum": (lambda _: b"%08x %b" % (crc32(b"[]"), b"[]"), r"\[\]"),
    "bytes": (lambda _: b"\xff\x00\x80", "xff"),
    "nothing": (lambda _: b"", "b''"),
    "cut short": (lambda pointer: pointer[:-1], "checksum"),
    "a byte changed": (a_byte_changed, "checksum"),
    "another format": (of_another_format, "format 9"),
}


@pytest.mark.parametrize(("change", "says"), BAD.values(), ids=BAD)
def test_a_bad_pointer_costs_its_view_until_it_is_published_again(
    redis: Redis,
    publisher: Publisher,
    client: FeatureClient,
    published: datetime,
    change: Callable[[bytes], bytes],
    says: str,
) -> None:
    good = redis.hget(NAMES.pointers, pointer_field(GameCatalog))
    assert isinstance(good, bytes)
    redis.hset(NAMES.pointers, pointer_field(GameCatalog), change(good))
    answer = client.get("play_ranking", at=published, player_id=1, game_id=["chess", "go"])
    assert missing(answer) == {"game_catalog"} | LED
    (error,) = answer.errors
    assert error.startswith("game_catalog: ")
    assert error.endswith("publish the view again")
    assert set(answer["player_profile.level"]) == {12}
    for refuses in (publisher.live, publisher.rollback):
        with pytest.raises(StoreError, match=says):
            refuses(GameCatalog)
    live = publisher.publish(GameCatalog, [titled("again")], published)
    assert live.previous is None
    answer = client.get("play_ranking", **ASKED)
    assert answer.errors == ()
    assert answer["game_catalog.title"].tolist() == ["again"] * 2
    left = {name.decode().split(":")[2] for name in redis.scan_iter("arcade:game_catalog:*")}
    assert left == {live.name, "generations"}


def test_what_two_publishes_swept_is_asked_for_again_at_once(
    publisher: Publisher, patient: FeatureClient, published: datetime
) -> None:
    patient.get("play_ranking", **ASKED)
    for title in ("second", "third", "fourth"):
        publisher.publish(GameCatalog, [titled(title)], AS_OF)
    answer = patient.get("play_ranking", **ASKED)
    assert answer["game_catalog.title"].tolist() == ["fourth"] * 2
    assert answer.errors == ()
    assert missing(answer) == set()


def test_of_a_store_that_was_flushed_nothing_is_known(
    redis: Redis,
    connections: Connections,
    publisher: Publisher,
    patient: FeatureClient,
    published: datetime,
) -> None:
    everything = set(patient.get("play_ranking", **ASKED).states)
    redis.flushall()
    for _ in range(2):
        require_unknown(patient.get("play_ranking", **ASKED), *everything)
    # Of what is published again all is known, by those who ask.
    for view in (GameCatalog, StudioProfile):
        publisher.publish(view, [arcade_rows(view)], AS_OF)
    client = FeatureClient(
        Serving(Registry.from_module(arcade), "arcade", refresh=3_600), connections
    )
    require_unknown(
        client.get("play_ranking", **ASKED), *(everything - {"game_catalog", "studio_profile"})
    )


@pytest.mark.parametrize(
    "damage",
    [
        lambda redis, marker: redis.delete(marker),
        lambda redis, marker: redis.set(marker, "another"),
        lambda redis, marker: (redis.delete(marker), redis.rpush(marker, "of another type")),
    ],
    ids=["gone", "another", "of another type"],
)
def test_a_generation_without_its_marker_is_not_read(
    redis: Redis,
    publisher: Publisher,
    client: FeatureClient,
    published: datetime,
    damage: Callable[[Redis, str], Any],
) -> None:
    live = publisher.live(StudioProfile)
    assert live is not None
    damage(redis, GenerationNames("arcade", "studio_profile").marker(live.name))
    answer = client.get("play_ranking", **ASKED)
    require_unknown(answer, "studio_profile")
    assert f"its generation {live.name} is no longer in the store" in answer.errors[0]
    publisher.publish(StudioProfile, [arcade_rows(StudioProfile)], AS_OF)
    assert missing(client.get("play_ranking", **ASKED)) == set()
    # What was there before has no marker either.
    with pytest.raises(StoreError, match=f"the store has lost {live.name}"):
        publisher.rollback(StudioProfile)


def between_rounds(deployment: Deployment, redis: Redis, happens: Callable[[], None]) -> Answer:
    """An answer, while something happens between its first and its second round."""
    given = dict(ASKED)
    serving = Serving(deployment.registry, "arcade", refresh=3_600)
    flow = serving.lookup("play_ranking", given.pop("at"), given)  # type: ignore[arg-type]
    fetches = 0
    with closing(Channel(redis)) as channel:

        def exchange(step: Step) -> Any:
            nonlocal fetches
            assert not isinstance(step, float)
            fetches += b"$4\r\nMGET" in (step.data if step else b"")
            if fetches == 2:
                happens()
                fetches += 1
            return channel.exchange(step)

        return drive(flow, exchange)


def test_what_is_swept_between_two_rounds_is_read_again(
    deployment: Deployment, redis: Redis, publisher: Publisher, published: datetime
) -> None:
    def publish() -> None:
        for _ in range(2):
            for view in deployment.registry.views.values():
                publisher.publish(view, [arcade_rows(view)], AS_OF)

    answer = between_rounds(deployment, redis, publish)
    assert answer.errors == ()
    assert missing(answer) == set()
    assert answer["studio_profile.country"].tolist() == ["no", "jp"]


def test_what_is_flushed_between_two_rounds_is_not_known(
    deployment: Deployment, redis: Redis, published: datetime
) -> None:
    answer = between_rounds(deployment, redis, lambda: redis.flushall())  # type: ignore[arg-type,return-value]
    require_unknown(answer, *answer.states)


@pytest.mark.parametrize("refresh", [0, 3_600])
def test_publishing_back_to_back(
    deployment: Deployment, redis: Redis, publisher: Publisher, published: datetime, refresh: int
) -> None:
    """Each answer is of one generation of each view, or says that it is not."""
    done, number = threading.Event(), 0
    client = FeatureClient.connect(deployment, timeout=5, refresh=refresh)

    def ask() -> None:
        while not done.is_set():
            answers.append(client.get("play_ranking", **ASKED))

    answers: list[Answer] = []
    publisher.publish(GameCatalog, [titled("title 0")], AS_OF)
    threads = [threading.Thread(target=ask) for _ in range(2)]
    views: list[tuple[type[FeatureView], Rows]] = [(StudioProfile, arcade_rows(StudioProfile))]
    for thread in threads:
        thread.start()
    try:
        while len(answers) < 150 or number <= 10:
            number += 1
            for view, rows in [(GameCatalog, titled(f"title {number}")), *views]:
                publisher.publish(view, [rows], AS_OF)
    finally:
        done.set()
        for thread in threads:
            thread.join()
        client.close()
    whole = 0
    for answer in answers:
        titles = set(answer["game_catalog.title"])
        if answer.errors:
            assert missing(answer) >= {error.split(":")[0] for error in answer.errors}
        else:
            assert missing(answer) == set()
            assert len(titles) == 1
            assert titles != {None}
            assert answer["studio_profile.country"].tolist() == ["no", "jp"]
            assert states(answer)["game_catalog"] == {State.PRESENT}
            whole += 1
    assert whole > len(answers) / 2
