"""History: for anybody's rows, what a training set holds, the oracle says, and is served."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import duckdb
import numpy as np
import pyarrow as pa
import pyarrow.dataset as ds
import pytest

import slate
from slate.assets.training_sets import write_training_set
from slate.deployment import Deployment
from slate.kinds import Kind
from slate.offline import values
from slate.plans import Plan
from tests.parity.answers import differences
from tests.parity.conftest import second_is_thorough
from tests.parity.engines import Engines, Project, build, warehouse
from tests.parity.landing import moment
from tests.parity.oracle import Oracle, Values
from tests.parity.scenarios import Scenario, bulk


@pytest.fixture(scope="module")
def scenario(project: Project) -> Scenario:
    """A scenario that the deployment's warehouse holds, in its file."""
    scenario = bulk(project.deployment.registry, 7, rows=80, instants=6)
    with warehouse(project.deployment.warehouse) as connection:
        build(connection, project, scenario, None)
    return scenario


def training_set(deployment: Deployment, plan: Plan, folder: Path) -> pa.Table:
    with duckdb.connect(deployment.warehouse) as connection:
        path = write_training_set(connection, plan, folder).path
    return ds.dataset(path, partitioning=None, format="parquet").to_table()


@dataclass(frozen=True)
class Wanted:
    """A training set in another order, and what the oracle says of each of its rows."""

    rows: pa.Table
    answers: list[Values]


@pytest.fixture(scope="module")
def wanted(
    project: Project, scenario: Scenario, tmp_path_factory: pytest.TempPathFactory
) -> dict[str, Wanted]:
    """By service, once for all ways of looking up."""
    deployment = project.deployment
    registry = deployment.registry
    oracle = Oracle(registry, scenario.sources, scenario.models(registry))
    folder, found = tmp_path_factory.mktemp("training"), {}
    for name, plan in registry.plans.items():
        service, spine = plan.service, plan.service.spine
        made = training_set(deployment, plan, folder / service.name)
        rows = made.take(np.random.default_rng(3).permutation(made.num_rows))
        answers = []
        for row in rows.to_pylist():
            keys = {key: row[key] for key in service.request_keys}
            inputs = {feature.column: row[feature.column] for feature in plan.inputs}
            answers.append(oracle.answer(service, keys, row[spine.event_time], inputs))
        found[name] = Wanted(rows, answers)
    return found


@second_is_thorough
def test_training_sets_are_what_the_oracle_says(
    project: Project, wanted: dict[str, Wanted]
) -> None:
    compared = 0
    for plan in project.deployment.registry.plans.values():
        names = [feature.name for feature in plan.service.features]
        found = wanted[plan.service.full_name]
        for row, expected in zip(found.rows.to_pylist(), found.answers, strict=True):
            wrong = differences(expected, {name: row[name] for name in names})
            keys = {key: row[key] for key in plan.service.request_keys}
            assert not wrong, f"{keys} at {row[plan.service.spine.event_time]}: {wrong[:5]}"
            compared += len(names)
    assert compared > 5_000


@second_is_thorough
def test_history_is_what_a_training_set_holds(
    project: Project, wanted: dict[str, Wanted], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(values, "FEW", 0)
    assert compare(project, wanted) > 5_000


# One has all kinds of features that the other has. Of its two services each is asked in one way: in
# a span for each gap of the instants, or in one span.
@pytest.mark.parametrize("project", ["bikes"], indirect=True)
@pytest.mark.parametrize(
    "spans", [(values.SPANS, 1), pytest.param((1, values.SPANS), marks=pytest.mark.thorough)]
)
def test_few_rows_are_looked_up_in_another_way(
    project: Project,
    wanted: dict[str, Wanted],
    spans: tuple[int, int],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    compared = 0
    for name, most in zip(wanted, spans, strict=True):
        monkeypatch.setattr(values, "SPANS", most)
        compared += compare(project, {name: wanted[name]})
    assert compared > 5_000


def compare(project: Project, wanted: dict[str, Wanted]) -> int:
    """Hold history against training sets and the oracle; gives the values compared."""
    deployment = project.deployment
    compared = 0
    for name, its in wanted.items():
        plan, rows = deployment.registry.plans[name], its.rows
        service, spine = plan.service, plan.service.spine
        found = slate.history(service.name, rows.select(list(spine.columns)), deployment=deployment)
        names = [feature.name for feature in service.features]
        assert found.column_names == [*spine.columns, *names]
        assert found.schema.equals(rows.select(found.column_names).schema)
        # The last digits of a sum are those of its order, which the oracle allows for below.
        exact = {f.name for f in service.stored if f.kind is not Kind.FLOAT} & set(names)
        assert len(exact) > 5
        for column in (*spine.columns, *exact):
            assert found[column].equals(rows[column]), column
        for row, expected in zip(found.to_pylist(), its.answers, strict=True):
            wrong = differences(expected, {column: row[column] for column in names})
            keys = {key: row[key] for key in service.request_keys}
            assert not wrong, f"{keys} at {row[spine.event_time]}: {wrong[:5]}"
            compared += len(names)
    return compared


# What is served is what the oracle says in test_parity.
@pytest.mark.thorough
def test_history_is_what_is_served(engines: Engines, project: Project, scenario: Scenario) -> None:
    registry = project.deployment.registry
    published = scenario.instants[2]
    engines.publish(scenario, published)
    compared = 0
    for service in registry.services.values():
        asks = [ask for ask in scenario.asks(registry) if ask.service is service][:40]
        rows: list[dict[str, Any]] = [
            {**ask.keys, **ask.inputs, "asked": moment(published)} for ask in asks
        ]
        found = slate.history(
            service.name,
            pa.Table.from_pylist(rows, schema=_schema(registry.plans[service.full_name])),
            at="asked",
            deployment=project.deployment,
        )
        for ask, row in zip(asks, found.to_pylist(), strict=True):
            for name, served in engines.online(ask, published).items():
                if isinstance(served, float):
                    assert row[name] == pytest.approx(served, rel=1e-9, abs=1e-3, nan_ok=True), name
                else:
                    assert row[name] == served, name
                compared += 1
    assert compared > 1_000


def _schema(plan: Plan) -> pa.Schema:
    keys = {key: kind for entity in plan.service.keys for key, kind in entity.keys.items()}
    kinds = keys | {feature.column: feature.kind for feature in plan.inputs}
    fields = [(name, kind.arrow) for name, kind in kinds.items()]
    return pa.schema([*fields, ("asked", pa.timestamp("us", "UTC"))])
