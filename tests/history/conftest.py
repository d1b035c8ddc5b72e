import shutil
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import duckdb
import numpy as np
import pyarrow as pa
import pytest

import slate
from slate.deployment import Deployment, load
from slate.plans import Plan
from tests.made_once import made_once
from tests.parity.engines import build, compiled
from tests.parity.scenarios import Scenario, bulk

BIKES = Path(__file__).parents[1] / "deployments" / "bikes" / "slate.toml"


def defined() -> Deployment:
    """The bike-share, about which few features are asked."""
    return replace(load(BIKES), definitions="tests.deployments.bikes.asked")


@dataclass(frozen=True)
class Asked:
    """Rows that ask about a service, in which keys and instants are repeated.

    Attributes:
        deployment: the bike-share, whose warehouse holds a scenario.
        rows: keys, inputs, instants and labels.
        values: the features of each row.
    """

    deployment: Deployment
    rows: pa.Table
    values: pa.Table

    @property
    def plan(self) -> Plan:
        return self.deployment.registry.plan("bike_choice")

    @property
    def names(self) -> list[str]:
        return [feature.name for feature in self.plan.service.features]

    def history(self, frame: Any, **options: Any) -> Any:
        return slate.history("bike_choice", frame, deployment=self.deployment, **options)


def happened(deployment: Deployment) -> Scenario:
    """What the warehouse of the bike-share holds."""
    return bulk(deployment.registry, 11, rows=80, instants=5)


def built(folder: Path) -> Deployment:
    """The bike-share with a copy of its warehouse, in which a scenario is built once.

    Args:
        folder: where the copy lies.
    """

    def make(made: Path) -> None:
        project = compiled(defined(), made)
        with duckdb.connect(project.deployment.warehouse) as connection:
            build(connection, project, happened(project.deployment), None)

    made = made_once("asked.built", make)
    deployment = compiled(defined(), folder).deployment
    shutil.copyfile(replace(deployment, data=made / "data").warehouse, deployment.warehouse)
    return deployment


@pytest.fixture(scope="session")
def asked(tmp_path_factory: pytest.TempPathFactory) -> Asked:
    deployment = built(tmp_path_factory.mktemp("bikes"))
    scenario = happened(deployment)
    asks = [a for a in scenario.asks(deployment.registry) if a.service.name == "bike_choice"]
    plan = deployment.registry.plan("bike_choice")
    kinds = {key: kind for entity in plan.service.keys for key, kind in entity.keys.items()}
    kinds |= {feature.column: feature.kind for feature in plan.inputs}
    fields = [(name, kind.arrow) for name, kind in kinds.items()]
    fields += [("offered_at", pa.timestamp("us", "UTC")), ("label", pa.int64())]
    rows = pa.Table.from_pylist(
        [
            {**a.keys, **a.inputs, "offered_at": a.at, "label": number}
            for number, a in enumerate(asks)
        ],
        schema=pa.schema(fields),
    )
    found = slate.history("bike_choice", rows, deployment=deployment)
    names = [feature.name for feature in plan.service.features]
    return Asked(deployment, rows, found.select(names))


@pytest.fixture
def copied(asked: Asked, tmp_path: Path) -> Deployment:
    """The deployment, with a warehouse that a test may change."""
    shutil.copyfile(asked.deployment.warehouse, tmp_path / "warehouse.duckdb")
    return replace(asked.deployment, data=tmp_path)


def alike(found: pa.Table, wanted: pa.Table) -> bool:
    """Whether tables are the same, but for the last digits of floats, which an order may change."""
    if not found.schema.equals(wanted.schema):
        return False
    for mine, yours in zip(found.columns, wanted.columns, strict=True):
        if pa.types.is_floating(mine.type):
            numbers = (np.array(c.to_pylist(), np.float64) for c in (mine, yours))
            if not np.allclose(*numbers, rtol=1e-9, atol=1e-6, equal_nan=True):
                return False
        elif mine.to_pylist() != yours.to_pylist():
            return False
    return True
