"""The hours that landing assets are partitioned by: those in which events arrived."""

from collections.abc import Sequence
from datetime import datetime

import dagster as dg

from slate.assets.landing_files import ONE_HOUR, landed, landing_sources
from slate.deployment import Deployment

FORMAT = "%Y-%m-%d-%H:%M"
Span = tuple[datetime, datetime]


def hourly(deployment: Deployment) -> dg.HourlyPartitionsDefinition:
    """The partitions of a deployment: from the first hour that landed to the last that is over.

    While none has landed, they begin with the day of the last hour that is over by the clock.
    """
    now = deployment.now().replace(minute=0, second=0, microsecond=0, tzinfo=None)
    sources = landing_sources(deployment.registry)
    first = [hour for s in sources for hour in landed(deployment.landing, s).hours[:1]]
    start = min((hour for hour in first if hour < now), default=(now - ONE_HOUR).replace(hour=0))
    return dg.HourlyPartitionsDefinition(
        start_date=start.strftime(FORMAT),
        # The machine's clock goes on, and so do its hours.
        end_date=now.strftime(FORMAT) if deployment.clock else None,
        timezone="UTC",
    )


def partition_key(hour: datetime) -> str:
    """The name of an hour's partition."""
    return hour.strftime(FORMAT)


def is_over(deployment: Deployment, hour: datetime) -> bool:
    """Whether an hour (UTC) is over by the clock, and all that arrived in it may have landed."""
    return hour + ONE_HOUR <= deployment.now().replace(tzinfo=None)


def hours_of(context: dg.AssetExecutionContext) -> Sequence[datetime] | None:
    """The hours that a run of a partitioned asset is for; None if it is for what is new."""
    if not (context.has_partition_key or context.has_partition_key_range):
        return None
    return [datetime.strptime(key, FORMAT) for key in context.partition_keys]


def span_of(context: dg.AssetExecutionContext) -> Span | None:
    """From the first hour that a run is asked to build to the end of the last, if it is for any."""
    tags = context.run.tags
    start = tags.get("dagster/asset_partition_range_start") or tags.get("dagster/partition")
    end = tags.get("dagster/asset_partition_range_end") or start
    keys = {start, end} if start and end else _backfilled(context)
    hours = [datetime.strptime(key, FORMAT) for key in keys]
    return (min(hours), max(hours) + ONE_HOUR) if hours else None


def _backfilled(context: dg.AssetExecutionContext) -> set[str]:
    """The partitions of the backfill that a run belongs to.

    Dagster runs the assets of a backfill that have no partitions after those that have, in runs
    that do not say what it is for.
    """
    name = context.run.tags.get("dagster/backfill")
    backfill = context.instance.get_backfill(name) if name else None
    data = backfill.asset_backfill_data if backfill else None
    if data is None:
        return set()
    targets = data.target_subset.partitions_subsets_by_asset_key.values()
    return {key for target in targets for key in target.get_partition_keys()}
