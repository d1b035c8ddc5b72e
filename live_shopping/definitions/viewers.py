"""What is known of a viewer."""

from datetime import datetime

import numpy as np

from live_shopping.definitions.entities import Viewer
from live_shopping.definitions.sources import Event
from slate import FeatureView, count, feature, last, last_n, max, mean, std, sum


class ViewerProfile(FeatureView):
    """A viewer's account."""

    entity, model = Viewer, "viewer_profile"
    owner = "growth@live-shopping.example"
    tags = ("account",)
    country: str = feature(default="unknown")
    language: str = feature(default="unknown")
    signed_up_at: datetime  # the beginning of the account
    interests: str  # the favourite category told at sign-up
    push_enabled: bool = feature(default=False)


class ViewerActivity(FeatureView):
    """What a viewer did lately, in any show."""

    entity, source = Viewer, Event
    owner = "ranking@live-shopping.example"
    tags = ("session",)
    views = count(where=Event.kind == "view", over=["10m", "1h", "1d", "30d"])
    taps = count(where=Event.kind == "tap", over=["1m", "10m", "1h", "1d", "30d"])
    chats = count(where=Event.kind == "chat", over=["10m", "1h", "1d"])
    bids = count(where=Event.kind == "bid", over=["10m", "1h", "1d", "30d"])
    orders = count(where=Event.kind == "purchase", over=["1h", "1d", "30d"])
    follows = count(where=Event.kind == "follow", over=["1d", "30d"])
    watched = sum(Event.watch_seconds, over=["10m", "1h", "1d", "30d"])  # seconds
    longest_watch = max(Event.watch_seconds, over=["1h", "1d"])  # seconds
    spend = sum(Event.price, where=Event.kind == "purchase", over=["1d", "30d"])  # dollars
    usual_bid = mean(Event.price, where=Event.kind == "bid", over=["1d", "30d"])  # dollars
    bid_spread = std(Event.price, where=Event.kind == "bid", over=["30d"])  # dollars
    last_show = last(Event.show_id)
    recent_shows = last_n(Event.show_id, 10)  # the latest first
    last_category = last(Event.category, where=np.isin(Event.kind, ["tap", "bid", "purchase"]))
    last_seen = last(Event.event_ts)
