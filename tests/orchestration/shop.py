"""A shop whose warehouse others fill: nothing of it lands here."""

from datetime import datetime

from slate import (
    Entity,
    FeatureService,
    FeatureView,
    Source,
    arrival_time,
    count,
    event_time,
    sum,
    unique_id,
)


class Customer(Entity):
    """Who buys."""

    customer_id: int


class Order(Source):
    """What a customer bought."""

    model, table = "stg_orders", "theirs.order"
    order_id: int = unique_id()
    event_ts: datetime = event_time()
    received_at: datetime = arrival_time()
    customer_id: int
    price: float


class Visit(Source):
    """A customer who came, and whether they bought."""

    model = "stg_visits"
    visit_id: int = unique_id()
    event_ts: datetime = event_time()
    received_at: datetime = arrival_time()
    customer_id: int
    bought: bool


class CustomerOrders(FeatureView):
    """What a customer bought lately."""

    entity, source = Customer, Order
    orders = count(over=["1h", "7d"])
    spend = sum(Order.price, over="7d")


visits = FeatureService(
    "visits", version=1, keys=[Customer], spine=Visit, features=[CustomerOrders]
)
