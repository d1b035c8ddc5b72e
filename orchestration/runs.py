"""Running the whole chain from a terminal, as a run that the UI shows like any other."""

from collections.abc import Sequence
from datetime import datetime

import dagster as dg

from assets.hours import hourly, partition_key
from assets.intake import landed_hours
from assets.landing import raw_key
from orchestration.assembly import assemble
from orchestration.home import commit_quickly, prepare_home
from orchestration.jobs import WHOLE
from slate.deployment import Deployment
from slate.errors import DataError

RANGE_START, RANGE_END = "dagster/asset_partition_range_start", "dagster/asset_partition_range_end"


def run_everything(deployment: Deployment) -> bool:
    """Run the whole chain for the hours that landed since the last run, in this process.

    Returns:
        Whether all of it succeeded; what failed has been told.

    Raises:
        DataError: nothing has landed yet.
    """
    prepare_home(deployment)
    commit_quickly()
    job = assemble(deployment).resolve_job_def(WHOLE)
    with dg.DagsterInstance.get() as instance:
        hours = _new_hours(deployment, instance)
        tags = {RANGE_START: partition_key(hours[0]), RANGE_END: partition_key(hours[-1])}
        result = job.execute_in_process(
            run_config={"loggers": {"console": {}}},
            instance=instance,
            tags=tags,
            raise_on_error=False,
        )
        return result.success


def _new_hours(deployment: Deployment, instance: dg.DagsterInstance) -> Sequence[datetime]:
    """The hours that some source has landed and not all have been taken in; at least the last."""
    sources = [s for s in deployment.registry.sources.values() if s.landing]
    landed = sorted({h for source in sources for h in landed_hours(deployment.landing, source)})
    if not landed:
        raise DataError(
            f"nothing has landed in {deployment.landing}: write landing files there first, "
            "or simulate some"
        )
    known = hourly(deployment).get_partition_keys()
    done = [set(instance.get_materialized_partitions(raw_key(source))) for source in sources]
    taken = set.intersection(*done)
    new = [h for h in landed if partition_key(h) not in taken and partition_key(h) in known]
    return [*new[:1], landed[-1]]
