"""Warehouse assets: the dbt models, built for the hours of a run."""

from collections.abc import Collection, Iterator, Mapping, Sequence
from graphlib import TopologicalSorter
from threading import Thread
from typing import Any

import dagster as dg
import duckdb
from dagster_dbt import (
    DagsterDbtTranslator,
    DbtProject,
    dbt_assets,
)

from slate.assets import unbuilt
from slate.assets.builds import drop_former, plan_build, record, record_views, set_clock
from slate.assets.catalogue import asset_tags, own_models, schema
from slate.assets.database import POOL, Warehouse
from slate.assets.dbt_calls import Dbt, passes, run
from slate.assets.dbt_failures import dbt_failure
from slate.assets.dbt_project import set_environment
from slate.assets.failures import explained
from slate.assets.holds import hold
from slate.assets.hours import Span, span_of
from slate.assets.landing_files import landing_sources
from slate.assets.lineage import column_lineage
from slate.assets.raw_tables import require_declared_types
from slate.assets.rule_changes import require_present_rules
from slate.assets.touched_models import readers_of
from slate.compile.asked import all_asked
from slate.compile.model_names import (
    CLOCK,
    HELD,
    RAW,
    asked_model,
    current_model,
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


def model_key(model: str) -> dg.AssetKey:
    """The asset of a dbt model."""
    return dg.AssetKey(model)


def current_key(view: type[FeatureView]) -> dg.AssetKey:
    """The asset of a view's current values, which is what is checked."""
    return model_key(current_model(view))


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
        owners |= dict.fromkeys((view.name, *view_models(view)), view.owner)
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
            context.log.info(
                f"{len(build.changed)} models are new or changed: {_some(build.changed)}"
            )
        for model, until in held.items():
            context.log.warning(f"{model} is known up to {until:%Y-%m-%d %H:%M}: a file is unread")
        context.log.info(f"dbt builds {build}")
        if not context.is_subset:
            # For the checks that follow, while this process waits for dbt.
            Thread(target=engine.load, daemon=True).start()
        ran = run(context, dbt, list(passes(registry, build)))
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
        for event in ran.events:
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
        if ran.failure is None:
            return
        goes_on = failed and ran.all_passes and not context.is_subset
        if not (goes_on and unbuilt.some_built(registry, missing)):
            raise dbt_failure(failed, deployment.warehouse, ran.failure) from ran.failure
        for model, reason in failed.items():
            context.log.error(f"{model}: {reason}")
        left = {key.path[-1]: key for key in context.selected_asset_keys}
        for model in _in_order(left.keys() - set(built), readers):
            # Else Dagster would go on with nothing at all of what comes after.
            of = missing.get(model, "what goes before it")
            yield dg.MaterializeResult(
                asset_key=left[model], metadata={NOT_BUILT: f"dbt failed on {of}"}
            )

    return warehouse


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
