from collections import deque
from datetime import UTC, date, datetime, timedelta, timezone
from decimal import Decimal
from enum import StrEnum
from typing import Any

import numpy as np
import pandas
import polars
import pyarrow as pa
import pytest

from slate import Registry
from slate.errors import RequestError
from slate.expressions import Array
from slate.online.rows.instants import microseconds
from slate.online.serving.given_values import Moment, asked
from slate.online.serving.live_services import Serving
from slate.online.serving.requests import RequestForm
from slate.online.stream.events.validation import coerce_events
from tests.deployments.bikes import definitions as bikes
from tests.deployments.bikes.definitions import Move
from tests.online.stream.moves import move

FORM = RequestForm(Registry.from_module(bikes).plan("bike_choice"))
NOON = datetime(2026, 3, 1, 12, tzinfo=UTC)
EAST = timezone(timedelta(hours=9))
NEEDED = {"rider_id": "a", "bike_id": 1, "distance": 2.5, "leaves_at": NOON}


class Unshown:
    """What cannot even be shown."""

    def __repr__(self) -> str:
        raise TypeError("no")


class Letter(StrEnum):
    A = "a"
    B = "b"


def read(**given: Any) -> dict[str, Array]:
    return {repr(f).split(".")[-1]: v for f, v in FORM.read(NEEDED | given).inputs.items()}


@pytest.mark.parametrize(
    "null",
    [None, np.nan, np.float32("nan"), pandas.NaT, pandas.NA, pa.scalar(None)],
    ids=["none", "nan", "float32", "time", "na", "arrow"],
)
def test_null_has_the_default_as_in_training(null: object) -> None:
    assert read(purpose=null)["purpose"].tolist() == ["leisure"]
    assert read(party=[3, null])["party"].tolist() == [3, 1]
    assert read(raining=null)["raining"].tolist() == [False]


@pytest.mark.parametrize(
    "column",
    [
        np.array(["errand", np.nan], np.dtypes.StringDType(na_object=np.nan)),
        pa.array(["errand", None]),
        pandas.Series(["errand", None]),
        pandas.Series(["errand", None], dtype="string"),
        pandas.Series(["errand", None], dtype="category"),
        polars.Series(["errand", None]),
    ],
)
def test_a_column_may_hold_nulls(column: Any) -> None:
    assert read(purpose=column)["purpose"].tolist() == ["errand", "leisure"]


@pytest.mark.parametrize(
    ("name", "null"),
    [
        ("distance", None),
        ("distance", np.nan),
        ("distance", [1.0, float("nan")]),
        ("leaves_at", np.datetime64("NaT")),
        ("leaves_at", pandas.NaT),
    ],
)
def test_null_without_a_default_is_refused(name: str, null: object) -> None:
    with pytest.raises(RequestError, match=f"{name} is null, and has no default: give a"):
        read(**{name: null})


@pytest.mark.parametrize("null", [None, np.nan, pandas.NA, pandas.NaT, pa.scalar(None)])
def test_a_key_is_never_null(null: object) -> None:
    with pytest.raises(RequestError, match=r"rider_id is null .*: leave rows without a key out"):
        read(rider_id=["a", null])
    with pytest.raises(RequestError, match="bike_id is null"):
        read(bike_id=null)


TEXTS = ["a", "b", "a"]


@pytest.mark.parametrize(
    "column",
    [
        polars.Series(TEXTS),
        polars.Series(TEXTS, dtype=polars.Categorical),
        pandas.Series(TEXTS),
        pandas.Series(TEXTS, dtype="category"),
        pandas.Series(TEXTS, dtype="string[pyarrow]"),
        pandas.Index(TEXTS),
        np.array(TEXTS),
        np.array(TEXTS, np.dtypes.StringDType()),
        pa.array(TEXTS).dictionary_encode(),
        pa.chunked_array([TEXTS[:1], TEXTS[1:]], pa.large_string()),
        [pa.scalar(text) for text in TEXTS],
        [np.str_(text) for text in TEXTS],
        deque(TEXTS),
        [Letter.A, Letter.B, Letter.A],
    ],
)
def test_text_keys_may_be_any_column(column: Any) -> None:
    request = FORM.read(NEEDED | {"rider_id": column})
    assert request.rows == 3
    assert request.keys["rider_id"].values == ["a", "b"]
    assert set(map(type, request.keys["rider_id"].values)) == {str}


@pytest.mark.parametrize(
    "key", [42, np.int64(42), "42", True, 42.0, b"42", Decimal(42), "4 2"], ids=repr
)
@pytest.mark.parametrize("name", ["rider_id", "bike_id"])
def test_a_key_is_taken_as_that_of_an_event_is(name: str, key: Any) -> None:
    events = coerce_events(Move, [move(1, **{name: key})])
    if name in events.wrong:
        with pytest.raises(RequestError, match=f"{name} is an? (int|str), not the "):
            FORM.read(NEEDED | {name: key})
    else:
        taken = FORM.read(NEEDED | {name: key}).keys[name].values
        assert taken == events.columns[name].to_pylist()


def test_keys_of_several_types_are_the_same_key() -> None:
    request = FORM.read(NEEDED | {"rider_id": [42, "42", "a"]})
    assert request.keys["rider_id"].values == ["42", "a"]
    assert request.keys["rider_id"].index.tolist() == [0, 0, 1]


NUMBERS = [3, 1]


@pytest.mark.parametrize(
    "column",
    [
        polars.Series(NUMBERS),
        pandas.Series(NUMBERS),
        pandas.Series(NUMBERS, dtype="Int64"),
        pandas.Series(NUMBERS, dtype="int64[pyarrow]"),
        pandas.Series(NUMBERS, dtype="category"),
        np.array(NUMBERS, np.uint8),
        pa.array(NUMBERS, pa.int16()),
        [pa.scalar(3), np.int32(1)],
        range(3, 0, -2),
    ],
)
def test_whole_numbers_may_be_any_column(column: Any) -> None:
    request = FORM.read(NEEDED | {"bike_id": column, "party": column})
    assert request.keys["bike_id"].values == NUMBERS
    assert read(party=column)["party"].tolist() == NUMBERS


TIMES = ["2026-03-01T12:00:00.123456789", "2026-03-01T13:00:00"]


@pytest.mark.parametrize(
    "column",
    [
        np.array(TIMES, "M8[ns]"),
        np.array(TIMES, "M8[us]"),
        list(np.array(TIMES, "M8[ns]")),
        pandas.Series(np.array(TIMES, "M8[ns]")),
        pandas.Series(np.array(TIMES, "M8[ns]")).dt.tz_localize("UTC"),
        pandas.DatetimeIndex(np.array(TIMES, "M8[ns]")),
        pandas.Series(np.array(TIMES, "M8[ns]")).astype("timestamp[ns][pyarrow]"),
        polars.Series(np.array(TIMES, "M8[ns]")),
        pa.array(np.array(TIMES, "M8[ns]")),
        list(pa.array(np.array(TIMES, "M8[ns]"))),
        [pandas.Timestamp(time) for time in TIMES],
    ],
)
def test_times_are_of_the_microsecond_below(column: Any) -> None:
    wanted = np.array(["2026-03-01T12:00:00.123456", TIMES[1]], "M8[us]")
    assert read(leaves_at=column)["leaves_at"].tolist() == wanted.tolist()


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"bike_id": True}, "bike_id is an int, not the bool True"),
        ({"bike_id": np.True_}, "bike_id is an int, not the bool True"),
        ({"bike_id": [1.0, 2.5]}, "bike_id is an int, not the float 2.5"),
        ({"bike_id": "0x10"}, "bike_id is an int, not the str '0x10'"),
        ({"rider_id": 1.0}, "rider_id is a str, not the float 1.0"),
        ({"rider_id": True}, "rider_id is a str, not the bool True"),
        ({"bike_id": 2**63}, "bike_id holds a key of more than 64 bits"),
        ({"bike_id": np.array([[1, 2], [3, 4]])}, r"bike_id is an int, not the list \[1, 2\]"),
        ({"bike_id": {1, 2}}, "bike_id is a set: give one value, or a list, an array"),
        ({"bike_id": (n for n in (1, 2))}, "bike_id is a generator: give one value, or a list"),
        ({"rider_id": {"a": 1}}, "rider_id is a dict: give one value, or a list"),
        ({"rider_id": pandas.DataFrame({"a": ["b"]})}, "rider_id is a DataFrame: give one value"),
        ({"rider_id": pa.table({"a": ["b"]})}, "rider_id is a str, not the dict {'a': 'b'}"),
        ({"rider_id": b"a"}, "rider_id is a str, not the bytes b'a'"),
        ({"rider_id": np.array([b"a"])}, "rider_id is a str, not the bytes b'a'"),
        ({"rider_id": "a" * 1_025}, "rider_id has 1,025 bytes, and 1,024 may be"),
        ({"rider_id": ["a", "é" * 513]}, "rider_id has 1,026 bytes, and 1,024 may be"),
        ({"rider_id": "a" * 10_000_000}, "rider_id has 10,000,000 bytes, and 1,024 may be"),
        ({"purpose": "\ud800"}, "purpose is one of 'commute'"),
        ({"leaves_at": np.datetime64(2**62, "D")}, "leaves_at: a time lies outside of the years"),
        ({"leaves_at": "2026-03-01"}, "leaves_at is a datetime, not the str '2026-03-01'"),
        ({"leaves_at": date(2026, 3, 1)}, "leaves_at is a datetime, not the date"),
        ({"distance": 2 + 1j}, "distance is a float, not the complex"),
        ({"leaves_at": datetime.min.replace(tzinfo=EAST)}, "leaves_at is too large"),
    ],
)
def test_what_is_not_sound_is_refused(given: dict[str, Any], message: str) -> None:
    with pytest.raises(RequestError, match=f"^bike_choice: {message}") as refused:
        FORM.read(NEEDED | given)
    assert len(str(refused.value)) < 300


def test_keys_are_as_long_as_they_may_be() -> None:
    for key in ("a" * 1_024, "é" * 512, "語" * 341):
        assert FORM.read(NEEDED | {"rider_id": key}).keys["rider_id"].values == [key]


@pytest.mark.parametrize(
    "at",
    [
        datetime(2026, 3, 1, 12, 0, 0, 5),
        datetime(2026, 3, 1, 21, 0, 0, 5, EAST),
        np.datetime64("2026-03-01T12:00:00.000005999"),
        pandas.Timestamp("2026-03-01T12:00:00.000005999"),
        pandas.Timestamp("2026-03-01T21:00:00.000005999", tz="Asia/Tokyo"),
    ],
)
def test_an_instant_may_be_asked_about_as(at: Moment) -> None:
    assert asked(at) == microseconds(NOON) + 5


@pytest.mark.parametrize(
    ("at", "message"),
    [
        (pandas.NaT, "at=NaT is not an instant: give a datetime"),
        (np.datetime64("NaT"), "at=.*NaT.* is not an instant"),
        (date(2026, 3, 1), "at=datetime.date.* is not an instant"),
        ("today", "at='today' is not an instant"),
        (1_772_366_400, "at=1772366400 is not an instant"),
        (pandas.NA, "at=<NA> is not an instant"),
        (datetime.min.replace(tzinfo=EAST), "lies outside of the years 1 to 9999"),
        (np.datetime64(2**62, "D"), "lies outside of the years 1 to 9999"),
        (Unshown(), "at=<Unshown instance at .*> is not an instant"),
        pytest.param(10**5_000, "at=a value of type int is not an instant", id="digits"),
    ],
)
def test_what_is_not_an_instant_is_refused(at: Any, message: str) -> None:
    with pytest.raises(RequestError, match=message):
        asked(at)


WIDE = np.longdouble(2.5)


@pytest.mark.parametrize("name", ["rider_id", "bike_id", "distance", "purpose"])
@pytest.mark.parametrize(
    "value",
    [WIDE, [WIDE], (1.5, WIDE), np.array([WIDE]), pandas.Series([WIDE, WIDE]), [np.clongdouble(1)]],
)
def test_a_number_that_python_has_none_for_is_refused(name: str, value: Any) -> None:
    with pytest.raises(RequestError, match=f"{name}: .*longdouble.*: convert it first, as by"):
        read(**{name: value})


@pytest.mark.parametrize("name", ["rider_id", "bike_id", "distance", "purpose"])
@pytest.mark.parametrize("value", [Unshown(), [Unshown()], [10**5_000]])
def test_what_cannot_be_shown_is_refused_all_the_same(name: str, value: Any) -> None:
    with pytest.raises(RequestError, match=name):
        read(**{name: value})


@pytest.mark.parametrize("service", [None, 1, ["bike_choice"], b"bike_choice", Unshown()])
def test_a_service_is_named_by_a_text(service: Any) -> None:
    serving = Serving(Registry.from_module(bikes), "bikes", 0)
    with pytest.raises(
        RequestError, match=r"is not a name of a service: give it as text; known: bike_"
    ):
        serving.plan(service)
