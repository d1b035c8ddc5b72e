"""Wrong names and types fail at import, and the message names the place and the mend."""

from datetime import UTC, datetime

import pytest

from slate import (
    Entity,
    FeatureView,
    Source,
    arrival_time,
    count,
    event_time,
    feature,
    key_of,
    last,
    unique_id,
)
from slate.errors import UnknownNameError
from tests.slate.cafe import (
    Cafe,
    Guest,
    GuestCafe,
    GuestOrders,
    GuestProfile,
    Order,
)
from tests.slate.wrong import Define, Wrong, check_refused

wrong = Wrong()


@wrong("GuestOrders", "'ordres'", "did you mean 'orders'?")
def unknown_feature() -> object:
    return GuestOrders.ordres


@wrong("GuestProfile", "'xyz'", "known: born_at, cafe_id, city, points, rating")
def unknown_feature_unlike_any() -> object:
    return GuestProfile.xyz


@wrong("Order", "'prize'", "did you mean 'price'?")
def unknown_column() -> object:
    return Order.prize


@wrong("GuestOrders.orders", "'2h'", "1h, 1d")
def unknown_window() -> object:
    return GuestOrders.orders["2h"]


@wrong("GuestOrders.orders['1h']", "pick one")
def several_windows() -> object:
    return GuestOrders.orders.astype(float)


@wrong("GuestOrders", "'spend_1d'", "write GuestOrders.spend")
def a_feature_of_one_window_by_the_name_of_its_column() -> object:
    return GuestOrders.spend_1d


@wrong("GuestOrders", "'orders_1h'", "orders['1h']")
def a_feature_by_the_name_of_its_column() -> object:
    return GuestOrders.orders_1h


@wrong("Twice defines 'orders' twice", "rename")
def one_name_twice() -> object:
    class Twice(FeatureView):
        entity, source = Guest, Order
        orders = count(over="1h")
        orders = count(over="1d")  # noqa: PIE794

    return Twice


@wrong("Clash", "two features named 'orders_1h'", "rename")
def two_features_of_one_name() -> object:
    class Clash(FeatureView):
        entity, source = Guest, Order
        orders_1h = last(Order.portions)
        orders = count(over="1h")

    return Clash


@wrong("Clash", "orders_1h")
def two_windows_of_one_name() -> object:
    class Clash(FeatureView):
        entity, source = Guest, Order
        orders = count(over=["1h/5m", "1h/1m"])

    return Clash


@wrong("ByKey.guest_id")
def a_feature_named_as_the_key() -> object:
    class ByKey(FeatureView):
        entity, source = Guest, Order
        guest_id = last(Order.guest_id)

    return ByKey


@wrong("ByTime.event_ts")
def a_feature_named_as_a_column_of_every_model() -> object:
    class ByTime(FeatureView):
        entity, source = Guest, Order
        event_ts = last(Order.ordered_at)

    return ByTime


@wrong("Reserved.name")
def an_aggregate_named_as_what_a_view_has_itself() -> object:
    class Reserved(FeatureView):
        entity, source = Guest, Order
        name = last(Order.note)
        orders = count(over="1h")

    return Reserved


@wrong("Reserved.owner")
def an_attribute_named_as_what_a_view_has_itself() -> object:
    class Reserved(FeatureView):
        entity, model = Guest, "m"
        owner: str

    return Reserved


@wrong("Reserved.name")
def a_key_named_as_what_an_entity_has_itself() -> object:
    class Reserved(Entity):
        name: str

    return Reserved


@wrong("Reserved.stream")
def a_column_named_as_what_a_source_has_itself() -> object:
    class Reserved(Source):
        model = "m"
        event_id: str = unique_id()
        event_ts: datetime = event_time()
        received_at: datetime = arrival_time()
        stream: str

    return Reserved


@wrong("Wrong.words", "use str, int, float, bool or datetime")
def a_type_of_no_kind() -> object:
    class Wrong(FeatureView):
        entity, model = Guest, "m"
        words: list[str]

    return Wrong


@wrong("Wrong.points", "int", "default=", "float")
def an_int_without_default() -> object:
    class Wrong(FeatureView):
        entity, model = Guest, "m"
        points: int

    return Wrong


@wrong("Wrong.member", "bool", "default=")
def a_bool_without_default() -> object:
    class Wrong(FeatureView):
        entity, model = Guest, "m"
        member: bool = feature()

    return Wrong


@wrong("Wrong.points", "'none'", "not of type int")
def a_default_of_another_type() -> object:
    class Wrong(FeatureView):
        entity, model = Guest, "m"
        points: int = feature(default="none")

    return Wrong


@wrong("Wrong.city", "'Rome'", "'Oslo'")
def a_default_that_is_not_allowed() -> object:
    class Wrong(FeatureView):
        entity, model = Guest, "m"
        city: str = feature(default="Rome", one_of=["Oslo"])

    return Wrong


@wrong("Wrong.points", "-1")
def a_default_outside_its_bounds() -> object:
    class Wrong(FeatureView):
        entity, model = Guest, "m"
        points: int = feature(default=-1, min=0)

    return Wrong


@wrong("Wrong.born_at", "least value 2026", "above its greatest 2020")
def bounds_with_and_without_a_zone() -> object:
    class Wrong(FeatureView):
        entity, model = Guest, "m"
        born_at: datetime = feature(min=datetime(2026, 1, 1), max=datetime(2020, 1, 1, tzinfo=UTC))

    return Wrong


@wrong("Wrong.rating", "'high'")
def a_bound_of_another_type() -> object:
    class Wrong(FeatureView):
        entity, model = Guest, "m"
        rating: float = feature(min="high")

    return Wrong


@wrong("Wrong.rating", "least value 5 is above its greatest 1")
def bounds_that_exclude_everything() -> object:
    class Wrong(FeatureView):
        entity, model = Guest, "m"
        rating: float = feature(min=5, max=1)

    return Wrong


@wrong("Wrong.rating", "null_share", "0 to 1")
def a_share_that_is_none() -> object:
    class Wrong(FeatureView):
        entity, model = Guest, "m"
        rating: float = feature(null_share=20)

    return Wrong


@wrong("Wrong.rating = 3.0", "feature(...)")
def a_value_in_place_of_a_marker() -> object:
    class Wrong(FeatureView):
        entity, model = Guest, "m"
        rating: float = 3.0

    return Wrong


@wrong("Wrong.guest_id", "every model has this column")
def an_attribute_that_every_model_has() -> object:
    class Wrong(FeatureView):
        entity, model = Guest, "m"
        guest_id: str

    return Wrong


@wrong("Wrong.cafe", "is a str", "Cafe.cafe_id is a int")
def a_way_by_a_key_of_another_type() -> object:
    class Wrong(FeatureView):
        entity, model = Guest, "m"
        cafe: str = key_of(Cafe)

    return Wrong


@wrong("Wrong.cafe", "GuestCafe is a pair")
def a_way_to_a_pair() -> object:
    class Wrong(FeatureView):
        entity, model = Guest, "m"
        cafe: str = key_of(GuestCafe)

    return Wrong


@pytest.mark.parametrize(("define", "says"), wrong)
def test_a_wrong_definition_is_refused(define: Define, says: tuple[str, ...]) -> None:
    check_refused(define, says)


def test_an_unknown_name_is_an_attribute_error_too() -> None:
    assert issubclass(UnknownNameError, AttributeError)
    assert not hasattr(GuestOrders, "ordres")
