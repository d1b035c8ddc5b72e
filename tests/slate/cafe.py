"""A small deployment to try the language on: guests of cafés, and what they order."""

from datetime import datetime

from slate import (
    Entity,
    FeatureView,
    RequestFeatures,
    Source,
    arrival_time,
    column,
    count,
    event_time,
    feature,
    key_of,
    last,
    last_n,
    now,
    request_input,
    sum,
    unique_id,
)


class Guest(Entity):
    guest_id: str


class Cafe(Entity):
    cafe_id: int


class GuestCafe(Entity):
    guest_id: str = key_of(Guest)
    cafe_id: int = key_of(Cafe)


class Order(Source):
    model, landing, stream = "stg_orders", "orders", "orders"
    order_id: str = unique_id()
    ordered_at: datetime = event_time()
    received_at: datetime = arrival_time()
    guest_id: str
    cafe_id: int
    dish: str = column(one_of=("coffee", "cake"))
    note: str | None
    price: float | None
    portions: int
    paid: bool


class Visit(Source):
    model = "stg_visits"
    visit_id: str = unique_id()
    event_ts: datetime = event_time()
    received_at: datetime = arrival_time()
    guest_id: str
    cafe_id: int
    people: int
    weather: str


class GuestOrders(FeatureView):
    entity, source = Guest, Order
    orders = count(over=["1h", "1d"])
    spend = sum(Order.price, where=Order.paid, over="1d")
    last_dish = last(Order.dish)
    recent_dishes = last_n(Order.dish, 3)


class GuestProfile(FeatureView):
    entity, model = Guest, "guest_profile"
    cafe_id: int = key_of(Cafe, default=0)
    city: str
    born_at: datetime
    points: int = feature(default=0)
    rating: float


class CafeOrders(FeatureView):
    entity, source = Cafe, Order
    orders = count(over="1h")


class GuestCafeOrders(FeatureView):
    entity, source = GuestCafe, Order
    orders = count(over="1d")


class VisitRequest(RequestFeatures):
    people: int = request_input(default=1)
    weather: str = request_input()
    many: bool = people > 4
    rainy: bool = weather == "rain"
    each: float = GuestOrders.spend / people
    since: float = (now() - GuestProfile.born_at).astype("m8[D]").astype(float)
