"""A viewer's feed in one call of the server: candidates, features, model, the best of them."""

from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import pytest

from live_shopping.model.registry import feed_models, keep
from live_shopping.model.training import trained
from slate.deployment import Deployment
from slate.errors import StoreError
from slate.online import FeatureClient, RemoteClient
from slate.online.http.application import Application
from tests.model.conftest import Sets
from tests.model.conftest import sets as sets  # a fixture
from tests.online.http.in_process import serving
from tests.online.test_candidates import NOON, STATUSES, publish


@pytest.fixture
def market(sets: Sets, server: Any) -> Deployment:
    return replace(sets.deployment, redis=server.address, clock=NOON)


@pytest.fixture
def client(market: Deployment) -> Iterator[RemoteClient]:
    publish(market, STATUSES | {f"new{place}": "live" for place in range(9)})
    with (
        serving(Application(market)) as address,
        RemoteClient.connect(address, timeout=20) as client,
    ):
        yield client


def test_a_feed_is_ranked_once_a_model_is_promoted(
    client: RemoteClient, market: Deployment, sets: Sets
) -> None:
    with FeatureClient.connect(market) as near:
        assert near.wait_until_near(10)
    with pytest.raises(StoreError, match=r"feed cannot rank: no model is promoted in .*models"):
        client.rank("feed", viewer_id="v", show_id=["s1"])
    plan = market.registry.plan("feed_ranking_v1")
    keep(feed_models(market), trained(plan, sets.write(400)))
    feed = client.rank("feed", viewer_id="v", limit=5)
    assert (feed.candidates, len(feed.rows), feed.model) == (11, 5, "1")
    shows = {row["show_id"] for row in feed.rows}
    assert shows < {"s1", "s3", *(f"new{place}" for place in range(9))}
    scores = [row["score"] for row in feed.rows]
    assert scores == sorted(scores, reverse=True)
    # Where it names its candidates they are ranked, live ones first.
    named = client.rank("feed", viewer_id="v", show_id=["s2", "s1", "s4", "s3"])
    assert {row["show_id"] for row in named.rows[:2]} == {"s1", "s3"}
    one, again = (client.rank("feed", viewer_id="v", request_id="a") for _ in range(2))
    assert [row["show_id"] for row in one.rows] == [row["show_id"] for row in again.rows]
