"""How a feature's values are spread, so that no value of one person can be read from it.

Shown are shares and quantiles of many rows: nothing of fewer than 100 values, no category of fewer
than 5 rows, and neither the least nor the greatest value, unless many rows have it.
"""

import math
from bisect import bisect_left
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from itertools import accumulate

from slate.quality.distributions import PARTS, Distribution
from slate.quality.run_reports import RunReport

# Of fewer values none is shown, and no category of fewer rows.
LEAST_VALUES, LEAST_ROWS = 100, 5
OTHERS = "any other"
# Bars of one distribution.
BARS = 10
QUANTILES = (0.05, 0.25, 0.5, 0.75, 0.95)


@dataclass(frozen=True)
class Bar:
    """A part of the values.

    Attributes:
        label: which values these are.
        share: the share of all values, from 0 to 1.
    """

    label: str
    share: float


@dataclass(frozen=True)
class Moment:
    """How a feature was in one run.

    Attributes:
        at: the instant that the view was built as of, or when it was checked (UTC, without a zone).
        nulls: the share of rows without a value, from 0 to 1.
        quantiles: of numbers, those of ``QUANTILES``; none where they are not shown.
        shares: of categories, the share of each that is shown; the rest is ``OTHERS``.
    """

    at: datetime
    nulls: float
    quantiles: tuple[float, ...] = ()
    shares: dict[str, float] | None = None


def moments(column: str, reports: Sequence[RunReport]) -> list[Moment]:
    """How a feature was in each of some runs, the oldest first; without those that lack it.

    Of several as of one instant it is the newest.

    Args:
        column: the feature's column.
        reports: what is kept of its view's runs, the newest first.
    """
    found: dict[datetime, Moment] = {}
    for report in reports:
        profile = report.profile
        at = datetime.fromisoformat(profile.as_of) if profile.as_of else report.at
        at = at.replace(tzinfo=None)
        if column not in profile.columns or at in found:
            continue
        spread = profile.distributions.get(column)
        found[at] = Moment(
            at,
            profile.columns[column].null_share,
            quantiles(spread) if spread is not None else (),
            shares(spread) if spread is not None else None,
        )
    return [found[at] for at in sorted(found)]


def quantiles(spread: Distribution) -> tuple[float, ...]:
    """The quantiles of numbers that are shown; none of categories, and of few values."""
    if not spread.numeric or spread.values < LEAST_VALUES:
        return ()
    return _quantiles(spread, QUANTILES)


def shares(spread: Distribution) -> dict[str, float] | None:
    """The share of each category, the most frequent first; None of numbers, and of few values."""
    if spread.numeric or spread.values < LEAST_VALUES:
        return None
    counts = dict(zip(map(str, spread.bounds), spread.counts, strict=False))
    shown = {name: count for name, count in counts.items() if count >= LEAST_ROWS}
    found = {
        name: count / spread.values
        for name, count in sorted(shown.items(), key=lambda item: (-item[1], item[0]))
    }
    rest = spread.values - sum(shown.values())
    return {**found, OTHERS: rest / spread.values} if rest else found


def bars(spread: Distribution) -> list[Bar]:
    """A distribution as a few bars; none of few values."""
    if not spread.numeric:
        found = shares(spread) or {}
        named = [Bar(name, share) for name, share in found.items() if name != OTHERS][:BARS]
        rest = 1 - sum(bar.share for bar in named)
        return [*named, Bar(OTHERS, rest)] if found and rest > 1e-9 else named
    if spread.values < LEAST_VALUES:
        return []
    parts = _parts(spread)
    if len(parts) <= BARS + 2:
        return _as_they_are(parts)
    least, greatest = _quantiles(spread, (QUANTILES[0], QUANTILES[-1]))
    return _of_equal_width(parts, least, greatest)


def short(number: float) -> str:
    """A number in a few characters.

    Examples:
        >>> short(0.12345), short(-1500.0), short(2_400_000), short(12.0)
        ('0.123', '-1.5k', '2.4M', '12')
    """
    for size, unit in ((1e9, "G"), (1e6, "M"), (1e3, "k")):
        if size <= abs(number) < 1e3 * size:
            return f"{number / size:.3g}{unit}"
    return f"{number:.3g}"


def _quantiles(spread: Distribution, wanted: Sequence[float]) -> tuple[float, ...]:
    """For each share, the least bound that is shown with so many values at or below it."""
    bounds = _bounds(spread)
    reached = list(accumulate(spread.shares[: len(bounds)]))
    at = (bisect_left(reached, share - 1e-12) for share in wanted)
    return tuple(bounds[min(place, len(bounds) - 1)] for place in at)


def _bounds(spread: Distribution) -> list[float]:
    """The bounds that may be shown: the greatest value only where many rows have it.

    Parts hold equal shares. One that holds more holds the same value many times.
    """
    bounds = [float(bound) for bound in spread.bounds]
    last = spread.shares[len(bounds) - 1]
    return bounds if len(bounds) == 1 or last > 1.5 / PARTS else bounds[:-1]


def _parts(spread: Distribution) -> list[tuple[float, float, float]]:
    """The parts that have values: from, to, share; the last may have no end that is shown."""
    bounds = _bounds(spread)
    ends = [*bounds[1:], math.inf]
    held = [*spread.shares[1 : len(bounds)], sum(spread.shares[len(bounds) :])]
    return [part for part in zip(bounds, ends, held, strict=True) if part[2] > 0]


def _as_they_are(parts: list[tuple[float, float, float]]) -> list[Bar]:
    """A bar for each part."""
    return [
        Bar(f"≤ {short(high)}" if math.isfinite(high) else f"> {short(low)}", share)
        for low, high, share in parts
    ]


def _of_equal_width(
    parts: list[tuple[float, float, float]], least: float, greatest: float
) -> list[Bar]:
    """Bars of one width between two quantiles, and one at either side for what is beyond.

    Within a part values are taken as spread evenly.
    """
    step = (greatest - least) / BARS
    edges = [least + step * number for number in range(BARS + 1)]
    below = sum(share for _, high, share in parts if high <= least)
    inner = [0.0] * BARS
    for low, high, share in parts:
        if high <= least:
            continue
        for number in range(BARS):
            covered = min(high, edges[number + 1]) - max(low, edges[number])
            if covered > 0 and math.isfinite(high):
                inner[number] += share * covered / (high - low)
    above = max(0.0, 1 - below - sum(inner))
    return [
        Bar(f"≤ {short(least)}", below),
        *(Bar(f"≤ {short(edge)}", share) for edge, share in zip(edges[1:], inner, strict=True)),
        Bar(f"> {short(greatest)}", above),
    ]
