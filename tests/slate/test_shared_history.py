"""Models of history, shared by the services that ask alike."""

from typing import Any

from slate import FeatureService, Registry
from slate.compile.asked import all_asked, asked_sql
from slate.compile.model_names import asked_model
from tests.slate import cafe
from tests.slate.cafe import Cafe, CafeOrders, Guest, GuestOrders, GuestProfile, Order, Visit


def service(name: str, *features: object, keys: list[type], spine: Any = Visit) -> FeatureService:
    return FeatureService(name, version=1, keys=keys, spine=spine, features=features)


def asked(*services: FeatureService) -> dict[str, tuple[list[str], list[str]]]:
    registry = Registry.of([*vars(cafe).values(), *services])
    return {
        one.model: ([s.name for s in one.services], [f.column for f in one.read.features])
        for one in all_asked(registry.plans.values())
    }


def test_services_of_one_spine_share_a_model_with_what_each_of_them_uses() -> None:
    first, second = list(GuestOrders.features.values())[:2]
    found = asked(service("a", second, keys=[Guest]), service("b", first, keys=[Guest]))
    assert found == {"visit__guest_orders": (["a", "b"], [first.column, second.column])}


def test_of_another_spine_a_service_has_its_own() -> None:
    found = asked(
        service("a", CafeOrders, keys=[Cafe]), service("b", CafeOrders, keys=[Cafe], spine=Order)
    )
    assert list(found) == ["visit__cafe_orders", "order__cafe_orders"]


def test_where_another_way_leads_to_the_key_a_service_has_its_own() -> None:
    found = asked(
        service("a", CafeOrders, keys=[Cafe]),
        service("b", CafeOrders, GuestProfile, keys=[Guest]),
    )
    assert found["visit__cafe_orders"][0] == ["a"]
    assert found["visit__cafe_orders__by_guest_profile_cafe_id"][0] == ["b"]


def test_a_model_reads_the_keys_that_others_lead_to_from_their_models() -> None:
    b = service("b", CafeOrders, GuestProfile, keys=[Guest])
    registry = Registry.of([*vars(cafe).values(), b])
    (plan,) = (p for p in registry.plans.values() if p.service is b)
    sql = {one.model: asked_sql(one) for one in all_asked([plan])}
    assert asked_model(plan, GuestProfile) == "visit__guest_profile"
    assert "ref('visit__guest_profile')" in sql[asked_model(plan, CafeOrders)]
