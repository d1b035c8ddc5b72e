"""Comparing the arms of an experiment: means by unit, their differences, and what these are worth.

All intervals count units, never events: what one unit does is one observation. A quotient is that
of an arm's sums, with the variance of the delta method. They are those of the normal distribution,
which holds for sums over some hundreds of units.

A difference has two intervals. That of 95 % holds for one look at a time that was set before. The
one at any time holds however often it is looked at, and so for a page that is renewed every hour:
an asymptotic confidence sequence (Waudby-Smith and others, 2021), which is about half as wide
again. Of several metrics and arms each has its own: among twenty, one differs by chance.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from statistics import NormalDist

from slate.expressions import Array

ALPHA, POWER = 0.05, 0.8
# Less than this is by chance in one of a thousand experiments: then units are not split as said.
MISMATCH = 0.001
# For so many units the interval at any time is about as narrow as such a one can be.
TUNED_FOR = 5_000
_NORMAL = NormalDist()
_QUANTILE = _NORMAL.inv_cdf(1 - ALPHA / 2)


@dataclass(frozen=True)
class Mean:
    """What an arm comes to, by one metric.

    Attributes:
        arm: the arm.
        units: how many units it is of.
        mean: the mean of a unit, or the quotient of the sums; NaN of no units, or of nothing.
        error: its standard error; NaN of fewer than two units.
    """

    arm: str
    units: int
    mean: float
    error: float

    @property
    def interval(self) -> tuple[float, float]:
        """Between what it lies, at 95 %."""
        return self.mean - _QUANTILE * self.error, self.mean + _QUANTILE * self.error


@dataclass(frozen=True)
class Difference:
    """How far an arm lies above the first one, by one metric.

    Attributes:
        arm: the arm.
        difference: its mean less that of the first arm.
        error: the standard error of that; NaN where it cannot be told, as of units that are all
            alike: there is no interval then, and nothing that could have been detected.
        units: how many units both have.
        base: the first arm's mean.
    """

    arm: str
    difference: float
    error: float
    units: int
    base: float

    @property
    def interval(self) -> tuple[float, float]:
        """Between what it lies, at 95 %, for one look."""
        return self._about(_QUANTILE * self.error)

    @property
    def interval_at_any_time(self) -> tuple[float, float]:
        """Between what it lies, at 95 %, however often it is looked at."""
        wide = -2 * math.log(ALPHA)
        scaled = self.units * (wide + math.log1p(wide)) / TUNED_FOR
        if not scaled:
            return self._about(math.nan)
        factor = (scaled + 1) / scaled * math.log((scaled + 1) / ALPHA**2)
        return self._about(self.error * math.sqrt(factor))

    def _about(self, half: float) -> tuple[float, float]:
        return self.difference - half, self.difference + half

    @property
    def p_value(self) -> float:
        """How likely one is that is as far from 0, if there is none; NaN if that is not known."""
        if not self.error > 0:
            return math.nan
        return math.erfc(abs(self.difference) / self.error / math.sqrt(2))

    @property
    def detectable(self) -> float:
        """The difference that this many units would show in 80 % of such experiments."""
        return (_QUANTILE + _NORMAL.inv_cdf(POWER)) * self.error

    @property
    def relative(self) -> float:
        """The difference as a share of the size of the first arm's mean; NaN of none.

        Above it is more, also where means are negative, as those of losses.
        """
        return self.difference / abs(self.base) if self.base else math.nan


@dataclass(frozen=True)
class Compared:
    """The arms by one metric.

    Attributes:
        metric: its name.
        means: what each arm comes to.
        differences: how far each arm but the first lies above that.
    """

    metric: str
    means: tuple[Mean, ...]
    differences: tuple[Difference, ...]


def compared(
    metric: str, names: Sequence[str], arms: Array, values: Array, per: Array | None = None
) -> Compared:
    """Compare arms by a metric.

    Args:
        metric: its name.
        names: the arms' names; the others are compared with the first.
        arms: of each unit, the place of its arm among these.
        values: of each unit, its sum.
        per: of each unit, what the sums are divided by; None for the number of units.
    """
    means = []
    for place, name in enumerate(names):
        of_arm = arms == place
        means.append(_mean(name, values[of_arm], None if per is None else per[of_arm]))
    first, *others = means
    differences = [
        Difference(
            other.arm,
            other.mean - first.mean,
            # Units that are all alike, as where nobody bought, do not tell how far others differ.
            math.hypot(other.error, first.error) or math.nan,
            other.units + first.units,
            first.mean,
        )
        for other in others
    ]
    return Compared(metric, tuple(means), tuple(differences))


def _mean(arm: str, values: Array, per: Array | None) -> Mean:
    units = len(values)
    whole = float(units if per is None else per.sum())
    if not whole:
        return Mean(arm, units, math.nan, math.nan)
    mean = float(values.sum()) / whole
    if units < 2:
        return Mean(arm, units, mean, math.nan)
    # What each unit adds to the quotient, to the first order.
    residuals = values - mean * (1.0 if per is None else per)
    error = math.sqrt(float(residuals @ residuals) / (units - 1) * units) / whole
    return Mean(arm, units, mean, error)


def mismatch(units: Sequence[int], shares: Sequence[float]) -> float:
    """How likely arms are to have numbers of units as far from their shares (chi-square).

    Args:
        units: how many units each arm has.
        shares: the arms' shares.
    """
    whole, every = sum(units), math.fsum(shares)
    if not whole:
        return 1.0
    expected = [whole * share / every for share in shares]
    found = sum((n - e) ** 2 / e for n, e in zip(units, expected, strict=True))
    return _chi_square(found, len(units) - 1)


def _chi_square(value: float, degrees: int) -> float:
    """The probability of more than a value: the upper incomplete gamma function, regularised."""
    half = value / 2
    order, found = (0.5, math.erfc(math.sqrt(half))) if degrees % 2 else (1.0, math.exp(-half))
    while order < degrees / 2:
        found += math.exp(order * math.log(half) - half - math.lgamma(order + 1)) if half else 0.0
        order += 1
    return found
