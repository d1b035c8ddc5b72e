"""Experiments over HTTP: each unit has its arm, of its own service; exposures are logged."""

import json
import time
from collections.abc import Iterator
from dataclasses import replace
from datetime import datetime
from pathlib import Path
from typing import Any

import jsonschema
import pyarrow as pa
import pytest
import urllib3
from redis import Redis

from slate.assets import answer_files
from slate.assets.answer_files import take_in
from slate.deployment import Deployment
from slate.exposures import exposure_schema, log_name
from slate.online import RemoteClient
from slate.online.http.access import Access, new_key
from slate.online.http.application import Application
from slate.online.serving import answer_log
from slate.online.store import logged_entries
from tests.online.http.experimental import EXPERIMENT
from tests.online.http.in_process import serving
from tests.online.http.test_rankings import GAMES, post

MODULE = "tests.online.http.experimental"
ARMS = {
    "cheap": ["chess", "go", "nothing", "tag"],
    "dear": ["nothing", "tag", "go", "chess"],
    None: ["chess", "go", "nothing", "tag"],
}
PLAYERS = range(1, 25)


@pytest.fixture
def market(deployment: Deployment, monkeypatch: pytest.MonkeyPatch) -> Deployment:
    monkeypatch.setattr(answer_log, "PAUSE", 0.01)
    return replace(deployment, definitions=MODULE, rankings=MODULE)


@pytest.fixture
def address(market: Deployment, published: datetime) -> Iterator[str]:
    with serving(Application(market)) as found:
        yield found


def arm_of(player: int) -> str | None:
    arm = EXPERIMENT.arm(player)
    return None if arm is None else arm.name


def exposures(redis: Redis, folder: Path) -> list[dict[str, Any]]:
    """All that are taken in, once the server has ended."""
    take_in(redis, "arcade", log_name(EXPERIMENT), folder)
    found = [answer_files.answers_in(folder, name) for name in answer_files.names(folder)]
    return pa.concat_tables(found).to_pylist() if found else []


def test_each_unit_has_its_arm_and_every_exposure_is_logged(
    market: Deployment, published: datetime, redis: Redis, tmp_path: Path
) -> None:
    told = {}
    with (
        serving(Application(market)) as address,
        RemoteClient.connect(address, timeout=10) as client,
    ):
        for player in PLAYERS:
            named = f"r{player}" if player % 2 else ""
            asked: dict[str, Any] = {"player_id": str(player) if player % 3 else player}
            found = client.rank(
                "games", published, limit=3, request_id=named, game_id=GAMES, **asked
            )
            told[player] = found
            assert found.arm == arm_of(player)
            assert found.experiment == (found.arm and "cheap_or_dear")
            assert [row["game_id"] for row in found.rows] == ARMS[found.arm][:3]
            assert found.service == f"play_ranking_v{4 if found.arm == 'dear' else 3}"
            assert found.request_id == named or (found.arm and not named)
        plain = client.rank("cheapest", published, player_id=1, game_id=GAMES)
        assert (plain.experiment, plain.arm) == (None, None)
    assert {found.arm for found in told.values()} == ARMS.keys()
    rows = {row["player_id"]: row for row in exposures(redis, tmp_path / "log")}
    assert rows.keys() == {player for player in PLAYERS if arm_of(player)}
    for player, row in rows.items():
        found = told[player]
        assert found.request_id, "also where the request has none"
        assert {name: row[name] for name in ("request_id", "asked_at", "arm", "service")} == {
            "request_id": found.request_id,
            "asked_at": found.at,
            "arm": found.arm,
            "service": found.service,
        }
        assert row["model"] == found.model
        assert row["game_id"] == ARMS[found.arm][:3], "what was told, in order"
        assert row["stored_at"]
    service = market.registry.services["play_ranking_v4"]
    assert [*exposure_schema(EXPERIMENT, service).names, "stored_at"] == list(row)


def test_one_request_does_for_all_arms(address: str, published: datetime) -> None:
    """An input that only one version takes in is no error of the other's."""
    url = f"{address}/v1/rankings/games"
    body = {"at": published.isoformat(), "game_id": GAMES, "device": "phone"}
    for arm in ARMS:
        player = next(one for one in PLAYERS if arm_of(one) == arm)
        status, told = post(url, body | {"player_id": player})
        assert (status, told["arm"]) == (200, arm)
        status, told = post(url, body | {"player_id": player, "colour": "red"})
        assert (status, "has no 'colour'" in told["error"]) == (400, True)


def test_values_are_frozen_for_an_arm_too(
    market: Deployment, published: datetime, redis: Redis, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Asked again with its id, a request is answered as of the same instant."""
    for service in market.registry.services.values():
        monkeypatch.setattr(service, "frozen_us", 60_000_000)
    player = next(one for one in PLAYERS if arm_of(one) == "dear")
    with (
        serving(Application(market)) as address,
        RemoteClient.connect(address, timeout=10) as client,
    ):
        one, again, other = (
            client.rank("games", request_id=named, player_id=player, game_id=GAMES)
            for named in ("r1", "r1", "r2")
        )
    assert (one.at, one.rows, one.arm) == (again.at, again.rows, again.arm)
    assert other.at > one.at


def test_a_request_names_one_unit(address: str, published: datetime) -> None:
    several = "is an experiment by player_id: name one"
    for brought, said in (
        ({}, "needs player_id=..."),
        ({"player_id": [1, 2, 1, 1]}, several),
        ({"player_id": None}, several),
        ({"player_id": []}, several),
        ({"player_id": "Ann"}, "player_id is 'Ann', which is no key of its type"),
        ({"player_id": {"a": 1}}, "player_id"),
    ):
        body = {"game_id": GAMES, **brought}
        status, told = post(f"{address}/v1/rankings/games", body)
        assert (status, said in told["error"]) == (400, True), told


def counted(address: str) -> dict[str, float]:
    """What the server tells Prometheus."""
    text = urllib3.request("GET", f"{address}/metrics").data.decode()
    lines = (line.rpartition(" ") for line in text.splitlines() if not line.startswith("#"))
    return {name: float(number) for name, _, number in lines}


def test_what_finds_no_room_is_counted_and_answered(
    market: Deployment, published: datetime, redis: Redis, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(logged_entries, "ROOM_OF_EXPOSURES", 0)
    player = next(one for one in PLAYERS if arm_of(one))
    with (
        serving(Application(market)) as address,
        RemoteClient.connect(address, timeout=10) as client,
    ):
        arm = client.rank("games", published, player_id=player, game_id=GAMES).arm
        told = counted(address)
        counter = f'slate_serve_exposures_total{{arm="{arm}",experiment="cheap_or_dear"}}'
        assert told[counter] > 0
        lost = 'slate_serve_not_logged_total{lacked="room"}'
        deadline = time.monotonic() + 10
        while not told.get(lost):
            assert time.monotonic() < deadline
            told = counted(address)
    assert logged_entries.dropped(redis, "arcade", log_name(EXPERIMENT)) == 1
    assert logged_entries.waiting(redis, "arcade", log_name(EXPERIMENT), 9) == []


def test_the_interface_tells_of_arms(address: str, published: datetime) -> None:
    listed = json.loads(urllib3.request("GET", f"{address}/v1/rankings").data)["rankings"]
    assert listed["games"] == {
        "service": "play_ranking_v3",
        "experiment": {
            "name": "cheap_or_dear",
            "by": "player_id",
            "arms": {
                "cheap": {"service": "play_ranking_v3", "share": 0.4},
                "dear": {"service": "play_ranking_v4", "share": 0.4},
            },
        },
    }
    document = json.loads(urllib3.request("GET", f"{address}/openapi.json").data)
    responses = document["paths"]["/v1/rankings/games"]["post"]["responses"]
    schema = responses["200"]["content"]["application/json"]["schema"]
    schema |= {"components": document["components"]}
    for player in PLAYERS:
        body = {"at": published.isoformat(), "player_id": player, "game_id": GAMES}
        jsonschema.validate(post(f"{address}/v1/rankings/games", body)[1], schema)


def test_a_key_has_to_be_for_all_arms(
    market: Deployment, published: datetime, tmp_path: Path
) -> None:
    keys = tmp_path / "keys"
    both = new_key(keys, "both", ["play_ranking"], market.registry)
    one = new_key(keys, "one", ["play_ranking_v3"], market.registry)
    body = {"at": published.isoformat(), "game_id": GAMES}
    with serving(Application(market, Access(keys))) as address:
        for player in PLAYERS:
            asked = body | {"player_id": player}
            found = [
                post(f"{address}/v1/rankings/games", asked, authorization=f"Bearer {key}")
                for key in (both, one)
            ]
            assert [status for status, _ in found] == [200, 403], "whatever the arm"
        assert "is not for play_ranking_v4" in found[1][1]["error"]
        listed = urllib3.request(
            "GET", f"{address}/v1/rankings", headers={"authorization": f"Bearer {one}"}
        )
        assert list(json.loads(listed.data)["rankings"]) == ["cheapest"]
