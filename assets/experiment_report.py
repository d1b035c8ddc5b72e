"""What an experiment has come to, in words, tables and a picture."""

import math
from collections.abc import Iterator
from dataclasses import dataclass
from html import escape

from slate.markdown import table
from slate.offline.comparisons import Difference, Mean
from slate.offline.outcomes import LEAST_UNITS, Analysis

PICTURE = "differences.svg"
HEAD = (
    "metric",
    "arm",
    "units",
    "mean",
    "difference",
    "95 %, one look",
    "95 %, at any time",
    "p",
    "detectable",
    "as shares of the first arm's mean",
)
# Of a picture in text: its characters, which are as many to either side of 0.
_SIDE = 12
_ROW, _LEFT, _WIDTH, _RIGHT, _TOP = 30, 210, 420, 170, 34


@dataclass(frozen=True)
class Row:
    """An arm beside the first one, by one metric.

    Attributes:
        metric: the metric's name.
        mean: what the arm comes to.
        difference: how far that is above the first arm.
    """

    metric: str
    mean: Mean
    difference: Difference

    @property
    def is_told(self) -> bool:
        """Whether there is a difference, with an interval."""
        return math.isfinite(self.difference.difference) and self.difference.error > 0

    @property
    def verdict(self) -> str:
        """What may be said of it, however often it was looked at."""
        if not self.is_told:
            return "nothing can be told yet"
        low, high = self.difference.interval_at_any_time
        if low > 0 or high < 0:
            return "higher" if low > 0 else "lower"
        low, high = self.difference.interval
        if low > 0 or high < 0:
            way = "higher" if low > 0 else "lower"
            return f"{way}, if this is the one look that was planned"
        return "not told from none"


def compared_rows(found: Analysis) -> Iterator[Row]:
    """The arms but the first, metric by metric."""
    for metric in found.metrics:
        for mean, difference in zip(metric.means[1:], metric.differences, strict=True):
            yield Row(metric.metric, mean, difference)


def cells(found: Analysis) -> list[tuple[str, ...]]:
    """The table of all arms, with ``HEAD`` above it."""
    rows, most = [], _widest(found)
    for metric in found.metrics:
        first, *others = metric.means
        rows.append((metric.metric, first.arm, f"{first.units:,}", _number(first.mean), *[""] * 6))
        for mean, difference in zip(others, metric.differences, strict=True):
            change = _number(difference.difference, "+")
            if math.isfinite(difference.relative):
                change += f" ({difference.relative:+.1%})"
            rows.append(
                (
                    metric.metric,
                    mean.arm,
                    f"{mean.units:,}",
                    _number(mean.mean),
                    change,
                    _interval(difference.interval),
                    _interval(difference.interval_at_any_time),
                    _number(difference.p_value),
                    _number(difference.detectable),
                    _bar(Row(metric.metric, mean, difference), most),
                )
            )
    return rows


def sentences(found: Analysis) -> list[str]:
    """What it has come to, and why that may not hold."""
    until = f"{found.until:%Y-%m-%d %H:%M} UTC"
    later = (
        f"{found.later:,} exposures since {until} wait for what came of them: `slate run` tells it "
        "once their hour is over"
    )
    if found.began is None and not found.later:
        return ["no exposure is taken in yet: ask for rankings, and run the job take_in_log"]
    if found.began is None:
        return [later]
    units = ", ".join(f"{arm} {number:,}" for arm, number in found.units.items())
    told = [
        f"{found.exposures:,} exposures from {found.began:%Y-%m-%d %H:%M} to {until}; "
        f"units: {units}"
    ]
    if found.later:
        told.append(later)
    if waiting := {name: number for name, number in found.waiting.items() if number}:
        listed = ", ".join(f"{name} {number:,}" for name, number in waiting.items())
        told.append(f"their time is not over, so these do not count yet: {listed}")
    told += [f"warning: {text}" for text in found.warnings]
    return told + [f"{row.metric}: {row.difference.arm} {_is(row)}" for row in compared_rows(found)]


def _is(row: Row) -> str:
    if not row.is_told:
        return "cannot be told from the first arm yet"
    verdict = row.verdict
    return verdict if verdict.startswith("not") else f"is {verdict}"


def markdown(found: Analysis) -> str:
    """All of it, for Dagster."""
    lines = [f"- {sentence}" for sentence in sentences(found)]
    return "\n".join([*lines, "", table(HEAD, cells(found))])


def picture(found: Analysis) -> str:
    """The differences as shares of the first arm, with both of their intervals, as SVG.

    Those of few units are left out: they would tell of single ones.
    """
    rows = [row for row in compared_rows(found) if row.is_told and _is_of_many(row)]
    most, height = _widest(found) * 1.05, _TOP + _ROW * max(len(rows), 1) + 24

    def x(share: float) -> float:
        return _LEFT + _WIDTH * (share / most + 1) / 2

    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{_LEFT + _WIDTH + _RIGHT}" '
        f'height="{height}" font-family="sans-serif" font-size="12">',
        '<rect width="100%" height="100%" fill="white"/>',
        f'<text x="{_LEFT}" y="18" font-weight="bold">{escape(found.experiment)}: difference from '
        "the first arm, 95 % (thin: at any time)</text>",
        f'<line x1="{x(0):.1f}" x2="{x(0):.1f}" y1="{_TOP - 6}" y2="{height - 20}" stroke="#888"/>',
    ]
    for place, row in enumerate(rows):
        y, base = _TOP + _ROW * place + _ROW / 2, abs(row.difference.base)
        low, high = sorted(x(bound / base) for bound in row.difference.interval)
        least, last = sorted(x(bound / base) for bound in row.difference.interval_at_any_time)
        colour = "#888" if low <= x(0) <= high else "#1a6fb0"
        parts += [
            f'<text x="8" y="{y + 4}">{escape(row.metric)}: {escape(row.difference.arm)}</text>',
            f'<line x1="{least:.1f}" x2="{last:.1f}" y1="{y}" y2="{y}" stroke="{colour}"/>',
            f'<line x1="{low:.1f}" x2="{high:.1f}" y1="{y}" y2="{y}" stroke="{colour}" '
            'stroke-width="5"/>',
            f'<circle cx="{x(row.difference.relative):.1f}" cy="{y}" r="5" fill="{colour}"/>',
            f'<text x="{_LEFT + _WIDTH + 12}" y="{y + 4}">{row.difference.relative:+.1%}, '
            f"p {_number(row.difference.p_value)}</text>",
        ]
    if not rows:
        parts.append(f'<text x="8" y="{_TOP + 14}">nothing can be told yet</text>')
    marks = (-most / 1.05, 0.0, most / 1.05) if rows else ()
    parts += [
        f'<text x="{x(mark):.1f}" y="{height - 6}" text-anchor="middle">{mark:+.0%}</text>'
        for mark in marks
    ]
    return "\n".join([*parts, "</svg>"])


def _is_of_many(row: Row) -> bool:
    """Whether both arms have so many units that intervals are what they say."""
    units = row.mean.units, row.difference.units - row.mean.units
    return bool(row.difference.base) and min(units) >= LEAST_UNITS


def _widest(found: Analysis) -> float:
    """How far the intervals at any time reach, as shares of the first arm's mean."""
    return max(
        (
            abs(bound / row.difference.base)
            for row in compared_rows(found)
            if row.is_told and row.difference.base
            for bound in row.difference.interval_at_any_time
        ),
        default=1.0,
    )


def _bar(row: Row, most: float) -> str:
    """The difference (●) with its intervals, for one look (━) and at any time (─), about 0 (│)."""
    base = abs(row.difference.base)
    if not (row.is_told and base):
        return ""

    def place(value: float) -> int:
        return _SIDE + round(value / base / most * _SIDE)

    marks = [" "] * (2 * _SIDE + 1)
    for bounds, mark in (
        (row.difference.interval_at_any_time, "─"),
        (row.difference.interval, "━"),
    ):
        low, high = sorted(map(place, bounds))
        marks[low : high + 1] = mark * (high + 1 - low)
    marks[_SIDE] = "│" if marks[_SIDE] == " " else "┼"
    marks[place(row.difference.difference)] = "●"
    # Markdown and terminals keep no spaces at the end, and tables none at the beginning.
    return "".join(marks).replace(" ", "·")


def _number(number: float, sign: str = "") -> str:
    return f"{number:{sign}.4g}" if math.isfinite(number) else "-"


def _interval(bounds: tuple[float, float]) -> str:
    return " to ".join(_number(bound, "+") for bound in bounds) if math.isfinite(bounds[0]) else "-"
