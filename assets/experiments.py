"""Experiment assets: the arms of each experiment, compared by what came of its exposures."""

from collections.abc import Iterator, Sequence
from typing import Any

import dagster as dg

from slate.asset_keys import experiment_path
from slate.assets.catalogue_site.addresses import INDEX
from slate.assets.database import POOL, Warehouse
from slate.assets.experiment_report import PICTURE, compared_rows, markdown, picture
from slate.assets.exposure_log import exposures_key
from slate.assets.failures import explained
from slate.assets.links import catalogue_link
from slate.assets.warehouse import model_key
from slate.deployment import Deployment
from slate.experiments import Experiment
from slate.offline.outcomes import Analysis, outcomes
from slate.quality.files import write_atomically

GROUP = "experiments"


def experiment_assets(
    deployment: Deployment, experiments: Sequence[Experiment]
) -> list[dg.AssetsDefinition]:
    """One asset for each experiment."""
    return [_asset(deployment, one) for one in experiments]


def _asset(deployment: Deployment, experiment: Experiment) -> dg.AssetsDefinition:
    models = dict.fromkeys(part.source.model for part in experiment.parts)
    path = deployment.experiments / experiment.name / PICTURE
    arms = ", ".join(f"{arm.name} {arm.share:.1%}" for arm in experiment.arms)
    about = f"{experiment.description}\n\n" if experiment.description else ""

    @dg.asset(
        key=dg.AssetKey(experiment_path(experiment)),
        deps=[exposures_key(experiment), *map(model_key, models)],
        description=f"{about}The arms of {experiment.name} ({arms} of all {experiment.by}), "
        "compared by what happened after the first exposure of each unit.",
        group_name=GROUP,
        kinds={"duckdb"},
        owners=[experiment.owner] if experiment.owner else None,
        pool=POOL,
    )
    @explained
    def compared(
        context: dg.AssetExecutionContext, warehouse: Warehouse
    ) -> Iterator[dg.MaterializeResult[None]]:
        with warehouse.get_connection() as connection:
            found = outcomes(deployment, experiment, connection)
        for warning in found.warnings:
            context.log.warning(f"{experiment.name}: {warning}")
        path.parent.mkdir(parents=True, exist_ok=True)
        write_atomically(path, picture(found))
        yield dg.MaterializeResult(
            metadata={
                **_told(found),
                "picture": dg.MetadataValue.path(str(path)),
                # Which has the picture too, once the run is over.
                "catalogue": catalogue_link(deployment, f"{INDEX}#experiments"),
            }
        )

    return compared


def _told(found: Analysis) -> dict[str, Any]:
    """What is shown with a run, and plotted over runs."""
    told: dict[str, Any] = {
        "compared": dg.MetadataValue.md(markdown(found)),
        "exposures": found.exposures,
        **{f"units of {arm}": units for arm, units in found.units.items()},
    }
    for row in compared_rows(found):
        if row.is_told:
            told[f"{row.metric}: {row.difference.arm}"] = row.difference.difference
    return told
