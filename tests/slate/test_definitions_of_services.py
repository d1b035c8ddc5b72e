"""Wrong services, and definitions that contradict each other, fail at import."""

from datetime import datetime
from typing import Any

import pytest

from slate import (
    Entity,
    FeatureService,
    FeatureView,
    Registry,
    RequestFeatures,
    Source,
    arrival_time,
    count,
    event_time,
    key_of,
    request_input,
    unique_id,
)
from slate.errors import ConfigurationError, UnknownNameError
from tests.slate import cafe
from tests.slate.cafe import (
    Cafe,
    CafeOrders,
    Guest,
    GuestCafe,
    GuestCafeOrders,
    GuestOrders,
    GuestProfile,
    Order,
    Visit,
    VisitRequest,
)
from tests.slate.wrong import Define, Wrong, check_refused

wrong = Wrong()


def service(
    *features: object, keys: Any = (Guest,), spine: Any = Visit, without: Any = ()
) -> FeatureService:
    return FeatureService(
        "wrong", version=1, keys=keys, spine=spine, features=features, without=without
    )


@wrong("FeatureService('wrong')", "'guest_orders.orders_1h' is not a feature", "by attribute")
def a_feature_by_its_name() -> object:
    return service("guest_orders.orders_1h")


@wrong("FeatureService('wrong')", "Order.price is not a feature")
def a_column_for_a_feature() -> object:
    return service(Order.price)


@wrong("FeatureService('wrong') lists no feature")
def a_service_without_features() -> object:
    return service()


@wrong("without=guest_profile.city", "does not list that feature")
def a_feature_left_out_that_is_not_listed() -> object:
    return service(GuestOrders, without=[GuestProfile.city])


@wrong("lists no feature")
def a_service_without_any_of_what_it_lists() -> object:
    return service(GuestOrders, without=[GuestOrders])


@wrong("FeatureService('wrong')", "keys=[...]")
def a_service_without_keys() -> object:
    return service(GuestOrders, keys=[])


@wrong("FeatureService('wrong')", "GuestCafe is a pair", "two entities")
def a_pair_for_a_key() -> object:
    return service(GuestCafeOrders, keys=[GuestCafe])


@wrong("FeatureService('1 x')", "letters, digits and underscores")
def a_service_named_with_a_space() -> object:
    return FeatureService("1 x", version=1, keys=[Guest], spine=Visit, features=[GuestOrders])


@wrong("FeatureService('wrong')", "spine Ring needs a column `cafe_id: int`")
def a_spine_without_a_key() -> object:
    class Ring(Source):
        model = "m"
        event_id: str = unique_id()
        event_ts: datetime = event_time()
        received_at: datetime = arrival_time()
        cafe_id: str

    return service(CafeOrders, keys=[Cafe], spine=Ring)


@wrong("FeatureService('wrong')", "spine Order needs a column `people: int`")
def a_spine_without_an_input() -> object:
    return service(VisitRequest.people, spine=Order)


@wrong("FeatureService('wrong')", "spine Order needs a column `people: int`")
def a_spine_without_an_input_that_is_only_computed_with() -> object:
    return service(VisitRequest.many, spine=Order)


@wrong("FeatureService('wrong')", "named by the day: rename Shift.day, as in 'shift_day'")
def a_spine_with_the_name_of_a_training_sets_folders() -> object:
    class Shift(Source):
        model = "m"
        event_id: str = unique_id()
        event_ts: datetime = event_time()
        received_at: datetime = arrival_time()
        cafe_id: int
        day: str

    return service(CafeOrders, keys=[Cafe], spine=Shift)


@wrong("FeatureService('wrong')", "'stg_visits'")
def a_spine_by_its_name() -> object:
    return service(GuestOrders, spine="stg_visits")


@wrong("FeatureService('wrong')", "'guest_id' is not a key", "class")
def a_key_by_its_name() -> object:
    return service(GuestOrders, keys=["guest_id"])


@wrong("FeatureService('wrong')", "Guest is a key twice")
def a_key_twice() -> object:
    return service(GuestOrders, keys=[Guest, Guest])


@wrong("FeatureService('wrong')", "version='x'", "whole number")
def a_version_that_is_no_number() -> object:
    return FeatureService("wrong", version="x", keys=[Guest], spine=Visit, features=[GuestOrders])  # type: ignore[arg-type]


@wrong("FeatureService('wrong')", "Asked.seats may be null", "request_input(default=...)")
def a_spine_that_may_lack_a_required_input() -> object:
    class Asked(Source):
        model = "m"
        event_id: str = unique_id()
        event_ts: datetime = event_time()
        received_at: datetime = arrival_time()
        guest_id: str
        seats: int | None

    class SeatRequest(RequestFeatures):
        seats: int = request_input()

    return service(SeatRequest, spine=Asked)


EVERYTHING = vars(cafe).values()


@wrong("CafeOrders needs a Cafe", "cannot be reached from Guest", "key_of(Cafe)")
def an_entity_that_cannot_be_reached() -> object:
    definitions = [d for d in EVERYTHING if d not in (GuestProfile, VisitRequest)]
    return Registry.of([*definitions, service(CafeOrders)])


@wrong("a cycle: Left from Right from Left", "Make one of them a key")
def a_cycle() -> object:
    class Left(Entity):
        left_id: str

    class Right(Entity):
        right_id: str

    class LeftProfile(FeatureView):
        entity, model = Left, "left_profile"
        right_id: str = key_of(Right)
        size: float

    class RightProfile(FeatureView):
        entity, model = Right, "right_profile"
        left_id: str = key_of(Left)

    found = [Left, Right, LeftProfile, RightProfile, service(LeftProfile.size)]
    return Registry.of([*EVERYTHING, *found])


@wrong("Cafe is reached in two ways", "cafe_id", "second_cafe", "make Cafe a key")
def two_ways() -> object:
    class SecondCafe(FeatureView):
        entity, model = Guest, "second_cafe"
        second_cafe: int = key_of(Cafe, default=0)

    return Registry.of([*EVERYTHING, SecondCafe, service(CafeOrders)])


@wrong("GuestOrders", "import it there")
def a_view_that_the_module_does_not_hold() -> object:
    return Registry.of([Guest, Order, Visit, service(GuestOrders)])


@wrong("Order", "import it there")
def a_source_that_the_module_does_not_hold() -> object:
    return Registry.of([Guest, GuestOrders, Visit, service(GuestOrders)])


@wrong("FeatureService('wrong', version=1) uses Visit", "import it there")
def a_spine_that_the_module_does_not_hold() -> object:
    return Registry.of([Guest, Order, GuestOrders, service(GuestOrders)])


@wrong("GuestOrders uses Guest", "import it there")
def an_entity_that_the_module_does_not_hold() -> object:
    return Registry.of([Order, GuestOrders])


@wrong("uses VisitRequest", "import it there")
def request_features_that_the_module_does_not_hold() -> object:
    definitions = [d for d in EVERYTHING if d is not VisitRequest]
    return Registry.of([*definitions, service(VisitRequest.many)])


@wrong("FeatureService('wrong', version=1) is defined twice", "raise the version")
def one_service_twice() -> object:
    return Registry.of([*EVERYTHING, service(GuestOrders), service(GuestOrders)])


@wrong("two definitions are named 'guest_orders' (GuestOrders)", "rename")
def two_views_of_one_name() -> object:
    class GuestOrders(FeatureView):
        entity, source = Guest, Order
        orders = count(over="1h")

    return Registry.of([*EVERYTHING, GuestOrders])


@wrong(".py:", "GuestOrders is defined twice, lines ", "rename one")
def a_class_in_place_of_another_of_its_name() -> object:
    class GuestOrders(FeatureView):
        entity, source = Guest, Order
        orders = count(over="1h")

    first = service(GuestOrders)

    class GuestOrders(FeatureView):  # type: ignore[no-redef]
        entity, source = Guest, Order
        orders = count(over="2h")

    return Registry.of([Guest, Order, Visit, GuestOrders, first])


@wrong("Other and Guest share the key 'guest_id'", "rename")
def two_entities_of_one_key() -> object:
    class Other(Entity):
        guest_id: str

    return Registry.of([*EVERYTHING, Other])


@wrong("no service 'rank'", "known: none")
def an_unknown_service() -> object:
    return Registry.of(EVERYTHING).service("rank")


@wrong("no feature view 'guest_order'", "did you mean 'guest_orders'?")
def an_unknown_view() -> object:
    return Registry.of(EVERYTHING).view("guest_order")


@pytest.mark.parametrize(("define", "says"), wrong)
def test_a_wrong_definition_is_refused(define: Define, says: tuple[str, ...]) -> None:
    check_refused(define, says)


def test_ways_that_nobody_needs_may_be_two() -> None:
    class SecondCafe(FeatureView):
        entity, model = Guest, "second_cafe"
        second_cafe: int = key_of(Cafe, default=0)

    registry = Registry.of([*EVERYTHING, SecondCafe, service(GuestOrders)])
    assert registry.services


def test_of_a_view_some_features_can_be_left_out() -> None:
    found = service(GuestOrders, GuestProfile.city, without=[GuestOrders.orders, GuestProfile.city])
    assert [feature.column for feature in found.features] == [
        "spend_1d",
        "last_dish",
        "recent_dishes",
    ]


def versions(*numbers: int, name: str = "wrong") -> list[FeatureService]:
    return [
        FeatureService(name, version=number, keys=[Guest], spine=Visit, features=[GuestOrders])
        for number in numbers
    ]


@wrong("FeatureService('wrong_v1', version=1) is called as another one is with its version")
def a_service_that_is_called_as_a_version_of_another() -> object:
    return Registry.of([*EVERYTHING, *versions(1), *versions(1, name="wrong_v1")])


def test_all_versions_of_a_service_hold() -> None:
    newer, older = versions(2, 1)
    registry = Registry.of([*EVERYTHING, newer, older])
    assert registry.services == {"wrong_v2": newer, "wrong_v1": older}
    assert registry.plans.keys() == registry.services.keys()
    for service in (newer, older):
        assert registry.service(service.full_name) is service
        assert registry.service(f"wrong@{service.version}") is service
        assert registry.asked_as(service) == service.full_name
    with pytest.raises(UnknownNameError, match=r"'wrong' has 2 versions.* wrong_v1 or wr"):
        registry.service("wrong")
    with pytest.raises(UnknownNameError, match="no service 'wrong@3': did you mean 'wrong_v"):
        registry.service("wrong@3")


def test_of_a_single_version_the_name_is_enough() -> None:
    (only,) = versions(3)
    registry = Registry.of([*EVERYTHING, only])
    assert registry.service("wrong") is registry.service("wrong_v3") is only
    assert registry.asked_as(only) == "wrong"


def test_there_is_no_such_module() -> None:
    with pytest.raises(ConfigurationError, match=r"no_such_module.*slate\.toml"):
        Registry.from_module("no_such_module")


def test_what_an_error_inside_the_module_is_about_is_not_hidden(
    tmp_path: Any, monkeypatch: Any
) -> None:
    (tmp_path / "imports_wrongly.py").write_text("import no_such_library\n")
    monkeypatch.syspath_prepend(tmp_path)
    with pytest.raises(ConfigurationError, match="no_such_library"):
        Registry.from_module("imports_wrongly")
