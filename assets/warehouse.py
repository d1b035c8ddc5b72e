"""Warehouse assets: the dbt models, built for the hours of a run."""

import fcntl
import os
import shutil
import sys
from collections.abc import Collection, Iterator, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from datetime import datetime
from functools import cached_property
from importlib.metadata import version
from pathlib import Path
from typing import Any

import dagster as dg
import duckdb
from dagster_dbt import (
    DagsterDbtCliRuntimeError,
    DagsterDbtTranslator,
    DbtCliResource,
    DbtProject,
    dbt_assets,
)
from packaging.version import Version

from slate.assets.builds import Build, drop_former, plan_build, record, set_clock
from slate.assets.catalogue import asset_tags, own_models, schema
from slate.assets.database import POOL, Warehouse
from slate.assets.failures import dbt_failure, explained
from slate.assets.holds import hold
from slate.assets.hours import Span, span_of
from slate.assets.interrupts import deaf, ended
from slate.assets.landing_files import landing_sources
from slate.assets.lineage import column_lineage
from slate.assets.raw_tables import require_declared_types
from slate.compile.asked import all_asked
from slate.compile.model_names import (
    CLOCK,
    HELD,
    RAW,
    asked_model,
    current_model,
    online_keys_model,
    online_tiles_model,
    training_model,
)
from slate.deployment import Deployment
from slate.errors import ConfigurationError, DataError
from slate.registry import Registry
from slate.views import FeatureView

# What dbt itself writes into its project.
_WRITTEN = ("target", "logs")
# What names the packages that a project is made with.
_PACKAGES = ("packages.yml", "dependencies.yml")


class Dbt(DbtCliResource):
    """dbt as a process of its own, whose version is that of the installed package.

    Dagster runs `dbt --version` for it: two seconds, in which dbt asks the package index what is
    newest. And it makes a second adapter in its own process, to ask the warehouse for columns and
    counts: a second or two of parsing macros, and nobody asks.
    """

    @cached_property
    def _cli_version(self) -> Version:
        return Version(version("dbt-core"))

    def _initialize_dbt_core_adapter(self, args: Sequence[str]) -> Any:
        return None


def model_key(model: str) -> dg.AssetKey:
    """The asset of a dbt model."""
    return dg.AssetKey(model)


def current_key(view: type[FeatureView]) -> dg.AssetKey:
    """The asset of a view's current values, which is what is checked."""
    return model_key(current_model(view))


def dbt_project(deployment: Deployment) -> DbtProject:
    """The deployment's dbt project, parsed if it never was."""
    _environment(deployment)
    project = DbtProject(deployment.dbt_project)
    project.prepare_if_dev()
    if not project.manifest_path.exists():
        _parse(project)
    return project


def parse_if_changed(deployment: Deployment) -> None:
    """Parse the deployment's dbt project where it changed since it was parsed last.

    Raises:
        ConfigurationError: dbt cannot parse it.
    """
    _environment(deployment)
    project = DbtProject(deployment.dbt_project)
    if is_changed(project):
        _parse(project)


def is_changed(project: DbtProject) -> bool:
    """Whether anything in a dbt project is newer than what came of parsing it last."""
    manifest = project.manifest_path
    return not manifest.exists() or _newest(project.project_dir) > manifest.stat().st_mtime


def _newest(folder: Path) -> float:
    """When anything in a dbt project was changed last, but for what dbt itself writes there."""
    newest = 0.0
    for root, folders, files in os.walk(folder):
        folders[:] = [name for name in folders if name not in _WRITTEN]
        # A folder's own time tells of what is gone from it.
        paths = [Path(root, name) for name in (*folders, *files) if not name.startswith(".")]
        newest = max([newest, *(path.stat().st_mtime for path in paths)])
    return newest


def _parse(project: DbtProject) -> None:
    dbt = Dbt(project_dir=str(project.project_dir))
    target = project.project_dir / project.target_path
    target.mkdir(parents=True, exist_ok=True)
    packages = any((project.project_dir / name).exists() for name in _PACKAGES)
    try:
        with (target / "parse.lock").open("w") as lock:
            # Of two processes that parse, the other would read what this one is writing.
            fcntl.flock(lock, fcntl.LOCK_EX)
            for command in ("deps", "parse") if packages else ("parse",):
                dbt.cli([command, "--quiet"], target_path=target).wait()
    except DagsterDbtCliRuntimeError as error:
        raise ConfigurationError(
            f"dbt cannot parse {project.project_dir}; what it says of it is above"
        ) from error


def _environment(deployment: Deployment) -> None:
    # dbt runs as a process of its own, in its project's folder, and learns from its environment
    # where the warehouse is, and what memory it may take. If it learns another thing, it parses its
    # whole project again: from there a deployment that was moved or copied has it where it was.
    os.environ["SLATE_WAREHOUSE"] = os.path.relpath(deployment.warehouse, deployment.dbt_project)
    if deployment.memory:
        os.environ["SLATE_MEMORY"] = deployment.memory
    os.environ["DBT_SEND_ANONYMOUS_USAGE_STATS"] = "false"
    # It lies beside this Python, and whoever loads the definitions need not have that on the path.
    programs, path = str(Path(sys.executable).parent), os.environ.get("PATH", os.defpath)
    if programs not in path.split(os.pathsep):
        os.environ["PATH"] = f"{programs}{os.pathsep}{path}"


class Translator(DagsterDbtTranslator):
    """How dbt's models appear in the UI: plain keys, a group for each stage, owners, schemas."""

    def __init__(self, registry: Registry) -> None:
        super().__init__()
        self._owners, self._texts = _owners(registry), own_models(registry)

    def get_asset_key(self, dbt_resource_props: Mapping[str, Any]) -> dg.AssetKey:
        """Sources by schema and table, models by name."""
        if dbt_resource_props["resource_type"] == "source":
            return dg.AssetKey([dbt_resource_props["source_name"], dbt_resource_props["name"]])
        return model_key(dbt_resource_props["name"])

    def get_group_name(self, dbt_resource_props: Mapping[str, Any]) -> str | None:
        """The stage, which is the folder: of generated models the one below `generated`."""
        folders = [part for part in dbt_resource_props["fqn"][1:-1] if part != "generated"]
        return folders[0] if folders else None

    def get_owners(self, dbt_resource_props: Mapping[str, Any]) -> list[str] | None:
        """The owner of the view, source or service that a model is generated from."""
        owner = self._owners.get(dbt_resource_props["name"])
        return [owner] if owner else None

    def get_description(self, dbt_resource_props: Mapping[str, Any]) -> str:
        """The definition's own text."""
        return str(dbt_resource_props.get("description", ""))

    def get_metadata(self, dbt_resource_props: Mapping[str, Any]) -> Mapping[str, Any]:
        """The column schema that the contract promises; where it has no text, the definition's."""
        texts = self._texts.get(dbt_resource_props["name"], {})
        return schema(
            [
                dg.TableColumn(
                    column["name"],
                    column["data_type"],
                    description=column["description"] or texts.get(column["name"]),
                    tags=asset_tags(column.get("tags", ())),
                )
                for column in dbt_resource_props.get("columns", {}).values()
                if column.get("data_type")
            ]
        )


def _owners(registry: Registry) -> dict[str, str]:
    owners = {source.model: source.owner for source in registry.sources.values()}
    for view in registry.views.values():
        owners |= {
            f"{view.name}{suffix}": view.owner
            for suffix in ("", "_tiles", "_current", "_online_keys", "_online_tiles")
        }
    for asked in all_asked(registry.plans.values()):
        owners[asked.model] = asked.read.view.owner
    for service in registry.services.values():
        owners[training_model(service)] = service.owner
    return owners


def known_assets() -> list[dg.AssetSpec]:
    """What the models are told of what can be known: by the clock, and by what could be read."""
    told = {
        CLOCK: "Up to when arrivals can be known: the end of the last hour that is over by the "
        "platform's clock.",
        HELD: "Which models cannot be as of that, as a landing file that they are made of cannot "
        "be read, and up to when they are known.",
    }
    return [
        dg.AssetSpec(
            dg.AssetKey([RAW, table]), description=text, group_name="staging", kinds={"duckdb"}
        )
        for table, text in told.items()
    ]


# Unit tests are for whoever changes a model, and know nothing of a run's hours.
_UNIT_TESTS = "resource_type:unit_test"


def warehouse_assets(deployment: Deployment, project: DbtProject) -> dg.AssetsDefinition:
    """All models of the deployment's dbt project, built together for the hours that are new.

    Building again what was built is safe: the rows of an hour take the place of those before.
    """
    registry = deployment.registry
    lineage = column_lineage(registry)

    @dbt_assets(
        manifest=project.manifest_path,
        project=project,
        name="warehouse",
        dagster_dbt_translator=Translator(registry),
        pool=POOL,
    )
    @explained
    def warehouse(
        context: dg.AssetExecutionContext, dbt: Dbt, warehouse: Warehouse
    ) -> Iterator[Any]:
        _environment(deployment)
        _require_asked_models(registry, {key.path[-1] for key in context.selected_asset_keys})
        with warehouse.get_connection() as connection:
            require_declared_types(connection, landing_sources(registry))
            # Of some models alone, a change may touch others: these are built for all hours.
            manifest = None if context.is_subset else project.manifest_path
            build = plan_build(connection, deployment, span_of(context), manifest)
            set_clock(connection, build.until)
            held = hold(connection, deployment, project.manifest_path)
        if build.changed:
            context.log.info(
                f"{len(build.changed)} models are new or changed: {_some(build.changed)}"
            )
        for model, until in held.items():
            context.log.warning(f"{model} is known up to {until:%Y-%m-%d %H:%M}: a file is unread")
        context.log.info(f"dbt builds {build}")
        events, failure = [], None
        passes = list(_passes(registry, build))
        for number, one in enumerate(passes, 1):
            if len(passes) > 1:
                context.log.info(f"dbt builds part {number} of {len(passes)}: up to {one.end}")
            with ExitStack() as running:
                with deaf():
                    invocation = dbt.cli(one.arguments(), context=context)
                    running.enter_context(ended(invocation.process))
                try:
                    for event in invocation.stream():
                        if one.last:
                            events.append(event)
                        if isinstance(event, dg.Output):
                            context.log.info(f"built {event.output_name} ({len(events)})")
                except DagsterDbtCliRuntimeError as error:
                    failure = error
                    break
            # Some megabytes a run, of interest only after a failure.
            shutil.rmtree(invocation.target_path)
        outputs = [event.output_name for event in events if isinstance(event, dg.Output)]
        built = [context.asset_key_for_output(output).path[-1] for output in outputs]
        # Only now has dbt let go of the file, so that its tables can be counted.
        with warehouse.get_connection() as connection:
            counts = _row_counts(connection, built)
            repeats = repeated_rows(connection, registry, counts, build.span)
            whole = failure is None and not context.is_subset
            record(connection, build, whole=whole)
            dropped = drop_former(connection, deployment, build) if whole else []
        for model, rows in repeats.items():
            if rows:
                context.log.info(f"{model}: {rows:,} landed rows repeat an id, and do not count")
        if dropped:
            context.log.info(
                f"dropped {len(dropped)} tables that are no longer defined: {_some(dropped)}"
            )
        for event in events:
            if isinstance(event, dg.Output):
                model = context.asset_key_for_output(event.output_name).path[-1]
                metadata: dict[str, Any] = dict(event.metadata)
                if model in counts:
                    metadata["dagster/row_count"] = counts[model]
                if model in repeats:
                    metadata["rows_repeated"] = repeats[model]
                if model in lineage:
                    metadata["dagster/column_lineage"] = lineage[model]
                yield dg.Output(None, event.output_name, metadata=metadata)
            else:
                yield event
        if failure is not None:
            raise dbt_failure(invocation, deployment.warehouse, failure) from failure

    return warehouse


def _row_counts(connection: duckdb.DuckDBPyConnection, models: Sequence[str]) -> dict[str, int]:
    """How many rows each of the models has that were built."""
    # DuckDB's own estimate still has the rows that were deleted.
    counts = " union all ".join(f"select '{name}', count(*) from {name}" for name in models)
    return dict(connection.execute(counts).fetchall()) if models else {}


def repeated_rows(
    connection: duckdb.DuckDBPyConnection,
    registry: Registry,
    models: Collection[str],
    span: Span | None,
) -> dict[str, int]:
    """By staging model, how many landed rows are none of its own, as they repeat an id.

    Args:
        connection: the warehouse.
        registry: the definitions.
        models: the models that are built.
        span: of which hours of arrival; None for all.
    """
    found = {}
    for source in landing_sources(registry):
        if source.model in models:
            hours = ""
            if span is not None:
                hours = f" where {source.arrival_time} >= $1 and {source.arrival_time} < $2"
            landed, staged = (
                f"(select count(*) from {table}{hours})"
                for table in (f"{RAW}.{source.landing}", source.model)
            )
            query = f"select {landed} - {staged}"
            ((found[source.model],),) = connection.execute(query, span or []).fetchall()
    return found


def _require_asked_models(registry: Registry, selected: set[str]) -> None:
    """Training rows are joined of tables that hold only what was built together with them."""
    for plan in registry.plans.values():
        model = training_model(plan.service)
        asked = {asked_model(plan, read.view) for read in plan.reads}
        if model in selected and (missing := sorted(asked - selected)):
            raise DataError(
                f"{model} cannot be built without {', '.join(missing)}, which hold only the hours "
                "built last: materialize these with it, or the whole job"
            )


def _some(names: Sequence[str], most: int = 5) -> str:
    return ", ".join([*names[:most], *(["..."] if len(names) > most else [])])


@dataclass(frozen=True)
class Pass:
    """One call of dbt.

    Attributes:
        excluded: the models that are not built.
        start, end: the hours that are.
        anew: whether tables are made anew, with these hours first.
        last: whether it is the last for its models, so that what it tells of them is the outcome.
    """

    excluded: Collection[str]
    start: datetime
    end: datetime
    anew: bool
    last: bool

    def arguments(self) -> list[str]:
        """What dbt is called with."""
        anew = ["--full-refresh"] if self.anew else []
        hours = ["--event-time-start", str(self.start), "--event-time-end", str(self.end)]
        # One argument: of several dbt takes the second for something else.
        excluded = " ".join([_UNIT_TESTS, *sorted(self.excluded)])
        return ["build", "--exclude", excluded, *anew, *hours]


def _passes(registry: Registry, build: Build) -> Iterator[Pass]:
    """How dbt is called: for the new hours, then for all hours of what is anew.

    Many rows are built in parts, each as if it were the new hours of its time. What holds the state
    at the end is built with the last.
    """
    everything = datetime.min, build.until
    if build.span is None:
        spans = [(set[str](), everything, True)]
    else:
        spans = [(set(build.anew), build.span, False)]
        if build.anew:
            # It reads of the others, and none of these of it.
            spans.append((set(build.models) - set(build.anew), everything, True))
    state = {model for view in registry.views.values() for model in _state_models(view)}
    for excluded, span, anew in spans:
        parts = build.parts(span)
        for start, end in parts:
            last = (start, end) == parts[-1]
            left_out = excluded if last else excluded | state
            yield Pass(left_out, start, end, anew and start == span[0], last)


def _state_models(view: type[FeatureView]) -> tuple[str, ...]:
    """The models that hold a view's state at the end of what is known."""
    if view.windowed:
        return current_model(view), online_keys_model(view), online_tiles_model(view)
    return (current_model(view),)
