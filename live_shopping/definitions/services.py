"""What models are trained and served with."""

from live_shopping.definitions.entities import Show, Viewer
from live_shopping.definitions.pairs import ViewerCategoryTaste, ViewerSellerHistory
from live_shopping.definitions.requests import FeedRequest
from live_shopping.definitions.sellers import SellerProfile, SellerStats
from live_shopping.definitions.shows import ShowActivity, ShowCatalog
from live_shopping.definitions.sources import Impression
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
