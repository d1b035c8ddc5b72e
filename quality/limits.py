"""How much may change from one run to the next before a view is held back or warned of."""

from dataclasses import dataclass
from datetime import timedelta


@dataclass(frozen=True)
class Limits:
    """Bounds that no definition states.

    Attributes:
        freshness: how old the newest event of a landed source may be.
        least_rows: the least share of the last good run's rows.
        mean: how far a mean may move, in standard deviations of the last good run; where there was
            no deviation, in shares of that mean.
        nulls: how far a share of nulls may move, from 0 to 1.
    """

    freshness: timedelta = timedelta(hours=24)
    least_rows: float = 0.5
    mean: float = 0.5
    nulls: float = 0.2


LIMITS = Limits()
