"""What the live demonstration asks for besides: services that no model is trained for."""

from live_shopping.definitions import *  # noqa: F403 (all that is served)
from live_shopping.definitions import Impression, Show, ShowCatalog
from slate import FeatureService

programme = FeatureService(
    "programme",
    version=1,
    description="What the catalogue says of shows, also who sells there.",
    keys=[Show],
    spine=Impression,
    features=[ShowCatalog],
)
