"""A request feature whose expression fails costs itself, on the rows it fails for, and says so."""

# An expression is annotated with the type of its values, which is not what NumPy's stubs say.
# mypy: disable-error-code="assignment, no-any-return"

import logging
from datetime import datetime
from types import ModuleType
from typing import Annotated, Any

import numpy as np
import pyarrow as pa
import pytest
from prometheus_client import CollectorRegistry, generate_latest

from slate import (
    Array,
    Entity,
    FeatureService,
    FeatureView,
    Registry,
    RequestFeatures,
    Source,
    arrival_time,
    event_time,
    feature,
    request_input,
    resolver,
    unique_id,
)
from slate.cli.served import Served
from slate.errors import DataError
from slate.executor import compute, served
from slate.expressions import NOW, Expr
from slate.failed_expressions import Failed
from slate.features import Computed
from slate.online import Publisher, enable_metrics
from slate.online.rows.instants import microseconds
from slate.online.serving import lookup_stages
from slate.online.serving.live_services import Serving
from slate.online.store.connections import Connections
from tests.online.tables import AS_OF, attribute_rows


class Shop(Entity):
    shop_id: str


class Visit(Source):
    model = "stg_visits"
    visit_id: str = unique_id()
    event_ts: datetime = event_time()
    received_at: datetime = arrival_time()
    shop_id: str
    haste: float | None


class ShopFacts(FeatureView):
    entity, model = Shop, "shop_facts"
    unlucky: int = feature(default=1)
    place: str


class Visiting(RequestFeatures):
    haste: float = request_input(default=1.0)

    @resolver
    def luck(unlucky: Annotated[Array, ShopFacts.unlucky]) -> Annotated[Array, float]:
        if (unlucky == 13).any():
            raise KeyError("thirteen")
        return 1.0 / unlucky

    @resolver
    def rank(unlucky: Annotated[Array, ShopFacts.unlucky]) -> Annotated[Array, int]:
        if (unlucky == 14).any():
            raise ValueError("fourteen")
        return unlucky * 2

    @resolver
    def sorted_out(unlucky: Annotated[Array, ShopFacts.unlucky]) -> Annotated[Array, int]:
        return np.unique(unlucky) if 15 in unlucky else unlucky

    hurry: float = haste * luck
    calm: bool = haste < 2


class Outlook(RequestFeatures):
    twice: int = Visiting.rank + 1


visiting = FeatureService(
    "visiting",
    version=1,
    keys=[Shop],
    spine=Visit,
    features=[
        ShopFacts.place,
        Visiting.luck,
        Visiting.rank,
        Visiting.sorted_out,
        Visiting.hurry,
        Outlook.twice,
        Visiting.calm,
    ],
)
# Of each feature what was told of it, where 13 shows are asked about, one of which it fails for.
SAID = {
    "visiting.luck": "visiting.luck is null in 1 of 13 rows, as its expression fails on their "
    "values (KeyError): mend its definition",
    "visiting.hurry": "visiting.hurry is null in 1 of 13 rows, as its expression fails on their "
    "values (KeyError): mend its definition",
    "visiting.rank": "visiting.rank is 0 in 1 of 13 rows, as its expression fails on their values "
    "(ValueError): mend its definition",
    "outlook.twice": "outlook.twice is 0 in 1 of 13 rows, as visiting.rank is, which it reads",
}


@pytest.fixture(scope="module")
def registry() -> Registry:
    module = ModuleType("visiting")
    vars(module).update(
        Shop=Shop,
        Visit=Visit,
        ShopFacts=ShopFacts,
        Visiting=Visiting,
        Outlook=Outlook,
        visiting=visiting,
    )
    return Registry.from_module(module)


def values(registry: Registry, unlucky: Array) -> dict[Expr, Any]:
    """What a request reads of shops of these numbers."""
    unlucky_feature, haste = registry.views["shop_facts"].features["unlucky"], Visiting.haste
    held: dict[Any, Any] = {NOW: np.array([0], "M8[us]"), unlucky_feature: unlucky}
    return held | {haste: np.array([3.0])}


def test_an_answer_has_all_else_and_says_so(
    registry: Registry,
    publisher: Publisher,
    connections: Connections,
    caplog: pytest.LogCaptureFixture,
) -> None:
    numbers = [*range(1, 12), 13, 14]
    rows = [{"shop_id": f"s{n}", "unlucky": n, "place": f"p{n}"} for n in numbers]
    rows = [row | {"event_ts": AS_OF} for row in rows]
    publisher.publish(ShopFacts, [attribute_rows(ShopFacts, rows)], AS_OF)
    serving = Serving(registry, "arcade", 0)
    given = {"shop_id": [f"s{n}" for n in numbers], "haste": 3.0}
    with caplog.at_level(logging.WARNING):
        for _ in range(2):
            answer = connections.run(serving.lookup("visiting", AS_OF, given))
    assert {error.features: error for error in answer.errors} == {
        (name,): said for name, said in SAID.items()
    }
    told = answer.to_dicts()
    assert [row["shop_facts.place"] for row in told] == [f"p{n}" for n in numbers]
    assert [row["visiting.luck"] for row in told] == [None if n == 13 else 1 / n for n in numbers]
    assert [row["visiting.hurry"] for row in told] == [
        None if n == 13 else 3 * (1 / n) for n in numbers
    ]
    assert [row["visiting.rank"] for row in told] == [0 if n == 14 else 2 * n for n in numbers]
    assert [row["outlook.twice"] for row in told] == [0 if n == 14 else 2 * n + 1 for n in numbers]
    assert answer.matrix().shape == (13, 6)
    hidden = answer.hiding(
        [found for found in answer.columns if found.name == "visiting.rank"], "x"
    )
    assert set(hidden["visiting.rank"].tolist()) == {0}
    # What was raised may tell of values: it is in the process's log, once, and in no answer.
    assert not any("thirteen" in error for error in answer.errors)
    assert sorted(record.message for record in caplog.records) == sorted(SAID.values())
    assert "KeyError: 'thirteen'" in caplog.text


def test_metrics_count_the_rows_by_feature_and_no_fault_of_the_store(
    registry: Registry,
    publisher: Publisher,
    connections: Connections,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(lookup_stages, "_metrics", {})
    metrics = CollectorRegistry()
    enable_metrics(metrics)
    rows = [{"shop_id": f"s{n}", "unlucky": n, "place": "p", "event_ts": AS_OF} for n in (7, 13)]
    publisher.publish(ShopFacts, [attribute_rows(ShopFacts, rows)], AS_OF)
    serving = Serving(registry, "arcade", 0)
    for asked in (["s7", "s13", "s13"], "s13", "s7"):
        connections.run(serving.lookup("visiting", AS_OF, {"shop_id": asked}))
    found = Served.of(generate_latest(metrics).decode())
    assert found.failed == {
        ("visiting_v1", name): 3 for name in ("visiting.luck", "visiting.hurry")
    }
    assert found.errors == {"visiting_v1": 0}
    assert found.since(found).troubles() == []
    luck, hurry = sorted(found.troubles(), reverse=True)
    assert luck == (
        "visiting_v1: visiting.luck was null in 3 rows, as its expression fails on their values or "
        "one that it reads: an answer's errors say which; mend its definition"
    )
    assert "visiting.hurry" in hurry


def test_a_request_for_no_row_and_for_one_alone(
    registry: Registry, publisher: Publisher, connections: Connections
) -> None:
    rows = [{"shop_id": "s", "unlucky": 13, "place": "p", "event_ts": AS_OF}]
    publisher.publish(ShopFacts, [attribute_rows(ShopFacts, rows)], AS_OF)
    serving = Serving(registry, "arcade", 0)
    nobody = connections.run(serving.lookup("visiting", AS_OF, {"shop_id": []}))
    assert (nobody.errors, nobody.rows) == ((), 0)
    alone = connections.run(serving.lookup("visiting", AS_OF, {"shop_id": "s"}))
    assert alone.to_dicts()[0]["visiting.luck"] is None
    assert "visiting.luck is null in this row, as" in alone.errors[0]


def test_what_gives_other_rows_is_not_believed_of_any(registry: Registry) -> None:
    held, failed = values(registry, np.array([15, 7, 15, 9])), dict[Computed, Failed]()
    compute(registry.plan("visiting"), held, failed)
    (feature,) = failed
    assert held[feature].tolist() == [0, 0, 0, 0]
    assert failed[feature].told(feature, 4) == (
        "visiting.sorted_out is 0 in 4 of 4 rows, as its expression fails on their values "
        "(DefinitionError): mend its definition"
    )


def test_however_many_rows_fail_it_is_run_so_often_at_most(
    registry: Registry, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("slate.failed_expressions.MOST_CALLS", 30)
    unlucky = np.where(np.arange(4096) % 512 == 0, 13, 2)
    held, failed = values(registry, unlucky), dict[Computed, Failed]()
    compute(registry.plan("visiting"), held, failed)
    luck = next(feature for feature in failed if feature.name == "visiting.luck")
    null = np.isnan(held[luck])
    assert null[unlucky == 13].all()
    assert np.array_equal(null, failed[luck].rows)
    assert 8 < null.sum() <= 4096
    assert (held[luck][~null] == 0.5).all()


def test_offline_it_is_an_error_unless_rows_are_held_against_what_was_served(
    registry: Registry,
) -> None:
    plan = registry.plan("visiting")
    rows = {
        "shop_facts.unlucky": pa.array([1, 13]),
        "shop_facts.place": pa.array(["a", "b"]),
        "visiting.haste": pa.array([3.0, 3.0]),
    }
    instants = pa.array([microseconds(AS_OF)] * 2, pa.timestamp("us", "UTC"))
    with pytest.raises(
        DataError, match=r"^visiting\.luck: its expression fails on values that there are \(KeyErr"
    ):
        served(plan, rows, instants, "the warehouse")
    columns = served(plan, rows, instants, "the warehouse", {})
    names = [feature.name for feature in plan.service.features]
    assert columns[names.index("visiting.luck")].to_pylist() == [1.0, None]
