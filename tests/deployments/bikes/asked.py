"""The bike-share, about which rows ask for few features: of each kind of key and input some.

What history says of all features, the parity tests compare; here it is how it is asked.
"""

from tests.deployments.bikes.definitions import *  # noqa: F403
from tests.deployments.bikes.definitions import (
    BikeProfile,
    BikeUse,
    OfferRequest,
    RiderAtStation,
    RiderProfile,
    RiderRides,
    StationMoves,
    StationProfile,
)
from tests.deployments.bikes.definitions.services import choice

del StationValues  # noqa: F821
bike_choice = choice(
    [
        RiderProfile.plan,
        RiderRides.rides,
        BikeProfile,
        BikeUse.metres["2d"],
        StationProfile.docks,
        StationMoves.free,
        StationMoves.recent_notes,
        RiderAtStation.visits["30d"],
        OfferRequest.same_purpose,
        OfferRequest.wet_and_far,
        OfferRequest.spare,
        OfferRequest.leaves_in,
        OfferRequest.been_here,
        OfferRequest.comfort,
    ]
)
