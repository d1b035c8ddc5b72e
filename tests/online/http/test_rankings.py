"""Rankings over HTTP: a request's best candidates, in order, from one call."""

import asyncio
import json
from collections.abc import Iterator
from dataclasses import replace
from datetime import datetime
from pathlib import Path
from typing import Any

import jsonschema
import numpy as np
import pyarrow as pa
import pytest
import urllib3
from redis import Redis

from slate.deployment import Deployment
from slate.errors import ClosedError, ConfigurationError, RequestError, StoreError
from slate.online import AsyncRemoteClient, RemoteClient
from slate.online.http.access import Access, new_key
from slate.online.http.application import Application
from slate.online.http.bodies import ARROW
from slate.rankings import rankings
from tests.online.http.in_process import serving
from tests.online.http.ranked import SERVICE, TRY

GAMES = ["chess", "go", "nothing", "tag"]
MODULE = "tests.online.http.ranked"


@pytest.fixture
def ranked(deployment: Deployment) -> Deployment:
    return replace(deployment, rankings=MODULE)


@pytest.fixture
def address(ranked: Deployment, published: datetime) -> Iterator[str]:
    with serving(Application(ranked)) as found:
        yield found


@pytest.fixture
def client(address: str) -> Iterator[RemoteClient]:
    with RemoteClient.connect(address, timeout=10) as client:
        yield client


def post(address: str, body: Any, **headers: str) -> tuple[int, Any]:
    named = {"Content-Type": "application/json"} | {
        name.replace("_", "-"): value for name, value in headers.items()
    }
    found = urllib3.request("POST", address, body=json.dumps(body), headers=named, retries=False)
    return found.status, json.loads(found.data)


def test_the_best_of_a_request_in_their_order(client: RemoteClient, published: datetime) -> None:
    asked: dict[str, Any] = {"at": published, "player_id": 1, "game_id": GAMES}
    answer = client.get(SERVICE, **asked)
    prices = np.nan_to_num(answer["game_catalog.price"].astype(float), nan=1e9)
    expected = [GAMES[place] for place in np.argsort(prices, kind="stable")]
    found = client.rank("cheapest", request_id="r1", **asked)
    assert [row["game_id"] for row in found.rows] == expected
    assert [row["score"] for row in found.rows] == sorted(-prices, reverse=True)
    assert not any(row["explored"] for row in found.rows)
    assert (found.ranking, found.model, found.service) == ("cheapest", "cheap-1", SERVICE)
    assert (found.request_id, found.candidates, found.at) == ("r1", 4, answer.at)
    assert found.keys == {"player_id": [1]}
    assert found.errors == answer.errors
    assert (
        found.states["game_catalog"]["missing"] == answer.states["game_catalog"].counts["missing"]
    )
    assert found.seconds["features"] > 0
    few = client.rank("cheapest", limit=2, request_id=TRY, **asked)
    assert [row["game_id"] for row in few.rows] == [expected[0], expected[-1]]
    assert [row["explored"] for row in few.rows] == [False, True]
    assert few.candidates == 4


def test_a_single_candidate_leaves_the_request_its_keys(
    client: RemoteClient, published: datetime
) -> None:
    """Also where it is the only one of the service's candidates."""
    found = client.rank("cheapest", published, player_id=1, game_id=GAMES[:1])
    assert (found.keys["player_id"], found.rows[0]["game_id"]) == ([1], GAMES[0])
    none = client.rank("cheapest", published, player_id=1, game_id=[])
    assert (none.keys, none.rows) == ({"player_id": [1]}, [])
    # There is nothing to ask a model about, be it there or not.
    assert client.rank("untrained", published, player_id=1, game_id=[]).rows == []


def test_what_has_no_score_is_told(client: RemoteClient, published: datetime) -> None:
    found = client.rank("unsure", published, player_id=1, game_id=GAMES)
    assert [row["score"] for row in found.rows] == [1.0, None, None, None]
    assert "unsure: 2 of 4 candidates have no score" in found.errors[-1]
    assert "unsure: the scores of 1 of 4 candidates are infinite" in found.errors[-2]
    assert client.rank("unsure", published, player_id=1, game_id=GAMES[:1]).errors == ()


def test_tasks_are_told_the_same(client: RemoteClient, address: str, published: datetime) -> None:
    async def ask() -> Any:
        async with AsyncRemoteClient.connect(address, timeout=10) as tasks:
            return await tasks.rank("cheapest", published, player_id=1, game_id=GAMES)

    expected = client.rank("cheapest", published, player_id=1, game_id=GAMES)
    assert asyncio.run(ask()).rows == expected.rows


def test_a_ranking_may_have_a_deadline_of_its_own(
    client: RemoteClient, address: str, published: datetime, redis: Redis
) -> None:
    asked: dict[str, Any] = {"at": published, "player_id": 1, "game_id": GAMES}
    store: Any = redis

    async def ask() -> Any:
        async with AsyncRemoteClient.connect(address, timeout=10) as tasks:
            return await tasks.within(5).rank("cheapest", limit=2, **asked)

    expected = client.rank("cheapest", limit=2, **asked).rows
    assert client.within(5).rank("cheapest", limit=2, **asked).rows == expected
    assert asyncio.run(ask()).rows == expected
    store.client_pause(6_000)
    try:
        late = client.within(0.04).rank("cheapest", **asked)
    finally:
        store.client_unpause()
    assert any("has not answered within 0.0" in error for error in late.errors)


def test_a_closed_client_for_tasks_says_so(address: str) -> None:
    async def ask() -> None:
        tasks = AsyncRemoteClient.connect(address, timeout=10)
        await tasks.close()
        await tasks.rank("cheapest", player_id=1, game_id=GAMES)

    with pytest.raises(ClosedError):
        asyncio.run(ask())


def test_arrow_requests_are_ranked_and_refusals_say_why(address: str, published: datetime) -> None:
    base = f"{address}/v1/rankings"
    body = {"at": published.isoformat(), "player_id": 1, "game_id": GAMES}
    table = pa.table({"player_id": [1] * 4, "game_id": GAMES})
    sink = pa.BufferOutputStream()
    with pa.ipc.new_stream(sink, table.schema) as writer:
        writer.write_table(table)
    sent = urllib3.request(
        "POST",
        f"{base}/cheapest?limit=1",
        body=sink.getvalue().to_pybytes(),
        headers={"Content-Type": ARROW},
    )
    assert len(json.loads(sent.data)["ranked"]) == 1
    for path, given, headers, status, said in (
        ("cheap", body, {}, 404, "there is no ranking 'cheap': did you mean 'cheapest'?"),
        ("cheapest?limit=0", body, {}, 400, "limit is '0', and has to be a whole number from 1"),
        ("cheapest?limit=1e3", body, {}, 400, "limit is '1e3'"),
        ("cheapest", {"requests": [body]}, {}, 400, "a ranking is of one request"),
        ("cheapest", {"player_id": 1}, {}, 400, "needs game_id=..."),
        ("cheapest", body, {"accept": ARROW}, 406, "rankings are answered in JSON"),
        ("untrained", body, {}, 503, "untrained cannot rank: no model is promoted: train one"),
        ("outdated", body, {}, 503, "outdated cannot rank: play_ranking_v3 has no 'game_cata"),
        ("wrong", body, {}, 503, "wrong cannot rank: its model is 7: give the version as text"),
        ("nowhere", body, {}, 503, "nowhere cannot rank: Nowhere.order returns None, no Order"),
    ):
        found, told = post(f"{base}/{path}", given, **headers)
        assert (found, said in told["error"]) == (status, True), (path, told)
    listed = json.loads(urllib3.request("GET", base).data)
    assert listed == {
        "rankings": {
            n: {"service": SERVICE}
            for n in ("cheapest", "unsure", "untrained", "outdated", "wrong", "nowhere")
        }
    }
    metrics = urllib3.request("GET", f"{address}/metrics").data.decode()
    assert 'slate_serve_requests_total{service="cheapest",status="200"}' in metrics


def test_clients_have_the_errors_of_services(client: RemoteClient, published: datetime) -> None:
    with pytest.raises(RequestError, match="there is no ranking 'nearest'"):
        client.rank("nearest", player_id=1, game_id=GAMES)
    with pytest.raises(StoreError, match="no model is promoted"):
        client.rank("untrained", player_id=1, game_id=GAMES)
    with pytest.raises(RequestError, match="3 is not a name"):
        client.rank(3, player_id=1)  # type: ignore[arg-type]


def test_the_interface_says_what_is_answered(address: str, published: datetime) -> None:
    document = json.loads(urllib3.request("GET", f"{address}/openapi.json").data)
    post_ = document["paths"]["/v1/rankings/cheapest"]["post"]
    schemas = {"components": document["components"]}
    body = {"at": published.isoformat(), "player_id": 1, "game_id": GAMES}
    request = post_["requestBody"]["content"]["application/json"]["schema"]
    jsonschema.validate(body, request | schemas)
    _, found = post(f"{address}/v1/rankings/cheapest", body)
    answer = post_["responses"]["200"]["content"]["application/json"]["schema"]
    jsonschema.validate(found, answer | schemas)
    assert found["ranked"]
    del found["ranked"][0]["score"]
    with pytest.raises(jsonschema.ValidationError):
        jsonschema.validate(found, answer | schemas)


def test_a_key_ranks_what_it_may_ask_for(
    ranked: Deployment, published: datetime, tmp_path: Path
) -> None:
    keys = tmp_path / "keys"
    mine = new_key(keys, "mine", ["play_ranking"], ranked.registry)
    other = new_key(keys, "other", ["studio_page"], ranked.registry)
    body = {"at": published.isoformat(), "player_id": 1, "game_id": GAMES}
    with serving(Application(ranked, Access(keys))) as address:
        url = f"{address}/v1/rankings/cheapest"
        assert post(url, body)[0] == 401
        assert post(url, body, authorization=f"Bearer {mine}")[0] == 200
        assert post(url, body, authorization=f"Bearer {other}")[0] == 403
        status, told = post(f"{url}s", body, authorization=f"Bearer {other}")
        assert (status, "did you mean" in told["error"]) == (404, False), "no more is told"


def test_a_module_that_is_none_is_told(deployment: Deployment) -> None:
    assert rankings(deployment) == {}
    for module, said in (
        ("tests.nowhere", "the rankings 'tests.nowhere' cannot be imported"),
        ("tests.online.tables", "tests.online.tables has no function `rankings`"),
        ("live_shopping.model.rankings", "is of 'feed_ranking_v1', and there is no such service"),
    ):
        with pytest.raises(ConfigurationError, match=said):
            rankings(replace(deployment, rankings=module))
