"""What is known of a show."""

from datetime import datetime

from live_shopping.definitions.entities import Category, Seller, Show
from live_shopping.definitions.sources import STATUSES, Event
from slate import FeatureView, count, feature, key_of, last, max, mean, min, std, sum


class ShowCatalog(FeatureView):
    """A show as its seller listed it."""

    entity, model = Show, "show_catalog"
    owner = "catalog@live-shopping.example"
    tags = ("listing",)
    near = "1s"
    seller_id: str = key_of(Seller)  # a show leads to its seller
    category: str = key_of(Category, default="other")
    language: str = feature(default="unknown")
    status: str = feature(default="scheduled", one_of=STATUSES)
    start_price: float = feature(min=0, max=100_000, null_share=0, tags=["price"])  # dollars
    scheduled_at: datetime
    started_at: datetime
    ended_at: datetime


class ShowActivity(FeatureView):
    """What happens in a show."""

    entity, source = Show, Event
    owner = "ranking@live-shopping.example"
    tags = ("session",)
    near = "1s"
    views = count(where=Event.kind == "view", over=["10m", "1h", "1d"])
    taps = count(where=Event.kind == "tap", over=["1m", "10m", "1h", "1d"])
    chats = count(where=Event.kind == "chat", over=["10m", "1h"])
    bids = count(where=Event.kind == "bid", over=["10m", "1h", "1d"])
    orders = count(where=Event.kind == "purchase", over=["10m", "1h", "1d"])
    follows = count(where=Event.kind == "follow", over=["1h"])
    shares = count(where=Event.kind == "share", over=["1h"])
    sales = sum(Event.price, where=Event.kind == "purchase", over=["10m", "1h", "1d"])  # dollars
    watched = sum(Event.watch_seconds, over=["10m", "1h"])  # seconds
    usual_watch = mean(Event.watch_seconds, over=["10m", "1h"])  # seconds
    usual_price = mean(Event.price, where=Event.kind == "purchase", over=["1h", "1d"])  # dollars
    price_spread = std(Event.price, where=Event.kind == "purchase", over=["1d"])  # dollars
    lowest_price = min(Event.price, where=Event.kind == "purchase", over=["1h", "1d"])  # dollars
    highest_bid = max(Event.price, where=Event.kind == "bid", over=["10m", "1h"])  # dollars
    last_price = last(Event.price, where=Event.kind == "purchase")  # dollars
    last_bid_at = last(Event.event_ts, where=Event.kind == "bid", over="1h")
