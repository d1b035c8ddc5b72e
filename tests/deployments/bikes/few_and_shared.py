"""The bike-share with few features, and a view of numbers alone, which processes can share."""

from slate import FeatureService
from tests.deployments.bikes.definitions import BikeUse
from tests.deployments.bikes.few import *  # noqa: F403
from tests.deployments.bikes.few import bike_choice as of_few

__all__ = ["BikeUse"]

bike_choice = FeatureService(
    of_few.name,
    version=of_few.version,
    keys=of_few.keys,
    spine=of_few.spine,
    features=[*of_few.features, BikeUse],
)

del of_few
