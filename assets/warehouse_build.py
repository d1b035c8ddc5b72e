"""Building the warehouse: the step of its dbt models, from planning to telling Dagster."""

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from graphlib import TopologicalSorter
from threading import Thread
from typing import Any

import dagster as dg
import duckdb
from dagster_dbt import (
    DbtProject,
)

from slate.assets import unbuilt
from slate.assets.builds import Build, drop_former, plan_build, record, record_views, set_clock
from slate.assets.database import Warehouse
from slate.assets.dbt_calls import Dbt, Ran, passes, run
from slate.assets.dbt_failures import dbt_failure
from slate.assets.dbt_project import set_environment
from slate.assets.holds import hold
from slate.assets.hours import Span, span_of
from slate.assets.landing_files import landing_sources
from slate.assets.raw_tables import require_declared_types
from slate.assets.rule_changes import require_present_rules
from slate.assets.touched_models import readers_of
from slate.compile.model_names import (
    RAW,
    asked_model,
    training_model,
    view_models,
)
from slate.compile.project import require_up_to_date
from slate.compile.staging import staged
from slate.deployment import Deployment
from slate.errors import DataError
from slate.quality import engine
from slate.registry import Registry
from slate.views import FeatureView

# The metadata of a model that says why it is not built, and stands for what was built before.
NOT_BUILT = "not_built"


@dataclass(frozen=True)
class _Outcome:
    """What the warehouse notes of a build.

    Attributes:
        built: the models that dbt built.
        failed: by model that it failed on, why.
        missing: by model that is not built, the failed one that it comes of.
        readers: by model, the models that read it; empty where all are built.
        counts: by model that is built, how many rows it has.
        repeats: by staging model, how many landed rows repeat an id.
    """

    built: Sequence[str]
    failed: Mapping[str, str]
    missing: Mapping[str, str]
    readers: Mapping[str, Sequence[str]]
    counts: Mapping[str, int]
    repeats: Mapping[str, int]


def built_models(
    context: dg.AssetExecutionContext,
    dbt: Dbt,
    warehouse: Warehouse,
    deployment: Deployment,
    project: DbtProject,
    lineage: Mapping[str, Any],
) -> Iterator[Any]:
    """Build the models that a run asks for, for the hours that are new; tells Dagster of each.

    Args:
        context: the run's.
        dbt: what calls dbt.
        warehouse: the warehouse, which nobody else has open.
        deployment: the deployment.
        project: its dbt project.
        lineage: by model, of which columns its own are made.

    Raises:
        DataError: landing files or models are not as the definitions say.
        Failure: dbt failed, and nothing goes on.
    """
    build = _planned(context, warehouse, deployment, project)
    if not context.is_subset:
        # For the checks that follow, while this process waits for dbt.
        Thread(target=engine.load, daemon=True).start()
    ran = run(context, dbt, list(passes(deployment.registry, build)))
    outcome = _recorded(context, warehouse, deployment, project, build, ran)
    yield from _told(context, ran.events, outcome, lineage)
    if ran.failure is None:
        return
    goes_on = outcome.failed and ran.all_passes and not context.is_subset
    if not (goes_on and unbuilt.some_built(deployment.registry, outcome.missing)):
        raise dbt_failure(outcome.failed, deployment.warehouse, ran.failure) from ran.failure
    for model, reason in outcome.failed.items():
        context.log.error(f"{model}: {reason}")
    yield from _not_built(context, outcome)


def _planned(
    context: dg.AssetExecutionContext,
    warehouse: Warehouse,
    deployment: Deployment,
    project: DbtProject,
) -> Build:
    """What is to be built, of tables that are as the definitions say."""
    registry = deployment.registry
    set_environment(deployment)
    require_up_to_date(registry, deployment.dbt_project)
    _require_asked_models(registry, {key.path[-1] for key in context.selected_asset_keys})
    with warehouse.get_connection() as connection:
        require_declared_types(connection, landing_sources(registry))
        require_present_rules(connection, landing_sources(registry))
        # Of some models alone, a change may touch others: these are built for all hours.
        manifest = None if context.is_subset else project.manifest_path
        build = plan_build(connection, deployment, span_of(context), manifest)
        set_clock(connection, build.until)
        held = hold(connection, deployment, project.manifest_path)
    if build.changed:
        context.log.info(f"{len(build.changed)} models are new or changed: {_some(build.changed)}")
    for model, until in held.items():
        context.log.warning(f"{model} is known up to {until:%Y-%m-%d %H:%M}: a file is unread")
    context.log.info(f"dbt builds {build}")
    return build


def _recorded(
    context: dg.AssetExecutionContext,
    warehouse: Warehouse,
    deployment: Deployment,
    project: DbtProject,
    build: Build,
    ran: Ran,
) -> _Outcome:
    """Note in the warehouse what was built, and what was not."""
    registry = deployment.registry
    built = [context.asset_key_for_output(name).path[-1] for name in ran.outputs]
    whole = ran.failure is None and not context.is_subset
    failed = ran.failed(project.manifest_path)
    readers = {} if whole else readers_of(project.manifest_path)
    # Only now has dbt let go of the file, so that its tables can be counted.
    with warehouse.get_connection() as connection:
        counts = _row_counts(connection, built)
        repeats = repeated_rows(connection, registry, counts, build.span)
        record(connection, build, whole=whole)
        record_views(connection, _views_of(registry, None if whole else built))
        missing = unbuilt.record(connection, None if whole else built, failed, readers)
        dropped = drop_former(connection, deployment, build) if whole else []
    for model, rows in repeats.items():
        if rows:
            context.log.info(f"{model}: {rows:,} landed rows repeat an id, and do not count")
    if dropped:
        context.log.info(
            f"dropped {len(dropped)} tables that are no longer defined: {_some(dropped)}"
        )
    return _Outcome(built, failed, missing, readers, counts, repeats)


def _told(
    context: dg.AssetExecutionContext,
    events: Sequence[Any],
    outcome: _Outcome,
    lineage: Mapping[str, Any],
) -> Iterator[Any]:
    """Dbt's own events, with what is known besides of each model that it built."""
    for event in events:
        if not isinstance(event, dg.Output):
            yield event
            continue
        model = context.asset_key_for_output(event.output_name).path[-1]
        metadata: dict[str, Any] = dict(event.metadata)
        for name, known in (
            ("dagster/row_count", outcome.counts),
            ("rows_repeated", outcome.repeats),
            ("dagster/column_lineage", lineage),
        ):
            if model in known:
                metadata[name] = known[model]
        yield dg.Output(None, event.output_name, metadata=metadata)


def _not_built(
    context: dg.AssetExecutionContext, outcome: _Outcome
) -> Iterator[dg.MaterializeResult[None]]:
    """Stand-ins for the models that are not built.

    Without them Dagster would go on with nothing at all of what comes after.
    """
    left = {key.path[-1]: key for key in context.selected_asset_keys}
    for model in _in_order(left.keys() - set(outcome.built), outcome.readers):
        of = outcome.missing.get(model, "what goes before it")
        yield dg.MaterializeResult(
            asset_key=left[model], metadata={NOT_BUILT: f"dbt failed on {of}"}
        )


def _views_of(registry: Registry, built: Collection[str] | None) -> list[type[FeatureView]]:
    """The views of which all that is generated is built.

    Args:
        registry: the definitions.
        built: the models that are; None for all.
    """
    views = list(registry.views.values())
    if built is None:
        return views
    staging = {source.model for source in staged(registry)}
    return [
        view
        for view in views
        if {*view_models(view), *({view.source.model} & staging if view.windowed else ())}
        <= set(built)
    ]


def _in_order(models: Collection[str], readers: Mapping[str, Sequence[str]]) -> list[str]:
    """Models, each behind those that it reads."""
    order = TopologicalSorter[str](dict.fromkeys(models, ()))
    for model in models:
        for reader in readers.get(model, ()):
            if reader in models:
                order.add(reader, model)
    return list(order.static_order())


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
