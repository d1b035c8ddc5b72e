import asyncio
import logging
import socket
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import replace
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest
from redis import Redis
from redis.exceptions import ResponseError

from slate.deployment import Deployment
from slate.errors import ConfigurationError, RequestError, StoreError
from slate.online import Answer, AsyncFeatureClient, FeatureClient, Publisher, State
from slate.online.serving import store_reads
from slate.online.serving.live_services import Serving
from slate.online.store.channel import Channel
from slate.online.store.commands import Packed, command, together
from slate.online.store.embedded_server import EmbeddedServer
from slate.online.store.flows import ExchangeError, Replicated, Step, drive
from slate.online.store.generations import pointers
from slate.online.store.redis_client import connect
from slate.online.store.sending import send
from tests.online.arcade import GameCatalog, PlayerProfile
from tests.online.conftest import HOUR, arcade_rows
from tests.online.tables import AS_OF, attribute_rows


def at_address(address: str, folder: Path) -> Deployment:
    root = Path(__file__).parents[2]
    return Deployment("arcade", "tests.online.arcade", root, folder, folder, address)


def request(client: FeatureClient) -> Answer:
    return client.get("play_ranking", at=AS_OF, player_id=1, game_id=["chess", "go"])


def all_defaults(answer: Answer) -> None:
    assert "the online store " in answer.errors[0]
    assert answer["game_catalog.title"].tolist() != ["Chess", "Go"]
    assert answer["player_profile.level"].tolist() == [1, 1]
    assert {int(state) for view in answer.states.values() for state in view.state} == {
        State.MISSING
    }
    assert all(state.as_of is None for state in answer.states.values())
    assert answer.matrix().shape == (2, len(answer.matrix_names))


def test_a_store_that_is_not_there(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    deployment = at_address(f"unix://{tmp_path}/none.sock", tmp_path)
    with (
        caplog.at_level(logging.WARNING),
        FeatureClient.connect(deployment, refresh=0) as client,
    ):
        all_defaults(request(client))
        all_defaults(request(client))
    assert len(caplog.records) == 1
    assert "answering with defaults" in caplog.text

    async def once() -> Answer:
        async with AsyncFeatureClient.connect(deployment) as client:
            return await client.get("play_ranking", player_id=1, game_id=["chess", "go"])

    all_defaults(asyncio.run(once()))


@pytest.fixture
def silent() -> Iterator[str]:
    """The address of a server that takes connections and never says a word."""
    with socket.create_server(("127.0.0.1", 0)) as listening:
        yield f"redis://127.0.0.1:{listening.getsockname()[1]}"


def test_a_store_that_hangs_costs_a_bounded_time_and_only_now_and_then(
    silent: str, tmp_path: Path
) -> None:
    with FeatureClient.connect(at_address(silent, tmp_path), timeout=0.3, refresh=60) as client:
        begun = time.monotonic()
        all_defaults(request(client))
        assert time.monotonic() - begun < 2
        begun = time.monotonic()
        for _ in range(10):
            all_defaults(request(client))
        assert time.monotonic() - begun < 1.5


@pytest.mark.process
def test_a_store_that_goes_and_comes_back(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    with EmbeddedServer.attach(tmp_path) as first:
        publisher = Publisher(connect(first.address), "arcade")
        publisher.publish(GameCatalog, [arcade_rows(GameCatalog)], AS_OF)
        deployment = at_address(first.address, tmp_path)
        client = FeatureClient.connect(deployment, timeout=1, refresh=0)
        assert request(client)["game_catalog.title"].tolist() == ["Chess", "Go"]
    all_defaults(request(client))
    with pytest.raises(StoreError, match="publishing game_catalog: the online store fails"):
        publisher.publish(GameCatalog, [arcade_rows(GameCatalog)], AS_OF)
    with EmbeddedServer.attach(tmp_path):
        answer = request(client)
        assert not [error for error in answer.errors if error.startswith("game_catalog")]
        assert answer["game_catalog.title"].tolist() == ["Chess", "Go"]
        client.close()


def test_a_store_that_is_full_keeps_what_was_live(redis: Redis, publisher: Publisher) -> None:
    """Wherever it fills up: of what a publish wrote until then nothing is left."""
    live = publisher.publish(GameCatalog, [arcade_rows(GameCatalog)], AS_OF)
    before = set(redis.scan_iter())
    many = attribute_rows(
        GameCatalog, [{"game_id": f"g{n}", "event_ts": AS_OF} for n in range(20_000)]
    )
    used = redis.info("memory")["used_memory"]
    for room in (1 - used, 2_000_000):
        redis.config_set("maxmemory", used + room)
        try:
            with pytest.raises(
                StoreError, match=r"publishing game_catalog: .* is full .*maxmemory.* deleted again"
            ):
                publisher.publish(GameCatalog, [many], AS_OF)
        finally:
            redis.config_set("maxmemory", 0)
        assert set(redis.scan_iter()) == before
        assert redis.hlen(pointers("arcade")) == 1
    assert publisher.live(GameCatalog) == live
    assert publisher.publish(GameCatalog, [arcade_rows(GameCatalog)], AS_OF).previous == live


def test_a_store_that_lets_rows_go_is_not_published_to(redis: Redis, publisher: Publisher) -> None:
    redis.config_set("maxmemory-policy", "allkeys-lru")  # A limit may come at any time.
    try:
        with pytest.raises(StoreError, match="set its maxmemory-policy to noeviction"):
            publisher.publish(GameCatalog, [arcade_rows(GameCatalog)], AS_OF)
    finally:
        redis.config_set("maxmemory-policy", "noeviction")
        redis.config_set("maxmemory", 0)
    assert not redis.dbsize()


def test_what_is_sent_is_done_in_order_and_refused_by_the_first_error(redis: Redis) -> None:
    send(redis, [command("RPUSH", "list", "a"), command("RPUSH", "list", "b")])
    assert redis.lrange("list", 0, -1) == [b"a", b"b"]
    with pytest.raises(ResponseError, match="wrong kind of value"):
        send(redis, [command("GET", "list"), command("ECHO", "nobody waits for this")])
    assert redis.echo("mine") == b"mine"


def test_a_channel_that_closes_early_leaves_no_reply_to_the_next(redis: Redis) -> None:
    for word in ("a", "b", "c"):
        with closing(Channel(redis)) as channel:
            channel.exchange(command("ECHO", word))
            assert channel.exchange(None) == word.encode()
            channel.exchange(command("ECHO", "nobody waits for this"))


def test_a_store_that_dies_between_two_rounds(
    deployment: Deployment, redis: Redis, published: datetime
) -> None:
    serving = Serving(deployment.registry, "arcade", refresh=0)
    flow = serving.lookup("play_ranking", published, {"player_id": 1, "game_id": ["chess", "go"]})
    steps: list[Step] = []

    def exchange(step: Step) -> Any:
        steps.append(step)
        assert not isinstance(step, float | Replicated)
        fetches = [one for one in steps if isinstance(one, Packed) and b"$4\r\nMGET" in one.data]
        # The first asks which generations are live.
        if len(fetches) == 3:
            raise ExchangeError("gone", lost=True)
        return channel.exchange(step)

    with closing(Channel(redis)) as channel:
        answer = drive(flow, exchange)
    # Nothing more is asked of it.
    assert isinstance(steps[-1], Packed)
    assert b"$4\r\nMGET" in steps[-1].data
    assert answer.errors == ("gone",)
    assert answer["game_catalog.title"].tolist() == ["Chess", "Go"]
    assert answer["studio_profile.country"].tolist() == ["nowhere"] * 2
    assert answer.states["studio_profile"].state.tolist() == [State.MISSING] * 2
    assert redis.ping()


@contextmanager
def paused(redis: Redis) -> Iterator[None]:
    """A store that answers nobody for a while, not even who would wake it."""
    store: Any = redis
    store.client_pause(4_000)
    try:
        yield
    finally:
        store.client_unpause()


def test_each_request_may_have_a_deadline_of_its_own(
    redis: Redis, publisher: Publisher, deployment: Deployment
) -> None:
    publisher.publish(GameCatalog, [arcade_rows(GameCatalog)], AS_OF)
    asked: dict[str, Any] = {"at": AS_OF, "player_id": 1, "game_id": ["chess", "go"]}

    async def ask() -> tuple[float, Answer]:
        async with AsyncFeatureClient.connect(deployment, timeout=10, refresh=0) as client:
            await client.get("play_ranking", **asked)
            with paused(redis):
                begun = time.monotonic()
                answer = await client.within(0.05).get("play_ranking", **asked)
                return time.monotonic() - begun, answer

    took, answer = asyncio.run(ask())
    all_defaults(answer)
    assert "has not answered within 0.05 s" in answer.errors[0]
    assert took < 2
    with FeatureClient.connect(deployment, timeout=10, refresh=0) as client:
        assert request(client)["game_catalog.title"].tolist() == ["Chess", "Go"]
        with paused(redis):
            begun = time.monotonic()
            all_defaults(client.within(0.05).get("play_ranking", **asked))
            assert time.monotonic() - begun < 2
        assert client.within(5).get("play_ranking", **asked).errors == request(client).errors
        with pytest.raises(ConfigurationError, match="timeout=0: give seconds"):
            client.within(0)


def test_a_store_that_fails_while_absent_rows_are_looked_at_again(
    deployment: Deployment, redis: Redis, published: datetime
) -> None:
    serving = Serving(deployment.registry, "arcade", refresh=3_600)
    given = {"player_id": 1, "game_id": ["chess", "none"]}
    with closing(Channel(redis)) as channel:

        def exchange(step: Step) -> Any:
            if isinstance(step, Packed) and b"\r\nEXISTS\r\n" in step.data:
                raise ExchangeError("gone", lost=False)
            assert not isinstance(step, float | Replicated)
            return channel.exchange(step)

        answer = drive(serving.lookup("play_ranking", AS_OF, given), exchange)
    assert answer.states["game_catalog"].state.tolist() == [State.MISSING] * 2
    assert answer.errors == ("gone",)


@pytest.mark.parametrize(
    ("again", "error"),
    [
        (command("CLIENT", "KILL", "TYPE", "NORMAL", "SKIPME", "NO"), "the online store broke"),
        (command("CLIENT", "PAUSE", "400"), "the online store has not answered within 0.3 s"),
        (command("NONSENSE"), "the online store refuses to look again"),
    ],
    ids=["cut", "late", "refused"],
)
def test_a_store_that_fails_at_the_second_look(
    deployment: Deployment,
    published: datetime,
    monkeypatch: pytest.MonkeyPatch,
    again: Packed,
    error: str,
) -> None:
    """Keys without rows are asked for once more: of views where that fails nothing is known."""
    monkeypatch.setattr(store_reads, "exists", lambda _: together([again, command("PING")]))
    with FeatureClient.connect(deployment, timeout=0.3, refresh=0, near=False) as client:
        client.get("studio_page", at=AS_OF, studio_id=10)
        answer = client.get("play_ranking", at=AS_OF, player_id=1, game_id=["chess", "none"])
    assert error in " ".join(answer.errors)
    assert answer.states["game_catalog"].state.tolist() == [State.MISSING] * 2
    # All of its keys had rows.
    assert answer.states["player_profile"].state.tolist() == [State.PRESENT] * 2


def test_a_short_deadline_says_nothing_of_the_store_to_others(
    redis: Redis, publisher: Publisher, deployment: Deployment
) -> None:
    publisher.publish(GameCatalog, [arcade_rows(GameCatalog)], AS_OF)
    asked: dict[str, Any] = {"at": AS_OF, "player_id": 1, "game_id": ["chess", "go"]}

    async def ask() -> tuple[Answer, Answer]:
        async with AsyncFeatureClient.connect(deployment, timeout=10, refresh=60) as client:
            with paused(redis):
                late = await client.within(0.05).get("play_ranking", **asked)
            return late, await client.get("play_ranking", **asked)

    with FeatureClient.connect(deployment, timeout=10, refresh=60) as client:
        with paused(redis):
            late = client.within(0.05).get("play_ranking", **asked)
        answers = [(late, request(client)), asyncio.run(ask())]
    for late, others in answers:
        all_defaults(late)
        assert others["game_catalog.title"].tolist() == ["Chess", "Go"]


def test_a_clock_set_back_costs_what_is_published_as_of_later_and_no_request(
    deployment: Deployment, publisher: Publisher
) -> None:
    """Whoever names no instant cannot mend the clock of the machine that answers."""
    for view, as_of in ((GameCatalog, AS_OF), (PlayerProfile, AS_OF - HOUR)):
        publisher.publish(view, [arcade_rows(view)], as_of)
    asked: dict[str, Any] = {"player_id": 1, "game_id": ["chess", "go"]}
    with FeatureClient.connect(replace(deployment, clock=AS_OF - HOUR), timeout=5) as client:
        answer = client.get("play_ranking", **asked)
        assert set(answer.states["game_catalog"].state.tolist()) == {State.MISSING}
        assert set(answer.states["player_profile"].state.tolist()) == {State.PRESENT}
        (told,) = (error for error in answer.errors if "clock" in error)
        assert told.views == ("game_catalog",)
        assert told.reason.startswith(f"it is published as of {AS_OF}, and the clock here says")
        assert "set this machine's clock right" in told
        with pytest.raises(RequestError, match="ask about a later instant"):
            client.get("play_ranking", AS_OF - HOUR, **asked)
