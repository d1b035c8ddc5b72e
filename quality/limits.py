"""How much may change from one run to the next before a view is held back or warned of."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Limits:
    """Bounds that no definition states.

    Attributes:
        mean: how far a mean may move, in standard deviations of the last good run; where there was
            no deviation, in shares of that mean.
        nulls: how far a share of nulls may move without a word, from 0 to 1.
    """

    mean: float = 0.5
    nulls: float = 0.2


LIMITS = Limits()
