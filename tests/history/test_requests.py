"""What rows may ask: each fault is told with its rows and with what to do."""

from datetime import datetime, timedelta
from typing import Any

import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc
import pytest

import slate
from slate.errors import RequestError, UnknownNameError
from tests.deployments.bikes.definitions import (
    BikeProfile,
    DepotProfile,
    OfferRequest,
    RiderRides,
    StationMoves,
)
from tests.history.conftest import Asked, alike

pytestmark = pytest.mark.process


def faults() -> dict[str, tuple[Any, str]]:
    return {
        "no key": (lambda f: f.drop(columns="rider_id"), "no column 'rider_id'"),
        "no instant": (
            lambda f: f.rename(columns={"offered_at": "when"}),
            "no column 'offered_at', as its spine calls the instant.*at='asked_at'",
        ),
        "no required input": (lambda f: f.drop(columns="distance"), "needs a column distance"),
        "null instants": (
            lambda f: f.assign(offered_at=f.offered_at.mask(f.label.isin([2, 4]))),
            r"offered_at, the instant of each row, is null in 2 rows \(counted from 0: 2, 4\)",
        ),
        "all instants null": (lambda f: f.assign(offered_at=None), "is null in"),
        "numbers as instants": (lambda f: f.assign(offered_at=1.5), "give times"),
        "texts as instants": (
            lambda f: f.assign(offered_at=[*["2026-03-01"] * (len(f) - 1), "yesterday"]),
            "offered_at is not an instant",
        ),
        "later than known": (
            lambda f: f.assign(
                offered_at=f.offered_at.mask(f.label == 3, pd.Timestamp("2999", tz="UTC"))
            ),
            r"row 3 \(counted from 0\) of .* ask about an instant after .*`slate run`",
        ),
        "texts as whole numbers": (
            lambda f: f.assign(bike_id=f.bike_id.astype(str)),
            "bike_id is an int, and the frame's column is .*string",
        ),
        "numbers as texts": (lambda f: f.assign(rider_id=7), "rider_id is a str"),
        "truths as numbers": (lambda f: f.assign(bike_id=True), "bike_id is an int"),
        "floats as numbers": (lambda f: f.assign(bike_id=1.0), "bike_id is an int"),
        "fractions": (
            lambda f: f.assign(bike_id=[None, *[1.5] * (len(f) - 1)]),
            "bike_id is not of type int",
        ),
        "mixed": (
            lambda f: f.assign(rider_id=[1, *["a"] * (len(f) - 1)]),
            "column rider_id is not of one type",
        ),
        "too long": (
            lambda f: f.assign(rider_id=["x" * 1_025, *["a"] * (len(f) - 1)]),
            r"rider_id is longer than 1,024 bytes in row 0",
        ),
        "not one of": (
            lambda f: f.assign(purpose=["sleep", *["leisure"] * (len(f) - 1)]),
            "purpose is not one of 'commute', 'leisure', 'errand' in row 0",
        ),
        "named like a feature": (
            lambda f: f.assign(**{"rider_rides.rides_1d": 1}),
            "'rider_rides.rides_1d', as the feature is called",
        ),
    }


@pytest.mark.parametrize("fault", faults())
def test_faults(asked: Asked, fault: str) -> None:
    change, said = faults()[fault]
    with pytest.raises(RequestError, match=said):
        asked.history(change(asked.rows.to_pandas()))


def test_inputs_that_are_not_there_have_their_defaults(asked: Asked) -> None:
    frame = asked.rows.to_pandas()
    explicit = frame.assign(purpose="leisure", party=1)
    implicit = explicit.drop(columns=["purpose", "party"])
    half = explicit.assign(purpose=explicit.purpose.mask(explicit.label > 4))
    wanted = asked.history(explicit)[asked.names]
    assert not wanted.equals(asked.values.to_pandas())
    for rows in (implicit, half):
        pd.testing.assert_frame_equal(asked.history(rows)[asked.names], wanted)


def test_another_column_of_instants(asked: Asked) -> None:
    renamed = asked.rows.rename_columns({"offered_at": "when"})
    assert alike(asked.history(renamed, at="when").select(asked.names), asked.values)
    with pytest.raises(RequestError, match="no column 'wen': did you mean 'when'"):
        asked.history(renamed, at="wen")


def test_the_last_instant_that_is_known(asked: Asked) -> None:
    until = datetime.now().replace(minute=0, second=0, microsecond=0) - timedelta(hours=1)
    rows = asked.rows.slice(0, 1)
    at = rows.column_names.index("offered_at")
    column = pa.array([until], pa.timestamp("us", "UTC"))
    found = asked.history(rows.set_column(at, "offered_at", column))
    assert found.num_rows == 1


def test_an_unknown_service(asked: Asked) -> None:
    with pytest.raises(UnknownNameError, match="did you mean 'bike_choice'"):
        slate.history("bike_choise", asked.rows, deployment=asked.deployment)


def test_a_service_with_its_version(asked: Asked) -> None:
    found = slate.history("bike_choice_v2", asked.rows, deployment=asked.deployment)
    assert alike(found.select(asked.names), asked.values)
    service = asked.plan.service
    again = slate.history(service, asked.rows, deployment=asked.deployment)
    assert alike(again, found)


def test_single_features(asked: Asked) -> None:
    wanted = [RiderRides.rides["1d"], StationMoves.free, OfferRequest.spare, DepotProfile]
    found = slate.history(wanted, asked.rows, deployment=asked.deployment)
    names = [
        "rider_rides.rides_1d", "station_moves.free", "offer_request.spare",
        "depot_profile.crew", "depot_profile.shift_start",
    ]  # fmt: skip
    assert found.column_names == [*asked.rows.column_names, *names]
    for name in names:
        if name in asked.names:
            assert found[name].equals(asked.values[name]), name
    # One of them alone, by as few columns as it needs.
    rows = asked.rows.select(["rider_id", "offered_at"])
    alone = slate.history(wanted[0], rows, deployment=asked.deployment)
    assert alone["rider_rides.rides_1d"].equals(found["rider_rides.rides_1d"])


def test_single_features_that_a_key_says_better(asked: Asked) -> None:
    """A station that the rows name is asked about, not the one where the bike stands."""
    rows = asked.rows.append_column("station_id", pa.array([7] * asked.rows.num_rows))
    found = slate.history([StationMoves.free], rows, deployment=asked.deployment)
    alone = slate.history(
        StationMoves.free, rows.select(["station_id", "offered_at"]), deployment=asked.deployment
    )
    assert found["station_moves.free"].equals(alone["station_moves.free"])
    assert pc.any(pc.not_equal(found["station_moves.free"], asked.values["station_moves.free"]))


def test_faults_of_single_features(asked: Asked) -> None:
    def ask(features: Any, *columns: str, at: str | None = None) -> None:
        rows = asked.rows.select(columns)
        slate.history(features, rows, at=at, deployment=asked.deployment)

    with pytest.raises(RequestError, match=r"no column that is a key.*bike_id, .*station_id"):
        ask([RiderRides], "offered_at")
    with pytest.raises(RequestError, match=r"columns do not lead to all.*Station"):
        ask([StationMoves.free], "rider_id", "offered_at")
    with pytest.raises(RequestError, match=r"has none of .*event_ts.*at='asked_at'"):
        ask([RiderRides], "rider_id")
    with pytest.raises(RequestError, match="no feature is asked for"):
        ask([], "rider_id", "offered_at")
    with pytest.raises(RequestError, match="is not a feature"):
        ask([RiderRides.rides, "rides"], "rider_id", "offered_at")
    with pytest.raises(RequestError, match="needs a column distance"):
        ask([OfferRequest.distance, BikeProfile], "bike_id", "offered_at")

    class Other(slate.FeatureView):
        entity, model = asked.plan.service.keys[0], "others"
        size: float

    with pytest.raises(RequestError, match=r"other.size is not a feature of this deployment"):
        ask([Other.size], "rider_id", "offered_at")
