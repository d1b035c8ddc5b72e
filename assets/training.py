"""Training assets: each service's training set as Parquet, renewed where dbt built anew."""

import time
from collections.abc import Iterator
from datetime import date

import dagster as dg
import duckdb

from slate.asset_keys import training_path
from slate.assets.builds import last_build, spans_built_since
from slate.assets.catalogue import asset_tags, feature_columns, schema, source_columns
from slate.assets.database import POOL, Warehouse
from slate.assets.failures import explained
from slate.assets.manifests import CURRENT, Manifest, load_manifest
from slate.assets.training_sets import write_training_set
from slate.assets.unbuilt import require_built
from slate.assets.verdicts import require_passed
from slate.assets.warehouse import current_key, model_key
from slate.compile.model_names import training_model
from slate.deployment import Deployment
from slate.locks.standing import standing
from slate.plans import Plan


def training_key(plan: Plan) -> dg.AssetKey:
    """The asset of a service's training set."""
    return dg.AssetKey(training_path(plan.service))


def training_assets(deployment: Deployment) -> list[dg.AssetsDefinition]:
    """One asset for each service; it is written only if the checks of all its views have passed."""
    return [_asset(deployment, plan) for plan in deployment.registry.plans.values()]


def _asset(deployment: Deployment, plan: Plan) -> dg.AssetsDefinition:
    service = plan.service
    folder = deployment.training / service.full_name
    names = [feature.name for feature in service.features]
    columns = [
        *source_columns(service.spine, deployment.registry),
        *feature_columns(service.features, full_names=True),
    ]
    model = model_key(training_model(service))
    stored = {f.name for read in plan.reads for f in read.features}
    lineage = {
        name: [dg.TableColumnDep(model, name)]
        for name in (*service.spine.columns, *(n for n in names if n in stored))
    }

    @dg.asset(
        key=training_key(plan),
        # The model holds the rows; the views stand here for their checks.
        deps=[model, *(current_key(view) for view in plan.views)],
        description=f"{service.description}\n\nThe training set: the spine with every feature as "
        "of each row's instant, as Parquet by day.",
        group_name="training",
        kinds={"parquet"},
        owners=[service.owner] if service.owner else None,
        tags=asset_tags(service.tags),
        metadata=schema(columns),
        pool=POOL,
    )
    @explained
    def training_set(
        context: dg.AssetExecutionContext, warehouse: Warehouse
    ) -> Iterator[dg.MaterializeResult[None]]:
        standing(deployment).require_service_kept(service)
        started, told = time.perf_counter(), 0.0

        def progress(rows: int) -> None:
            nonlocal told
            elapsed = time.perf_counter() - started
            if elapsed - told >= 1:
                told = elapsed
                context.log.info(f"{service.full_name}: {rows:,} rows written")

        with warehouse.get_connection() as connection:
            require_passed(connection, plan.views)
            require_built(connection, service.full_name, [training_model(service)])
            before = load_manifest(folder) if (folder / CURRENT).exists() else None
            days = _days(connection, plan, before)
            build = last_build(connection)
            written = write_training_set(connection, plan, folder, days, progress, build)
        seconds, manifest = time.perf_counter() - started, written.manifest
        rows = sum(day.rows for day in manifest.days if day.day in written.written)
        context.log.info(
            f"{service.full_name}: {rows:,} rows of {len(written.written)} days written in "
            f"{seconds:.1f} s; {manifest.rows:,} rows in all"
        )
        yield dg.MaterializeResult(
            metadata={
                "dagster/row_count": manifest.rows,
                "dagster/column_lineage": dg.TableColumnLineage(lineage),
                "path": dg.MetadataValue.path(str(folder / CURRENT)),
                "days": len(manifest.days),
                "days_written": len(written.written),
                "rows_written": rows,
                "bytes": sum(day.bytes for day in manifest.days),
                "features": len(names),
                "seconds": round(seconds, 3),
                "rows_per_second": round(rows / seconds),
            }
        )

    return training_set


def _days(
    connection: duckdb.DuckDBPyConnection, plan: Plan, before: Manifest | None
) -> set[date] | None:
    """The days whose rows may have changed since the set was written; None for all of them."""
    spans = spans_built_since(
        connection, before.build if before else None, training_model(plan.service)
    )
    if spans is None:
        return None
    spine, days = plan.service.spine, set[date]()
    for start, end in spans:
        found = connection.execute(
            f"""select distinct cast({spine.event_time} as date)
            from {training_model(plan.service)}
            where {spine.arrival_time} >= ? and {spine.arrival_time} < ?""",
            [start, end],
        ).fetchall()
        days |= {day for (day,) in found}
    return days
