"""Frozen answers: an id that is asked again gets what it got, whatever has changed since."""

import threading
from collections.abc import Iterator
from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from redis import Redis

from slate.assets.answer_files import answers_in, names, take_in
from slate.deployment import Deployment
from slate.errors import DefinitionError, RequestError
from slate.online import Answer, FeatureClient, Publisher
from slate.online.serving import answer_log
from slate.online.serving.frozen_answers import FrozenAnswer, frozen_prefix, remove_frozen
from slate.online.store.redis_client import open_store
from tests.online import arcade
from tests.online.arcade import GameCatalog
from tests.slate.edited import imported

ASKED: dict[str, Any] = {"player_id": 1, "game_id": ["chess", "go", "chess", "nothing"]}


@pytest.fixture(autouse=True)
def frozen(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(arcade.play_ranking, "frozen_us", 60_000_000)


@pytest.fixture
def client(deployment: Deployment, published: datetime) -> Iterator[FeatureClient]:
    with FeatureClient.connect(deployment, timeout=10, refresh=0) as client:
        yield client


@pytest.fixture(autouse=True)
def none_left(redis: Redis) -> Iterator[None]:
    yield
    remove_frozen(redis, "arcade")


def same(one: Answer, other: Answer) -> bool:
    """Whether two answers are the same in all that they tell."""
    assert one.names == other.names
    for name in one.names:
        np.testing.assert_array_equal(one[name], other[name])
    assert one.to_arrow().equals(other.to_arrow())
    told = [
        {
            view: (
                state.state.tolist(),
                state.event_ts.tolist(),
                state.generation,
                state.as_of,
                state.lag,
            )
            for view, state in answer.states.items()
        }
        for answer in (one, other)
    ]
    return told[0] == told[1] and one.keys == other.keys and one.at == other.at


def redefined(deployment: Deployment, tmp_path: Path, old: str, new: str) -> Deployment:
    """The deployment with one thing defined otherwise."""
    text = Path(arcade.__file__).read_text()
    assert text.count(old) == 1
    file = tmp_path / "arcade_redefined.py"
    file.write_text(text.replace(old, new))
    module = imported(f"arcade_{abs(hash(new))}", file)
    module.play_ranking.frozen_us = 60_000_000
    return replace(deployment, definitions=module.__name__)


def lose_games(deployment: Deployment, published: datetime) -> None:
    """Publish a catalogue without games: other values from now on."""
    with Publisher.connect(deployment) as publisher:
        publisher.publish(GameCatalog, [], published)


def test_an_id_gets_the_same_values_again(
    client: FeatureClient, deployment: Deployment, published: datetime
) -> None:
    first = client.get("play_ranking", request_id="r1", **ASKED)
    lose_games(deployment, published)
    # However the keys are given, and by whoever asks.
    again = client.get("play_ranking", request_id="r1", **ASKED | {"player_id": [1] * 4})
    with FeatureClient.connect(deployment, timeout=10) as other:
        elsewhere = other.get("play_ranking", request_id="r1", **ASKED)
    fresh = client.get("play_ranking", request_id="r2", **ASKED)
    assert same(first, again)
    assert same(first, elsewhere)
    assert first.states["game_catalog"].counts != fresh.states["game_catalog"].counts
    assert not client.get("play_ranking", **ASKED).to_arrow().equals(first.to_arrow())
    # A matrix is made of a frozen answer's features as of any other's, and they can be hidden.
    np.testing.assert_array_equal(first.matrix(), again.matrix())
    feature = arcade.play_ranking.features[0]
    assert len(again.hiding([feature], "hidden").names) == len(first.names)


def test_an_id_is_of_one_request(client: FeatureClient, published: datetime) -> None:
    client.get("play_ranking", request_id="r1", **ASKED)
    for others in (
        ASKED | {"player_id": 2},
        ASKED | {"game_id": ["chess", "go"]},
        ASKED | {"at": published + timedelta(seconds=1)},
    ):
        with pytest.raises(RequestError, match="was used to ask play_ranking_v3 for other keys"):
            client.get("play_ranking", request_id="r1", **others)
    at = published + timedelta(minutes=1)
    named = client.get("play_ranking", request_id="r3", at=at, **ASKED)
    assert same(named, client.get("play_ranking", request_id="r3", at=at, **ASKED))


def test_all_who_ask_at_once_get_the_same(deployment: Deployment, published: datetime) -> None:
    answers: list[Answer] = []
    with FeatureClient.connect(deployment, timeout=10) as client:

        def ask() -> None:
            answers.append(client.get("play_ranking", request_id="at once", **ASKED))

        threads = [threading.Thread(target=ask) for _ in range(8)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    assert len({answer.at for answer in answers}) == 1
    assert all(same(answers[0], other) for other in answers)


def test_an_answer_that_another_took_the_place_of_is_not_logged(
    deployment: Deployment,
    published: datetime,
    redis: Redis,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Of all that were made for an id at once, the log has the one that was served."""
    monkeypatch.setattr(arcade.play_ranking, "logged", 1.0)
    monkeypatch.setattr(answer_log, "PAUSE", 0.01)
    find, all_ask = FrozenAnswer.find, threading.Barrier(4)

    def find_none(self: FrozenAnswer) -> Any:
        found = yield from find(self)
        if found is None:
            all_ask.wait(10)
        return found

    monkeypatch.setattr(FrozenAnswer, "find", find_none)
    answers: list[Answer] = []
    with FeatureClient.connect(deployment, timeout=10) as client:

        def ask() -> None:
            answers.append(client.get("play_ranking", request_id="logged once", **ASKED))

        threads = [threading.Thread(target=ask) for _ in range(4)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    take_in(redis, "arcade", "play_ranking_v3", tmp_path)
    logged = [answers_in(tmp_path, name) for name in names(tmp_path)]
    (table,) = logged
    assert len(answers) == 4
    assert table["request_row"].to_pylist() == [0, 1, 2, 3]
    assert set(table["asked_at"].to_pylist()) == {answer.at for answer in answers}


def test_a_feature_that_is_redefined_freezes_anew(
    client: FeatureClient, deployment: Deployment, tmp_path: Path
) -> None:
    first = client.get("play_ranking", request_id="r1", **ASKED)
    changed = redefined(deployment, tmp_path, 'on_phone: bool = device == "phone"',
                        'on_phone: bool = device != "phone"')  # fmt: skip
    with FeatureClient.connect(changed, timeout=10) as other:
        again = other.get("play_ranking", request_id="r1", **ASKED)
    name = "play_request.on_phone"
    assert again[name].tolist() == (~first[name].astype(bool)).tolist()
    # What the service does not serve says nothing of its values.
    beside = redefined(
        deployment, tmp_path, "features=[StudioProfile]", "features=[]+[StudioProfile]"
    )
    with FeatureClient.connect(beside, timeout=10) as other:
        assert same(other.get("play_ranking", request_id="r1", **ASKED), first)


def test_what_is_frozen_ends_and_is_damaged_like_all_else(
    client: FeatureClient, redis: Redis
) -> None:
    store: Any = redis
    first = client.get("play_ranking", request_id="r1", **ASKED)
    (name,) = store.keys(f"{frozen_prefix('arcade')}*")
    assert 0 < store.pttl(name) <= 60_000
    whole = store.get(name)
    places = (0, 20, 35, 50, len(whole) // 2, len(whole) - 1)
    flipped = [whole[:at] + bytes([whole[at] ^ 4]) + whole[at + 1 :] for at in places]
    for value in (*flipped, whole[:40], whole[:16], b"", whole + b"x"):
        store.set(name, value)
        answer = client.get("play_ranking", request_id="r1", **ASKED)
        assert answer.at > first.at
        assert "play_ranking_v3: this answer is not frozen (what was frozen is damaged" in str(
            answer.errors
        )
    store.delete(name)
    assert client.get("play_ranking", request_id="r1", **ASKED).at > first.at
    assert remove_frozen(redis, "arcade") == 1


def test_a_store_that_is_gone_costs_no_answer(deployment: Deployment, published: datetime) -> None:
    with FeatureClient.connect(deployment, timeout=0.3) as client:
        first = client.get("play_ranking", request_id="r1", **ASKED)
        assert not first.errors
        _, server = open_store(deployment)
        assert server is None
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(client._serving._live, "error", "the store is gone")
            patch.setattr(client._serving._live, "_until", float("inf"))
            answer = client.get("play_ranking", request_id="r1", **ASKED)
            # The first that asks once it may be back finds it, and what was frozen.
            patch.setattr(client._serving._live, "_until", 0.0)
            again = client.get("play_ranking", request_id="r1", **ASKED)
        assert "this answer is not frozen (the store is gone)" in " ".join(answer.errors)
        assert same(first, again)
        assert not again.errors
        assert same(first, client.get("play_ranking", request_id="r1", **ASKED))


def test_a_wrong_time_is_refused() -> None:
    with pytest.raises(DefinitionError, match="frozen: 'soon' is not a duration"):
        arcade.like_play_ranking(frozen="soon")
