"""Wrong entities, sources and views fail at import."""

from datetime import datetime
from typing import Any

import pytest

from slate import (
    Entity,
    FeatureView,
    Registry,
    Source,
    arrival_time,
    column,
    count,
    event_time,
    feature,
    key_of,
    unique_id,
)
from slate.base import DefinitionMeta
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


def _source(name: str = "Wrong", **settings: str) -> type[Source]:
    body = {
        "__annotations__": {"event_id": str, "event_ts": datetime, "received_at": datetime},
        "event_id": unique_id(),
        "event_ts": event_time(),
        "received_at": arrival_time(),
    }
    found: type[Source] = DefinitionMeta(
        name, (Source,), {"model": "stg_wrong", **body, **settings}
    )  # type: ignore[assignment]
    return found


@wrong("Wrong.owner = 'me'", "ann@example.com", "'team:me'")
def an_owner_that_dagster_does_not_take() -> object:
    return _source(owner="me")


@wrong("Wrong.model: 'order' is a word of SQL", "'wrong_order'")
def a_model_that_is_a_word_of_sql() -> object:
    return _source(model="order")


@wrong("Wrong.landing: '../events' is not a plain name")
def a_landing_folder_that_is_elsewhere() -> object:
    return _source(landing="../events")


@wrong("Wrong.landing", "'files'", "'wrong_files'")
def a_landing_table_that_is_slates_own() -> object:
    return _source(landing="files")


@wrong("Wrong.stream: 'a{b' is not a plain name")
def a_stream_that_no_cluster_could_hold_together() -> object:
    return _source(landing="wrong", stream="a{b")


@wrong("Wrong.table = 'orders'", "with its schema", "as in 'shop.orders'")
def a_table_without_its_schema() -> object:
    return _source(table="orders")


@wrong("Wrong.table = 'shop.orders'", "landing = 'orders'", "take the other away")
def a_table_of_what_lands() -> object:
    return _source(table="shop.orders", landing="orders")


@wrong("Wrong.table = 'shop.orders'", "stream = 'orders'", "give it landing = '...'")
def a_table_beside_a_stream() -> object:
    return _source(table="shop.orders", stream="orders")


@wrong("Wrong and Other have the same landing, 'events'", "give each one of its own")
def two_sources_that_land_in_one_folder() -> object:
    return Registry.of([_source("Other", model="m", landing="events"), _source(landing="events")])


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


def sourced(**columns: Any) -> object:
    """A source with other columns, each an annotation and what stands behind it."""
    columns = {
        "event_id": (str, unique_id()),
        "event_ts": (datetime, event_time()),
        "received_at": (datetime, arrival_time()),
        **columns,
    }
    body = {"model": "m", **{name: marker for name, (_, marker) in columns.items()}}
    body["__annotations__"] = {name: kind for name, (kind, _) in columns.items()}
    return type(Source)("Wrong", (Source,), body)


@wrong("Wrong.event_id", "str or int")
def an_id_that_is_a_float() -> object:
    return sourced(event_id=(float, unique_id()))


@wrong("Wrong.event_ts", "event_time", "`| None`")
def an_event_time_that_may_be_null() -> object:
    return sourced(event_ts=(datetime | None, event_time()))


@wrong("Wrong.received_at", "arrival_time", "`| None`")
def an_arrival_time_that_may_be_null() -> object:
    return sourced(received_at=(datetime | None, arrival_time()))


@wrong("Wrong.guest_id = key_of(...)", "column(...)")
def a_key_of_an_entity_in_a_source() -> object:
    return sourced(guest_id=(str, key_of(Guest)))


@wrong("Wrong.note = feature(...)", "column(...)")
def a_feature_in_a_source() -> object:
    return sourced(note=(str, feature(default="")))


@wrong("Wrong.note", "one_of='abc'", "['abc']")
def a_list_of_values_that_is_one_text() -> object:
    return sourced(note=(str, column(one_of="abc")))


@wrong("Wrong.note", "one_of=[]")
def a_list_of_no_values() -> object:
    return sourced(note=(str, column(one_of=[])))


@wrong("Wrong.price", "inf is not finite")
def a_bound_that_is_infinite() -> object:
    return sourced(price=(float, column(max=float("inf"))))


@wrong("Wrong.note = column(...)", "`note: <its type>`")
def a_column_without_annotation() -> object:
    class Wrong(Source):
        model = "m"
        note = column()

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


@wrong("Wrong.LIMIT", "aggregates alone")
def a_stray_value_in_a_windowed_view() -> object:
    class Wrong(FeatureView):
        entity, source = Guest, Order
        LIMIT = 5
        orders = count(over="1h")

    return Wrong


@wrong("Wrong.orders = count(...)", "feature(...)")
def an_aggregate_in_a_view_of_a_model() -> object:
    class Wrong(FeatureView):
        entity, model = Guest, "m"
        orders = count(over="1h")

    return Wrong


@wrong("Wrong", "tags='food'", "['food']")
def tags_that_are_one_text() -> object:
    class Wrong(FeatureView):
        entity, source, tags = Guest, Order, "food"
        orders = count(over="1h")

    return Wrong


@pytest.mark.parametrize(("define", "says"), wrong)
def test_a_wrong_definition_is_refused(define: Define, says: tuple[str, ...]) -> None:
    check_refused(define, says)
