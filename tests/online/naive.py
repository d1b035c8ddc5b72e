"""What features are by their definition: computed from the events, one by one."""

import statistics
from datetime import datetime, timedelta
from math import fsum
from typing import Any

from slate.features import Aggregated
from slate.kinds import Kind
from tests.online.tables import Event, counted, us


def naive(feature: Aggregated, ttl: timedelta | None, events: list[Event], at: datetime) -> Any:
    """A feature of one key as of ``at``; None for null, a list of the latest n values."""
    measure, window = feature.measure, feature.window
    found = counted(measure, events)
    if window is not None:
        start = (us(at) - window.length) // window.hop * window.hop
        if not measure.lasting:
            found = [event for event in found if us(event["event_ts"]) >= start]
    values = [event[measure.column] for event in found] if measure.column else found
    match measure.function.name:
        case "count":
            return len(values)
        case "sum":
            if measure.column_kind is Kind.FLOAT:
                return fsum(values)
            return max(min(sum(values), 2**63 - 1), -(2**63))
        case "last" if found:
            at_least = at - ttl if ttl else None
            latest = found[-1]["event_ts"]
            old = window is not None and us(latest) < start
            old = old or (at_least is not None and latest < at_least)
            return feature.default if old else values[-1]
        case "last_n":
            since = max(start if window else 0, us(at - ttl) if ttl else 0)
            fresh = [event for event in found if us(event["event_ts"]) >= since]
            return [event[measure.column or ""] for event in reversed(fresh)][: measure.length]
        case _ if not values:
            return feature.default
        case "mean":
            whole = measure.column_kind is Kind.INTEGER
            return (sum(values) if whole else fsum(values)) / len(values)
        case "std":
            return statistics.pstdev(values)
        case "min":
            return min(values)
        case "max":
            return max(values)
