"""Wrong entities, sources and views fail at import."""

from datetime import datetime

import pytest

from slate import (
    Entity,
    FeatureView,
    Source,
    arrival_time,
    column,
    count,
    event_time,
    unique_id,
)
from tests.slate.cafe import (
    Guest,
    Order,
    Visit,
)
from tests.slate.wrong import Define, Wrong, check_refused

wrong = Wrong()


@wrong("Wrong has 3 key columns", "a pair two")
def an_entity_of_three() -> object:
    class Wrong(Entity):
        a: str
        b: str
        c: str

    return Wrong


@wrong("Wrong.a", "str or an int", "never null")
def a_key_that_is_a_float() -> object:
    class Wrong(Entity):
        a: float

    return Wrong


@wrong("Wrong.a", "never null")
def a_key_that_may_be_null() -> object:
    class Wrong(Entity):
        a: str | None

    return Wrong


@wrong("Wrong is a pair", "key_of(...)")
def a_pair_of_nothing() -> object:
    class Wrong(Entity):
        a: str
        b: str

    return Wrong


@wrong("Wrong lacks a column", "unique_id()")
def a_source_without_an_id() -> object:
    class Wrong(Source):
        model = "m"
        event_ts: datetime = event_time()
        received_at: datetime = arrival_time()

    return Wrong


@wrong("Wrong", "the dbt model", "model = '...'")
def a_source_without_a_model() -> object:
    class Wrong(Source):
        event_id: str = unique_id()
        event_ts: datetime = event_time()
        received_at: datetime = arrival_time()

    return Wrong


@wrong("Wrong.event_ts is a time", "datetime")
def an_event_time_that_is_no_time() -> object:
    class Wrong(Source):
        model = "m"
        event_id: str = unique_id()
        event_ts: str = event_time()
        received_at: datetime = arrival_time()

    return Wrong


@wrong("Wrong.other_id", "event_id is its unique_id already")
def two_ids() -> object:
    class Wrong(Source):
        model = "m"
        event_id: str = unique_id()
        other_id: str = unique_id()
        event_ts: datetime = event_time()
        received_at: datetime = arrival_time()

    return Wrong


@wrong("Wrong.event_id")
def an_id_that_may_be_null() -> object:
    class Wrong(Source):
        model = "m"
        event_id: str | None = unique_id()
        event_ts: datetime = event_time()
        received_at: datetime = arrival_time()

    return Wrong


@wrong("Wrong.dish", "its constraint 3")
def a_column_bounded_by_another_type() -> object:
    class Wrong(Source):
        model = "m"
        event_id: str = unique_id()
        event_ts: datetime = event_time()
        received_at: datetime = arrival_time()
        dish: str = column(min=3)

    return Wrong


@wrong("unique_id(horizon=...)", "'a week'", "'1h'")
def a_horizon_that_is_no_duration() -> object:
    return unique_id(horizon="a week")


@wrong("Wrong", "entity = ...")
def a_view_of_nobody() -> object:
    class Wrong(FeatureView):
        source = Order

    return Wrong


@wrong("Wrong", "source = ...", "model = '...'")
def a_view_of_nothing() -> object:
    class Wrong(FeatureView):
        entity = Guest

    return Wrong


@wrong("Wrong", "either")
def a_view_of_both() -> object:
    class Wrong(FeatureView):
        entity, source, model = Guest, Order, "m"

    return Wrong


@wrong("Wrong defines no feature")
def a_view_without_features() -> object:
    class Wrong(FeatureView):
        entity, source = Guest, Order

    return Wrong


@wrong("Wrong", "Visit needs a column `order_no: int`", "the key of OrderNo")
def a_source_without_the_entitys_key() -> object:
    class OrderNo(Entity):
        order_no: int

    class Wrong(FeatureView):
        entity, source = OrderNo, Visit
        visits = count(over="1h")

    return Wrong


@wrong("Wrong.ttl", "'soon'", "'1h'")
def a_ttl_that_is_no_duration() -> object:
    class Wrong(FeatureView):
        entity, source, ttl = Guest, Order, "soon"
        orders = count(over="1h")

    return Wrong


@wrong("Wrong.rating")
def an_attribute_in_a_windowed_view() -> object:
    class Wrong(FeatureView):
        entity, source = Guest, Order
        rating: float
        orders = count(over="1h")

    return Wrong


@pytest.mark.parametrize(("define", "says"), wrong)
def test_a_wrong_definition_is_refused(define: Define, says: tuple[str, ...]) -> None:
    check_refused(define, says)
