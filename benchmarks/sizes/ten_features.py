"""Definitions of one near view of ten features, to measure what many rows of it cost."""

from datetime import datetime

from slate import (
    Entity,
    FeatureService,
    FeatureView,
    Source,
    arrival_time,
    count,
    event_time,
    max,
    mean,
    sum,
    unique_id,
)


class Item(Entity):
    """What is ranked."""

    item_id: str


class Event(Source):
    """Something that happened to an item."""

    model, stream = "stg_events", "events"
    event_id: str = unique_id()
    event_ts: datetime = event_time()
    received_at: datetime = arrival_time()
    item_id: str
    kind: str
    price: float


class ItemActivity(FeatureView):
    """What happened to an item lately: numbers alone, so that processes can share them."""

    entity, source = Item, Event
    near = "5s"
    events = count(over=["1h", "1d"])
    orders = count(where=Event.kind == "order", over=["1h", "1d"])
    spend = sum(Event.price, where=Event.kind == "order", over=["1h", "1d"])
    usual_price = mean(Event.price, over=["1h", "1d"])
    highest_price = max(Event.price, over=["1h", "1d"])


items = FeatureService("items", version=1, keys=[Item], spine=Event, features=[ItemActivity])
