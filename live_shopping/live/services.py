"""What the live demonstration asks for besides: services that no model is trained for."""

from live_shopping.definitions import *  # noqa: F403 (all that is served)
from live_shopping.definitions import (
    Event,
    Impression,
    Seller,
    SellerStats,
    Show,
    ShowActivity,
    ShowCatalog,
)
from slate import FeatureService

programme = FeatureService(
    "programme",
    version=1,
    description="What the catalogue says of shows, also who sells there.",
    keys=[Show],
    spine=Impression,
    features=[ShowCatalog],
)

# Where a show leads to its seller, as in the feed, it has to be in the catalogue.
newcomers = FeatureService(
    "newcomers",
    version=1,
    description="A show and its seller, both of whom no batch has seen yet.",
    keys=[Show, Seller],
    spine=Event,
    features=[ShowActivity.taps, SellerStats.taps],
)
