"""Running the whole chain from a terminal, as a run that the UI shows like any other."""

import os
import sys
from datetime import datetime

import dagster as dg

from assets.database import Warehouse
from assets.hours import ONLY_NEW, hourly, partition_key
from assets.intake import landed_hours, landing_sources, new_files, prepare
from assets.landing import raw_key
from assets.warehouse import parse_if_changed
from orchestration.assembly import assemble
from orchestration.home import prepare_home, write_history_quickly
from orchestration.interrupts import interrupts
from orchestration.jobs import WHOLE
from orchestration.outcomes import told
from slate.deployment import Deployment
from slate.errors import DataError

# The tag of a run from a terminal: its process.
PROCESS = "slate/process"
RANGE_START, RANGE_END = "dagster/asset_partition_range_start", "dagster/asset_partition_range_end"


def run_everything(deployment: Deployment) -> bool:
    """Run the whole chain for the hours that landed since the last run, in this process.

    Returns:
        Whether all of it succeeded; what failed has been told.

    Raises:
        ConfigurationError: dbt cannot parse its project.
        DataError: nothing has landed yet.
        KeyboardInterrupt: it was interrupted; the run is marked as canceled.
    """
    prepare_home(deployment)
    write_history_quickly()
    parse_if_changed(deployment)
    job = assemble(deployment).resolve_job_def(WHOLE)
    with dg.DagsterInstance.get() as instance:
        _end_killed_runs(instance)
        tags = {ONLY_NEW: "true", PROCESS: str(os.getpid())}
        if landing_sources(deployment.registry):
            first, last = _new_hours(deployment, instance)
            tags |= {RANGE_START: partition_key(first), RANGE_END: partition_key(last)}
        with interrupts() as interrupted:
            result = job.execute_in_process(
                run_config={"loggers": {"console": {}}},
                instance=instance,
                tags=tags,
                raise_on_error=False,
            )
            if not result.success and interrupted():
                instance.report_run_canceled(result.dagster_run, "it was interrupted")
                raise KeyboardInterrupt
        if not result.success:
            sys.stderr.write(f"slate: {told(result)}\n")
        return result.success


def _end_killed_runs(instance: dg.DagsterInstance) -> None:
    """Tell Dagster of the runs whose process was killed: it takes them for running ever since."""
    begun = instance.get_runs(dg.RunsFilter(statuses=[dg.DagsterRunStatus.STARTED]))
    for run in begun:
        if PROCESS in run.tags and not _alive(int(run.tags[PROCESS])):
            instance.report_run_canceled(run, "its process was killed")


def _alive(process: int) -> bool:
    try:
        os.kill(process, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        pass  # somebody else's
    return True


def _new_hours(deployment: Deployment, instance: dg.DagsterInstance) -> tuple[datetime, datetime]:
    """From the first hour with landing files that are not taken in to the last; else the last."""
    sources = landing_sources(deployment.registry)
    ended = set(hourly(deployment).get_partition_keys())
    landed = {
        source: {h for h in landed_hours(deployment.landing, source) if partition_key(h) in ended}
        for source in sources
    }
    hours = sorted(set().union(*landed.values()))
    if not hours:
        raise DataError(
            f"nothing has landed in {deployment.landing}: write landing files there first, "
            "or simulate some"
        )
    with (
        dg.build_resources({"warehouse": Warehouse.of(deployment)}) as resources,
        resources.warehouse.get_connection() as connection,
    ):
        prepare(connection, sources)
        new = {
            file.hour
            for source in sources
            for file in new_files(connection, deployment.landing, source, landed[source])
        }
    # What a run took in before it was killed, the UI does not know of.
    shown = set.intersection(*(instance.get_materialized_partitions(raw_key(s)) for s in sources))
    new |= {hour for hour in hours if partition_key(hour) not in shown}
    return (min(new), max(new)) if new else (hours[-1], hours[-1])
