"""The features of a city's bike-share."""

from tests.deployments.bikes.definitions.bikes import (
    BikeAtStation,
    BikeHealth,
    BikeProfile,
    BikeUse,
)
from tests.deployments.bikes.definitions.entities import (
    Bike,
    BikeStation,
    Depot,
    Rider,
    RiderStation,
    Station,
)
from tests.deployments.bikes.definitions.requests import OfferRequest, StationNow
from tests.deployments.bikes.definitions.riders import RiderAtStation, RiderProfile, RiderRides
from tests.deployments.bikes.definitions.services import bike_choice, station_outlook
from tests.deployments.bikes.definitions.sources import (
    BikeChange,
    Checkup,
    Count,
    DepotChange,
    Move,
    Offer,
    RiderChange,
    StationChange,
)
from tests.deployments.bikes.definitions.stations import (
    DepotProfile,
    StationMoves,
    StationProfile,
)
from tests.deployments.bikes.definitions.values import StationValues

__all__ = [
    "Bike",
    "BikeAtStation",
    "BikeChange",
    "BikeHealth",
    "BikeProfile",
    "BikeStation",
    "BikeUse",
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
    "StationValues",
    "bike_choice",
    "station_outlook",
]
