"""What models are trained and served with."""

from collections.abc import Sequence

from slate import FeatureService
from tests.deployments.bikes.definitions.bikes import (
    BikeAtStation,
    BikeHealth,
    BikeProfile,
    BikeUse,
)
from tests.deployments.bikes.definitions.entities import Bike, Rider, Station
from tests.deployments.bikes.definitions.requests import OfferRequest, StationNow
from tests.deployments.bikes.definitions.riders import RiderAtStation, RiderProfile, RiderRides
from tests.deployments.bikes.definitions.sources import Count, Offer
from tests.deployments.bikes.definitions.stations import (
    DepotProfile,
    StationMoves,
    StationProfile,
)
from tests.deployments.bikes.definitions.values import StationValues

# Of each view and of each kind of feature some.
NARROW = (
    RiderProfile,
    RiderRides.rides,
    RiderRides.metres["30d"],
    RiderRides.recent_stations,
    RiderRides.stations["1h"],
    BikeProfile,
    BikeHealth.charge,
    BikeHealth.faults,
    BikeUse.metres["2d"],
    StationProfile,
    StationMoves.moves,
    StationMoves.taken["36h"],
    StationMoves.usual_metres["2h"],
    StationMoves.spread["2h"],
    StationMoves.least_free["1m"],
    StationMoves.free,
    StationMoves.recent_notes,
    StationMoves.usual_kinds["2h"],
    DepotProfile.crew,
    RiderAtStation.visits["30d"],
    BikeAtStation.visits["30d"],
    OfferRequest.same_purpose,
    OfferRequest.wet_and_far,
    OfferRequest.spare,
    OfferRequest.leaves_in,
    OfferRequest.label,
    OfferRequest.been_here,
    OfferRequest.comfort,
    StationNow.idle_minutes,
)


def choice(features: Sequence[object]) -> FeatureService:
    """The service that ranks bikes, with so many features."""
    return FeatureService(
        "bike_choice",
        version=2,
        description="Which bike a rider wants.",
        keys=[Rider, Bike],
        spine=Offer,
        features=features,
    )


bike_choice = choice(
    [
        RiderProfile,
        RiderRides,
        BikeProfile,
        BikeHealth,
        BikeUse,
        StationProfile,
        StationMoves,
        DepotProfile.crew,
        RiderAtStation,
        BikeAtStation,
        OfferRequest,
        StationNow.idle_minutes,
        StationNow.busy,
        StationValues,
    ]
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
        StationMoves.free_lately["1m"],
        DepotProfile,
        StationNow,
    ],
)
