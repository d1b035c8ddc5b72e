"""What only the moment of asking can tell."""
# A type checker knows what NumPy gives, not that a feature is recorded under its own type.
# mypy: disable-error-code="assignment, call-overload"

from datetime import datetime
from typing import Annotated

import numpy as np

from slate import (
    Array,
    RequestFeatures,
    contains,
    now,
    occurrences,
    request_input,
    resolver,
)
from tests.deployments.bikes.definitions.bikes import (
    BikeAtStation,
    BikeHealth,
    BikeProfile,
    BikeUse,
)
from tests.deployments.bikes.definitions.riders import RiderAtStation, RiderProfile, RiderRides
from tests.deployments.bikes.definitions.sources import PURPOSES
from tests.deployments.bikes.definitions.stations import (
    DepotProfile,
    StationMoves,
    StationProfile,
)

HOUR = np.timedelta64(1, "h")
MINUTE = np.timedelta64(1, "m")


class StationNow(RequestFeatures):
    """A station at this moment."""

    expected: float = request_input()
    hour: int = (now() - now().astype("M8[D]")) // HOUR  # of the day, UTC
    today: datetime = now().astype("M8[D]")
    idle_minutes: float = (now() - StationMoves.last_move) / MINUTE
    free_share: float = StationMoves.free / StationProfile.docks  # infinite without docks
    surprise: float = np.abs(StationMoves.free - expected)
    busy: bool = (StationMoves.moves["2h"] > 3) | (StationMoves.moves["1m"] >= 1)
    per_crew: float = StationMoves.moves["7d"] / np.maximum(DepotProfile.crew, 1)
    bookings_until: datetime = np.fmax(StationMoves.last_booking["7d"], now())


class OfferRequest(RequestFeatures):
    """A bike offered to a rider, at the moment of the offer."""

    purpose: str = request_input(default="leisure", one_of=PURPOSES)
    party: int = request_input(default=1)
    distance: float = request_input()
    raining: bool = request_input(default=False)
    leaves_at: datetime = request_input()

    # Of each type, and of every grain.
    alone: bool = party == 1
    known_plan: bool = RiderProfile.plan != "guest"
    same_purpose: bool = RiderProfile.favourite == purpose
    same_move: bool = RiderAtStation.last_kind == StationMoves.last_kind["7d"]
    wet_and_far: bool = raining & (distance > 2_000) & ~StationProfile.covered
    this_week: bool = np.isin(now().astype("M8[D]").astype("M8[W]"), [np.datetime64("2026-03-05")])
    spare: int = StationProfile.docks - StationMoves.free - party
    seats: int = np.maximum(StationMoves.least_free["2h"], 0) + party * 2
    leaves_in: float = (leaves_at - now()) / MINUTE
    leaves_late: bool = leaves_at > now() + 15 * MINUTE
    ready_at: datetime = np.maximum(leaves_at, now()) + 5 * MINUTE
    service_days: float = (now() - BikeProfile.serviced_at) / np.timedelta64(1, "D")
    label: str = np.where(BikeProfile.electric, BikeProfile.frame, "plain")
    last_code: str = np.where(BikeHealth.fault, BikeHealth.code, "ok")
    charge: float = np.where(BikeProfile.electric, BikeHealth.charge, 1)
    minutes_each: float = RiderRides.minutes["30d"] / RiderRides.rides["30d"]  # null without rides
    speed: float = RiderRides.metres["30d"] / np.maximum(RiderRides.minutes["30d"], 1e-6)
    habit: float = RiderAtStation.visits["30d"] / np.maximum(RiderRides.rides["30d"], 1)
    warmth: float = np.log1p(np.exp(StationMoves.coldest["7d"] / 10)) - habit
    wear: float = np.sqrt(BikeUse.metres["2d"]) + np.log1p(BikeHealth.odometer)
    clipped: float = np.clip(RiderRides.usual / BikeUse.usual, 0.25, 4)
    tiring: bool = np.isnan(RiderProfile.rating) | (RiderProfile.rating < 3)
    same_bike: bool = np.isfinite(distance) & (BikeAtStation.visits["30d"] > 0)

    # Asking lists.
    been_here: bool = contains(RiderRides.recent_stations, BikeProfile.station_id)
    times_here: int = occurrences(RiderRides.recent_stations, BikeProfile.station_id)
    usual_move: bool = contains(StationMoves.usual_kinds["7d"], RiderAtStation.last_kind)
    knows_rider: float = occurrences(BikeAtStation.recent_riders, BikeAtStation.last_rider) / 40

    @resolver
    def comfort(
        free: Annotated[Array, StationMoves.free],
        docks: Annotated[Array, StationProfile.docks],
        crew: Annotated[Array, DepotProfile.crew],
    ) -> Annotated[Array, float]:
        """How easily a dock is found: weighed sum of what speaks for it."""
        weights = np.array([2.0, 0.5, 1.0])
        comfort: Array = np.stack([free, docks, crew], axis=-1) @ weights
        return np.tanh(comfort / 60)

    @resolver
    def pick(
        riders: Annotated[Array, RiderRides.last_station],
        bikes: Annotated[Array, BikeProfile.station_id],
    ) -> Annotated[Array, str]:
        """Whether the bike stands where the rider last was."""
        return np.where(riders == bikes, "here", "there")
