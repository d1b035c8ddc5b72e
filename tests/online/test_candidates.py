"""Requests that name no candidates: they are answered for a set of keys that the process knows."""

from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pytest
from redis import Redis

from slate.deployment import Deployment, load
from slate.errors import RequestError
from slate.online import Answer, FeatureClient, Publisher
from slate.online.near.slot_states import SlotStates
from slate.online.rows.instants import microseconds
from slate.online.serving import request_instants
from slate.online.serving.live_services import Serving
from slate.online.serving.request_instants import SKEW
from slate.online.store.cluster_connections import connections_to
from slate.online.store.generations import GenerationNames
from tests.online.tables import attribute_rows
from tests.parity.near import NearPath

ROOT = Path(__file__).parents[2]
NOON = datetime(2026, 3, 1, 12, tzinfo=UTC)
STATUSES = {"s1": "live", "s2": "ended", "s3": "live", "s4": "scheduled"}


@pytest.fixture
def market(deployment: Deployment) -> Deployment:
    """The demonstration, in the tests' store."""
    return replace(load(ROOT / "slate.toml"), redis=deployment.redis, data=deployment.data)


@pytest.fixture
def near(market: Deployment) -> Iterator[NearPath]:
    path = NearPath(market, market.redis)
    yield path
    path.close()


def publish(market: Deployment, statuses: dict[str, str]) -> str:
    view = market.registry.views["show_catalog"]
    rows = [
        {"show_id": show, "status": status, "event_ts": NOON, "start_price": 1.0}
        for show, status in statuses.items()
    ]
    with Publisher.connect(market) as publisher:
        return publisher.publish(view, [attribute_rows(view, rows)], NOON).name


def test_a_request_without_shows_is_answered_for_those_that_are_live(
    market: Deployment, near: NearPath
) -> None:
    publish(market, STATUSES)
    answer = near.get("feed_ranking", NOON, {"viewer_id": "v"})
    assert sorted(answer.keys["show_id"]) == ["s1", "s3"]
    assert answer["show_catalog.status"].tolist() == ["live", "live"]
    assert answer.keys["viewer_id"] == ["v"]
    again = near.get("feed_ranking", NOON, {"viewer_id": "w"})
    assert again.keys["show_id"] == answer.keys["show_id"]
    named = near.get("feed_ranking", NOON, {"viewer_id": "v", "show_id": answer.keys["show_id"]})
    assert named.to_dicts() == answer.to_dicts()
    publish(market, STATUSES | {"s2": "live", "s3": "ended", "s5": "live"})
    answer = near.get("feed_ranking", NOON, {"viewer_id": "v"})
    assert sorted(answer.keys["show_id"]) == ["s1", "s2", "s5"]


def test_an_answer_is_of_one_moment_whoever_is_told_of_a_publish_first(
    market: Deployment, near: NearPath, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its candidates, and what is said of them."""
    patient = Serving(market.registry, market.name, refresh=3_600, near=near.near)
    connections = connections_to(market.redis, 5)

    def ask() -> Answer:
        answer = connections.run(patient.lookup("feed_ranking", NOON, {"viewer_id": "v"}))
        assert set(answer["show_catalog.status"]) == {"live"}
        assert not [error for error in answer.errors if error.startswith("show_catalog")]
        return answer

    publish(market, STATUSES)
    near.step()
    assert sorted(ask().keys["show_id"]) == ["s1", "s3"]
    # Near views are, and requests would believe for an hour what they were told.
    publish(market, STATUSES | {"s2": "live", "s3": "ended"})
    near.step()
    assert sorted(ask().keys["show_id"]) == ["s1", "s2"]
    # Requests are, and near views have not loaded it yet.
    publish(market, STATUSES | {"s1": "ended", "s3": "live"})
    patient._live._until = 0.0
    with monkeypatch.context() as patched:
        keeper = near.keeper_of("show_catalog")
        patched.setattr(keeper, "_load", lambda until: True)
        keeper.step()
        assert sorted(ask().keys["show_id"]) == ["s1", "s2"]
    near.step()
    assert sorted(ask().keys["show_id"]) == ["s3"]
    connections.close()


def test_candidates_that_are_named_are_those_that_are_answered(
    market: Deployment, near: NearPath
) -> None:
    publish(market, STATUSES)
    answer = near.get("feed_ranking", NOON, {"viewer_id": "v", "show_id": ["s2", "none"]})
    assert answer.keys["show_id"] == ["s2", "none"]


def test_of_now_a_set_is_as_of_the_events_that_its_rows_hold(
    market: Deployment, near: NearPath, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Those that hold one from after the instant cannot be told, and would be in no set."""
    publish(market, STATUSES)
    near.step()
    served = Serving(market.registry, market.name, refresh=3_600, near=near.near)
    connections = connections_to(market.redis, 5)
    now = microseconds(NOON) + 7_000_000
    monkeypatch.setattr(request_instants, "asked", lambda at: now)
    for streamed, at in ((now - 1, now), (now + 4, now + 4), (now + SKEW + 1, now + 4)):
        monkeypatch.setattr(SlotStates, "streamed_until", streamed)
        answer = connections.run(served.lookup("feed_ranking", None, {"viewer_id": "v"}))
        assert microseconds(answer.at) == at
        assert sorted(answer.keys["show_id"]) == ["s1", "s3"]
    connections.close()


def test_a_row_that_cannot_be_read_is_in_no_set(
    market: Deployment, near: NearPath, redis: Redis
) -> None:
    name = publish(market, STATUSES)
    redis.set(f"{GenerationNames(market.name, 'show_catalog').prefix(name)}{{s1}}", b"x" * 80)
    answer = near.get("feed_ranking", NOON, {"viewer_id": "v"})
    assert answer.keys["show_id"] == ["s3"]


def test_where_the_set_is_not_known_the_answer_says_so(market: Deployment, near: NearPath) -> None:
    answer = near.get("feed_ranking", NOON, {"viewer_id": "v"})
    assert answer.rows == 0
    assert "show_catalog: its rows are not in this process" in answer.errors[0]


def test_a_client_without_near_views_needs_the_key(market: Deployment) -> None:
    with (
        FeatureClient.connect(market, near=False) as client,
        pytest.raises(RequestError, match=r"feed_ranking needs show_id=.+ no near views"),
    ):
        client.get("feed_ranking", viewer_id="v")


def test_a_client_that_keeps_near_views_tells_the_set(market: Deployment) -> None:
    publish(market, STATUSES)
    with FeatureClient.connect(replace(market, clock=NOON)) as client:
        assert client.wait_until_near(20)
        answer = client.get("feed_ranking", viewer_id="v")
        assert sorted(answer.keys["show_id"]) == ["s1", "s3"]
        assert answer.states["show_catalog"].behind > 0
