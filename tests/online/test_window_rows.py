from datetime import UTC, datetime, timedelta
from itertools import permutations
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from slate.encoded import array
from slate.errors import DataError
from slate.features import Aggregated
from slate.kinds import Kind
from slate.online.rows.codecs import WindowRows
from slate.online.rows.row_format import Blobs
from slate.online.rows.row_tables import Rows
from slate.views import FeatureView
from tests.depth import either
from tests.online.arcade import GameActivity, PlayerActivity
from tests.online.naive import naive
from tests.online.tables import AS_OF, Event, us, window_rows

MICROSECOND, SECOND = timedelta(microseconds=1), timedelta(seconds=1)
HOPS = [timedelta(seconds=5), timedelta(minutes=1), timedelta(minutes=5), timedelta(days=1)]

text = st.text(st.characters(codec="utf-8"), max_size=12)
# At the edges of hops, to the microsecond, and anywhere.
near = st.builds(
    lambda hop, number, off: hop * number + off * MICROSECOND,
    st.sampled_from(HOPS),
    st.integers(0, 40),
    st.integers(-1, 1),
)
ago = st.one_of(near, st.timedeltas(MICROSECOND, timedelta(days=33))).filter(
    lambda t: t >= MICROSECOND
)
events = st.lists(
    st.fixed_dictionaries(
        {
            "event_ts": ago.map(lambda back: AS_OF - back),
            "game_id": st.sampled_from(["a", "b"]),
            "mode": st.sampled_from(["ranked", "casual"]),
            "score": st.none()
            | st.integers(-1_000, 1_000)
            | st.sampled_from([2**60 + 1, 2**63 - 1, -(2**63)]),
            "seconds": st.none() | st.floats(-1_000, 1_000),
            "note": st.none() | text,
            "won": st.none() | st.booleans(),
            "ended_at": st.none()
            | st.datetimes(datetime(1960, 1, 1), datetime(2100, 1, 1), timezones=st.just(UTC)),
        }
    ),
    max_size=25,
)
later = st.one_of(near, st.timedeltas(timedelta(0), timedelta(days=2))).map(
    lambda ahead: AS_OF + max(ahead, timedelta(0))
)


def numbered(found: list[Event]) -> list[Event]:
    return [
        {**event, "id": f"e{number}", "number": number, "received_at": AS_OF - MICROSECOND}
        for number, event in enumerate(found)
    ]


def read(
    view: type[FeatureView], rows: Rows, at: datetime, keys: int
) -> dict[str, np.ndarray[Any, Any]]:
    """Features of the first so many keys, and last of a key without a row."""
    codec = WindowRows(view)
    blobs = codec.encode(rows, us(AS_OF)).split()
    laid = Blobs.of([codec.empty, *blobs])
    words, starts = laid.words, laid.starts[:-1]
    starts = np.append(starts[1 : keys + 1], 0)
    with np.errstate(all="ignore"):
        decoded = codec.reader(view.features.values()).read(words, starts, us(at))
    return {feature.column: decoded.values[feature] for feature in view.features.values()}


def same(feature: Aggregated, got: Any, wanted: Any) -> bool:
    if wanted is None:
        return bool(np.isnan(got) if feature.kind is not Kind.STRING else got is np.nan)
    if feature.kind is Kind.TIME:
        return bool(got == np.datetime64(wanted.replace(tzinfo=None), "us"))
    if feature.kind is Kind.FLOAT:
        # A spread of nearly equal numbers is known only as well as the numbers themselves.
        large = measured_integers(feature)
        return bool(got == pytest.approx(float(wanted), rel=1e-9, abs=1e4 if large else 1e-6))
    return bool(got == wanted)


def measured_integers(feature: Aggregated) -> bool:
    return feature.measure.function.name == "std" and feature.measure.column_kind is Kind.INTEGER


@settings(max_examples=either(40, 150), deadline=None)
@given(events, later)
def test_windows_are_what_the_events_say(found: list[Event], at: datetime) -> None:
    found = numbered(found)
    keys = sorted({event["game_id"] for event in found})
    got = read(GameActivity, window_rows(GameActivity, found), at, len(keys))
    for feature in GameActivity.features.values():
        assert isinstance(feature, Aggregated)
        for row, key in enumerate([*keys, "nobody"]):
            own = [event for event in found if event["game_id"] == key]
            value = got[feature.column][row]
            wanted = naive(feature, None, own, at)
            assert got[feature.column].dtype == feature.kind.dtype
            assert same(feature, value, wanted), (feature, key, value, wanted)


@settings(max_examples=either(15, 50), deadline=None)
@given(events, later)
def test_last_values_are_bounded_by_the_ttl(found: list[Event], at: datetime) -> None:
    found = [{**event, "player_id": 7} for event in numbered(found)]
    got = read(PlayerActivity, window_rows(PlayerActivity, found), at, min(len(found), 1))
    for feature in PlayerActivity.features.values():
        assert isinstance(feature, Aggregated)
        wanted = naive(feature, timedelta(hours=1), found, at)
        assert same(feature, got[feature.column][0], wanted), (feature, wanted)


def event(back: timedelta, **given: Any) -> Event:
    nothing = dict.fromkeys(["score", "seconds", "note", "won", "ended_at"])
    return {"event_ts": AS_OF - back, "game_id": "a", "mode": "ranked", **nothing, **given}


@pytest.mark.parametrize(
    ("ahead", "plays"),
    [(timedelta(0), 2), (timedelta(minutes=5) - MICROSECOND, 2), (timedelta(minutes=5), 1)],
)
def test_a_tail_moves_in_hops_and_to_the_microsecond(ahead: timedelta, plays: int) -> None:
    hour = timedelta(hours=1)
    found = numbered([event(hour), event(hour + MICROSECOND), event(hour - timedelta(minutes=5))])
    got = read(GameActivity, window_rows(GameActivity, found), AS_OF + ahead, 1)
    assert got["plays_1h"].tolist() == [plays, 0]


def test_a_last_value_counts_to_the_microsecond() -> None:
    minute = timedelta(minutes=1)
    found = numbered([event(minute, seconds=4.0, score=2, player_id=7)])
    windows = window_rows(GameActivity, found)
    seconds = timedelta(seconds=5)
    for ahead, wanted in ((timedelta(0), 4.0), (seconds - MICROSECOND, 4.0), (seconds, None)):
        got = read(GameActivity, windows, AS_OF + ahead, 1)["last_seconds_1m"][0]
        assert got == wanted if wanted else np.isnan(got)
    bounded, left = window_rows(PlayerActivity, found), timedelta(hours=1) - minute
    for ahead, score in ((left, 2), (left + MICROSECOND, 0)):
        assert read(PlayerActivity, bounded, AS_OF + ahead, 1)["last_score"][0] == score


def test_values_are_of_their_features_kind_where_none_is_null() -> None:
    """Whole numbers that may be null are floats, also if none of those that are read is."""
    whole = {"score": 3, "seconds": 1.0, "note": "n", "won": True, "ended_at": AS_OF}
    codec = WindowRows(GameActivity)
    rows = window_rows(GameActivity, numbered([event(SECOND, **whole)]))
    laid = Blobs.of([codec.empty, *codec.encode(rows, us(AS_OF)).split()])
    reader = codec.reader(GameActivity.features.values())
    for feature, values in reader.read(laid.words, laid.starts[1:2], us(AS_OF)).values.items():
        assert isinstance(feature, Aggregated)
        assert array(values).dtype == feature.kind.dtype, feature


def test_integers_stay_exact() -> None:
    found = numbered([event(MICROSECOND, score=2**62), event(timedelta(minutes=6), score=3)])
    got = read(GameActivity, window_rows(GameActivity, found), AS_OF, 1)
    assert got["score_1h"].tolist() == [2**62 + 3, 0]
    assert got["worst_1h"].tolist() == [3, -7]


LARGEST, LEAST = 2**63 - 1, -(2**63)


@pytest.mark.parametrize(
    ("scores", "total", "usual"),
    [
        ([LARGEST, LARGEST], LARGEST, 2.0**63),
        ([LEAST, LEAST, LEAST], LEAST, -(2.0**63)),
        ([LARGEST, LARGEST, LEAST, LEAST], -2, -0.5),
        ([LARGEST, 1, -1], LARGEST, 2.0**63 / 3),
        ([-1, -(2**32), 2**31], -(2**31) - 1, (-(2.0**31) - 1) / 3),
    ],
)
def test_sums_of_whole_numbers_end_at_the_ends_and_never_wrap(
    scores: list[int], total: int, usual: float
) -> None:
    for order in permutations(scores):
        found = [event(timedelta(minutes=6 * n + 1), score=s) for n, s in enumerate(order)]
        got = read(GameActivity, window_rows(GameActivity, numbered(found)), AS_OF, 1)
        assert got["score_1h"].tolist() == [total, 0]
        assert got["usual_score_1h"].tolist() == [usual, -1.0]


def test_any_whole_number_can_be_the_least_or_the_greatest() -> None:
    for score in (LARGEST, LEAST):
        rows = window_rows(GameActivity, numbered([event(MICROSECOND, score=score)]))
        got = read(GameActivity, rows, AS_OF, 1)
        assert got["worst_1h"].tolist() == [score, -7]
        assert got["best_1h"][0] == float(score)
        assert np.isnan(got["best_1h"][1])


def test_a_deviation_of_large_numbers_does_not_cancel() -> None:
    found = numbered([event(timedelta(minutes=6 * n + 1), seconds=1e9 + n % 2) for n in range(8)])
    got = read(GameActivity, window_rows(GameActivity, found), AS_OF, 1)
    assert got["spread_1h"][0] == pytest.approx(0.5, rel=1e-6)


def test_rows_hold_only_the_tiles_that_windows_end_on() -> None:
    layout = WindowRows(GameActivity).layout
    assert [level.hop // 1_000_000 for level in layout.levels] == [5, 60, 300, 86400]
    # Aggregates of one column under one filter share what they have in common.
    minutes = layout.levels[2]
    assert [slot.name for slot in minutes.counts] == [
        "plays__n",
        "usual_seconds__n",
        "usual_score__n",
    ]
    assert [slot.name for slot in minutes.wide] == [
        "seconds__sum",
        "score__upper",
        "score__lower",
        "usual_score__upper",
        "usual_score__lower",
        "shortest__min",
        "longest__max",
        "worst__min",
        "best__max",
        "first_end__min",
        "spread__mean",
        "spread__m2",
        "score_spread__mean",
        "score_spread__m2",
    ]


def test_tiles_older_than_every_window_are_left_out() -> None:
    old = window_rows(GameActivity, numbered([event(timedelta(days=40))]))
    new = window_rows(GameActivity, numbered([event(timedelta(minutes=1))]))
    codec = WindowRows(GameActivity)
    assert len(codec.encode(old, us(AS_OF)).words) < len(codec.encode(new, us(AS_OF)).words)


def test_the_order_of_a_rows_tiles_does_not_matter() -> None:
    found = numbered([event(timedelta(minutes=3 * n), seconds=float(n)) for n in range(1, 20)])
    rows = window_rows(GameActivity, found)
    assert rows.tiles is not None
    backwards = Rows(rows.heads, rows.tiles.take(list(range(rows.tiles.num_rows))[::-1]))
    codec = WindowRows(GameActivity)
    assert codec.encode(backwards, us(AS_OF)).words.tolist() == (
        codec.encode(rows, us(AS_OF)).words.tolist()
    )


def test_a_tile_from_after_the_publish_is_refused() -> None:
    rows = window_rows(GameActivity, numbered([event(timedelta(0))]))
    with pytest.raises(DataError, match=r"a tile of 5s begins after .*as_of, 2026-03-01T11:59:50"):
        WindowRows(GameActivity).encode(rows, us(AS_OF - timedelta(seconds=10)))


def test_a_missing_column_names_the_nearest() -> None:
    rows = window_rows(GameActivity, numbered([event(MICROSECOND)]))
    assert rows.tiles is not None
    wrong = rows.tiles.rename_columns({"plays__n": "play__n"})
    with pytest.raises(DataError, match="game_activity tiles: no column 'plays__n', did you mean"):
        WindowRows(GameActivity).encode(Rows(rows.heads, wrong), us(AS_OF))
    with pytest.raises(DataError, match="game_activity: its rows need tiles"):
        WindowRows(GameActivity).encode(Rows(rows.heads), us(AS_OF))
    without = rows.heads.drop_columns("last_note__last")
    with pytest.raises(DataError, match="no column 'last_note__last'"):
        WindowRows(GameActivity).encode(Rows(without, rows.tiles), us(AS_OF))


def test_a_wrong_struct_is_refused() -> None:
    rows = window_rows(GameActivity, numbered([event(MICROSECOND, note="x")]))
    place = rows.heads.column_names.index("last_note__last")
    heads = rows.heads.set_column(place, "last_note__last", pa.array(["x"]))
    with pytest.raises(DataError, match="where a struct of value, event_ts is wanted"):
        WindowRows(GameActivity).encode(Rows(heads, rows.tiles), us(AS_OF))


def test_more_events_than_a_count_can_hold_are_refused() -> None:
    rows = window_rows(GameActivity, numbered([event(MICROSECOND), event(timedelta(minutes=6))]))
    assert rows.tiles is not None
    place = rows.tiles.column_names.index("plays__n")
    many = pa.array([2**31 + 1] * rows.tiles.num_rows, pa.int64())
    tiles = rows.tiles.set_column(place, "plays__n", many)
    with pytest.raises(DataError, match="more than 4294967295 events"):
        WindowRows(GameActivity).encode(Rows(rows.heads, tiles), us(AS_OF))
