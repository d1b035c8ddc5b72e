"""The two engines that must agree with the oracle: the warehouse's SQL, and the online lookup.

The SQL is what dbt compiles from the deployment's project. It runs here in a fresh DuckDB for each
scenario, so that hundreds of scenarios cost seconds; `test_chain` runs the same through dbt itself.
"""

import json
import os
import shutil
import subprocess
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from functools import cache
from graphlib import TopologicalSorter
from pathlib import Path
from typing import Any

import duckdb
import numpy as np
import pyarrow.dataset as ds

from slate.assets import builds
from slate.assets.publishing import landed_files, online_rows, stream_from
from slate.assets.raw_tables import prepare
from slate.assets.training_sets import write_training_set
from slate.compile.asked import all_asked
from slate.compile.model_names import AS_OF, RAW, current_model, training_model
from slate.compile.project import write
from slate.deployment import Deployment
from slate.online import FeatureClient, Publisher, State
from slate.plans import Plan
from slate.registry import Registry
from tests.made_once import made_once
from tests.parity.answers import micros
from tests.parity.landing import Row, landing_table, moment
from tests.parity.near import NearPath
from tests.parity.over_http import OverHttp
from tests.parity.scenarios import Ask, Scenario


@dataclass(frozen=True)
class Project:
    """A deployment's dbt project, generated and compiled.

    Attributes:
        deployment: whose it is; its data lie in a temporary folder.
        models: each model's compiled SQL by name, after those that it reads.
    """

    deployment: Deployment
    models: dict[str, str]


def dbt(deployment: Deployment, *arguments: str) -> None:
    """Run dbt on a deployment's project."""
    folder = str(deployment.dbt_project)
    subprocess.run(
        ["dbt", "--quiet", *arguments,
         "--project-dir", folder, "--profiles-dir", folder],
        check=True,
        env=os.environ | {"SLATE_WAREHOUSE": str(deployment.warehouse), "DO_NOT_TRACK": "1"},
    )  # fmt: skip


def compiled(deployment: Deployment, folder: Path) -> Project:
    """A deployment with its compiled dbt project, and data of its own in a temporary folder."""
    made = _compiled(deployment)
    (folder / "data").mkdir(parents=True)
    own = replace(
        made.deployment, data=folder / "data", kept_generations=deployment.kept_generations
    )
    return replace(made, deployment=own)


@cache
def _compiled(deployment: Deployment) -> Project:
    """Generate and compile a deployment's dbt project, which takes dbt seconds."""

    def make(folder: Path) -> None:
        copy = _copied(deployment, folder)
        ignore = shutil.ignore_patterns("target", "logs", "generated")
        shutil.copytree(deployment.dbt_project, copy.dbt_project, ignore=ignore)
        copy.data.mkdir()
        write(copy.registry, copy.dbt_project)
        dbt(copy, "compile")

    copy = _copied(deployment, made_once(f"{deployment.definitions}.compiled", make))
    manifest = json.loads((copy.dbt_project / "target" / "manifest.json").read_text())
    nodes = {
        key: node for key, node in manifest["nodes"].items() if node["resource_type"] == "model"
    }
    order = TopologicalSorter(
        {key: set(node["depends_on"]["nodes"]) & set(nodes) for key, node in nodes.items()}
    )
    # dbt names the file's catalogue; here the tables lie in memory.
    models = {
        nodes[key]["name"]: nodes[key]["compiled_code"].replace('"warehouse".', "")
        for key in order.static_order()
    }
    return Project(copy, models)


def _copied(deployment: Deployment, folder: Path) -> Deployment:
    """A deployment whose dbt project and data lie in a folder."""
    return Deployment(
        deployment.name,
        deployment.definitions,
        deployment.root,
        folder / "dbt_project",
        folder / "data",
    )


@dataclass(frozen=True)
class LandedRows:
    """A landing file: its name, when it was taken in (UTC), and its rows."""

    name: str
    taken_in: datetime
    rows: Sequence[Row]


class Engines:
    """A deployment's warehouse SQL and online store, fed with scenarios.

    Args:
        project: the compiled project.
        publisher: writes to the online store.
        client: asks the online store.
        near: answers from near views.
        near_every: the how-manieth request it is asked too.
        http: answers over HTTP; None to leave that out.
        http_every: the how-manieth request it is asked too.
    """

    def __init__(
        self,
        project: Project,
        publisher: Publisher,
        client: FeatureClient,
        near: NearPath,
        near_every: int = 1,
        http: OverHttp | None = None,
        http_every: int = 1,
    ) -> None:
        self.registry = project.deployment.registry
        self._project = project
        self._publisher = publisher
        self._client = client
        self._near, self._near_every, self._asked = near, near_every, 0
        self._http, self._http_every = http, http_every

    def offline(self, scenario: Scenario, folder: Path) -> Iterator[tuple[Plan, dict[Any, Any]]]:
        """The training set of each service: its rows by the spine's unique id."""
        with warehouse() as connection:
            build(connection, self._project, scenario, None)
            for plan in self.registry.plans.values():
                path = folder / plan.service.full_name
                rows = write_training_set(connection, plan, path).path
                table = ds.dataset(rows, partitioning="hive").to_table()
                unique = plan.service.spine.unique_id
                yield plan, {row[unique]: row for row in table.to_pylist()}

    def publish(self, scenario: Scenario, instant: int) -> None:
        """Publish every view with what had arrived before an instant."""
        with warehouse() as connection:
            build(connection, self._project, scenario, instant)
            for view in self.registry.views.values():
                rows = online_rows(connection, view, at_once=2)
                self._publisher.publish(view, rows, moment(instant))

    def publish_landed(
        self,
        scenario: Scenario,
        instant: int,
        files: Mapping[str, Sequence[LandedRows]],
        name: str = "",
    ) -> None:
        """Publish all views together, those of some sources with what was taken in, file by file.

        Args:
            scenario: the rows of the other sources.
            instant: the end of the last hour.
            files: by source, its files in the order in which they were taken in.
            name: what the publish is known by.
        """
        rest = replace(scenario, sources={**scenario.sources, **{name: [] for name in files}})
        views = self.registry.views.values()
        kept_since = self._publisher.kept_since(views)
        with warehouse() as connection, self._publisher.release(name) as release:
            build(connection, self._project, rest, instant, files)
            for view in views:
                as_of, rows = moment(instant), online_rows(connection, view, at_once=2)
                known = landed_files(connection, view, as_of.replace(tzinfo=None), kept_since)
                since = stream_from(connection, view, None)
                release.write(view, rows, as_of, stream_from=since, landed=known)
            release.go_live()

    def online(self, ask: Ask, at: int | None = None) -> dict[str, Any]:
        """What the client answers to a request: the same from near views and over HTTP."""
        instant = ask.at if at is None else moment(at)
        inputs = {name: value for name, value in ask.inputs.items() if value is not None}
        given = {**ask.keys, **inputs}
        answer = self._client.get(ask.service.name, at=instant, **given)
        assert answer.errors == ()
        (row,) = answer.to_dicts()
        self._asked += 1
        if self._http is not None and self._asked % self._http_every == 0:
            self._http.require_same(answer, given)
        if self._asked % self._near_every:
            return row
        near = self._near.get_near(ask.service.name, instant, given)
        assert near.errors == (), near.errors
        assert near.to_dicts() == [row]
        for view, state in answer.states.items():
            assert near.states[view].state.tolist() == state.state.tolist()
        return row

    def together(self, asks: Sequence[Ask], at: int) -> int:
        """Ask in requests of several rows: each row is what it is when asked for alone.

        Keys are given row by row, and each of them once for all rows; one row is there twice. Then
        none is asked for.

        Args:
            asks: one service's.
            at: the instant.

        Returns:
            How many values were compared.
        """
        service, compared = asks[0].service, 0
        asked = [{**ask.keys, **ask.inputs} for ask in (*asks, asks[0])]
        for once in (None, *service.request_keys) if len(asked[0]) > 1 else (None,):
            rows = [row if once is None else {**row, once: asked[0][once]} for row in asked]
            given: dict[str, Any] = {name: [row[name] for row in rows] for name in rows[0]}
            if once is not None:
                given[once] = rows[0][once]
            found = self._on_all_paths(service.name, at, given)
            for row, values in zip(rows, found, strict=True):
                told = {name: value for name, value in row.items() if value is not None}
                alone = self._client.get(service.name, at=moment(at), **told)
                assert [values] == alone.to_dicts(), f"{row} beside others, {once} once"
                compared += len(values)
        assert self._on_all_paths(service.name, at, {name: [] for name in asked[0]}) == []
        return compared

    def _on_all_paths(self, service: str, at: int, given: dict[str, Any]) -> list[dict[str, Any]]:
        """The rows of an answer, from the store, near views and over HTTP."""
        answer = self._client.get(service, at=moment(at), **given)
        near = self._near.get_near(service, moment(at), given)
        assert near.errors == answer.errors == ()
        assert near.to_dicts() == answer.to_dicts()
        assert np.array_equal(near.matrix(), answer.matrix(), equal_nan=True)
        for view, state in answer.states.items():
            assert near.states[view].state.tolist() == state.state.tolist()
        if self._http is not None:
            self._http.require_same(answer, given)
        return answer.to_dicts()

    def unflagged(self, ask: Ask, at: int) -> dict[str, Any]:
        """What the client answers of views of which it does not say that they are missing."""
        inputs = {name: value for name, value in ask.inputs.items() if value is not None}
        answer = self._client.get(ask.service.name, at=moment(at), **ask.keys, **inputs)
        (row,) = answer.to_dicts()
        known = {view for view, told in answer.states.items() if State.MISSING not in told.state}
        return {name: value for name, value in row.items() if name.split(".")[0] in known}


def warehouse(database: Path | str = ":memory:") -> duckdb.DuckDBPyConnection:
    """An empty warehouse for a few hundred rows: more threads would only wait for each other."""
    return duckdb.connect(database, config={"threads": 1})


def build(
    connection: duckdb.DuckDBPyConnection,
    project: Project,
    scenario: Scenario,
    before: int | None,
    files: Mapping[str, Sequence[LandedRows]] | None = None,
) -> None:
    """Build the models of a project.

    Args:
        connection: an empty warehouse.
        project: the compiled project.
        scenario: the raw rows.
        before: what arrived then or later is not known, and only what is published is built; None
            for all.
        files: what landed besides, by the source's name.
    """
    registry = project.deployment.registry
    prepare(connection, [s for s in registry.sources.values() if s.landing])
    builds.prepare(connection)
    builds.set_clock(connection, builds.end_of_last_hour(project.deployment))
    for name, source in registry.sources.items():
        rows = [
            row
            for row in scenario.sources[name]
            if before is None or micros(row[source.arrival_time]) < before
        ]
        _land(connection, source, rows)
        for number, file in enumerate((files or {}).get(name, ())):
            _land_file(connection, source, number, file)
    skipped = set() if before is None else _unpublished(registry)
    for model, sql in project.models.items():
        if model in skipped:
            continue
        if model == AS_OF and before is not None:
            sql = f"select * replace (make_timestamp({before}) as as_of) from ({sql})"
        connection.execute(f"create table {model} as {sql}")


def _unpublished(registry: Registry) -> set[str]:
    """The models that nothing is published of: with them, publishing takes four times as long."""
    plans = registry.plans.values()
    return {
        *(asked.model for asked in all_asked(plans)),
        *(training_model(plan.service) for plan in plans),
        *(current_model(view) for view in registry.views.values() if view.windowed),
    }


def _land(connection: duckdb.DuckDBPyConnection, source: Any, rows: Sequence[Any]) -> None:
    landed = landing_table(source, rows)  # noqa: F841 (read by name)
    columns = ", ".join(source.columns)
    hour = f"epoch_us({source.arrival_time}) // 3600000000"
    connection.execute(
        f"""insert into {RAW}.{source.landing} ({columns}, _file, _row)
        select {columns}, {hour}, row_number() over () from landed"""
    )
    connection.execute(
        f"""insert into {RAW}.files (file, source, hour, rows)
        select {hour}, '{source.name}', date_trunc('hour', {source.arrival_time}), count(*)
        from landed group by all"""
    )


def _land_file(
    connection: duckdb.DuckDBPyConnection, source: Any, number: int, file: LandedRows
) -> None:
    landed = landing_table(source, file.rows)  # noqa: F841 (read by name)
    columns = ", ".join(source.columns)
    connection.execute(
        f"""insert into {RAW}.{source.landing} ({columns}, _file, _row)
        select {columns}, {number}, row_number() over () from landed"""
    )
    connection.execute(
        f"""insert into {RAW}.files (file, source, name, hour, rows, taken_in_at)
        select {number}, '{source.name}', ?, date_trunc('hour', max({source.arrival_time})),
            count(*), ? from landed""",
        [file.name, file.taken_in.replace(tzinfo=None)],
    )
