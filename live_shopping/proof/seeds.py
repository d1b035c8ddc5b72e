"""What freshness pays in other marketplaces, and how far these differ.

The intervals of one marketplace are of its viewers: they tell what other viewers of the same kind
would do in it. How far marketplaces differ, only several can tell.
"""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from itertools import pairwise

import numpy as np

from live_shopping.model.metrics import Interval, interval
from live_shopping.model.registry import SERVICE
from live_shopping.proof.ages import OLD, gains, judged, sampled, steps
from live_shopping.proof.marketplace import Size, marketplace
from slate.deployment import Deployment
from slate.errors import SlateError

# The demonstration is simulated with another one.
FIRST, MODELS = 101, 3
# Of Student's t, what 2.5 % lie above, by the degrees of freedom from 1.
_QUANTILES = (12.706, 4.303, 3.182, 2.776, 2.571, 2.447, 2.365, 2.306, 2.262)
MOST = len(_QUANTILES) + 1


@dataclass(frozen=True)
class Measured:
    """What freshness pays in a marketplace.

    Attributes:
        name: what it is called: of another marketplace its seed.
        rows: impressions that models learned from, and that they were judged by.
        ndcg: by age, NDCG@10.
        gains: by age, how much that lies above that of the oldest features.
        steps: by age but the oldest, how much it lies above that of the next older features.
    """

    name: str
    rows: tuple[int, int]
    ndcg: dict[str, Interval]
    gains: dict[str, Interval]
    steps: dict[str, Interval]

    @property
    def named(self) -> dict[str, Interval]:
        """All gains by what they are called: those over the oldest features come first."""
        found = {f"{age} above {OLD}": self.gains[age] for age in self.steps}
        pairs = pairwise(self.ndcg)
        return found | {f"{age} above {older}": self.steps[age] for older, age in pairs}


@dataclass(frozen=True)
class Failed:
    """A marketplace that was not measured.

    Attributes:
        name: what it is called.
        reason: why.
    """

    name: str
    reason: str


@dataclass(frozen=True)
class Spread:
    """A gain over several marketplaces.

    Attributes:
        mean: their mean.
        lowest: the least of them.
        highest: the greatest.
        low, high: between what the mean over all such marketplaces lies, at 95 %, by Student's t of
            one degree of freedom less than there are marketplaces; NaN of a single one.
    """

    mean: float
    lowest: float
    highest: float
    low: float
    high: float

    @property
    def alone(self) -> bool:
        """Whether it is of a single marketplace, which tells nothing of others."""
        return math.isnan(self.low)


def over(values: Sequence[float]) -> Spread:
    """The spread of a gain.

    Args:
        values: that of each marketplace, one to ``MOST``.
    """
    mean, half = float(np.mean(values)), math.nan
    if len(values) > 1:
        error = float(np.std(values, ddof=1)) / math.sqrt(len(values))
        half = _QUANTILES[len(values) - 2] * error
    return Spread(mean, min(values), max(values), mean - half, mean + half)


@dataclass(frozen=True)
class Seeds:
    """Other marketplaces, each simulated with another seed.

    Attributes:
        size: how much was simulated of each.
        models: how many models there are of each age.
        measured: what was measured, by seed.
        failed: what was not.
    """

    size: Size
    models: int
    measured: tuple[Measured, ...]
    failed: tuple[Failed, ...] = ()

    @property
    def spreads(self) -> dict[str, Spread]:
        """Each gain over the marketplaces that were measured, by what it is called."""
        gains = [one.named for one in self.measured]
        return {
            name: over([one[name].mean for one in gains]) for name in (gains[0] if gains else ())
        }


@dataclass(frozen=True)
class Others:
    """How other marketplaces are measured.

    Attributes:
        production: the deployment whose definitions and dbt models they have.
        end: the end of their period, a whole hour (UTC).
        requests: how many requests models learn from, about.
        size: how much is simulated of each.
        models: how many models there are of each age.
    """

    production: Deployment
    end: datetime
    requests: int
    size: Size = field(default_factory=Size)
    models: int = MODELS

    def measured(self, seeds: Sequence[int], say: Callable[[str], None]) -> Seeds:
        """Measure some, one after the other; one that fails costs no other anything.

        Args:
            seeds: what they are simulated with.
            say: told what is being done.
        """
        found, failed = list[Measured](), list[Failed]()
        for seed in seeds:

            def told(text: str, of: int = seed) -> None:
                say(f"marketplace {of}: {text}")

            try:
                found.append(self._measured(seed, told))
            except SlateError as error:
                told(f"not measured: {error}")
                failed.append(Failed(str(seed), str(error)))
        return Seeds(self.size, self.models, tuple(found), tuple(failed))

    def _measured(self, seed: int, say: Callable[[str], None]) -> Measured:
        plan = self.production.registry.plan(SERVICE)
        with marketplace(self.production, seed, self.end, self.size, say) as deployment:
            sample = sampled(deployment, plan, self.requests, say)
        each = {}
        for age, table in sample.tables.items():
            say(f"{self.models} models of features {age} old")
            each[age], _ = judged(sample, table, table, range(self.models))
        return Measured(
            str(seed),
            sample.rows,
            {age: interval(one.ndcg, one.ndcg_viewers) for age, one in each.items()},
            gains(each),
            steps(each),
        )
