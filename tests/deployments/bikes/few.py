"""The bike-share with few features, of each kind of view and of what is said of it some.

It has all sources and all ways from a request to its rows: what the tests take through dbt and
Dagster. What each aggregate comes to, the parity tests compare, by the same compiled SQL.
"""

from datetime import datetime
from typing import Annotated

import numpy as np

from slate import (
    Array,
    FeatureService,
    FeatureView,
    RequestFeatures,
    contains,
    count,
    distinct,
    last,
    last_n,
    mean,
    min,
    now,
    request_input,
    resolver,
    std,
    sum,
    top,
)
from tests.deployments.bikes.definitions import (
    Bike,
    BikeChange,
    BikeHealth,
    BikeProfile,
    Checkup,
    Count,
    Depot,
    DepotChange,
    DepotProfile,
    Move,
    Offer,
    Rider,
    RiderChange,
    RiderProfile,
    RiderStation,
    Station,
    StationChange,
    StationProfile,
)
from tests.deployments.bikes.definitions.sources import PURPOSES

__all__ = [
    "Bike",
    "BikeChange",
    "BikeHealth",
    "BikeProfile",
    "Checkup",
    "Count",
    "Depot",
    "DepotChange",
    "DepotProfile",
    "Move",
    "Offer",
    "OfferRequest",
    "Rider",
    "RiderAtStation",
    "RiderChange",
    "RiderProfile",
    "RiderRides",
    "RiderStation",
    "Station",
    "StationChange",
    "StationMoves",
    "StationNow",
    "StationProfile",
    "bike_choice",
    "station_outlook",
]

MINUTE = np.timedelta64(1, "m")


class RiderRides(FeatureView):
    """How a rider rides."""

    entity, source = Rider, Move
    near = "2s"
    max_null_shift = 1  # of four riders one that rests is a quarter
    rides = count(where=Move.kind == "take", over=["1h", "30d"])
    metres = sum(Move.metres, over=["1d", "30d"])
    recent_stations = last_n(Move.station_id, 5, over="1d", default=0)
    stations = distinct(Move.station_id, over="1h")
    last_ride = last(Move.moved_at, where=Move.kind == "take")


class RiderAtStation(FeatureView):
    """A rider at one station."""

    entity, source = RiderStation, Move
    visits = count(over=["5m/1m", "30d"])
    last_kind = last(Move.kind, over="1d")


class StationMoves(FeatureView):
    """What goes on at a station: hops of five seconds to six hours."""

    entity, source = Station, Move
    near = "2s"
    ttl = "9d"
    max_null_shift = 1  # of four things one that rests is a quarter
    moves = count(over=["45s/15s", "1m", "2h/10m", "7d"])
    taken = count(where=Move.kind == "take", over="36h/90m")
    usual_metres = mean(Move.metres, over="2h/10m", default=-1.0)
    spread = std(Move.celsius, over="2h/10m")
    least_free = min(Move.free_docks, over="1m", default=-1)
    free = last(Move.free_docks, default=0)
    free_lately = last(Move.free_docks, over="1m", default=-1)
    recent_notes = last_n(Move.note, 4)
    usual_kinds = top(Move.kind, 3, over="2h/10m")
    last_move = last(Move.moved_at)


class StationNow(RequestFeatures):
    """A station at this moment."""

    expected: float = request_input()
    idle_minutes: float = (now() - StationMoves.last_move) / MINUTE
    surprise: float = np.abs(StationMoves.free - expected)


class OfferRequest(RequestFeatures):
    """A bike offered to a rider, at the moment of the offer."""

    purpose: str = request_input(default="leisure", one_of=PURPOSES)
    party: int = request_input(default=1)
    leaves_at: datetime = request_input()

    same_purpose: bool = RiderProfile.favourite == purpose
    spare: int = StationProfile.docks - StationMoves.free - party
    leaves_in: float = (leaves_at - now()) / MINUTE
    label: str = np.where(BikeProfile.electric, BikeProfile.frame, "plain")  # type: ignore[call-overload]
    been_here: bool = contains(RiderRides.recent_stations, BikeProfile.station_id)

    @resolver
    def comfort(
        free: Annotated[Array, StationMoves.free],
        crew: Annotated[Array, DepotProfile.crew],
    ) -> Annotated[Array, float]:
        """How easily a dock is found: weighed sum of what speaks for it."""
        return np.tanh(np.stack([free, crew], axis=-1) @ np.array([2.0, 1.0]) / 60)


bike_choice = FeatureService(
    "bike_choice",
    version=2,
    description="Which bike a rider wants.",
    keys=[Rider, Bike],
    spine=Offer,
    features=[
        RiderProfile,
        RiderRides,
        BikeProfile,
        BikeHealth,
        StationProfile,
        StationMoves,
        DepotProfile.crew,
        RiderAtStation,
        OfferRequest,
        StationNow.idle_minutes,
    ],
)

station_outlook = FeatureService(
    "station_outlook",
    version=1,
    description="How full a station is going to be.",
    keys=[Station],
    spine=Count,
    features=[
        StationProfile.docks,
        StationProfile.opened_at,
        StationMoves.moves,
        StationMoves.free,
        StationNow,
    ],
)
