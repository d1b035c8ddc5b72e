"""The features of a live-shopping marketplace. Each is written once, here."""

from live_shopping.definitions.entities import (
    Category,
    Seller,
    Show,
    Viewer,
    ViewerCategory,
    ViewerSeller,
)
from live_shopping.definitions.pairs import ViewerCategoryTaste, ViewerSellerHistory
from live_shopping.definitions.requests import FeedRequest
from live_shopping.definitions.sellers import SellerProfile, SellerStats
from live_shopping.definitions.services import feed_ranking, show_quality
from live_shopping.definitions.shows import ShowActivity, ShowCatalog
from live_shopping.definitions.sources import (
    Event,
    Impression,
    SellerAccountChange,
    ShowListingChange,
    ViewerAccountChange,
)
from live_shopping.definitions.viewers import ViewerActivity, ViewerProfile

__all__ = [
    "Category",
    "Event",
    "FeedRequest",
    "Impression",
    "Seller",
    "SellerAccountChange",
    "SellerProfile",
    "SellerStats",
    "Show",
    "ShowActivity",
    "ShowCatalog",
    "ShowListingChange",
    "Viewer",
    "ViewerAccountChange",
    "ViewerActivity",
    "ViewerCategory",
    "ViewerCategoryTaste",
    "ViewerProfile",
    "ViewerSeller",
    "ViewerSellerHistory",
    "feed_ranking",
    "show_quality",
]
