"""What is of somebody, and what only looks like it: the same in texts, in bytes and in SQL."""

import duckdb
import pyarrow as pa
import pyarrow.compute as pc
import pytest

from slate.errors import ConfigurationError
from slate.registry import Registry
from slate.subjects import Subject, Subjects
from tests.deployments.bikes import definitions

REGISTRY = Registry.from_module(definitions)
IDS = Subjects((Subject("guest_id", "viewer_1", frozenset({"guest_id"})),))
WORDS = Subjects((Subject("guest_id", "ann", frozenset({"guest_id"})),))
NUMBERS = Subjects((Subject("bike_id", 42, frozenset({"bike_id", "view.last_bike"})),))


@pytest.mark.parametrize(
    ("subjects", "text", "found"),
    [
        (IDS, "viewer_1", True),
        (IDS, "viewer_17", False),
        (IDS, "a-viewer_1", False),
        (IDS, "éviewer_1", False),
        (IDS, "viewer_1.b", False),
        (IDS, "by viewer_1.", True),
        (IDS, '{"guest_id": "viewer_1"}', True),
        (IDS, "2:viewer_1:toys", True),
        (IDS, "view:{viewer_1}", True),
        (WORDS, "ann", True),
        (WORDS, "by ann", False),
        (WORDS, '["ann"]', True),
        (WORDS, "| ann | 3 |", True),
        (WORDS, "<td>anna</td>", False),
        (WORDS, "&quot;ann&quot;", True),
        (NUMBERS, "42", False),
        (NUMBERS, '{"bike_id":42}', True),
        (NUMBERS, '{"bike_id": "42"}', True),
        (NUMBERS, '{"bike_id": 421}', False),
        (NUMBERS, '{"bike_id": 42.5}', False),
        (NUMBERS, "view.last_bike=42", True),
        (NUMBERS, "my_bike_id=42", False),
    ],
)
def test_a_word_of_its_own(subjects: Subjects, text: str, found: bool) -> None:
    assert subjects.in_text(text.encode()) is found
    assert pc.match_substring_regex(pa.scalar(text), subjects.pattern).as_py() is found
    query = "select regexp_matches(?, ?)"
    assert duckdb.execute(query, [text, subjects.pattern]).fetchall() == [(found,)]
    assert (subjects.without(text) != text) is found


def test_keys_are_found_wherever_texts_lie_in_bytes() -> None:
    packed = b"\x01toysviewer_1sh1"
    assert IDS.in_bytes(packed, anywhere=True)
    assert not IDS.in_bytes(packed, anywhere=False)
    # With its length in front, as in files of Redis.
    assert IDS.in_bytes(b"ab\x08viewer_1xyz", anywhere=False)
    assert not IDS.in_bytes(b"ab\x09viewer_17xyz", anywhere=False)
    assert not WORDS.in_bytes(b"planning a channel", anywhere=True)


def test_a_short_key_is_not_found_by_chance() -> None:
    """But as packed rows have it, and as names and JSON do."""
    short = Subjects((Subject("guest_id", "c01", frozenset({"guest_id"})),))
    for chance in (b"\x80ac01f", b"\x00c01\x01", b"\x03c01"):
        assert not short.in_bytes(chance, anywhere=True)
    for there in (b"abcdefghc01\0\0\0\0\0", b":{c01}", b'["c01"]', b"$3\r\nc01\r\n"):
        assert short.in_bytes(there, anywhere=False)
    assert short.short == ("c01",)
    assert IDS.short == ()


def test_columns_that_hold_keys_are_known_by_the_definitions() -> None:
    station = Subject.of(REGISTRY, "station_id", "7")
    assert station.value == 7
    assert station.columns >= {
        "station_id", "bike_profile.station_id", "last_station", "rider_rides.recent_stations_1d",
    }  # fmt: skip
    # A number of them is none of them.
    assert not {"stations_1h", "rider_rides.stations_30d"} & station.columns
    rider = Subject.of(REGISTRY, "rider_id", "a,b")
    assert rider.value == "a,b"
    assert {"first_rider_forever", "recent_riders"} <= rider.columns


@pytest.mark.parametrize(
    ("key", "text", "message"),
    [
        ("rider", "a", "no entity has the key 'rider': did you mean 'rider_id'"),
        ("rider_id", "", "rider_id= names no entity"),
        ("bike_id", "x", "bike_id=x: bike_id is a whole number"),
    ],
)
def test_what_is_none_is_refused(key: str, text: str, message: str) -> None:
    with pytest.raises(ConfigurationError, match=message):
        Subject.of(REGISTRY, key, text)
