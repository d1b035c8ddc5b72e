"""How a service's features are come by."""

from slate import FeatureService, Registry
from slate.expressions import leaves
from slate.plans import Plan
from tests.deployments.bikes import definitions as bikes
from tests.slate import cafe
from tests.slate.cafe import (
    Cafe,
    CafeOrders,
    Guest,
    GuestCafeOrders,
    GuestOrders,
    GuestProfile,
    Visit,
    VisitRequest,
)


def planned(*features: object, keys: list[type]) -> Plan:
    service = FeatureService("s", version=1, keys=keys, spine=Visit, features=features)
    return Registry.of([*vars(cafe).values(), service]).plan("s")


def rounds(plan: Plan) -> list[dict[str, list[str]]]:
    return [
        {r.view.name: [str(way) for way in r.keys.values()] for r in part} for part in plan.rounds
    ]


def test_what_hangs_on_the_requests_keys_is_read_at_once() -> None:
    plan = planned(GuestOrders.last_dish, CafeOrders, keys=[Guest, Cafe])
    assert rounds(plan) == [{"guest_orders": ["guest_id"], "cafe_orders": ["cafe_id"]}]
    assert [read.grain for read in plan.reads] == [{"guest_id"}, {"cafe_id"}]


def test_a_key_that_the_request_brings_is_not_looked_up() -> None:
    plan = planned(CafeOrders, GuestProfile.cafe_id, keys=[Guest, Cafe])
    assert len(plan.rounds) == 1


def test_an_attribute_leads_to_another_entity() -> None:
    plan = planned(CafeOrders, keys=[Guest])
    assert rounds(plan) == [
        {"guest_profile": ["guest_id"]},
        {"cafe_orders": ["guest_profile.cafe_id"]},
    ]
    profile, orders = plan.reads
    assert profile.features == (GuestProfile.cafe_id,)
    assert orders.grain == {"guest_id"}


def test_a_pair_waits_for_its_second_key() -> None:
    plan = planned(GuestCafeOrders, keys=[Guest])
    assert rounds(plan)[1] == {"guest_cafe_orders": ["guest_id", "guest_profile.cafe_id"]}
    assert plan.reads[1].grain == {"guest_id"}


def test_a_pair_of_the_requests_keys_depends_on_both() -> None:
    plan = planned(GuestCafeOrders, keys=[Guest, Cafe])
    assert [read.grain for read in plan.reads] == [{"guest_id", "cafe_id"}]


def test_only_what_is_used_is_read() -> None:
    plan = planned(GuestProfile.city, VisitRequest.each, keys=[Guest])
    used = {read.view.name: {f.column for f in read.features} for read in plan.reads}
    assert used == {"guest_profile": {"city"}, "guest_orders": {"spend_1d"}}
    assert plan.inputs == (VisitRequest.people,)
    assert plan.computed == (VisitRequest.each,)


def test_expressions_come_after_what_they_read() -> None:
    for plan in Registry.from_module(bikes).plans.values():
        place: dict[object, int] = {f: number for number, f in enumerate(plan.computed)}
        for number, feature in enumerate(plan.computed):
            assert all(place.get(leaf, -1) < number for leaf in leaves(feature.expression))


def test_a_way_of_three_rounds() -> None:
    plan = Registry.from_module(bikes).plan("bike_choice")
    assert [sorted(part) for part in rounds(plan)] == [
        ["bike_health", "bike_profile", "bike_use", "rider_profile", "rider_rides"],
        [
            "bike_at_station",
            "rider_at_station",
            "station_moves",
            "station_profile",
            "station_values",
        ],
        ["depot_profile"],
    ]
    grains = {read.view.name: read.grain for read in plan.reads}
    assert grains["station_moves"] == {"bike_id"}
    assert grains["depot_profile"] == {"bike_id"}
    assert grains["rider_at_station"] == {"bike_id", "rider_id"}


def test_every_feature_of_a_service_is_in_its_plan() -> None:
    for plan in Registry.from_module(bikes).plans.values():
        found = {f for read in plan.reads for f in read.features} | {*plan.inputs, *plan.computed}
        assert set(plan.service.features) <= found
