"""What a run left behind, and whether it is what the oracle says."""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

import dagster as dg
import duckdb
import pyarrow.dataset as ds

from slate.assets.manifests import Manifest, load_manifest
from slate.assets.view_checks import CHECK
from slate.deployment import Deployment
from slate.online import FeatureClient, Generation, Publisher
from tests.orchestration.bikes import Rows
from tests.parity.answers import differences
from tests.parity.oracle import Oracle
from tests.parity.scenarios import Scenario

Table = list[dict[str, Any]]


def query(deployment: Deployment, sql: str) -> list[tuple[Any, ...]]:
    """Rows of the warehouse."""
    with duckdb.connect(deployment.warehouse, read_only=True) as connection:
        return connection.execute(sql).fetchall()


def tables(deployment: Deployment) -> dict[str, Table]:
    """All that dbt built, but for what holds only the hours that were built last."""
    with duckdb.connect(deployment.warehouse, read_only=True) as connection:
        names = connection.execute(
            "select table_name from information_schema.tables "
            "where table_schema = 'main' order by 1"
        ).fetchall()
        return {
            name: sorted(connection.sql(f"from {name}").to_arrow_table().to_pylist(), key=_order)
            for (name,) in names
            if "__" not in name
        }


def _order(row: dict[str, Any]) -> tuple[str, ...]:
    values = row.values()
    return tuple("" if isinstance(value, float | dict | list) else str(value) for value in values)


def ledger(deployment: Deployment) -> tuple[int, int]:
    """How many rows all landing files have by the ledger, and how many of them were refused."""
    ((rows, refused),) = query(
        deployment, "select sum(rows)::bigint, sum(quarantined)::bigint from raw.files"
    )
    sources = [source for source in deployment.registry.sources.values() if source.landing]
    held = [query(deployment, f"select count(*) from raw.{s.landing}")[0][0] for s in sources]
    quarantined = query(deployment, "from raw.quarantine where row is not null")
    assert (rows, refused) == (sum(held), len(quarantined))
    return rows + refused, refused


def unlike(one: Mapping[str, Table], other: Mapping[str, Table]) -> list[str]:
    """The tables that differ; float sums may by what comes of adding up in another order."""
    assert one.keys() == other.keys()
    return [name for name in one if not _same(one[name], other[name])]


def _same(one: Any, other: Any) -> bool:
    if isinstance(one, dict) and isinstance(other, dict):
        return _same(list(one.items()), list(other.items()))
    if isinstance(one, list | tuple):
        return len(one) == len(other) and all(map(_same, one, other))
    if isinstance(one, float) and isinstance(other, float):
        nan = math.isnan(one) and math.isnan(other)
        return nan or math.isclose(one, other, rel_tol=1e-9, abs_tol=1e-6)
    return bool(one == other)


def as_of(deployment: Deployment) -> datetime:
    """The instant up to which the warehouse knows what views are made of."""
    ((instant,),) = query(deployment, "select max(as_of) from as_of where model like '%_current'")
    found: datetime = instant
    return found


def wrong_training(deployment: Deployment, sources: Rows) -> list[str]:
    """Where a training set is not what the oracle says, in words."""
    registry, scenario = deployment.registry, Scenario(sources)
    oracle = Oracle(registry, sources, scenario.models(registry))
    asks = {
        (ask.service.name, ask.row[ask.service.spine.unique_id]): ask
        for ask in scenario.asks(registry)
    }
    wrong, found = [], set()
    for plan in registry.plans.values():
        service = plan.service
        for row in training(deployment, service.full_name):
            ask = asks[service.name, row[service.spine.unique_id]]
            found.add((service.name, row[service.spine.unique_id]))
            expected = oracle.answer(service, ask.keys, ask.at, ask.inputs)
            actual = {feature.name: row[feature.name] for feature in service.features}
            wrong += [f"{ask.keys} at {ask.at}: {w}" for w in differences(expected, actual)]
    return wrong + [f"{ask} is missing" for ask in asks.keys() - found]


def wrong_current(deployment: Deployment, sources: Rows) -> list[str]:
    """Where a view's current values, which are what is checked, are not what the oracle says."""
    registry, scenario, at = deployment.registry, Scenario(sources), as_of(deployment)
    oracle = Oracle(registry, sources, scenario.models(registry), at)
    found, wrong = tables(deployment), []
    for view in registry.views.values():
        for row in found[f"{view.name}_current"]:
            key = tuple(row[name] for name in view.entity.keys)
            actual = {feature.name: row[feature.column] for feature in view.features.values()}
            expected = oracle.read(view, key, at)
            wrong += [f"{key} at {at}: {w}" for w in differences(expected, actual)]
    return wrong


def training(deployment: Deployment, service: str) -> list[dict[str, Any]]:
    """The rows of a training set."""
    current = (deployment.training / service / "current").resolve()
    rows: list[dict[str, Any]] = ds.dataset(current, partitioning="hive").to_table().to_pylist()
    return rows


def manifests(deployment: Deployment) -> dict[str, tuple[Path, Manifest]]:
    """Where each service's training set is, and what it says of itself."""
    folders = [
        deployment.training / service.full_name for service in deployment.registry.services.values()
    ]
    return {f.name: ((f / "current").resolve(), load_manifest(f)) for f in folders}


def wrong_online(deployment: Deployment, client: FeatureClient, sources: Rows) -> list[str]:
    """Where lookups at the instant that is published are not what the oracle says, in words."""
    registry, scenario, at = deployment.registry, Scenario(sources), as_of(deployment)
    oracle = Oracle(registry, sources, scenario.models(registry), at)
    wrong = []
    for ask in scenario.asks(registry):
        answer = client.get(ask.service.name, at=at, **ask.keys, **ask.inputs)
        assert answer.errors == ()
        (row,) = answer.to_dicts()
        expected = oracle.answer(ask.service, ask.keys, at, ask.inputs)
        wrong += [f"{ask.keys} at {at}: {w}" for w in differences(expected, row)]
    return wrong


def generations(deployment: Deployment, publisher: Publisher) -> dict[str, Generation]:
    """The live generation of each view."""
    live = {view.name: publisher.live(view) for view in deployment.registry.views.values()}
    return {name: generation for name, generation in live.items() if generation is not None}


@dataclass(frozen=True)
class Run:
    """What Dagster knows of a run.

    Attributes:
        record: the run.
        steps: when each of its steps began and ended.
        materialized: what it made, an event for each asset and partition.
        checks: what came of each asset's check.
    """

    record: dg.DagsterRun
    steps: list[tuple[float, float]]
    materialized: dict[dg.AssetKey, list[dg.AssetMaterialization]]
    checks: dict[dg.AssetKey, dg.AssetCheckEvaluation]

    def metadata(self, *key: str) -> dict[str, Any]:
        """The values of an asset's metadata."""
        return {n: m.value for n, m in self.materialized[dg.AssetKey(key)][-1].metadata.items()}

    def made(self, group: str) -> set[str]:
        """What it made of the assets whose keys begin so."""
        return {key.path[-1] for key in self.materialized if key.path[0] == group}


def runs(deployment: Deployment, number: int) -> list[Run]:
    """The last runs of a deployment, the newest first."""
    with dg.DagsterInstance.from_config(str(deployment.data / "dagster")) as instance:
        return [_run(instance, record) for record in instance.get_runs(limit=number)]


def _run(instance: dg.DagsterInstance, record: dg.DagsterRun) -> Run:
    made: dict[dg.AssetKey, list[dg.AssetMaterialization]] = {}
    checks, begun, steps = {}, {}, []
    for entry in instance.all_logs(record.run_id):
        event = entry.dagster_event
        if event is None:
            continue
        match event.event_type:
            case dg.DagsterEventType.STEP_START:
                begun[event.step_key] = entry.timestamp
            case dg.DagsterEventType.STEP_SUCCESS | dg.DagsterEventType.STEP_FAILURE:
                steps.append((begun[event.step_key], entry.timestamp))
            case dg.DagsterEventType.ASSET_MATERIALIZATION:
                materialization = event.step_materialization_data.materialization
                made.setdefault(materialization.asset_key, []).append(materialization)
            case dg.DagsterEventType.ASSET_CHECK_EVALUATION:
                evaluation = event.asset_check_evaluation_data
                if evaluation.check_name == CHECK:
                    checks[evaluation.asset_key] = evaluation
    return Run(record, steps, made, checks)
