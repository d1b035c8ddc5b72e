"""The hours that assets are partitioned by: those in which events arrived."""

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta

import dagster as dg

from assets.intake import landed_hours
from slate.deployment import Deployment

HOUR = timedelta(hours=1)
FORMAT = "%Y-%m-%d-%H:%M"


def hourly(deployment: Deployment) -> dg.HourlyPartitionsDefinition:
    """The partitions of a deployment: from the first hour that landed (today's, while none has)."""
    sources = [s for s in deployment.registry.sources.values() if s.landing]
    first = [next(landed_hours(deployment.landing, source), None) for source in sources]
    today = datetime.now(UTC).replace(hour=0, minute=0, second=0, microsecond=0, tzinfo=None)
    start = min((hour for hour in first if hour is not None), default=today)
    return dg.HourlyPartitionsDefinition(start_date=start.strftime(FORMAT), timezone="UTC")


def partition_key(hour: datetime) -> str:
    """The name of an hour's partition."""
    return hour.strftime(FORMAT)


def hour_of(key: str) -> datetime:
    """The hour that a partition's name says."""
    return datetime.strptime(key, FORMAT)


def span(context: dg.AssetExecutionContext) -> tuple[datetime, datetime]:
    """The first hour of a run, and the end of its last."""
    window = context.partition_time_window
    return window.start.replace(tzinfo=None), window.end.replace(tzinfo=None)


def span_hours(context: dg.AssetExecutionContext) -> Sequence[datetime]:
    """The hours of a run."""
    return [hour_of(key) for key in context.partition_keys]
