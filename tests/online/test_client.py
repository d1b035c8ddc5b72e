import asyncio
from collections.abc import Callable
from dataclasses import replace
from datetime import datetime, timedelta, timezone
from typing import Any

import numpy as np
import pyarrow as pa
import pytest

from slate.deployment import Deployment
from slate.errors import RequestError
from slate.online import AsyncFeatureClient, FeatureClient, Publisher, State
from tests.online import arcade
from tests.online.conftest import HOUR, arcade_rows
from tests.online.tables import AS_OF, attribute_rows

GAMES = ["chess", "go", "tag", "nothing"]


def test_a_request_follows_from_one_entity_to_the_next(
    client: FeatureClient, published: datetime
) -> None:
    answer = client.get("play_ranking", at=published, player_id=1, game_id=GAMES)
    assert answer.rows == 4
    assert answer.errors == ()
    wanted = {
        "player_profile.level": [12] * 4,
        "game_catalog.title": ["Chess", "Go", "Ann", None],
        "game_catalog.players": [-1, -1, 9, -1],
        "game_catalog.discount": [0.25] * 4,
        "game_activity.plays_1h": [1, 2, 0, 0],
        "game_activity.plays_30d": [3, 2, 0, 0],
        "game_activity.last_note": ["note 3", "note 4", None, None],
        "game_activity.fresh_note_1h": ["note 3", "note 4", "none", "none"],
        "player_activity.last_game": ["go"] * 4,
        # A game leads to its studio, by an integer key; the default key leads on as any other.
        "studio_profile.country": ["no", "jp", "nowhere", "nowhere"],
        "player_game_history.plays_1d": [2, 1, 0, 0],
        "player_game_history.last_note": ["note 3", "note 4", None, None],
        "player_studio_history.plays_1d": [2, 1, 0, 0],
        # The third game has no genre, so nothing can be known of the player's taste for it.
        "player_genre_taste.seconds_1d": [9.0, 9.0, 0.0, 0.0],
        "play_request.affordable": [True, False, False, False],
        "play_request.age_days": [100.0, 100.0, 100.0, None],
        "play_request.on_phone": [False] * 4,
        "play_request.same_title": [False, False, True, False],
        "play_request.rate": [1 / 3, 1.0, 0.0, 0.0],
    }
    rows = answer.to_dicts()
    assert {name: [row[name] for row in rows] for name in wanted} == wanted


def test_states_say_where_values_come_from(client: FeatureClient, published: datetime) -> None:
    answer = client.get("play_ranking", at=published + HOUR, player_id=2, game_id=GAMES)
    states = {view: [State(s).name for s in state.state] for view, state in answer.states.items()}
    assert states == {
        "player_profile": ["STALE"] * 4,
        "player_activity": ["PRESENT"] * 4,
        "game_catalog": ["PRESENT"] * 3 + ["DEFAULT"],
        "game_activity": ["PRESENT"] * 2 + ["DEFAULT"] * 2,
        "studio_profile": ["PRESENT"] * 2 + ["DEFAULT"] * 2,
        "player_game_history": ["DEFAULT", "PRESENT", "DEFAULT", "DEFAULT"],
        "player_studio_history": ["DEFAULT", "PRESENT", "DEFAULT", "DEFAULT"],
        "player_genre_taste": ["PRESENT"] * 2 + ["MISSING"] * 2,
    }
    assert answer["player_profile.level"].tolist() == [1] * 4
    ages = answer.states["game_catalog"].age
    assert ages[:3].tolist() == [2 * 3600.0] * 3
    assert np.isnan(ages[3])
    assert answer.states["game_catalog"].as_of == AS_OF


def test_a_view_that_was_never_published_is_missing(
    client: FeatureClient, publisher: Publisher
) -> None:
    publisher.publish(arcade.GameCatalog, [arcade_rows(arcade.GameCatalog)], AS_OF)
    answer = client.get("play_ranking", at=AS_OF, player_id=1, game_id=GAMES)
    assert answer["game_catalog.title"].tolist()[:2] == ["Chess", "Go"]
    assert answer["game_activity.plays_1h"].tolist() == [0] * 4
    assert answer["studio_profile.country"].tolist() == ["nowhere"] * 4
    assert set(answer.states["studio_profile"].state.tolist()) == {State.MISSING}
    assert answer.states["studio_profile"].as_of is None
    assert set(answer.states["player_game_history"].state.tolist()) == {State.MISSING}
    assert len(answer.errors) == len(answer.states) - 1
    assert "studio_profile: nothing is published under the present" in " ".join(answer.errors)


def test_what_is_not_published_is_logged_in_one_line(
    client: FeatureClient, caplog: pytest.LogCaptureFixture
) -> None:
    for _ in range(2):
        client.get("play_ranking", at=AS_OF, player_id=1, game_id=GAMES)
    (record,) = caplog.records
    assert "game_activity, game_catalog, " in record.getMessage()
    assert record.getMessage().count("nothing is published") == 1


def test_a_single_key_is_one_row(client: FeatureClient, published: datetime) -> None:
    answer = client.get("play_ranking_v3", at=published, player_id=1, game_id="go")
    assert answer.rows == 1
    assert answer["game_catalog.title"].tolist() == ["Go"]
    assert answer.service == "play_ranking_v3"


@pytest.mark.parametrize(
    "column",
    [list, tuple, np.array, pa.array, lambda keys: pa.chunked_array([keys[:1], keys[1:]])],
    ids=["list", "tuple", "numpy", "arrow", "chunks"],
)
def test_keys_may_be_any_column(
    client: FeatureClient, published: datetime, column: Callable[[list[Any]], Any]
) -> None:
    players, games = [1, 2, 1, 9], ["go", "go", "chess", "go"]
    given = {"player_id": column(players), "game_id": column(games)}
    answer = client.get("play_ranking", at=published, **given)
    assert answer["player_game_history.plays_1d"].tolist() == [1, 1, 2, 0]
    assert answer["player_activity.last_score"].tolist() == [4, 5, 4, 0]
    one_by_one = [
        client.get("play_ranking", at=published, player_id=p, game_id=g).to_dicts()[0]
        for p, g in zip(players, games, strict=True)
    ]
    assert answer.to_dicts() == one_by_one


def test_numpy_scalars_are_keys(client: FeatureClient, published: datetime) -> None:
    answer = client.get(
        "play_ranking", at=published, player_id=np.int64(1), game_id=[np.str_("go"), "chess"]
    )
    assert answer["player_game_history.plays_1d"].tolist() == [1, 2]


def test_a_request_brings_its_inputs(client: FeatureClient, published: datetime) -> None:
    answer = client.get(
        "play_ranking",
        at=published,
        player_id=1,
        game_id=["chess", "chess"],
        device="phone",
        budget=[4, 6.0],
    )
    assert answer["play_request.affordable"].tolist() == [False, True]
    assert answer["play_request.on_phone"].tolist() == [True, True]


def test_an_answer_is_a_matrix_or_a_table(client: FeatureClient, published: datetime) -> None:
    answer = client.get("play_ranking", at=published, player_id=1, game_id=GAMES)
    matrix = answer.matrix()
    assert matrix.dtype == np.float32
    assert matrix.shape == (4, len(answer.matrix_names))
    features = [f for f in arcade.play_ranking.features if f.kind.value not in ("str", "datetime")]
    assert answer.matrix_names == tuple(f.name for f in features)
    for place, name in enumerate(answer.matrix_names):
        column = answer[name].astype(np.float32)
        assert np.array_equal(matrix[:, place], column, equal_nan=True)
    assert answer.matrix(np.float64).dtype == np.float64
    table = answer.to_arrow()
    assert table.column_names == list(answer.names)
    assert [field.type for field in table.schema] == [
        f.kind.arrow for f in arcade.play_ranking.features
    ]


def test_the_instant_asked_about(client: FeatureClient, published: datetime) -> None:
    def plays(at: datetime | None) -> int:
        answer = client.get("play_ranking", at=at, player_id=1, game_id="chess")
        return int(answer["game_activity.plays_1h"][0])

    zone = timezone(timedelta(hours=9))
    assert plays(published.replace(tzinfo=None)) == 1
    assert plays(published.astimezone(zone)) == 1
    assert plays(published + timedelta(minutes=45)) == 0
    assert plays(None) == 0
    with pytest.raises(
        RequestError, match=r"as of 2026-03-01 12:00:00\+00:00, .* at 2026-03-01 11:59:59.999999"
    ):
        plays(published - timedelta(microseconds=1))


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"player_id": 1}, "play_ranking needs game_id=..., a key or a list of keys"),
        ({"player_id": 1, "game": "go"}, "play_ranking has no 'game': did you mean 'game_id'?"),
        ({"player_id": "one", "game_id": "go"}, "player_id is an int, not the str 'one'"),
        ({"player_id": True, "game_id": "go"}, "player_id is an int, not the bool True"),
        ({"player_id": [1, None], "game_id": "go"}, "player_id is null .None.: leave rows without"),
        ({"player_id": 1, "game_id": ["go", 3.0]}, "game_id is a str, not the float 3.0"),
        ({"player_id": 1, "game_id": "\ud800"}, "game_id is not text: surrogates not allowed"),
        ({"player_id": [1, 2, 3], "game_id": ["go"]}, "player_id has 3 values, game_id has 1"),
        ({"player_id": 1, "game_id": "go", "device": "tv"}, "device is one of 'pc', 'phone', not"),
        ({"player_id": 1, "game_id": "go", "budget": "x"}, "budget is a float, not the str 'x'"),
        ({"player_id": 1, "game_id": "go", "budget": 10**400}, "budget is too large"),
    ],
)
def test_a_wrong_request_says_what_is_wrong(
    client: FeatureClient, given: dict[str, Any], message: str
) -> None:
    with pytest.raises(RequestError, match=message):
        client.get("play_ranking", **given)


@pytest.mark.parametrize("none", [[], (), np.array([], object), pa.array([], pa.string())])
def test_no_candidates_are_an_answer_of_no_rows(
    client: FeatureClient, published: datetime, none: Any
) -> None:
    answer = client.get("play_ranking", at=published, player_id=1, game_id=none, budget=none)
    assert (answer.rows, answer.errors) == (0, ())
    assert answer.matrix().shape == (0, len(answer.matrix_names))
    table = answer.to_arrow()
    assert (table.num_rows, answer.to_dicts()) == (0, [])
    assert [field.type for field in table.schema] == [
        f.kind.arrow for f in arcade.play_ranking.features
    ]
    assert answer["game_catalog.title"].shape == (0,)
    assert answer.states["player_profile"].state.shape == (0,)
    assert {state.as_of for state in answer.states.values()} == {published}
    told = "<no rows, as of 2026-03-01 12:00:00 UTC, 0:00:00 behind>"
    assert repr(answer.states["player_profile"]) == told
    assert repr(answer).endswith(f": {told[1:]}")
    with pytest.raises(RequestError, match="player_id has 2 values, game_id has 0 values"):
        client.get("play_ranking", at=published, player_id=[1, 2], game_id=none)


def test_an_answer_says_how_much_it_cannot_know(
    client: FeatureClient, deployment: Deployment, published: datetime
) -> None:
    ahead = client.get(
        "play_ranking", at=published + timedelta(days=365, hours=2), player_id=1, game_id=GAMES
    )
    assert {state.lag for state in ahead.states.values()} == {(365 * 24 + 2) * 3600.0}
    told = "2 present, 2 default, as of 2026-03-01 12:00:00 UTC, 365 days, 2:00:00 behind"
    assert str(ahead.states["game_activity"]) == told
    gone = replace(deployment, redis=f"unix://{deployment.data}/none.sock")
    with FeatureClient.connect(gone) as lost:
        answer = lost.get("studio_page", studio_id=10)
    assert answer.states["studio_profile"].lag is None
    assert repr(answer).splitlines()[-2:] == [
        " studio_profile: 1 missing", f" error: {answer.errors[0]}>",
    ]  # fmt: skip


def test_a_request_has_so_many_rows_at_most(
    client: FeatureClient, deployment: Deployment, published: datetime
) -> None:
    with pytest.raises(RequestError, match="300,000 rows in one request, and 50,000 may be: ask"):
        client.get("play_ranking", player_id=1, game_id=["go"] * 300_000)
    with FeatureClient.connect(deployment, max_rows=2) as small:
        assert small.get("play_ranking", player_id=1, game_id=GAMES[:2]).rows == 2
        with pytest.raises(RequestError, match="3 rows in one request, and 2 may be"):
            small.get("play_ranking", player_id=1, game_id=GAMES[:3])


def test_unknown_names_bring_the_nearest(client: FeatureClient, published: datetime) -> None:
    with pytest.raises(RequestError, match="no service 'play_rank': did you mean 'play_ranking'"):
        client.get("play_rank", player_id=1, game_id="go")
    answer = client.get("play_ranking", at=published, player_id=1, game_id="go")
    with pytest.raises(RequestError, match=r"did you mean 'game_catalog.title'"):
        answer["game_catalog.titel"]


def test_asynchronous_answers_are_the_same(
    client: FeatureClient, deployment: Deployment, published: datetime
) -> None:
    async def both() -> list[list[dict[str, Any]]]:
        async with AsyncFeatureClient.connect(deployment, timeout=5) as asynchronous:
            assert asynchronous.explain("play_ranking") == client.explain("play_ranking")
            with pytest.raises(RequestError):
                await asynchronous.get("play_ranking", player_id=1)
            answers = await asyncio.gather(
                *(
                    asynchronous.get("play_ranking", at=published, player_id=p, game_id=GAMES)
                    for p in (1, 2)
                )
            )
            return [answer.to_dicts() for answer in answers]

    wanted = [
        client.get("play_ranking", at=published, player_id=p, game_id=GAMES).to_dicts()
        for p in (1, 2)
    ]
    assert asyncio.run(both()) == wanted


def test_a_cancelled_request_leaves_no_other_its_reply(
    client: FeatureClient, deployment: Deployment, published: datetime
) -> None:
    wanted = client.get("play_ranking", at=published, player_id=1, game_id=GAMES).to_dicts()

    async def cancel_many() -> None:
        async with AsyncFeatureClient.connect(deployment, timeout=5, refresh=0) as asynchronous:
            for waits in range(12):
                cancelled = asyncio.create_task(
                    asynchronous.get("play_ranking", at=published, player_id=2, game_id=["go"] * 9)
                )
                for _ in range(waits):
                    await asyncio.sleep(0)
                cancelled.cancel()
                answer = await asynchronous.get(
                    "play_ranking", at=published, player_id=1, game_id=GAMES
                )
                assert answer.to_dicts() == wanted

    asyncio.run(cancel_many())


@pytest.mark.parametrize("keys", [["é", "語", "a"], ["{a}", "b:c", "d\r\n"], ["", "\0", " "]])
def test_keys_may_be_any_text(publisher: Publisher, client: FeatureClient, keys: list[str]) -> None:
    rows = [{"game_id": key, "event_ts": AS_OF, "title": f"<{key}>"} for key in keys]
    publisher.publish(arcade.GameCatalog, [attribute_rows(arcade.GameCatalog, rows)], AS_OF)
    answer = client.get("play_ranking", at=AS_OF, player_id=1, game_id=keys)
    assert answer["game_catalog.title"].tolist() == [f"<{key}>" for key in keys]


def test_many_rows_spread_few_keys(client: FeatureClient, published: datetime) -> None:
    games = ["chess", "go"] * 500
    answer = client.get("play_ranking", at=published, player_id=1, game_id=games)
    assert answer["studio_profile.country"].tolist() == ["no", "jp"] * 500
    assert answer["player_studio_history.plays_1d"].tolist() == [2, 1] * 500


def test_the_plan_can_be_read(client: FeatureClient) -> None:
    lines = client.explain("play_ranking").splitlines()
    assert lines[0] == "play_ranking_v3: 53 features by player_id, game_id"
    assert lines[lines.index("read in round 2") + 1 :][:1] == [
        "  studio_profile[game_catalog.studio_id]: 1 of 1 latest features per game_id"
    ]
    assert (
        "  player_genre_taste[player_id, game_catalog.genre]: 1 of 1 windowed features "
        "per player_id, game_id, picked in round 2" in lines
    )
    assert lines[lines.index("computed per player_id, game_id") + 1] == (
        "  play_request.same_title = player_profile.nickname == game_catalog.title"
    )
    assert "  device: str, default 'pc'" in lines


def test_a_service_that_is_warm_is_asked_by_either_name(
    client: FeatureClient, published: datetime
) -> None:
    """Nothing of it is told or logged, and both names lead to what was made ready."""
    client.warm_up()
    plan = client._serving.plan("play_ranking_v3")
    assert client._serving.plan("play_ranking") is plan
    answer = client.get("play_ranking", at=published, player_id=1, game_id=["chess", "go"])
    assert answer.rows == 2


def test_without_a_store_nothing_is_warm_and_all_is_answered(deployment: Deployment) -> None:
    gone = replace(deployment, redis=f"unix://{deployment.data}/none.sock")
    with FeatureClient.connect(gone, timeout=0.2, near=False) as client:
        client.warm_up()
        assert client.get("play_ranking", player_id=1, game_id="go").errors != ()
