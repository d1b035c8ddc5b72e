"""Definitions of up to a thousand features, to measure what many of them cost.

Each step adds a windowed view and an attribute view to those before, with four features to one. So
a service of so many features reads the rows of these, and of no others.
"""

from datetime import datetime
from types import new_class
from typing import Any

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

WINDOWS = ["1h", "1d", "7d", "30d"]


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


def _activity(step: int, features: int) -> type[FeatureView]:
    """A windowed view of so many features: aggregates of several kinds, each over all windows."""
    aggregates: dict[str, Any] = {}
    for number in range(features // len(WINDOWS)):
        where = Event.kind == f"kind {number // 4}"
        made = (
            count(where=where, over=WINDOWS),
            sum(Event.price, where=where, over=WINDOWS),
            mean(Event.price, where=where, over=WINDOWS),
            max(Event.price, where=where, over=WINDOWS),
        )
        aggregates[f"aggregate_{number}"] = made[number % 4]
    return _view(f"Activity{step}", entity=Item, source=Event, **aggregates)


def _facts(step: int, features: int) -> type[FeatureView]:
    """An attribute view of so many features."""
    annotations = {f"fact_{number}": float for number in range(features)}
    return _view(f"Facts{step}", entity=Item, model=f"facts_{step}", __annotations__=annotations)


def _view(name: str, **body: Any) -> type[FeatureView]:
    body |= {"near": "5s", "__doc__": "Made for a benchmark."}
    return new_class(name, (FeatureView,), exec_body=lambda namespace: namespace.update(body))


def _service(*views: type[FeatureView]) -> FeatureService:
    features = [feature for view in views for feature in view.features.values()]
    name = f"wide_{len(features)}"
    return FeatureService(name, version=1, keys=[Item], spine=Event, features=features)


activity_1, facts_1 = _activity(1, 8), _facts(1, 2)
activity_2, facts_2 = _activity(2, 16), _facts(2, 4)
activity_3, facts_3 = _activity(3, 56), _facts(3, 14)
activity_4, facts_4 = _activity(4, 160), _facts(4, 40)
activity_5, facts_5 = _activity(5, 560), _facts(5, 140)

VIEWS = (
    *(activity_1, facts_1),
    *(activity_2, facts_2),
    *(activity_3, facts_3),
    *(activity_4, facts_4),
    *(activity_5, facts_5),
)

wide_10 = _service(*VIEWS[:2])
wide_30 = _service(*VIEWS[:4])
wide_100 = _service(*VIEWS[:6])
wide_300 = _service(*VIEWS[:8])
wide_1000 = _service(*VIEWS)
