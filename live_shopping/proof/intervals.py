"""Intervals of gains, in words."""

from enum import Enum

from live_shopping.model.metrics import Interval
from live_shopping.proof.seeds import Spread


class Verdict(Enum):
    """What an interval says of a gain."""

    ABOVE = "above 0"
    BELOW = "below 0"
    UNCLEAR = "not told from 0"


def verdict(one: Interval | Spread) -> Verdict:
    """What an interval says: one with 0 in it, or at its end, tells no gain from none."""
    if one.low > 0:
        return Verdict.ABOVE
    return Verdict.BELOW if one.high < 0 else Verdict.UNCLEAR


def told(one: Interval, *, sign: bool = False) -> str:
    """A mean and its interval."""
    form = "+.4f" if sign else ".4f"
    return f"{one.mean:{form}} ({one.low:{form}} to {one.high:{form}})"
