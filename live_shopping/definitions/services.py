"""What models are trained and served with."""

from live_shopping.definitions.entities import Address, Device, Seller, Show, Viewer
from live_shopping.definitions.orders import (
    AddressOrders,
    DeviceOrders,
    SellerOrders,
    ViewerOrders,
)
from live_shopping.definitions.pairs import ViewerCategoryTaste, ViewerSellerHistory
from live_shopping.definitions.requests import FeedRequest, OrderRequest
from live_shopping.definitions.sellers import SellerProfile, SellerStats
from live_shopping.definitions.shows import ShowActivity, ShowCatalog
from live_shopping.definitions.sources import Impression, OrderOutcome
from live_shopping.definitions.viewers import ViewerActivity, ViewerProfile
from slate import CandidateSet, FeatureService

live_shows = CandidateSet(Show, where=ShowCatalog.status == "live")

feed_ranking = FeatureService(
    "feed_ranking",
    version=1,
    description="Which of the shows that are live or about to be a viewer wants to see first.",
    owner="ranking@live-shopping.example",
    tags=["ranking"],
    keys=[Viewer, Show],
    logged=0.05,
    candidates=live_shows,
    spine=Impression,
    features=[
        ViewerProfile,
        ViewerActivity,
        ShowCatalog.category,
        ShowCatalog.status,
        ShowCatalog.start_price,
        ShowActivity,
        SellerProfile.rating,
        SellerProfile.verified,
        SellerProfile.followers,
        SellerStats,
        ViewerSellerHistory,
        ViewerCategoryTaste,
        FeedRequest,
    ],
)

show_quality = FeatureService(
    "show_quality",
    version=1,
    description="How good a show is, whoever watches: for search and notifications.",
    owner="search@live-shopping.example",
    tags=["search", "notifications"],
    keys=[Show],
    spine=Impression,
    features=[
        ShowCatalog.category,
        ShowCatalog.start_price,
        ShowActivity.views,
        ShowActivity.orders,
        SellerProfile.rating,
        SellerStats.orders,
        FeedRequest.minutes_live,
        FeedRequest.seller_order_rate,
    ],
)

order_risk = FeatureService(
    "order_risk",
    version=1,
    description="How likely an order is to be charged back, at the moment it is placed.",
    owner="risk@live-shopping.example",
    tags=["risk"],
    keys=[Viewer, Seller, Device, Address],
    logged=1.0,
    spine=OrderOutcome,
    features=[
        ViewerProfile.country,
        ViewerOrders,
        DeviceOrders,
        AddressOrders,
        SellerProfile.country,
        SellerProfile.rating,
        SellerProfile.verified,
        SellerOrders,
        OrderRequest,
    ],
)
