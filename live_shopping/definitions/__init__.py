"""The features of a live-shopping marketplace. Each is written once, here."""

from live_shopping.definitions.entities import (
    Address,
    Category,
    Device,
    Seller,
    Show,
    Viewer,
    ViewerCategory,
    ViewerSeller,
)
from live_shopping.definitions.orders import (
    AddressOrders,
    DeviceOrders,
    SellerOrders,
    ViewerOrders,
)
from live_shopping.definitions.pairs import ViewerCategoryTaste, ViewerSellerHistory
from live_shopping.definitions.requests import FeedRequest, OrderRequest
from live_shopping.definitions.sellers import SellerProfile, SellerStats
from live_shopping.definitions.services import feed_ranking, order_risk, show_quality
from live_shopping.definitions.shows import ShowActivity, ShowCatalog
from live_shopping.definitions.sources import (
    Event,
    Impression,
    Order,
    OrderOutcome,
    SellerAccountChange,
    ShowListingChange,
    ViewerAccountChange,
)
from live_shopping.definitions.viewers import ViewerActivity, ViewerProfile

__all__ = [
    "Address",
    "AddressOrders",
    "Category",
    "Device",
    "DeviceOrders",
    "Event",
    "FeedRequest",
    "Impression",
    "Order",
    "OrderOutcome",
    "OrderRequest",
    "Seller",
    "SellerAccountChange",
    "SellerOrders",
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
    "ViewerOrders",
    "ViewerProfile",
    "ViewerSeller",
    "ViewerSellerHistory",
    "feed_ranking",
    "order_risk",
    "show_quality",
]
