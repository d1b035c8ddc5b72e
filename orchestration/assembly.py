"""A deployment's assets, checks, jobs, schedules and sensors, put together."""

import warnings
from typing import Any

import dagster as dg

from slate.assets.answer_log import log_assets
from slate.assets.audits import audit_assets
from slate.assets.built_checks import built_checks
from slate.assets.catalogue_site.asset import catalogue_assets
from slate.assets.database import Warehouse
from slate.assets.dbt_calls import Dbt
from slate.assets.dbt_project import dbt_project
from slate.assets.experiments import experiment_assets
from slate.assets.exposure_log import exposure_assets
from slate.assets.freshness import view_freshness_checks
from slate.assets.hours import hourly
from slate.assets.landing import landing_assets
from slate.assets.landing_files import landing_sources
from slate.assets.online import online_assets
from slate.assets.source_checks import source_checks
from slate.assets.stream_readings import live_sources
from slate.assets.streams import stream_assets, stream_checks
from slate.assets.training import training_assets
from slate.assets.view_checks import view_checks
from slate.assets.warehouse import known_assets, warehouse_assets
from slate.deployment import Deployment
from slate.orchestration.console import console
from slate.orchestration.generations import generation_jobs
from slate.orchestration.jobs import (
    experiment_job,
    freshness_job,
    freshness_schedule,
    hourly_schedule,
    jobs,
    log_jobs,
    log_schedules,
)
from slate.orchestration.own_assets import own_assets
from slate.orchestration.sensors import late_files
from slate.orchestration.streams import streams
from slate.rankings import experiments


def assemble(deployment: Deployment) -> dg.Definitions:
    """Everything that Dagster runs for a deployment."""
    with warnings.catch_warnings():
        # Partitioned runs are beta in name only, and the lock pins what was tried.
        warnings.simplefilter("ignore", dg.BetaWarning)
        return _assembled(deployment)


def _assembled(deployment: Deployment) -> dg.Definitions:
    hours = hourly(deployment)
    project = dbt_project(deployment)
    own = own_assets(deployment)
    whole, *parts = jobs(deployment, own)
    look = freshness_job(deployment)
    tried = list(experiments(deployment).values())
    logged = log_jobs(deployment, tried)
    return dg.Definitions(
        assets=[
            *stream_assets(deployment),
            *landing_assets(deployment, hours),
            *known_assets(),
            warehouse_assets(deployment, project),
            *training_assets(deployment),
            *online_assets(deployment),
            *log_assets(deployment),
            *audit_assets(deployment),
            *exposure_assets(deployment, tried),
            *experiment_assets(deployment, tried),
            *catalogue_assets(deployment),
            *own,
        ],
        asset_checks=[
            *built_checks(deployment),
            *view_checks(deployment, project),
            *source_checks(deployment),
            *view_freshness_checks(deployment),
            *stream_checks(deployment),
        ],
        jobs=[
            whole,
            *parts,
            look,
            *logged,
            *([experiment_job()] if tried else []),
            *generation_jobs(deployment),
        ],
        schedules=[
            hourly_schedule(deployment, whole),
            freshness_schedule(look),
            *log_schedules(*logged),
        ],
        sensors=_sensors(deployment, whole),
        # A run stays in one process: a step in a process of its own costs seconds of imports.
        executor=dg.in_process_executor,
        loggers={"console": console},
        resources={
            "warehouse": Warehouse.of(deployment),
            "dbt": Dbt(project_dir=str(project.project_dir)),
        },
    )


def _sensors(deployment: Deployment, whole: Any) -> list[dg.SensorDefinition]:
    found = [late_files(deployment, whole)] if landing_sources(deployment.registry) else []
    return [*found, streams(deployment)] if live_sources(deployment.registry) else found
