"""Exposure assets: which unit was shown what by which arm, taken from the store into Parquet."""

from collections.abc import Iterator, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path

import dagster as dg

from slate.assets.answer_files import remove_old, take_in
from slate.assets.answer_log import GROUP
from slate.assets.failures import explained
from slate.deployment import Deployment
from slate.experiments import Experiment
from slate.exposures import described, exposure_schema, folder_of, log_name
from slate.online.store import logged_entries
from slate.online.store.redis_client import opened_store


def exposures_key(experiment: Experiment) -> dg.AssetKey:
    """The asset of an experiment's exposures."""
    return dg.AssetKey([GROUP, "exposures", experiment.name])


def exposure_assets(
    deployment: Deployment, experiments: Sequence[Experiment]
) -> list[dg.AssetsDefinition]:
    """One asset for each experiment."""
    return [_asset(deployment, one) for one in experiments]


def _asset(deployment: Deployment, experiment: Experiment) -> dg.AssetsDefinition:
    service = deployment.registry.services[experiment.ranking.service]
    texts, folder = described(experiment, service), folder_of(deployment, experiment)
    columns = [
        dg.TableColumn(field.name, str(field.type), texts[field.name])
        for field in exposure_schema(experiment, service)
    ]

    @dg.asset(
        key=exposures_key(experiment),
        description=f"Who was shown what by which arm of {experiment.name}: a row for each answer "
        "to a unit that is in an arm.",
        group_name=GROUP,
        kinds={"parquet"},
        owners=[experiment.owner] if experiment.owner else None,
        metadata={"dagster/column_schema": dg.TableSchema(columns)},
        pool=f"log_exposures_{experiment.name}",
    )
    @explained
    def exposed(context: dg.AssetExecutionContext) -> Iterator[dg.MaterializeResult[None]]:
        log = log_name(experiment)
        with opened_store(deployment) as redis:
            found = take_in(redis, deployment.name, log, folder)
            dropped = logged_entries.dropped(redis, deployment.name, log)
        context.log.info(f"{experiment.name}: {found.rows:,} exposures")
        removed = _remove_old(deployment, folder)
        if removed:
            context.log.info(f"{removed:,} files are older than kept_answers, and are gone")
        if dropped:
            context.log.warning(
                f"{dropped:,} exposures were ever left out, as nothing took the others in: run "
                "take_in_log more often; units that are missed for that are missed by chance"
            )
        yield dg.MaterializeResult(
            metadata={
                "dagster/row_count": found.rows,
                "files": len(found.files),
                "dropped_ever": dropped,
                "files_removed": removed,
                "path": dg.MetadataValue.path(str(folder)),
            }
        )

    return exposed


def _remove_old(deployment: Deployment, folder: Path) -> int:
    """Remove what is older than the deployment keeps answers; how many files."""
    if deployment.kept_answers is None:
        return 0
    kept = timedelta(microseconds=deployment.kept_answers)
    return len(remove_old(folder, datetime.now(UTC), lambda _: kept))
