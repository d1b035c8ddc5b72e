"""Instants as microseconds since the epoch."""

from datetime import UTC, datetime, timedelta

from slate.kinds import naive_utc

_EPOCH = datetime(1970, 1, 1)
_MICROSECOND = timedelta(microseconds=1)


def microseconds(at: datetime) -> int:
    """Since the epoch; a time without a zone is UTC, and nanoseconds are left off."""
    return (naive_utc(at) - _EPOCH) // _MICROSECOND


def instant(at: int) -> datetime:
    """The aware time of so many microseconds since the epoch."""
    return (_EPOCH + at * _MICROSECOND).replace(tzinfo=UTC)
