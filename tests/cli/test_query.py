"""`slate query`: values, states and ages of what was published."""

import json
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

import pyarrow as pa
import pytest

from slate.deployment import Deployment
from slate.kinds import Kind
from slate.online import Publisher, Rows
from slate.online.store.embedded_server import EmbeddedServer
from tests.cli.conftest import Slate

AS_OF = datetime(2026, 3, 10, 12, tzinfo=UTC)
AT = ("--at", "2026-03-10T13:00")
ASKED = ("query", "station_outlook", "station_id=7", "expected=2.5", *AT)


@pytest.fixture
def published(bikes: Deployment) -> Iterator[Deployment]:
    """Two stations, of which one has a depot. What happens at stations was never published."""
    at = pa.array([AS_OF - timedelta(hours=2, minutes=5)] * 2, pa.timestamp("us", "UTC"))
    stations = pa.table(
        {
            "station_id": [7, 8],
            "event_ts": at,
            "depot": ["north", None],
            "docks": [20, 0],
            "height": [1.5, None],
            "covered": [True, False],
            "opened_at": at,
        }
    )
    depots = pa.table({"depot": ["north"], "event_ts": at[:1], "crew": [3], "shift_start": at[:1]})
    with EmbeddedServer.attach(bikes.data / "redis"), Publisher.connect(bikes) as store:
        for name, rows in (("station_profile", stations), ("depot_profile", depots)):
            store.publish(bikes.registry.view(name), [Rows(rows)], AS_OF)
        yield bikes


def cells(out: str) -> dict[str, list[str]]:
    """What stands behind each name, in the last table that has it."""
    return {line.split()[0]: line.split()[1:] for line in out.splitlines() if line}


def test_features_down_rows_across(slate: Slate, published: Deployment) -> None:
    asked = slate("query", "station_outlook", "station_id=7,8", "station_id=9", "expected=4", *AT)
    assert asked.code == 0
    assert asked.out.startswith("station_outlook_v1 at 2026-03-10 13:00:00 UTC\n")
    found = cells(asked.out)
    assert found["station_id"] == ["7", "8", "9"]
    assert found["expected"] == ["4", "4", "4"]
    # A value that no row stands behind is told as such; 8 is there, and has no docks.
    assert found["station_profile.docks"] == ["20", "0", "0", "(default)"]
    assert found["depot_profile.crew"] == ["3", "1", "(missing)", "1", "(missing)"]
    assert found["station_now.hour"] == ["13", "13", "13"]
    # What is computed of such values, too.
    of_missing = ["(of", "missing)"]
    assert found["station_now.free_share"] == ["0", *of_missing, "-", *of_missing, "-", *of_missing]
    state = " ".join(found["station_profile"])
    assert state == "2026-03-10 12:00:00 UTC 1h present, 3h 5m old present, 3h 5m old default"
    assert found["depot_profile"][3:] == ["1h", "present,", "3h", "5m", "old", "missing", "missing"]
    assert asked.err.startswith("slate: station_moves: nothing is published under the present")


def test_many_rows_are_told_in_several_tables(slate: Slate, published: Deployment) -> None:
    keys = ",".join(str(station) for station in range(6, 12))
    asked = slate("query", "station_outlook", f"station_id={keys}", "expected=4", *AT)
    docks = [line.split()[1:] for line in asked.out.splitlines() if "profile.docks" in line]
    none = ["0", "(default)"]
    assert docks == [[*none, "20", "0", *none], [*none, *none]]


def test_a_line_of_json_for_each_row(slate: Slate, published: Deployment) -> None:
    asked = slate(
        "query", "station_outlook", "station_id=7", "station_id=8", "expected=1.5,2", *AT, "--json"
    )
    first, second = map(json.loads, asked.out.splitlines())
    assert first["service"] == "station_outlook_v1"
    assert first["at"] == "2026-03-10T13:00:00+00:00"
    assert first["request"] == {"station_id": 7, "expected": 1.5}
    assert second["request"] == {"station_id": 8, "expected": 2.0}
    assert first["features"]["station_profile.docks"] == 20
    assert first["features"]["station_profile.opened_at"] == "2026-03-10T09:55:00+00:00"
    assert second["features"]["station_now.free_share"] is None
    assert first["views"]["station_profile"] == {
        "state": "present",
        "age_seconds": 3 * 3600 + 300.0,
        "as_of": "2026-03-10T12:00:00+00:00",
        "lag_seconds": 3600.0,
    }
    known = {"as_of": "2026-03-10T12:00:00+00:00", "lag_seconds": 3600.0}
    unknown = {"state": "missing", "age_seconds": None, "as_of": None, "lag_seconds": None}
    assert second["views"]["depot_profile"] == {**unknown, **known}
    assert second["views"]["station_moves"] == unknown
    assert first["states"]["station_profile.docks"] == "present"
    assert second["states"]["depot_profile.crew"] == "missing"
    assert second["states"]["station_now.free_share"] == "missing"
    assert first["states"]["station_now.hour"] == "present"
    assert second["errors"][0].startswith("station_moves: nothing is published")


def test_lists_are_told_by_their_first_values(slate: Slate, bikes: Deployment) -> None:
    view, key = bikes.registry.view("bike_health"), pa.array([5])
    time = pa.timestamp("us", "UTC")
    event = {"event_ts": AS_OF, "received_at": AS_OF, "id": "c"}
    columns: dict[str, pa.Array] = {"bike_id": key, "event_ts": pa.array([AS_OF], time)}
    for measure in view.measures.values():
        (partial,) = measure.columns
        names = [("event_ts", time), ("received_at", time), ("id", pa.string())]
        struct = pa.struct([*names, ("value", partial.kind.arrow)])
        if partial.length is None:
            columns[f"{measure.name}__last"] = pa.nulls(1, struct)
        else:
            value = 0.5 if partial.kind is Kind.FLOAT else True
            events = [{**event, "value": value}] * 2
            columns[f"{measure.name}__last"] = pa.array([events], pa.list_(struct))
    given = ("bike_id=5", "rider_id=a", "distance=1", "leaves_at=2026-03-10T14:00")
    with EmbeddedServer.attach(bikes.data / "redis"), Publisher.connect(bikes) as store:
        store.publish(view, [Rows(pa.table(columns))], AS_OF)
        table = slate("query", "bike_choice", *given, *AT)
        line = slate("query", "bike_choice", *given, *AT, "--json")
    assert cells(table.out)["bike_health.charges"] == ["0.5,", "0.5"]
    assert cells(table.out)["station_moves.recent_notes"] == ["-", "(missing)"]
    features = json.loads(line.out)["features"]
    assert features["bike_health.charges"] == [0.5, 0.5]
    assert features["bike_health.faults_3h"] == [True, True]
    assert features["station_moves.recent_bookings_7d"] == []


def test_numbers_that_json_lacks_are_texts(slate: Slate, bikes: Deployment) -> None:
    asked = slate("query", "station_outlook", "station_id=1", "expected=inf", "--json")
    assert json.loads(asked.out)["features"]["station_now.surprise"] == "inf"


@pytest.mark.parametrize(
    ("given", "message"),
    [
        (("station_id=x", "expected=1"), "station_outlook: station_id: 'x' is not a whole number"),
        (("station_id=1", "expected=x"), "station_outlook: expected: 'x' is not a number"),
        (("station_id=1",), "station_outlook needs expected=..."),
        (("station=1", "expected=1"), "did you mean 'station_id'?"),
        (("station_id=1,2,3", "expected=1,2"), "station_id has 3 values, expected has 2 values"),
    ],
)
def test_a_wrong_request_is_refused(slate: Slate, given: tuple[str, ...], message: str) -> None:
    refused = slate("query", "station_outlook", *given)
    assert (refused.code, refused.out) == (1, "")
    assert message in refused.err


@pytest.mark.parametrize(
    ("given", "value"),
    [
        ("raining=true", True),
        ("raining=NO", False),
        ("party=3", 3),
        ("purpose=errand", "errand"),
        ("leaves_at=2026-03-10T14:00+01:00", "2026-03-10T13:00:00+00:00"),
    ],
)
def test_inputs_are_read_by_their_kind(slate: Slate, given: str, value: object) -> None:
    base = ["rider_id=r1", "bike_id=1", "distance=1", "leaves_at=2026-03-10T13:30"]
    name = given.split("=")[0]
    asked = slate(
        "query", "bike_choice", given, *(b for b in base if not b.startswith(name)), "--json"
    )
    assert asked.code == 0, asked.err
    assert json.loads(asked.out)["features"][f"offer_request.{name}"] == value


def test_what_is_the_same_of_all_views_is_said_once(slate: Slate, bikes: Deployment) -> None:
    asked = slate(*ASKED)
    assert asked.code == 0
    (told,) = asked.err.splitlines()
    views, _, reason = told.removeprefix("slate: ").partition(": ")
    assert views.split(", ") == ["station_moves", "station_profile", "depot_profile"]
    assert reason.startswith("nothing is published under the present definition")


def test_views_of_which_a_clock_is_behind_are_no_fault_of_the_store(
    slate: Slate, published: Deployment, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SLATE_CLOCK", "2026-03-10T11:00")
    asked = slate(*ASKED[:-2])
    assert asked.code == 0, asked.err
    told = [line for line in asked.err.splitlines() if "the clock here says" in line]
    (line,) = told
    assert line.startswith("slate: station_profile, depot_profile: it is published as of")
    assert line.endswith("; its values are the declared defaults")


def test_an_instant_before_what_is_published(slate: Slate, published: Deployment) -> None:
    refused = slate(*ASKED[:-1], "2026-03-10T11:59")
    assert refused.code == 1
    assert "station_profile is published as of 2026-03-10 12:00" in refused.err


def test_a_store_that_does_not_answer(
    slate: Slate, bikes: Deployment, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SLATE_REDIS", f"unix://{bikes.data}/none.sock")
    failed = slate(*ASKED)
    assert failed.code == 1
    assert cells(failed.out)["depot_profile.crew"] == ["1", "(missing)"]
    assert "the online store cannot be reached" in failed.err
    assert "what was not read is the declared default" in failed.err
