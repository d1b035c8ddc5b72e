"""The hour that an instant is of, by which rows land."""

from datetime import datetime

from slate.assets.landing_files import ONE_HOUR


def hour_of(at: datetime) -> datetime:
    """When the hour of an instant began."""
    return at.replace(minute=0, second=0, microsecond=0)


def hour_after(at: datetime) -> datetime:
    """When the hour of an instant is over."""
    return hour_of(at) + ONE_HOUR
