"""The oracle itself, on cases worked out by hand."""

import math
import tomllib
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from slate import Registry
from tests.deployments.bikes import definitions as bikes
from tests.parity.landing import Row
from tests.parity.oracle import Oracle, Values, differences

REGISTRY = Registry.from_module(bikes)
CASES = tomllib.loads((Path(__file__).parent / "cases/windows.toml").read_text())
NOON = datetime(2026, 3, 10, 12, tzinfo=UTC)


def moves(events: list[dict[str, Any]]) -> list[Row]:
    rows = []
    for number, event in enumerate(events):
        late = timedelta(seconds=event.get("late", 0))
        row = dict.fromkeys(bikes.Move.columns) | CASES["usual"] | {"move_id": 1000 + number}
        rows.append(row | event | {"heard_at": event["moved_at"] + late})
    return rows


def ask(sources: dict[str, list[Row]], models: dict[str, list[Row]], **changed: Any) -> Values:
    request = {"rider_id": "a", "bike_id": 1, "distance": 2_500.0, "leaves_at": NOON} | changed
    oracle = Oracle(REGISTRY, sources, models)
    return oracle.answer(bikes.bike_choice, request, changed.get("at", NOON), request)


def check(values: Values, view: str, wanted: Row) -> None:
    """These features of a view have these values; floats to the last digits."""
    expected = Values()
    expected.update({f"{view}.{column}": value for column, value in wanted.items()})
    expected.slack = dict.fromkeys(expected, 1e-14)
    assert differences(expected, {name: values[name] for name in expected}) == []


def history(**attributes: Any) -> Row:
    row = {"event_ts": NOON - timedelta(hours=2), "received_at": NOON - timedelta(hours=1)}
    return row | {"row_id": "1"} | attributes


def bike(**changed: Any) -> Row:
    row = {"bike_id": 1, "station_id": 7, "electric": True, "frame": None, "serviced_at": None}
    return history(**row | {"row_id": 1} | changed)


def station(**changed: Any) -> Row:
    row = {"station_id": 7, "depot": "north", "docks": 30, "height": math.nan, "covered": None}
    return history(**row | {"opened_at": None} | changed)


@pytest.mark.parametrize("case", CASES["case"], ids=lambda case: case["name"])
def test_windows(case: dict[str, Any]) -> None:
    oracle = Oracle(REGISTRY, {"move": moves(case["events"])}, {})
    wanted = case["expect"] | dict.fromkeys(case.get("null", {}).get("features", []))
    for view in (bikes.StationMoves, bikes.StationValues):
        of_view = {column: value for column, value in wanted.items() if column in view.features}
        check(oracle.read(view, (7,), case["at"]), view.name, of_view)
        wanted = {column: value for column, value in wanted.items() if column not in of_view}
    assert wanted == {}


def test_a_bike_leads_to_its_station_and_on_to_its_depot() -> None:
    depot = history(depot="north", crew=4, shift_start=NOON)
    event = moves([{"moved_at": NOON - timedelta(seconds=30), "rider_id": "a"}])
    models = {
        "bike_profile": [bike()], "station_profile": [station()], "depot_profile": [depot],
    }  # fmt: skip
    values = ask({"move": event}, models)
    assert values["station_profile.docks"] == 30
    assert values["station_profile.height"] is None
    assert values["station_profile.covered"] is False
    assert values["station_profile.opened_at"] == datetime(2020, 1, 1, 6, 30, tzinfo=UTC)
    assert values["depot_profile.crew"] == 4
    assert values["station_moves.moves_1m"] == 1
    assert values["rider_at_station.visits_5m"] == 1
    assert values["bike_at_station.last_rider"] == "a"


def test_what_hangs_on_an_unknown_key_has_defaults() -> None:
    values = ask({"move": moves([{"moved_at": NOON - timedelta(seconds=30)}])}, {}, bike_id=404)
    assert values["bike_profile.frame"] == "steel"
    assert values["station_profile.docks"] == 0
    assert values["depot_profile.crew"] == 1
    assert values["station_moves.moves_7d"] == 0


def test_a_default_key_leads_on_too() -> None:
    workshop = station(station_id=0, docks=99)
    assert ask({}, {"station_profile": [workshop]})["station_profile.docks"] == 99


@pytest.mark.parametrize(
    ("rows", "frame"),
    [
        ([bike(row_id=1, frame="a"), bike(row_id=2, frame="b")], "b"),
        ([bike(row_id=1, frame="a", received_at=NOON - timedelta(minutes=1)), bike(row_id=2)], "a"),
        ([bike(frame="a", received_at=NOON)], "steel"),
        ([bike(frame="a", event_ts=NOON - timedelta(days=3))], "a"),
        ([bike(frame="a", event_ts=NOON - timedelta(days=3, microseconds=1))], "steel"),
        ([bike(frame="a", event_ts=NOON), bike(frame="b", row_id=2)], "a"),
        ([bike(frame="a"), bike(row_id=2, bike_id=2, frame="b")], "a"),
    ],
    ids=[
        "greater row id", "later arrival", "not yet known", "as old as the ttl", "older than it",
        "dated after its arrival", "another bike",
    ],
)  # fmt: skip
def test_the_latest_known_row_holds(rows: list[Row], frame: str) -> None:
    assert ask({}, {"bike_profile": rows})["bike_profile.frame"] == frame


def test_only_what_arrived_before_is_known() -> None:
    models = {"bike_profile": [bike(frame="a"), bike(frame="b", event_ts=NOON, row_id=2)]}
    oracle = Oracle(REGISTRY, {}, models, known_before=NOON - timedelta(hours=1))
    assert oracle.read(bikes.BikeProfile, (1,), NOON)["bike_profile.frame"] == "steel"
    oracle = Oracle(REGISTRY, {}, models, known_before=NOON - timedelta(minutes=59))
    assert oracle.read(bikes.BikeProfile, (1,), NOON)["bike_profile.frame"] == "b"


def test_request_features() -> None:
    rides = [
        {"moved_at": NOON - timedelta(days=2), "rider_id": "a", "minutes": 10.0, "metres": 300},
        {"moved_at": NOON - timedelta(days=1), "rider_id": "a", "minutes": 5.0, "celsius": 5.0},
    ]
    models = {
        "bike_profile": [bike(serviced_at=NOON - timedelta(days=3))],
        "station_profile": [station(docks=12)],
        "rider_profile": [
            history(
                rider_id="a", plan="guest", trips=1, joined_at=None, rating=None, favourite=None
            )
        ],
    }
    values = ask({"move": moves(rides)}, models, party=2, raining=True, purpose=None)
    wanted = {
        "purpose": "leisure",
        "party": 2,
        "alone": False,
        "known_plan": False,
        "same_purpose": False,
        "wet_and_far": True,
        "this_week": True,
        "spare": 0,
        "seats": 4,
        "leaves_in": 0.0,
        "leaves_late": False,
        "ready_at": NOON + timedelta(minutes=5),
        "service_days": 3.0,
        "label": "steel",
        "last_code": "ok",
        "charge": None,
        "minutes_each": 7.5,
        "speed": 20.0,
        "habit": 1.0,
        "warmth": math.log1p(math.exp(0.5)) - 1,
        "clipped": None,
        "tiring": True,
        "same_bike": True,
        "comfort": math.tanh((2 * 10 + 0.5 * 12 + 1 * 1) / 60),
        "pick": "here",
    }
    check(values, "offer_request", wanted)
    assert values["station_now.idle_minutes"] == 24 * 60


def test_a_sum_lends_its_slack_to_what_is_computed_from_it() -> None:
    rides = [{"moved_at": NOON - timedelta(days=2), "rider_id": "a", "minutes": 10.0, "metres": 3}]
    values = ask({"move": moves(rides)}, {})
    assert values.slack["rider_rides.minutes_30d"] == pytest.approx(1e-8)
    assert values.slack["offer_request.minutes_each"] == pytest.approx(1e-8)
    assert values.slack["offer_request.speed"] == pytest.approx(0.3 * 1e-9, rel=1e-3)
    assert values.slack["rider_rides.last_station"] == 0


@pytest.mark.parametrize(
    ("expected", "actual", "slack", "same"),
    [
        (1, 1, 0.0, True),
        (1, np.int64(1), 0.0, True),
        (1, 2, 0.0, False),
        (1, 1.0, 0.0, False),
        (1, True, 0.0, False),
        (0.1, 0.1 + 1e-12, 1e-10, True),
        (0.1, 0.1 + 1e-9, 1e-10, False),
        (0.0, 1e-30, 0.0, False),
        (math.inf, math.inf, 0.0, True),
        (math.inf, 1e308, 1e300, False),
        (None, math.nan, 0.0, True),
        (None, np.datetime64("NaT"), 0.0, True),
        (None, 0.0, 0.0, False),
        (0.0, None, 0.0, False),
        ("a", "a", 0.0, True),
        ("a", None, 0.0, False),
        (NOON, NOON.replace(tzinfo=None), 0.0, True),
        (NOON, np.datetime64("2026-03-10T12:00:00", "ns"), 0.0, True),
        (NOON, NOON + timedelta(microseconds=1), 0.0, False),
        (True, False, math.inf, True),
    ],
)
def test_differences(expected: object, actual: object, slack: float, same: bool) -> None:
    values = Values()
    values["f"] = expected
    values.slack["f"] = slack
    assert (not differences(values, {"f": actual})) is same


def test_differences_name_what_is_missing_and_what_is_too_much() -> None:
    values = Values()
    values["a"] = 1
    assert differences(values, {"b": 1}) == ["b: is not asked for", "a: is missing"]
