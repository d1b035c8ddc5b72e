"""What is known of a seller."""

from datetime import datetime

from live_shopping.definitions.entities import Seller
from live_shopping.definitions.sources import Event
from slate import FeatureView, count, feature, max, mean, sum


class SellerProfile(FeatureView):
    """A seller's account."""

    entity, model = Seller, "seller_profile"
    owner = "sellers@live-shopping.example"
    tags = ("account",)
    near = "1s"
    country: str = feature(default="unknown")
    joined_at: datetime  # the first day of selling
    rating: float = feature(min=0, max=5)  # stars; none before the first review
    verified: bool = feature(default=False)
    followers: int = feature(default=0, min=0)


class SellerStats(FeatureView):
    """How a seller's shows do."""

    entity, source = Seller, Event
    owner = "ranking@live-shopping.example"
    tags = ("session",)
    near = "1s"
    views = count(where=Event.kind == "view", over=["1h", "1d", "30d"])
    taps = count(where=Event.kind == "tap", over=["1h", "1d", "30d"])
    bids = count(where=Event.kind == "bid", over=["1h", "1d"])
    orders = count(where=Event.kind == "purchase", over=["1h", "1d", "30d"])
    follows = count(where=Event.kind == "follow", over=["1d", "30d"])
    sales = sum(Event.price, where=Event.kind == "purchase", over=["1h", "1d", "30d"])  # dollars
    usual_price = mean(Event.price, where=Event.kind == "purchase", over=["30d"])  # dollars
    highest_price = max(Event.price, where=Event.kind == "purchase", over=["30d"])  # dollars
    usual_watch = mean(Event.watch_seconds, over=["1d", "30d"])  # seconds
