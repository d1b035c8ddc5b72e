"""Training sets that are defined otherwise than what is served, as where both are written by hand.

Three mistakes that teams make: another window, another unit, and counts that are joined by the day
and so hold what came after the feed was asked for. Only what models learn from has them.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import timedelta

import pyarrow as pa
import pyarrow.compute as pc

# Of columns by their names.
Columns = dict[str, pa.Array]
_FRESH = pa.scalar(timedelta(seconds=1), pa.duration("us"))


def _as_served(instants: pa.ChunkedArray) -> pa.ChunkedArray:
    return pc.subtract(instants, _FRESH)


def _unchanged(counts: Columns) -> Columns:
    return counts


def _ends_of_days(instants: pa.ChunkedArray) -> pa.ChunkedArray:
    ends = pc.ceil_temporal(instants, unit="day", ceil_is_strictly_greater=True)
    # Of what is not over nobody knows more.
    return pc.min_element_wise(ends, pc.max(instants))


def _hours_for_minutes(counts: Columns) -> Columns:
    hours = {name: f"{name.removesuffix('_10m')}_1h" for name in counts if name.endswith("_10m")}
    return counts | {name: counts[hour] for name, hour in hours.items() if hour in counts}


def _minutes_for_seconds(counts: Columns) -> Columns:
    seconds = {name for name in counts if "watch" in name.partition(".")[2]}
    return {
        name: pc.divide(values, 60.0) if name in seconds else values
        for name, values in counts.items()
    }


@dataclass(frozen=True)
class Skew:
    """A mistake in the definition that models learn by.

    Attributes:
        learned: what they learn from, in words.
        asked: what they are asked with in its place.
        instants: given when feeds were asked for, as of when their counts are.
        counts: given counts by their names, what is taken for them.
    """

    learned: str
    asked: str
    instants: Callable[[pa.ChunkedArray], pa.ChunkedArray] = _as_served
    counts: Callable[[Columns], Columns] = _unchanged


SKEWS: Mapping[str, Skew] = {
    "window": Skew("counts of an hour", "counts of ten minutes", counts=_hours_for_minutes),
    "unit": Skew("minutes watched", "seconds watched", counts=_minutes_for_seconds),
    "day": Skew(
        "counts at the end of the day, as joined by its date",
        "counts at the moment",
        instants=_ends_of_days,
    ),
}
