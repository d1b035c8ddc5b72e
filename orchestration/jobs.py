"""Jobs and schedules: the whole chain every hour, and each part of it on demand."""

from collections.abc import Sequence
from typing import Any

import dagster as dg

from slate.assets.answer_log import GROUP as LOG
from slate.assets.answer_log import log_key, logged_plans
from slate.assets.audits import audit_key
from slate.assets.experiments import GROUP as EXPERIMENTS
from slate.assets.exposure_log import exposures_key
from slate.assets.freshness import FRESHNESS
from slate.assets.landing_files import landing_sources
from slate.assets.online import online_key
from slate.assets.publish_step import WHOLE
from slate.assets.source_checks import HOURS, source_key
from slate.deployment import Deployment
from slate.experiments import Experiment

# Landing files of an hour are complete some minutes after it.
MINUTE_OF_HOUR = 5
# How old data are is looked at between two runs of the chain, also where none of these goes well.
FRESHNESS_MINUTE = 35
# How often logged answers are taken in.
LOG_MINUTES = 5
# When they are audited: the hour before is built by then.
AUDIT_MINUTE = 50


def jobs(deployment: Deployment, own: Sequence[dg.AssetsDefinition] = ()) -> Sequence[Any]:
    """The jobs: the whole chain, and then each part of it.

    Args:
        deployment: the deployment.
        own: its own assets, which the whole chain makes too.
    """
    # What was served comes of requests, and is taken in whatever becomes of a run.
    everything = dg.AssetSelection.all() - dg.AssetSelection.groups(LOG)
    landing, training, online = map(dg.AssetSelection.groups, ("landing", "training", "online"))
    parts = [
        dg.define_asset_job(
            "build_warehouse",
            everything
            - landing
            - training
            - online
            - dg.AssetSelection.groups(EXPERIMENTS)
            - dg.AssetSelection.assets(*own),
            description="Build staging, tiles, current values and training rows with dbt, "
            "check them, and write the catalogue.",
        ),
        dg.define_asset_job(
            "write_training_sets", training, description="Write the training sets as Parquet."
        ),
        dg.define_asset_job(
            "publish_online", online, description="Publish the views to the online store."
        ),
    ]
    if landing_sources(deployment.registry):
        take_in = dg.define_asset_job(
            "take_in_landing", landing, description="Take landing files into the warehouse."
        )
        parts = [take_in, *parts]
    whole = dg.define_asset_job(
        WHOLE,
        everything,
        description="From landing files to training sets and the online store.",
    )
    return [whole, *parts]


def log_jobs(deployment: Deployment, experiments: Sequence[Experiment] = ()) -> Sequence[Any]:
    """What is logged, from the store into files; and logged answers audited.

    Args:
        deployment: the deployment.
        experiments: its experiments, whose exposures are logged.
    """
    plans = logged_plans(deployment)
    logs = [*map(log_key, plans), *map(exposures_key, experiments)]
    take_in = dg.define_asset_job(
        "take_in_log",
        dg.AssetSelection.assets(*logs),
        description="Take logged answers and exposures from the online store into Parquet.",
    )
    audit = dg.define_asset_job(
        "audit_log",
        dg.AssetSelection.assets(*map(audit_key, plans)),
        description="Make logged answers again from the warehouse, and compare every value.",
    )
    return [*([take_in] if logs else []), *([audit] if plans else [])]


def experiment_job() -> Any:
    """The arms of experiments compared, by the exposures and events that were taken in."""
    return dg.define_asset_job(
        "compare_arms",
        dg.AssetSelection.groups(EXPERIMENTS),
        description="Compare the arms of experiments, by what has been taken in.",
    )


def log_schedules(take_in: Any = None, audit: Any = None) -> Sequence[dg.ScheduleDefinition]:
    """When what is logged is taken in, and answers are audited, if there is any."""
    found = []
    if take_in is not None:
        about = "Takes in what is logged before it finds no more room in the store."
        found.append(_schedule("answers", take_in, f"*/{LOG_MINUTES} * * * *", about))
    if audit is not None:
        about = "Audits logged answers once the warehouse knows their hour."
        found.append(_schedule("audit", audit, f"{AUDIT_MINUTE} * * * *", about))
    return found


def _schedule(name: str, job: Any, cron: str, description: str) -> dg.ScheduleDefinition:
    """A schedule that goes on without anybody having to turn it on."""
    return dg.ScheduleDefinition(
        name=name,
        job=job,
        cron_schedule=cron,
        default_status=dg.DefaultScheduleStatus.RUNNING,
        description=description,
    )


def hourly_schedule(deployment: Deployment, whole: Any) -> Any:
    """The whole chain, a few minutes after each hour; of landing files, for the hour that ended."""
    name = "every_hour"
    if landing_sources(deployment.registry):
        return dg.build_schedule_from_partitioned_job(
            whole,
            name=name,
            minute_of_hour=MINUTE_OF_HOUR,
            default_status=dg.DefaultScheduleStatus.RUNNING,
            description="The whole chain, for the hour that just ended.",
        )
    about = "The whole chain, for what has come since."
    return _schedule(name, whole, f"{MINUTE_OF_HOUR} * * * *", about)


def freshness_job(deployment: Deployment) -> Any:
    """The checks of how old data are by the clock, which need nothing to be made."""
    registry = deployment.registry
    checks = [
        *(dg.AssetCheckKey(source_key(source), FRESHNESS) for source in registry.sources.values()),
        *(dg.AssetCheckKey(source_key(s), HOURS) for s in landing_sources(registry)),
        *(dg.AssetCheckKey(online_key(view), FRESHNESS) for view in registry.views.values()),
    ]
    return dg.define_asset_job(
        "check_freshness",
        dg.AssetSelection.checks(*checks),
        description="How old sources and published views are by the clock, and what did not land.",
    )


def freshness_schedule(job: Any) -> dg.ScheduleDefinition:
    """Looks at how old data are every hour, whether or not anything was made."""
    about = "How old data are, whether or not anything was made."
    return _schedule("freshness", job, f"{FRESHNESS_MINUTE} * * * *", about)
