"""Request features: what the executor computes for many rows is what the oracle says of each."""

from functools import cache
from typing import Any

import pyarrow as pa
import pytest

from slate import FeatureService, Registry
from slate.executor import compute, operands
from slate.expressions import NOW, Array, Expr
from slate.features import Feature
from slate.kinds import Kind
from tests.parity.oracle import Oracle, Values, differences
from tests.parity.scenarios import bulk

REGISTRIES = {
    name: Registry.from_module(name)
    for name in ("live_shopping.definitions", "tests.deployments.bikes.definitions")
}
# What the marketplace computes, its rows in test_parity hold too.
SECOND = {"live_shopping.definitions": [pytest.mark.thorough]}
SERVICES = [
    pytest.param(name, service, marks=SECOND.get(name, []))
    for name, found in REGISTRIES.items()
    for service in found.services
]


@cache
def answered(name: str, service: str) -> tuple[list[Values], dict[Expr, Array]]:
    """The oracle's answers to a service's requests, and what its expressions read, as arrays."""
    registry = REGISTRIES[name]
    plan = registry.plans[service]
    wanted = [leaf for leaf in operands(plan) if isinstance(leaf, Feature)]
    both = FeatureService(
        "whole_request",
        version=1,
        keys=plan.service.keys,
        spine=plan.service.spine,
        features=[*wanted, *plan.computed],
    )
    scenario = bulk(registry, 5, rows=150)
    oracle = Oracle(registry, scenario.sources, scenario.models(registry))
    asks = [ask for ask in scenario.asks(registry) if ask.service is plan.service]
    answers = [oracle.answer(both, ask.keys, ask.at, ask.inputs) for ask in asks]
    arrays: dict[Expr, Array] = {NOW: Kind.TIME.array([ask.at for ask in asks])}
    for leaf in wanted:
        found: list[Any] = [answer[leaf.name] for answer in answers]
        if leaf.value_type.length is None:
            arrays[leaf] = leaf.kind.array(found)
        else:
            lists = pa.array(found, leaf.value_type.arrow)
            arrays[leaf] = leaf.value_type.from_arrow(lists, leaf.default)
    return answers, arrays


def computed(registry: Registry, service: str, arrays: dict[Expr, Array]) -> dict[str, list[Any]]:
    plan, values = registry.plans[service], dict(arrays)
    compute(plan, values)
    return {f.name: f.kind.to_arrow(values[f]).to_pylist() for f in plan.computed}


def wrong(answers: list[Values], columns: dict[str, list[Any]]) -> list[str]:
    found = []
    for number, answer in enumerate(answers):
        expected = Values()
        expected.update({name: answer[name] for name in columns})
        expected.slack = answer.slack
        found += differences(expected, {name: column[number] for name, column in columns.items()})
    return found


@pytest.mark.parametrize(("name", "service"), SERVICES)
def test_many_rows_at_once(name: str, service: str) -> None:
    answers, arrays = answered(name, service)
    assert len(answers) > 100
    assert wrong(answers, computed(REGISTRIES[name], service, arrays)) == []


@pytest.mark.parametrize(("name", "service"), SERVICES)
def test_one_row_at_a_time(name: str, service: str) -> None:
    answers, arrays = answered(name, service)
    for number in range(0, len(answers), 10):
        row = {leaf: array[number : number + 1] for leaf, array in arrays.items()}
        columns = computed(REGISTRIES[name], service, row)
        assert wrong(answers[number : number + 1], columns) == []
