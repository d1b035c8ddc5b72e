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

NARROW = (
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


bike_choice = choice([*NARROW, StationValues])

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
