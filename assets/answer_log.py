"""Log assets: the answers that were logged of each service, taken from the store into Parquet."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import dagster as dg

from slate.answer_log import described, log_schema
from slate.assets.answer_files import take_in
from slate.assets.audited_files import RemovedFiles, remove_audited
from slate.assets.catalogue import asset_tags
from slate.assets.failures import explained
from slate.assets.online import online_key
from slate.deployment import Deployment
from slate.online.store import logged_entries
from slate.online.store.redis_client import opened_store
from slate.plans import Plan

GROUP = "log"


def log_key(plan: Plan) -> dg.AssetKey:
    """The asset of a service's logged answers."""
    return dg.AssetKey([GROUP, plan.service.full_name])


def logged_plans(deployment: Deployment) -> list[Plan]:
    """The plans of the services whose answers are logged."""
    return [plan for plan in deployment.registry.plans.values() if plan.service.logged]


def log_assets(deployment: Deployment) -> list[dg.AssetsDefinition]:
    """One asset for each service whose answers are logged."""
    return [_asset(deployment, plan) for plan in logged_plans(deployment)]


def _asset(deployment: Deployment, plan: Plan) -> dg.AssetsDefinition:
    service = plan.service
    folder = deployment.answers / service.full_name
    texts = described(plan)
    columns = [
        dg.TableColumn(field.name, str(field.type), texts[field.name]) for field in log_schema(plan)
    ]

    @dg.asset(
        key=log_key(plan),
        deps=[online_key(view) for view in plan.views],
        description=f"{service.description}\n\nWhat was served: {service.logged:.2%} of the "
        "answers, with their requests, values, and where these came from.",
        group_name=GROUP,
        kinds={"parquet"},
        owners=[service.owner] if service.owner else None,
        tags=asset_tags(service.tags),
        metadata={"dagster/column_schema": dg.TableSchema(columns)},
        # One run at a time takes in, whichever job it is of.
        pool=f"log_{service.full_name}",
    )
    @explained
    def logged(context: dg.AssetExecutionContext) -> Iterator[dg.MaterializeResult[None]]:
        with opened_store(deployment) as redis:
            found = take_in(redis, deployment.name, service.full_name, folder)
            dropped = logged_entries.dropped(redis, deployment.name, service.full_name)
        context.log.info(f"{service.full_name}: {found.answers:,} answers, {found.rows:,} rows")
        removed = _removed(deployment, folder)
        if removed.files:
            context.log.info(f"{removed.files:,} files are older than kept_answers, and are gone")
        if removed.unaudited:
            context.log.warning(
                f"{removed.unaudited:,} of these were never audited: run audit_log more often, or "
                "keep answers for longer (kept_answers in slate.toml)"
            )
        if dropped:
            context.log.warning(
                f"{dropped:,} answers were ever left out, as nothing took the others in: run "
                "take_in_log more often, or log a smaller share"
            )
        yield dg.MaterializeResult(
            metadata={
                "dagster/row_count": found.rows,
                "answers": found.answers,
                "files": len(found.files),
                "dropped_ever": dropped,
                "files_removed": removed.files,
                "files_removed_unaudited": removed.unaudited,
                "path": dg.MetadataValue.path(str(folder)),
            }
        )

    return logged


def _removed(deployment: Deployment, folder: Path) -> RemovedFiles:
    """Remove what is older than the deployment keeps answers."""
    if deployment.kept_answers is None:
        return RemovedFiles(0, 0)
    kept = timedelta(microseconds=deployment.kept_answers)
    return remove_audited(folder, kept, datetime.now(UTC))
