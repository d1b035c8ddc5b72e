from collections.abc import Iterator
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from redis import Redis

from slate.deployment import Deployment
from slate.online import FeatureClient, Publisher, Rows
from slate.online.store.connections import Connections
from slate.online.store.embedded_server import EmbeddedServer
from slate.online.store.redis_client import connect
from slate.views import FeatureView
from tests.online import arcade
from tests.online.tables import AS_OF, Event, attribute_rows, window_rows

HOUR = timedelta(hours=1)


@pytest.fixture(scope="session")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[EmbeddedServer]:
    with EmbeddedServer.attach(tmp_path_factory.mktemp("redis")) as server:
        yield server


@pytest.fixture
def redis(server: EmbeddedServer) -> Iterator[Redis]:
    with connect(server.address) as redis:
        redis.flushall()
        yield redis


@pytest.fixture
def connections(server: EmbeddedServer) -> Iterator[Connections]:
    connections = Connections.to(server.address, timeout=5)
    yield connections
    connections.close()


@pytest.fixture
def deployment(server: EmbeddedServer, redis: Redis, tmp_path: Path) -> Deployment:
    return Deployment(
        name="arcade",
        definitions="tests.online.arcade",
        root=Path(__file__).parents[2],
        dbt_project=tmp_path,
        data=tmp_path,
        redis=server.address,
    )


@pytest.fixture
def publisher(redis: Redis) -> Publisher:
    return Publisher(redis, "arcade")


@pytest.fixture
def client(deployment: Deployment) -> Iterator[FeatureClient]:
    """A client that asks anew with every request which generations are live."""
    with FeatureClient.connect(deployment, timeout=5, refresh=0) as client:
        yield client


def play(number: int, back: timedelta, **given: Any) -> Event:
    event = {
        "id": f"e{number}",
        "number": number,
        "event_ts": AS_OF - back,
        "received_at": AS_OF - timedelta(microseconds=1),
        "player_id": 1,
        "game_id": "chess",
        "studio_id": 10,
        "genre": "board",
        "mode": "ranked",
        "score": number,
        "seconds": float(number),
        "note": f"note {number}",
        "won": True,
        "ended_at": AS_OF,
    }
    return {**event, **given}


PLAYS = [
    play(1, HOUR * 30),
    play(2, HOUR * 3),
    play(3, timedelta(minutes=20)),
    play(4, timedelta(seconds=20), game_id="go", studio_id=20),
    play(5, timedelta(minutes=2), player_id=2, game_id="go", studio_id=20),
]
RELEASED = AS_OF - timedelta(days=100)
ATTRIBUTES: dict[type[FeatureView], list[dict[str, Any]]] = {
    arcade.GameCatalog: [
        {"game_id": "chess", "studio_id": 10, "genre": "board", "title": "Chess", "price": 5.0},
        {"game_id": "go", "studio_id": 20, "genre": "board", "title": "Go", "price": 50.0},
        {"game_id": "tag", "studio_id": 30, "title": "Ann", "players": 9, "free": False},
    ],
    arcade.PlayerProfile: [
        {"player_id": 1, "nickname": "Ann", "level": 12},
        {"player_id": 2, "nickname": "Bob", "event_ts": AS_OF - timedelta(days=31)},
    ],
    arcade.StudioProfile: [
        {"studio_id": 10, "country": "no"},
        {"studio_id": 20, "country": "jp"},
    ],
}


def arcade_rows(view: type[FeatureView]) -> Rows:
    if view.windowed:
        return window_rows(view, PLAYS)
    given = {"event_ts": AS_OF - HOUR, "released_at": RELEASED}
    return attribute_rows(view, [given | row for row in ATTRIBUTES[view]])


@pytest.fixture
def published(deployment: Deployment, publisher: Publisher) -> datetime:
    """The arcade's views, all published; the instant that they are published as of."""
    for view in deployment.registry.views.values():
        publisher.publish(view, [arcade_rows(view)], AS_OF)
    return AS_OF
