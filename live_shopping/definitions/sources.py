"""What happens in the marketplace: streams of events, with their history in the warehouse."""

from datetime import datetime

from slate import Source, arrival_time, column, event_time, unique_id

KINDS = ("view", "tap", "chat", "bid", "purchase", "follow", "share")
DEVICES = ("ios", "android", "web")
STATUSES = ("scheduled", "live", "ended", "cancelled")


class Event(Source):
    """Something a viewer did in a show."""

    model, landing, stream = "stg_events", "events", "events"
    fresh_within = "3h"
    event_id: str = unique_id(horizon="7d")
    event_ts: datetime = event_time()
    received_at: datetime = arrival_time()
    viewer_id: str
    show_id: str
    seller_id: str
    category: str
    kind: str = column(one_of=KINDS)
    price: float | None = column(min=0)  # what was bid or paid, in dollars
    watch_seconds: float | None = column(min=0)  # of a view: how long this look lasted


class Impression(Source):
    """A show that was put into a viewer's feed, and what came of it."""

    model, landing = "stg_impressions", "impressions"
    impression_id: str = unique_id(horizon="7d")
    event_ts: datetime = event_time()  # when the feed was asked for
    received_at: datetime = arrival_time()  # when the outcome was known
    request_id: str
    viewer_id: str
    show_id: str
    position: int = column(min=0)
    device: str = column(one_of=DEVICES)
    tapped: bool
    purchased: bool
    watch_seconds: float = column(min=0)


class Order(Source):
    """An order at the moment it is placed: nothing is paid or sent yet."""

    model, landing, stream = "stg_orders", "orders", "orders"
    order_id: str = unique_id(horizon="7d")
    event_ts: datetime = event_time()
    received_at: datetime = arrival_time()
    viewer_id: str
    show_id: str
    seller_id: str
    device_id: str
    address_id: str
    price: float = column(min=0)  # dollars


class OrderOutcome(Source):
    """What became of an order: the card's owner had the money back, or a day went by without."""

    model, landing = "stg_order_outcomes", "order_outcomes"
    order_id: str = unique_id(horizon="7d")
    event_ts: datetime = event_time()  # when the order was placed
    received_at: datetime = arrival_time()  # when the outcome was known
    viewer_id: str
    show_id: str
    seller_id: str
    device_id: str
    address_id: str
    price: float = column(min=0)  # dollars
    charged_back: bool


class ViewerAccountChange(Source):
    """A viewer's account as it was from some moment on."""

    model, landing = "stg_viewer_accounts", "viewer_accounts"
    change_id: str = unique_id(horizon="7d")
    event_ts: datetime = event_time()
    received_at: datetime = arrival_time()
    viewer_id: str
    country: str
    language: str
    signed_up_at: datetime
    interests: str | None  # the favourite category told at sign-up
    push_enabled: bool


class SellerAccountChange(Source):
    """A seller's account as it was from some moment on."""

    model, landing = "stg_seller_accounts", "seller_accounts"
    change_id: str = unique_id(horizon="7d")
    event_ts: datetime = event_time()
    received_at: datetime = arrival_time()
    seller_id: str
    country: str
    joined_at: datetime
    rating: float | None = column(min=0, max=5)
    verified: bool
    followers: int = column(min=0)


class ShowListingChange(Source):
    """A show as its seller listed it from some moment on."""

    model, landing = "stg_show_listings", "show_listings"
    change_id: str = unique_id(horizon="7d")
    event_ts: datetime = event_time()
    received_at: datetime = arrival_time()
    show_id: str
    seller_id: str
    category: str
    title: str
    language: str
    start_price: float = column(min=0)
    scheduled_at: datetime
    started_at: datetime | None
    ended_at: datetime | None
    status: str = column(one_of=STATUSES)
