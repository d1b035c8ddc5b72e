"""The latest n values of a key, as rows hold them and as answers give them."""

from datetime import datetime, timedelta
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from redis import Redis

from slate import FeatureService, FeatureView, Registry, count, last, last_n
from slate.errors import DataError
from slate.features import Aggregated
from slate.kinds import STRING_DTYPE, Kind
from slate.online import Answer, FeatureClient, Publisher
from slate.online.rows.codecs import WindowRows
from slate.online.rows.latest_values import merge_latest
from slate.online.rows.row_format import NO_TIME, Blobs
from slate.online.rows.row_tables import Rows
from slate.online.serving.live_services import Serving
from slate.online.store.connections import Connections
from tests.depth import either
from tests.online.arcade import Game, Offer, Play, Player, PlayerGame
from tests.online.naive import naive
from tests.online.tables import AS_OF, Event, us, window_rows

MICROSECOND = timedelta(microseconds=1)
SECOND = timedelta(seconds=1)
MINUTE = timedelta(minutes=1)


class Recent(FeatureView):
    """Lists of every kind of value, beside what else a row holds."""

    entity, source = Game, Play
    plays = count(over="1h")
    notes = last_n(Play.note, 3)
    last_note = last(Play.note)
    scores = last_n(Play.score, 2, where=Play.mode == "ranked", default=0)
    seconds = last_n(Play.seconds, 4)
    wins = last_n(Play.won, 2, default=False)
    ends = last_n(Play.ended_at, 2)
    fresh = last_n(Play.note, 3, over=["1m/5s", "1h"], default="-")


class Bounded(FeatureView):
    """Lists alone, bounded by a ttl, of pairs."""

    entity, source = PlayerGame, Play
    ttl = "1h"
    scores = last_n(Play.score, 3, default=-1)
    modes = last_n(Play.mode, 100)


recency = FeatureService(
    "recency", version=1, keys=[Player, Game], spine=Offer, features=[Recent, Bounded]
)


def event(number: int, back: timedelta, **given: Any) -> Event:
    nothing = dict.fromkeys(["score", "seconds", "note", "won", "ended_at"])
    return {
        "id": f"e{number}", "number": number, "event_ts": AS_OF - back,
        "received_at": AS_OF - MICROSECOND, "player_id": 1, "game_id": "a", "mode": "ranked",
        **nothing, **given,
    }  # fmt: skip


EVENTS = [
    event(0, 9 * MINUTE, note="old", seconds=1.5, won=True, score=7),
    event(1, 2 * MINUTE, note="zürich, a text of more than a word", won=False),
    event(2, 5 * MINUTE, note="", score=2**62, mode="casual", ended_at=AS_OF),
    event(3, 1 * MINUTE, note="new", score=-3),
    event(4, 3 * MINUTE, game_id="b", seconds=2.0),
    event(5, 4 * MINUTE, game_id="c", note="alone", player_id=2),
]


def read(view: type[FeatureView], rows: Rows, at: datetime = AS_OF) -> dict[str, Any]:
    """Features of the keys in their order, and last of a key without a row."""
    codec = WindowRows(view)
    laid = Blobs.of([codec.empty, *codec.encode(rows, us(AS_OF)).split()])
    words, starts = laid.words, laid.starts[:-1]
    decoded = codec.reader(view.features.values()).read(words, np.append(starts[1:], 0), us(at))
    return {feature.column: decoded.values[feature] for feature in view.features.values()}


def lists(values: np.ma.MaskedArray[Any, Any]) -> list[list[Any]]:
    """The values that are no padding."""
    there = ~np.ma.getmaskarray(values)
    return [row[held].tolist() for row, held in zip(values.data, there, strict=True)]


def test_the_latest_come_first() -> None:
    got = read(Recent, window_rows(Recent, EVENTS))
    ends = AS_OF.replace(tzinfo=None)
    long = "zürich, a text of more than a word"
    assert {name: lists(got[name]) for name in ("notes", "scores", "seconds", "wins", "ends")} == {
        "notes": [["new", long, ""], [], ["alone"], []],
        "scores": [[-3, 7], [], [], []],
        "seconds": [[1.5], [2.0], [], []],
        "wins": [[False, True], [], [], []],
        "ends": [[ends], [], [], []],
    }
    assert got["last_note"].tolist()[::2] == ["new", "alone"]
    assert got["plays_1h"].tolist() == [4, 1, 1, 0]


def test_what_is_not_there_is_padded() -> None:
    got = {name: np.ma.getdata(values) for name, values in read(
        Recent, window_rows(Recent, EVENTS)
    ).items()}  # fmt: skip
    shapes = {name: (4, Recent.features[name].value_type.length) for name in got}
    del shapes["plays_1h"], shapes["last_note"]
    assert {name: got[name].shape for name in shapes} == shapes
    assert all(got[name].dtype == Recent.features[name].kind.dtype for name in got)
    assert got["notes"].dtype == STRING_DTYPE
    assert np.isnan(got["notes"][2, 1:]).all()
    assert got["fresh_1h"][1:].tolist() == [["-"] * 3, ["alone", "-", "-"], ["-"] * 3]
    assert got["scores"][1:].tolist() == [[0, 0]] * 3
    assert got["wins"][3].tolist() == [False, False]
    assert np.isnan(got["seconds"][1, 1:]).all()
    assert np.isnat(got["ends"][0, 1])


def test_of_one_time_what_arrived_later_comes_first_and_then_the_greater_id() -> None:
    late, later = AS_OF - 3 * SECOND, AS_OF - 2 * SECOND
    found = [
        event(number, MINUTE, note=note, received_at=at)
        for number, note, at in [(1, "b", late), (2, "c", late), (0, "d", later), (3, "a", late)]
    ]
    assert lists(read(Recent, window_rows(Recent, found))["notes"])[0] == ["d", "a", "c"]


@pytest.mark.parametrize(
    ("ahead", "notes"),
    [(0 * SECOND, ["b", "a"]), (5 * SECOND - MICROSECOND, ["b", "a"]), (5 * SECOND, ["b"])],
)
def test_a_window_bounds_a_list_to_the_microsecond(ahead: timedelta, notes: list[str]) -> None:
    found = [event(0, MINUTE, note="a"), event(1, MINUTE - 5 * SECOND, note="b")]
    got = read(Recent, window_rows(Recent, found), AS_OF + ahead)
    assert lists(got["fresh_1m"])[0] == notes
    assert lists(got["fresh_1h"])[0] == ["b", "a"]


def test_a_ttl_bounds_a_list_to_the_microsecond() -> None:
    found = [event(0, MINUTE, score=1), event(1, 2 * MINUTE, score=2)]
    left = timedelta(hours=1) - 2 * MINUTE
    for ahead, scores in ((left, [1, 2]), (left + MICROSECOND, [1]), (left + 2 * MINUTE, [])):
        assert lists(read(Bounded, window_rows(Bounded, found), AS_OF + ahead)["scores"])[0] == (
            scores
        )


back = st.sampled_from([MICROSECOND, SECOND, MINUTE, 59 * MINUTE, 3 * timedelta(days=20)])
drawn = st.lists(
    st.builds(
        lambda back, game, mode, score, note, arrived: {
            "event_ts": AS_OF - back, "game_id": game, "mode": mode, "score": score, "note": note,
            "received_at": AS_OF - arrived * MICROSECOND,
        },
        back, st.sampled_from("ab"), st.sampled_from(["ranked", "casual"]),
        st.none() | st.integers(-9, 9), st.none() | st.text(max_size=9), st.integers(1, 3),
    ),
    max_size=15,
)  # fmt: skip


@settings(max_examples=either(30, 100), deadline=None)
@given(drawn, st.sampled_from([0 * SECOND, SECOND, MINUTE, timedelta(hours=1)]))
def test_lists_are_what_the_events_say(found: list[dict[str, Any]], ahead: timedelta) -> None:
    events = [event(number, SECOND, **given) for number, given in enumerate(found)]
    got = read(Recent, window_rows(Recent, events), AS_OF + ahead)
    for feature in Recent.features.values():
        assert isinstance(feature, Aggregated)
        if feature.value_type.length is not None:
            for row, key in enumerate([*sorted({event["game_id"] for event in events}), "nobody"]):
                own = [event for event in events if event["game_id"] == key]
                wanted = naive(feature, None, own, AS_OF + ahead)
                assert lists(got[feature.column])[row] == wanted, feature


def test_rows_of_lists_can_be_split() -> None:
    rows = window_rows(Recent, EVENTS)
    whole = read(Recent, rows)["notes"]
    parts = [read(Recent, part)["notes"] for part in rows.split([0, 1, 3])]
    assert [values for part in parts for values in lists(part)[:-1]] == lists(whole)[:-1]


def test_wrong_lists_are_refused() -> None:
    rows = window_rows(Recent, EVENTS)
    place = rows.heads.column_names.index("notes__last")
    field = rows.heads.schema.field(place)

    def encode(column: pa.Array) -> None:
        WindowRows(Recent).encode(
            Rows(rows.heads.set_column(place, field.name, column), rows.tiles), us(AS_OF)
        )

    with pytest.raises(DataError, match="a list of structs of value, event_ts is wanted"):
        encode(pa.array(["x"] * 3))
    with pytest.raises(DataError, match="'notes__last' is a int64, where a struct of value"):
        encode(pa.array([[1], [], []]))
    long = rows.heads.column(place).to_pylist()
    with pytest.raises(DataError, match="has a list of 6 values, and may have 3"):
        encode(pa.array([long[0] * 2, [], None], field.type))


def test_several_rows_of_a_key_become_one() -> None:
    values = np.array([["b", "a"], ["d", ""], ["", ""]], STRING_DTYPE)
    event_ts = np.array([[5, 3], [5, NO_TIME], [NO_TIME, NO_TIME]])
    later = np.array([["x", "y"], ["x", ""], ["x", ""]], STRING_DTYPE)
    later_ts = np.array([[5, 4], [1, NO_TIME], [0, NO_TIME]])
    found, times = merge_latest(values, event_ts, later, later_ts)
    assert found.tolist() == [["x", "b"], ["d", "x"], ["x", ""]]
    assert times.tolist() == [[5, 5], [5, 1], [0, NO_TIME]]


@pytest.fixture
def answer(connections: Connections, redis: Redis) -> Answer:
    publisher = Publisher(redis, "arcade")
    registry = Registry.of([Player, Game, PlayerGame, Play, Offer, Recent, Bounded, recency])
    for view in registry.views.values():
        publisher.publish(view, [window_rows(view, EVENTS)], AS_OF)
    client = FeatureClient(Serving(registry, "arcade", refresh=1), connections)
    return client.get("recency", at=AS_OF, player_id=1, game_id=["a", "b", "c", "d"])


def test_an_answer_as_arrays(answer: Answer) -> None:
    assert answer.errors == ()
    for feature in recency.features:
        assert answer[feature.name].dtype == feature.kind.dtype
        assert type(answer[feature.name]) is np.ndarray
    assert answer["recent.scores"].tolist() == [[-3, 7], [0, 0], [0, 0], [0, 0]]
    assert answer["bounded.scores"].tolist() == [[-3, 2**62, 7]] + [[-1] * 3] * 3
    assert answer["bounded.modes"].shape == (4, 100)
    assert answer.matrix_names == ("recent.plays_1h",)
    assert answer.matrix().tolist() == [[4], [1], [1], [0]]


def test_an_answer_as_a_table(answer: Answer) -> None:
    table = answer.to_arrow()
    assert [field.type for field in table.schema] == [
        feature.value_type.arrow for feature in recency.features
    ]
    rows = answer.to_dicts()
    assert [row["recent.ends"] for row in rows] == [[AS_OF], [], [], []]
    assert [row["recent.wins"] for row in rows] == [[False, True], [], [], []]
    assert [row["recent.fresh_1h"] for row in rows][1:] == [[], ["alone"], []]
    assert [row["bounded.modes"] for row in rows] == [
        ["ranked", "ranked", "casual", "ranked"], ["ranked"], [], [],
    ]  # fmt: skip


def test_one_row_for_all_is_spread(connections: Connections, answer: Answer) -> None:
    registry = Registry.of([Player, Game, PlayerGame, Play, Offer, Recent, Bounded, recency])
    client = FeatureClient(Serving(registry, "arcade", refresh=1), connections)
    spread = client.get("recency", at=AS_OF, player_id=[1, 2, 1], game_id="a")
    assert spread["recent.scores"].tolist() == [[-3, 7]] * 3
    assert [row["recent.scores"] for row in spread.to_dicts()] == [[-3, 7]] * 3
    scores = [-3, 2**62, 7]
    assert [row["bounded.scores"] for row in spread.to_dicts()] == [scores, [], scores]


def test_without_a_store_lists_are_empty() -> None:
    for feature in Recent.features.values():
        if feature.value_type.length is not None:
            assert lists(read(Recent, window_rows(Recent, []))[feature.column]) == [[]]
    assert Recent.features["ends"].kind is Kind.TIME
