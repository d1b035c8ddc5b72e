"""What is between a viewer and a seller, or a viewer and a category."""

from live_shopping.definitions.entities import ViewerCategory, ViewerSeller
from live_shopping.definitions.sources import Event
from slate import FeatureView, count, last, mean, sum


class ViewerSellerHistory(FeatureView):
    """A viewer's dealings with a seller."""

    entity, source = ViewerSeller, Event
    owner = "ranking@live-shopping.example"
    tags = ("affinity",)
    views = count(where=Event.kind == "view", over=["1d", "30d"])
    taps = count(where=Event.kind == "tap", over=["1h", "1d", "30d"])
    orders = count(where=Event.kind == "purchase", over=["1d", "30d"])
    follows = count(where=Event.kind == "follow", over=["30d"])
    spend = sum(Event.price, where=Event.kind == "purchase", over=["30d"])  # dollars
    watched = sum(Event.watch_seconds, over=["1h", "1d", "30d"])  # seconds
    last_seen = last(Event.event_ts)


class ViewerCategoryTaste(FeatureView):
    """A viewer's taste for a category."""

    entity, source = ViewerCategory, Event
    owner = "ranking@live-shopping.example"
    tags = ("affinity", "session")
    views = count(where=Event.kind == "view", over=["10m", "1h", "1d", "30d"])
    taps = count(where=Event.kind == "tap", over=["10m", "1h", "1d", "30d"])
    bids = count(where=Event.kind == "bid", over=["1h", "30d"])
    orders = count(where=Event.kind == "purchase", over=["1d", "30d"])
    watched = sum(Event.watch_seconds, over=["10m", "1h", "30d"])  # seconds
    usual_price = mean(Event.price, where=Event.kind == "purchase", over=["30d"])  # dollars
    last_tap = last(Event.event_ts, where=Event.kind == "tap", over="1d")
