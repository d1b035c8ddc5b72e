import time
from collections.abc import Iterator
from datetime import UTC, timedelta, timezone
from types import SimpleNamespace
from typing import Any

import pyarrow as pa
import pytest
from redis import Redis

from slate import FeatureView, Registry, feature
from slate.errors import DataError, StoreError
from slate.fingerprints import fingerprint
from slate.online import FeatureClient, Publisher, Rows
from slate.online.serving.live_services import Serving
from slate.online.store.connections import Connections
from slate.online.store.generations import GenerationNames, pointer_field, pointers
from tests.online import arcade
from tests.online.arcade import GameCatalog, PlayerGameHistory, Studio, StudioProfile
from tests.online.conftest import HOUR, arcade_rows
from tests.online.stream.effects import Effects, Killed
from tests.online.tables import AS_OF, attribute_rows, window_rows


def titled(title: str, number: int = 3) -> Rows:
    return attribute_rows(
        GameCatalog,
        [{"game_id": f"g{n}", "event_ts": AS_OF, "title": title} for n in range(number)],
    )


def names(redis: Redis) -> set[str]:
    return {key.decode() for key in redis.scan_iter()}


@pytest.fixture
def effects(monkeypatch: pytest.MonkeyPatch) -> Effects:
    return Effects(monkeypatch)


@pytest.fixture
def title(client: FeatureClient) -> Any:
    def ask(game: str = "g0") -> Any:
        answer = client.get("play_ranking", at=AS_OF + HOUR, player_id=1, game_id=game)
        return answer.to_dicts()[0]["game_catalog.title"]

    return ask


def test_a_publish_goes_live_and_keeps_the_one_before(
    redis: Redis, publisher: Publisher, title: Any
) -> None:
    published = []
    for number in range(4):
        progress: list[int] = []
        rows = [titled(f"title {number}"), Rows(titled("more").heads.slice(1, 0))]
        published.append(publisher.publish(GameCatalog, rows, AS_OF, progress.append))
        assert progress == [3]
        assert title() == f"title {number}"
    live = publisher.live(GameCatalog)
    assert live == published[-1]
    assert live.previous is not None
    assert live.previous.name == published[-2].name
    assert live.previous.previous is None
    assert (live.rows, live.keys, live.as_of) == (3, 3, AS_OF)
    assert live.name.startswith(f"{fingerprint(GameCatalog)}-20260301T120000-")
    prefix = f"arcade:game_catalog:{live.name}:"
    assert names(redis) == {
        "arcade:generations",
        "arcade:game_catalog:generations",
        *(
            f"arcade:game_catalog:{kept.name}:{rest}"
            for kept in published[-2:]
            for rest in ("keys", "whole", "{g0}", "{g1}", "{g2}")
        ),
    }
    assert live.size == sum(redis.strlen(prefix + f"{{g{n}}}") for n in range(3))


def test_an_instant_without_a_zone_is_utc(publisher: Publisher) -> None:
    zone = timezone(timedelta(hours=-5))
    for as_of in (AS_OF.replace(tzinfo=None), AS_OF.astimezone(zone)):
        live = publisher.publish(GameCatalog, [titled("a")], as_of)
        assert live == publisher.live(GameCatalog)
        assert (live.as_of, live.as_of.tzinfo) == (AS_OF, UTC)
        assert "-20260301T120000-" in live.name


def test_a_rollback_goes_to_what_is_older_and_forward_only_where_it_is_told(
    publisher: Publisher, title: Any
) -> None:
    with pytest.raises(StoreError, match="game_catalog cannot be rolled back: it was never pub"):
        publisher.rollback(GameCatalog)
    old = publisher.publish(GameCatalog, [titled("old")], AS_OF)
    with pytest.raises(StoreError, match="no other generation of it is kept"):
        publisher.rollback(GameCatalog)
    new = publisher.publish(GameCatalog, [titled("new")], AS_OF + HOUR)
    (moved,) = publisher.rollback(GameCatalog)
    assert (moved.view, moved.left, moved.live) == (
        "game_catalog",
        new,
        publisher.live(GameCatalog),
    )
    assert moved.live.name == old.name
    assert title() == "old"
    # Who is in a hurry may type it twice.
    with pytest.raises(StoreError, match=f"was published before .*: go forward .*--to {new.name}"):
        publisher.rollback(GameCatalog)
    with pytest.raises(StoreError, match="is live already"):
        publisher.rollback(GameCatalog, to=old.name)
    assert title() == "old"
    publisher.rollback(GameCatalog, to=new.name)
    assert title() == "new"


def test_a_publish_that_breaks_off_leaves_nothing(
    redis: Redis, publisher: Publisher, title: Any
) -> None:
    publisher.publish(GameCatalog, [titled("old")], AS_OF)
    before = names(redis)

    def broken() -> Iterator[Rows]:
        yield titled("half", 2_500)
        until = time.monotonic() + 10
        while len(names(redis) - before) < 2_501:
            assert time.monotonic() < until, "the first are written while the next are made"
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        publisher.publish(GameCatalog, broken(), AS_OF)
    assert names(redis) == before
    assert title() == "old"


def test_wrong_rows_leave_the_live_ones(publisher: Publisher, title: Any) -> None:
    publisher.publish(GameCatalog, [titled("old")], AS_OF)
    heads = titled("new").heads
    with pytest.raises(DataError, match="no column 'title'"):
        publisher.publish(GameCatalog, [Rows(heads.drop_columns("title"))], AS_OF)
    keyless = heads.set_column(0, "game_id", [[None, "a", "b"]])
    with pytest.raises(DataError, match="game_catalog: 1 rows have no game_id"):
        publisher.publish(GameCatalog, [Rows(keyless)], AS_OF)
    assert title() == "old"


def test_a_publish_that_another_overtook_gives_up(
    redis: Redis, publisher: Publisher, title: Any
) -> None:
    def rows() -> Iterator[Rows]:
        yield titled("slow", 50)
        publisher.publish(GameCatalog, [titled("quick")], AS_OF)
        yield Rows(titled("slow", 100).heads.slice(50))

    with pytest.raises(StoreError, match="a later publish began, and deleted this one"):
        publisher.publish(GameCatalog, rows(), AS_OF)
    assert title() == "quick"
    assert len([name for name in names(redis) if "{g" in name]) == 3


def test_clients_of_a_former_definition_are_served_meanwhile(
    redis: Redis, publisher: Publisher
) -> None:
    def defined(default: str) -> type[FeatureView]:
        class StudioProfile(FeatureView):
            entity, model = Studio, "studio_profile"
            country: str = feature(default=default)

        return StudioProfile

    def rows(view: type[FeatureView], country: str) -> list[Rows]:
        return [attribute_rows(view, [{"studio_id": 1, "event_ts": AS_OF, "country": country}])]

    old, new = defined("old default"), defined("new default")
    publisher.publish(old, rows(old, "a"), AS_OF)
    assert publisher.live(new) is None
    publisher.publish(new, rows(new, "b"), AS_OF)
    first = publisher.live(old)
    assert first is not None
    key = GenerationNames("arcade", old.name).prefix(first.name) + "{1}"
    assert redis.exists(key)
    publisher.publish(new, rows(new, "c"), AS_OF)
    assert publisher.live(old) is None
    assert not redis.exists(key)


@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
def test_a_view_that_is_no_longer_defined_goes_with_the_second_publish(
    redis: Redis, publisher: Publisher, effects: Effects
) -> None:
    """Wherever its removal is killed; while others still publish it, it stays."""
    registry = Registry.from_module(arcade)
    whole = list(registry.views)
    fewer = SimpleNamespace(views=[view for view in whole if view != "studio_profile"])
    own = "arcade:studio_profile:"
    deltas = f"{own}{fingerprint(StudioProfile)}:deltas:{{studio_id:3}}"
    keeper = "arcade:stream:plays:{studio_id:3}:views"

    def publish(hour: int, view: type[FeatureView], known: Any = fewer) -> list[str]:
        live = publisher.publish(view, [arcade_rows(view)], AS_OF + hour * HOUR)
        return publisher.remove_former(known, live)

    number, more = 0, True
    while more:
        redis.flushall()
        redis.hset(deltas, "10", "a row")
        redis.sadd(keeper, f"studio_profile:{fingerprint(StudioProfile)}", "another:1")
        for hour in range(2):
            for view in (GameCatalog, StudioProfile):
                assert publish(hour, view, registry) == []
        assert publish(2, GameCatalog) == []
        assert publisher.live(StudioProfile) is not None
        start = effects.number
        with effects.killed_before(number):
            live = None
            try:
                live = publisher.publish(GameCatalog, [arcade_rows(GameCatalog)], AS_OF + 3 * HOUR)
                more = publisher.remove_former(fewer, live) != ["studio_profile"]
            except Killed:
                pass
        redis.connection_pool.disconnect()
        if more:
            publish(4, GameCatalog)
            publish(5, GameCatalog)
        assert not [name for name in names(redis) if name.startswith(own)]
        assert redis.smembers(keeper) == {b"another:1"}
        assert redis.hkeys(pointers("arcade")) == [pointer_field(GameCatalog).encode()]
        assert effects.number > start
        number += 3
    assert number > 20


def test_a_client_asks_once_in_a_while_what_is_live(
    connections: Connections, publisher: Publisher
) -> None:
    publisher.publish(GameCatalog, [titled("old")], AS_OF)
    registry = Registry.from_module(arcade)
    patient = FeatureClient(Serving(registry, "arcade", refresh=3_600), connections)
    asked = {"at": AS_OF + HOUR, "player_id": 1, "game_id": "g0"}
    assert patient.get("play_ranking", **asked)["game_catalog.title"].tolist() == ["old"]
    publisher.publish(GameCatalog, [titled("new")], AS_OF)
    # The generation before the live one is kept for those who do not know better yet.
    assert patient.get("play_ranking", **asked)["game_catalog.title"].tolist() == ["old"]


@pytest.mark.parametrize(
    "parts",
    [
        [["a", "b", "b", "c"]],
        [["b", "a", "c", "b"]],
        [["a", "b"], ["b", "c"]],
        [["a", "b"], [], ["b"]],
    ],
    ids=["in order", "in no order", "of two batches", "with an empty one between"],
)
def test_a_key_with_several_rows_is_refused(
    publisher: Publisher, title: Any, parts: list[list[str]]
) -> None:
    live = publisher.publish(GameCatalog, [titled("old")], AS_OF)
    batches = [
        Rows(titled("new", len(keys)).heads.set_column(0, "game_id", pa.array(keys, pa.string())))
        for keys in parts
    ]
    with pytest.raises(DataError, match="game_catalog: several rows have game_id='b': give one"):
        publisher.publish(GameCatalog, batches, AS_OF)
    assert publisher.live(GameCatalog) == live


def test_keys_may_come_in_any_order(publisher: Publisher, title: Any) -> None:
    backwards = titled("new").heads.take([2, 0, 1])
    publisher.publish(GameCatalog, [Rows(backwards)], AS_OF)
    assert title("g2") == "new"


@pytest.mark.parametrize("order", [[0, 1, 1, 2], [0, 1, 0, 2]], ids=["in order", "in no order"])
def test_a_pair_with_several_rows_is_refused(publisher: Publisher, order: list[int]) -> None:
    rows = arcade_rows(PlayerGameHistory)
    assert rows.tiles is not None
    assert rows.heads.column("player_id").to_pylist() == [1, 1, 2]
    twice = Rows(rows.heads.take(order), rows.tiles.slice(0, 0))
    with pytest.raises(DataError, match="several rows have player_id=1, game_id='"):
        publisher.publish(PlayerGameHistory, [twice], AS_OF)


def test_rows_of_pairs_must_come_by_their_first_key(
    publisher: Publisher, client: FeatureClient
) -> None:
    rows = arcade_rows(PlayerGameHistory)
    assert rows.tiles is not None
    assert rows.heads.column("player_id").to_pylist() == [1, 1, 2]
    backwards = Rows(rows.heads.take([2, 0, 1]), rows.tiles.slice(0, 0))
    with pytest.raises(DataError, match="player_game_history: order its rows by player_id"):
        publisher.publish(PlayerGameHistory, [backwards], AS_OF)
    two = [Rows(rows.heads.slice(n, 1), rows.tiles.slice(0, 0)) for n in range(rows.heads.num_rows)]
    with pytest.raises(DataError, match="so that those of one key are together"):
        publisher.publish(PlayerGameHistory, two, AS_OF)
    live = publisher.publish(PlayerGameHistory, [rows], AS_OF)
    assert (live.rows, live.keys) == (3, 2)


def test_tiles_must_come_by_their_row(publisher: Publisher) -> None:
    rows = arcade_rows(PlayerGameHistory)
    assert rows.tiles is not None
    backwards = rows.tiles.take(list(range(rows.tiles.num_rows))[::-1])
    with pytest.raises(DataError, match="tiles: order them by `row`"):
        publisher.publish(PlayerGameHistory, [Rows(rows.heads, backwards)], AS_OF)


def test_chunks_do_not_cut_a_first_key(
    publisher: Publisher, client: FeatureClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("slate.online.publishing.encoding.CHUNK_ROWS", 4)
    events = [
        {
            "id": f"e{player}{game}",
            "number": game,
            "event_ts": AS_OF - timedelta(minutes=game + 1),
            "received_at": AS_OF - timedelta(microseconds=1),
            "player_id": player,
            "game_id": f"g{game}",
            "note": f"{player} {game}",
        }
        for player in range(9)
        for game in range(player)
    ]
    live = publisher.publish(PlayerGameHistory, [window_rows(PlayerGameHistory, events)], AS_OF)
    assert (live.rows, live.keys) == (36, 8)
    players = [player for player in range(9) for _ in range(9)]
    games = [f"g{game}" for _ in range(9) for game in range(9)]
    answer = client.get("play_ranking", at=AS_OF, player_id=players, game_id=games)
    assert answer["player_game_history.plays_1h"].tolist() == [
        int(game < player) for player in range(9) for game in range(9)
    ]
    notes = answer.to_arrow().column("player_game_history.last_note").to_pylist()
    assert notes == [
        f"{player} {game}" if game < player else None for player in range(9) for game in range(9)
    ]
