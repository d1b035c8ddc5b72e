"""Answers over HTTP are those of a client in the same process."""

import asyncio
import json
import math
import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta, timezone
from decimal import Decimal
from typing import Any

import jsonschema
import numpy as np
import pandas
import polars
import pyarrow as pa
import pytest

from slate.errors import RequestError
from slate.online import Answer, AsyncRemoteClient, FeatureClient, RemoteClient
from slate.online.http import bodies
from tests.online.http.conftest import Served
from tests.online.http.same_answers import (
    assert_same,
    assert_same_json,
    assert_same_stream,
    in_json,
)

GAMES = ["chess", "go", "tag", "nothing"]
LEFT = datetime(2026, 5, 1, 9, 30, 1, 250, tzinfo=UTC)
VISIT = {"game_id": GAMES, "word": "grüße", "whole": 2**62, "time": LEFT, "number": -0.0}


@pytest.fixture
def remote(served: Served, published: datetime) -> Iterator[RemoteClient]:
    # It asks anew what is live.
    served.await_ready()
    with RemoteClient.connect(served.address, timeout=20) as remote:
        yield remote


@pytest.mark.parametrize(
    ("service", "given"),
    [
        ("play_ranking", {"player_id": 1, "game_id": GAMES}),
        ("play_ranking_v3", {"player_id": 1, "game_id": "go", "device": "phone", "budget": 60}),
        ("play_ranking", {"player_id": [1, 2, 1, 9], "game_id": ["go", "go", "chess", "go"]}),
        ("play_ranking", {"player_id": 2, "game_id": ["chess", "go"] * 1_000}),
        ("play_ranking", {"player_id": 1, "game_id": [], "budget": []}),
        ("play_ranking", {"player_id": "1", "game_id": ["go", 7, None][:2]}),
        ("play_ranking", {"player_id": np.int64(1), "game_id": np.array(GAMES)}),
        ("play_ranking", {"player_id": [Decimal(1), Decimal("2.0")], "game_id": "go"}),
        ("play_ranking", {"player_id": 1, "game_id": pandas.Series(GAMES, dtype="category")}),
        ("play_ranking", {"player_id": polars.Series([1, 2]), "game_id": pa.array(GAMES[:2])}),
        ("play_ranking", {"player_id": 1, "game_id": GAMES, "budget": [1, 2.5, None, math.inf]}),
        ("studio_page", {"studio_id": [10, -(2**63), 2**63 - 1]}),
        ("visit", VISIT),
        ("visit", VISIT | {"word": ["", "\0", "語", None], "truth": [True, None, False, True]}),
        ("visit", VISIT | {"time": LEFT.replace(tzinfo=None), "number": math.nan, "truth": True}),
        ("visit", VISIT | {"time": np.array([LEFT.replace(tzinfo=None)] * 4, "M8[ms]")}),
        ("visit", VISIT | {"time": [LEFT.astimezone(timezone(timedelta(hours=9)))] * 4}),
        ("visit", VISIT | {"time": pandas.Series([LEFT] * 4)}),
        ("visit", VISIT | {"time": pa.array([LEFT] * 4, pa.timestamp("s", "Z"))}),
        ("visit", VISIT | {"time": pa.scalar(LEFT, pa.timestamp("ns", "nowhere"))}),
        ("visit", VISIT | {"game_id": []}),
    ],
)
def test_a_remote_answer_is_the_same(
    remote: RemoteClient,
    client: FeatureClient,
    published: datetime,
    service: str,
    given: dict[str, Any],
) -> None:
    at = published + timedelta(hours=1, microseconds=1)
    assert_same(remote.get(service, at, **given), client.get(service, at, **given))


def test_the_instant_asked_about(
    remote: RemoteClient, client: FeatureClient, published: datetime
) -> None:
    for at in (published, published.replace(tzinfo=None), np.datetime64("2026-03-01T21:07")):
        given = {"player_id": 1, "game_id": GAMES}
        assert_same(
            remote.get("play_ranking", at, **given), client.get("play_ranking", at, **given)
        )
    now = remote.get("studio_page", studio_id=10).at
    assert abs((now - datetime.now(UTC)).total_seconds()) < 20


def test_a_view_that_is_near_is_the_same(
    remote: RemoteClient, client: FeatureClient, published: datetime
) -> None:
    assert client.wait_until_near(20)
    deadline = time.monotonic() + 20
    found = remote.get("visit", **VISIT)
    # It takes the server a moment to load what was just published.
    while not found.states["lately"].behind:
        assert time.monotonic() < deadline
        found = remote.get("visit", **VISIT)
    wanted = client.get("visit", **VISIT)
    assert found["lately.plays_1h"].tolist() == wanted["lately.plays_1h"].tolist()
    assert found.states["lately"].behind < 10
    assert found.states["lists"].behind == 0


def test_candidates_come_with_their_keys(remote: RemoteClient, served: Served) -> None:
    """Of those that were published nobody has played any for an hour."""
    found = remote.get("visit", time=LEFT)
    deadline = time.monotonic() + 20
    while not found.rows:
        assert "lately: its rows are not in this process" in found.errors[0]
        assert time.monotonic() < deadline
        found = remote.get("visit", time=LEFT)
    assert sorted(found.keys["game_id"]) == ["chess", "go"]
    assert found["lately.plays_1h"].tolist() == [0, 0]
    asked = {"time": LEFT.isoformat()}
    told = served.service("visit", **asked).json
    assert told["keys"] == found.keys
    # How many there are counts, though no request has told it.
    requests = [asked | {"game_id": ["go"] * 2_998}, asked, asked]
    response = served.service("visit", requests=requests)
    assert (response.status, response.error[:26]) == (400, "3,002 rows in one request,")


@pytest.mark.parametrize(
    ("service", "given"),
    [
        ("play_ranking", {"player_id": 1}),
        ("play_ranking", {"player_id": 1, "game": "go"}),
        ("play_ranking", {"player_id": "one", "game_id": "go"}),
        ("play_ranking", {"player_id": True, "game_id": "go"}),
        ("play_ranking", {"player_id": [1, None], "game_id": "go"}),
        ("play_ranking", {"player_id": [1, 2, 3], "game_id": ["go"]}),
        ("play_ranking", {"player_id": 2**64, "game_id": "go"}),
        ("play_ranking", {"player_id": 1, "game_id": "go" * 2_000}),
        ("play_ranking", {"player_id": 1, "game_id": "\ud800"}),
        ("play_ranking", {"player_id": 1, "game_id": "go", "device": "tv"}),
        ("play_ranking", {"player_id": 1, "game_id": "go", "budget": [[1]]}),
        ("play_ranking", {"player_id": 1, "game_id": "go", "budget": 10**400}),
        ("play_ranking", {"player_id": 1, "game_id": {"go"}}),
        ("play_rank", {"player_id": 1, "game_id": "go"}),
        ("../metrics", {"player_id": 1}),
        ("visit", VISIT | {"time": None}),
        ("visit", {}),
    ],
)
def test_a_wrong_request_is_refused_in_the_same_words(
    remote: RemoteClient, client: FeatureClient, service: Any, given: dict[str, Any]
) -> None:
    with pytest.raises(RequestError) as wanted:
        client.get(service, **given)
    with pytest.raises(RequestError) as found:
        remote.get(service, **given)
    assert str(found.value) == str(wanted.value)


def test_an_instant_before_what_is_published(
    remote: RemoteClient, client: FeatureClient, published: datetime
) -> None:
    at = published - timedelta(microseconds=1)
    for one in (remote, client):
        with pytest.raises(RequestError, match="is published as of 2026-03-01 12:00:00"):
            one.get("studio_page", at, studio_id=10)
        with pytest.raises(RequestError, match="at='noon' is not an instant"):
            one.get("studio_page", "noon", studio_id=10)  # type: ignore[arg-type]


def test_what_is_not_published_is_told(
    served: Served, client: FeatureClient, redis: object
) -> None:
    served.await_ready()
    with RemoteClient.connect(served.address, timeout=20) as remote:
        at = datetime(2026, 3, 1, tzinfo=UTC)
        found, wanted = (one.get("studio_page", at, studio_id=10) for one in (remote, client))
    assert "nothing is published" in found.errors[0]
    assert_same(found, wanted)


@pytest.mark.parametrize(
    ("service", "given"),
    [
        ("play_ranking", {"player_id": 1, "game_id": GAMES}),
        ("play_ranking", {"player_id": 1, "game_id": []}),
        ("play_ranking", {"player_id": "1", "game_id": "go", "budget": 2.5}),
        ("visit", VISIT),
        ("visit", VISIT | {"word": [None, "a", "b", "c"], "time": [LEFT] * 4}),
    ],
)
def test_json_has_the_same_values(
    served: Served,
    remote: RemoteClient,
    client: FeatureClient,
    published: datetime,
    service: str,
    given: dict[str, Any],
) -> None:
    wanted = client.get(service, published, **given)
    sent = {name: in_json(value) for name, value in given.items()}
    response = served.service(service, at=published.isoformat(), **sent)
    assert response.status == 200
    assert response.headers["content-type"] == bodies.JSON
    path = f"/v1/services/{service}?states=rows"
    by_row = served.ask(path, {"at": published.isoformat(), **sent}).json
    assert_same_json(by_row, wanted)
    for told in by_row["states"].values():
        del told["state"], told["age"]
    assert response.json == by_row


def test_requests_have_ids(served: Served, remote: RemoteClient) -> None:
    asked = {"studio_id": 10}
    assert remote.get("studio_page", request_id="r 1", **asked).request_id == "r 1"
    assert remote.within(5).get("studio_page", request_id="r2", **asked).request_id == "r2"
    many = served.ask(
        "/v1/services/studio_page", {"requests": [asked, asked]}, **{"X-Request-Id": "r3"}
    )
    assert [answer["request_id"] for answer in many.json["answers"]] == ["r3.0", "r3.1"]
    wrong = served.ask("/v1/services/studio_page", asked, **{"X-Request-Id": "x" * 129})
    assert (wrong.status, wrong.error[:11]) == (400, "request_id=")
    with pytest.raises(RequestError, match="give a text of printable ASCII"):
        remote.get("studio_page", request_id="ö", **asked)


def test_several_requests_in_one_body(
    served: Served, remote: RemoteClient, client: FeatureClient, published: datetime
) -> None:
    at = published.isoformat()
    requests = [{"at": at, "player_id": player, "game_id": GAMES[:player]} for player in (1, 2, 3)]
    response = served.service("play_ranking", requests=requests)
    (answers,) = response.json.values()
    assert [answer["rows"] for answer in answers] == [1, 2, 3]
    for request, answer in zip(requests, answers, strict=True):
        assert answer == served.service("play_ranking", **request).json
    assert served.service("play_ranking", requests=[]).json == {"answers": []}


@pytest.mark.parametrize(
    ("service", "given"),
    [
        ("play_ranking", {"player_id": 1, "game_id": GAMES}),
        ("play_ranking", {"player_id": [1], "game_id": "go", "budget": [None], "device": None}),
        ("play_ranking", {"requests": [{"player_id": 1, "game_id": []}]}),
        ("visit", {"time": LEFT.isoformat(), "word": None, "number": math.nan}),
    ],
)
def test_the_interface_describes_what_is_said(
    served: Served, remote: RemoteClient, service: str, given: dict[str, Any]
) -> None:
    told = served.ask("/openapi.json").json
    described = told["paths"][f"/v1/services/{service}"]["post"]

    def require(content: Any, value: Any) -> None:
        schema = content["content"][bodies.JSON]["schema"]
        jsonschema.Draft202012Validator({**told, **schema}).validate(value)

    require(described["requestBody"], json.loads(json.dumps(given).replace("NaN", "null")))
    for query in ("", "?states=rows"):
        response = served.ask(f"/v1/services/{service}{query}", given)
        require(described["responses"]["200"], response.json)
    refused = served.service(service, nothing=1)
    require(described["responses"]["400"], refused.json)
    with pytest.raises(jsonschema.ValidationError):
        require(described["requestBody"], {**given, "nothing": 1})


def test_a_plain_table_is_a_request_too(
    served: Served, remote: RemoteClient, client: FeatureClient, published: datetime
) -> None:
    given = {"player_id": [1, 2, 1, 9], "game_id": GAMES}
    table = pa.table(given).replace_schema_metadata({"at": published.isoformat()})
    stream = pa.BufferOutputStream()
    with pa.ipc.new_stream(stream, table.schema) as writer:
        writer.write_table(table, max_chunksize=3)
    response = served.ask(
        "/v1/services/play_ranking?states=rows",
        stream.getvalue().to_pybytes(),
        content_type=bodies.ARROW,
        accept=bodies.ARROW,
    )
    assert response.headers["content-type"] == bodies.ARROW
    wanted = client.get("play_ranking", published, **given)
    assert_same_stream(response.body, wanted)
    assert wanted.states["player_profile"].counts["stale"] == 1


@pytest.mark.parametrize("coding", ["gzip", "zstd"])
def test_bodies_may_be_packed(
    served: Served, remote: RemoteClient, published: datetime, coding: str
) -> None:
    request = {"at": published.isoformat(), "player_id": 1, "game_id": GAMES * 50}
    plain = served.service("play_ranking", **request)
    body = pa.Codec(coding).compress(json.dumps(request).encode(), asbytes=True)
    packed = served.ask(
        "/v1/services/play_ranking",
        body,
        content_type=bodies.JSON,
        content_encoding=coding,
        accept_encoding=coding,
    )
    assert packed.headers["content-encoding"] == coding
    with pa.CompressedInputStream(pa.BufferReader(packed.body), coding) as stream:
        # Of gzip it is what tests ask with that unpacks.
        unpacked = packed.body if coding == "gzip" else stream.read()
    assert json.loads(unpacked) == plain.json
    assert "content-encoding" not in plain.headers


def test_asynchronous_answers_are_the_same(
    served: Served, remote: RemoteClient, client: FeatureClient, published: datetime
) -> None:
    async def many() -> list[Answer]:
        async with AsyncRemoteClient.connect(served.address, timeout=20) as asynchronous:
            with pytest.raises(RequestError, match="play_ranking needs game_id"):
                await asynchronous.get("play_ranking", player_id=1)
            return await asyncio.gather(
                *(
                    asynchronous.get("play_ranking", published, player_id=n, game_id=GAMES)
                    for n in range(20)
                )
            )

    for player, found in enumerate(asyncio.run(many())):
        wanted = client.get("play_ranking", published, player_id=player, game_id=GAMES)
        assert found.to_arrow().equals(wanted.to_arrow())
