"""The reference deployment: as many features as a real feed needs, of every kind."""

import pytest

from slate import Registry
from slate.features import Aggregated, Attribute, Computed, Input
from slate.kinds import Kind
from slate.resolvers import Resolved

REGISTRY = Registry.from_module("live_shopping.definitions")
FEED = REGISTRY.service("feed_ranking")
PLAN = REGISTRY.plan("feed_ranking")
STORED = [feature for read in PLAN.reads for feature in read.features]


def test_a_feed_is_ranked_by_a_hundred_features_or_more() -> None:
    assert len(FEED.features) >= 100


@pytest.mark.parametrize("kind", Kind)
def test_features_of_each_kind(kind: Kind) -> None:
    assert [feature for feature in FEED.features if feature.kind is kind]


@pytest.mark.parametrize("sort", [Aggregated, Attribute, Computed, Input])
def test_features_of_each_sort(sort: type) -> None:
    assert [feature for feature in FEED.features if isinstance(feature, sort)]


def test_features_of_each_entity() -> None:
    wanted = {"viewer", "show", "seller", "viewer_seller", "viewer_category"}
    assert {feature.view.entity.name for feature in STORED} == wanted  # type: ignore[union-attr]


def test_aggregates_of_each_function() -> None:
    found = {f.measure.function.name for f in STORED if isinstance(f, Aggregated)}
    assert found == {"count", "sum", "mean", "min", "max", "std", "last", "last_n"}


def test_windows_from_minutes_to_a_month() -> None:
    windows = {f.window.name for f in STORED if isinstance(f, Aggregated) and f.window}
    assert windows >= {"10m", "1h", "1d", "30d"}


def test_a_resolver_and_a_mood() -> None:
    computed = {feature.column: feature.expression for feature in PLAN.computed}
    assert [name for name, expression in computed.items() if isinstance(expression, Resolved)]
    assert {"mood", "taste", "drift", "price_gap", "minutes_live"} <= computed.keys()


def test_a_show_leads_to_its_seller_in_two_rounds() -> None:
    assert len(PLAN.rounds) == 2
    grains = {read.view.name: read.grain for read in PLAN.reads}
    assert grains["viewer_activity"] == {"viewer_id"}
    assert grains["seller_stats"] == {"show_id"}
    assert grains["viewer_seller_history"] == {"viewer_id", "show_id"}


def test_another_service_uses_other_keys() -> None:
    assert REGISTRY.service("show_quality").request_keys == ("show_id",)


def test_every_view_has_an_owner_and_a_description() -> None:
    views = [*REGISTRY.views.values(), *REGISTRY.requests.values()]
    assert [view.name for view in views if not view.description] == []
    assert [view.name for view in REGISTRY.views.values() if not view.owner] == []


def test_comments_become_the_catalogues_text() -> None:
    features = REGISTRY.features
    assert features["viewer_activity.spend_30d"].description == "dollars"
    assert features["show_catalog.seller_id"].description == "a show leads to its seller"
    assert features["feed_request.usual_price"].description.startswith("What the viewer pays")
    assert features["feed_request.heat"].description.startswith("How hot the show runs")
