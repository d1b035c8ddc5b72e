"""The page of the proof: what was measured, in tables and a plot."""

import math
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path

import matplotlib
from matplotlib.figure import Figure

from live_shopping.model.metrics import Interval
from live_shopping.model.registry import SERVICE
from live_shopping.proof import seeds_page
from live_shopping.proof.ages import AGES, FRESH, OLD
from live_shopping.proof.arms import Loop
from live_shopping.proof.batch_waits import BatchWaits
from live_shopping.proof.intervals import Verdict, told, verdict
from live_shopping.proof.seeds import Measured, Seeds
from live_shopping.proof.skews import SKEWS
from slate.offline.comparisons import Difference, Mean

PAGE, PLOT = "proof.md", "proof.svg"
# What the marketplace is called beside others.
OWN = "demonstration"


@dataclass(frozen=True)
class Ranking:
    """How well models of features of each age rank.

    Attributes:
        rows: impressions that models learned from, and that they were judged by.
        models: how many models there are of each age.
        ndcg: by age, NDCG@10.
        spread: by age, the lowest and the highest mean NDCG@10 of the models.
        gains: by age, how much NDCG@10 is above that of the oldest features.
        steps: by age but the oldest, how much NDCG@10 is above that of the next older features.
        orders: by age, orders an impression in the first three places.
        order_gains: by age, how much that is above that of the oldest features.
        order_steps: by age but the oldest, how much it is above that of the next older features.
        skews: by the name of a skew, NDCG@10 of models that learned from its wrong definition, less
            that of the right ones.
        order_skews: likewise, orders an impression in the first three places.
        personal: by age, the shares of opens with something personal, by what it is.
    """

    rows: tuple[int, int]
    models: int
    ndcg: dict[str, Interval]
    spread: dict[str, tuple[float, float]]
    gains: dict[str, Interval]
    steps: dict[str, Interval]
    orders: dict[str, Interval]
    order_gains: dict[str, Interval]
    order_steps: dict[str, Interval]
    skews: dict[str, Interval]
    order_skews: dict[str, Interval]
    personal: dict[str, dict[str, float]]


@dataclass(frozen=True)
class NewSellers:
    """How soon first taps of new sellers count.

    Attributes:
        measured: how many sellers were measured.
        seconds: from the tap until an answer of the service that ranks counts it; the median.
    """

    measured: int
    seconds: float


@dataclass(frozen=True)
class Findings:
    """What was measured.

    Attributes:
        ranking: how well models of features of each age rank.
        new_seller: how soon first taps of new sellers count in an answer.
        batch: how long the first tap of a new seller waits for runs alone.
        loop: what rankings earn in the closed loop.
        others: what freshness pays in other marketplaces.
    """

    ranking: Ranking
    new_seller: NewSellers
    batch: BatchWaits
    loop: Loop
    others: Seeds

    @property
    def own(self) -> Measured:
        """The marketplace that all but the others is of."""
        ranking = self.ranking
        return Measured(OWN, ranking.rows, ranking.ndcg, ranking.gains, ranking.steps)

    def line(self) -> str:
        """The line that tells it in short."""
        ndcg = " ".join(f"ndcg_{age}={self.ranking.ndcg[age].mean:.4f}" for age in AGES)
        share = self.ranking.personal[FRESH]["account"]
        return (
            f"proof: {ndcg} new_seller_s={self.new_seller.seconds:.3f} personal_share={share:.4f}"
        )

    def note(self) -> str:
        """What a figure of the line counts."""
        strict = self.ranking.personal[FRESH]["interest"]
        return (
            "personal_share counts opens of whom a deed, an interest or the account's language is "
            f"known; without those of whom only the language is: {strict:.4f}"
        )


def write(folder: Path, found: Findings) -> Path:
    """Write the page and its plots; the page's path."""
    _plot(folder / PLOT, found.ranking)
    plot = folder / seeds_page.PLOT
    if found.others.measured:
        seeds_page.plot(plot, found.own, found.others)
    else:
        # One of another time would pass for one of this.
        plot.unlink(missing_ok=True)
    page = folder / PAGE
    page.write_text(_text(found))
    return page


def _text(found: Findings) -> str:
    ranking = found.ranking
    learned, judged = ranking.rows
    rows = "\n".join(
        f"| {age} | {told(ranking.ndcg[age])} | {told(ranking.gains[age], sign=True)} "
        f"| {told(ranking.steps[age], sign=True) if age in ranking.steps else '-'} "
        f"| {ranking.spread[age][0]:.4f} to {ranking.spread[age][1]:.4f} "
        f"| {told(ranking.orders[age])} | {told(ranking.order_gains[age], sign=True)} |"
        for age in AGES
    )
    shares = "\n".join(
        f"| {label} | {ranking.personal[OLD][name]:.4f} | {ranking.personal[FRESH][name]:.4f} |"
        for name, label in (
            ("history", "did something in the last 30 days"),
            ("interest", "or told an interest at sign-up"),
            ("account", "or the account's language is known"),
        )
    )
    both = {"NDCG@10": ranking.gains, "orders": ranking.order_gains}
    gains = [(age, what, by[age]) for what, by in both.items() for age in by if age != OLD]
    unclear = [f"{what} with features {age} old" for age, what, one in gains if one.low <= 0]
    clear = (
        f"Not told from features {OLD} old, as the interval has 0 in it: {', '.join(unclear)}."
        if unclear
        else f"Every gain over features {OLD} old lies above 0 with its whole interval."
    )
    skews = "\n".join(
        f"| {SKEWS[name].learned} | {SKEWS[name].asked} | {told(one, sign=True)} "
        f"| {told(ranking.order_skews[name], sign=True)} |"
        for name, one in ranking.skews.items()
    )
    small = [age for age, one in ranking.steps.items() if one.low <= 0]
    if small:
        clear += f" By NDCG@10 not told from the row before: {', '.join(small)}."
    return f"""# What freshness pays

Written by `make proof` from the demonstration's data; it measured every number here. The
marketplace is simulated: these are numbers of its viewers, whose mood changes within a session.

## Ranking with features of an age

{learned:,} impressions to learn from, {judged:,} of the newest day to judge by, the same for each
age; {ranking.models} models an age, each of another resample of the requests ("models": their
lowest and highest mean). In brackets: 95 % of 1,000 resamples of viewers. Orders are those an
impression of the shows that a ranking puts first to third of those that were seen: by the same
viewers, who did not see this order.

| age | NDCG@10 | above {OLD} | above the row before | models | orders | above {OLD} |
|---|---|---|---|---|---|---|
{rows}

{clear}

![NDCG@10 against the age of features]({PLOT})

What is counted from events is as old as its row says. The catalogue, accounts, the keys that these
lead to and the moment are those of the request in every row, and request features are computed
from both. What a late catalogue costs besides is not in this table.

## What a skew costs

Models that learned from features which are defined otherwise than those that they are asked with,
against models without that mistake: of the same requests, with features {FRESH} old.

| learned from | asked with | NDCG@10 | orders an impression |
|---|---|---|---|
{skews}

## Something personal at each open

| known of the viewer | a day old | with the stream |
|---|---|---|
{shares}

Each row counts the one before too; fractions of 1 of the newest day's opens that were logged. The
last is `personal_share`, which counts an account whose language alone is known. What ranks by taste
has something to go by in the row before it: a deed, or an interest.

## A new seller's first events

Of a listed seller and show of whom nothing was counted, from the first tap until their row of
`{SERVICE}`, the service that ranks, counts it for both, with the stream:
{found.new_seller.seconds:.3f} s, the median of {found.new_seller.measured} sellers, measured by
`slate live`. A listing itself comes with the batch: before that, a show is no candidate, and does
not lead to its seller. With batch alone the tap
waits for a run: {_waits(found.batch)}
The run's own time comes on top.

{_loop(found.loop)}
{seeds_page.section(found.own, found.others)}{_unclear(found)}"""


def _unclear(found: Findings) -> str:
    """The section of all that did not help, or of which that is not told."""
    ranking, lines = found.ranking, list[str]()
    for older, age in pairwise(AGES):
        step, name = ranking.steps[age], f"{age} above {older}"
        over_all = found.others.spreads.get(name)
        if verdict(step) is not Verdict.ABOVE or (
            over_all and not over_all.alone and verdict(over_all) is not Verdict.ABOVE
        ):
            others = seeds_page.over_others(name, found.others)
            lines.append(f"Features {name}, by NDCG@10: {told(step, sign=True)}{others}.")
        if verdict(order := ranking.order_steps[age]) is not Verdict.ABOVE:
            lines.append(f"Features {name}, by orders an impression: {told(order, sign=True)}.")
    for name, skew in ranking.skews.items():
        if verdict(right := Interval(-skew.mean, -skew.high, -skew.low)) is not Verdict.ABOVE:
            lines.append(
                f"The right definition above one of {SKEWS[name].learned}, by NDCG@10: "
                f"{told(right, sign=True)}."
            )
    lines += [
        f"{metric.metric.replace('_', ' ').capitalize()} under `{difference.arm}`, above "
        f"`{metric.means[0].arm}`, in the experiment: {_bounds(difference)}; the same viewers "
        f"under both: {_bounds(found.loop.paired[one.experiment][metric.metric])}."
        for one in found.loop.compared
        for metric in one.metrics
        for difference in metric.differences
        if not difference.interval[0] > 0
    ]
    listed = "\n".join(f"- {line}" for line in lines)
    return f"""## What did not help, or is not told

Of these an interval has 0 in it or lies below: that one may be nothing, or a loss, and is at most
its upper end.

{listed or "None."}
"""


def _waits(batch: BatchWaits) -> str:
    (hourly, most_hourly), (nightly, most_nightly) = batch.hourly, batch.nightly
    return f"""of the {batch.sellers:,} sellers whose first tap came in the last week, half waited
{hourly / 60:.0f} minutes for their hour to end, and a tenth more than {most_hourly / 60:.0f};
for the night half waited {nightly / 3_600:.1f} hours, and a tenth more than
{most_nightly / 3_600:.1f}."""


def _loop(loop: Loop) -> str:
    """The section of the closed loop."""
    rows = []
    for one in loop.compared:
        for metric in one.metrics:
            first, *others = metric.means
            name = metric.metric.replace("_", " ")
            rows.append(
                f"| {name} | {first.arm} | {first.units:,} | {_number(first.mean)} | - | - | - |"
            )
            rows += [
                f"| {name} | {mean.arm} | {mean.units:,} | {_number(mean.mean)} "
                f"| {_change(difference)} "
                f"| {_number(difference.detectable)} "
                f"| {_bounds(loop.paired[one.experiment][metric.metric])} |"
                for mean, difference in zip(others, metric.differences, strict=True)
            ]
    table = "\n".join(rows)
    return f"""## In a closed loop

{loop.viewers:,} viewers open their feeds {loop.opens:,} times in an hour of the newest day. Each
meets the ranking of its arm, and acts on what that shows: what it taps decides what its features
are at the next open. Arms follow from the viewers' hash, and are compared by the code that compares
those of `slate serve` ([experiments.md](experiments.md)); intervals are of 95 %, by viewers.

| metric | arm | viewers | mean | difference | detectable | the same viewers under both |
|---|---|---|---|---|---|---|
{table}

`day_old`, `hour_old` and `fresh` are models as in the first table, whose counts are a day, an hour
and a minute old; the catalogue, accounts and the moment are those of the request. `score` is the
hand-written one with counts of a minute, and `model` is `fresh`. "Detectable" is the
difference that so many viewers show in 80 % of experiments. The last column is what no experiment
can tell: all viewers met both feeds, with the same chances.

Of {loop.splits} splits of viewers who all met `fresh`, {loop.false:.1%} found a difference in taps
(p below 0.05; by chance 5 % do).
"""


def _change(one: Difference) -> str:
    share = f"{one.relative:+.1%}, " if math.isfinite(one.relative) else ""
    return share + _bounds(one)


def _bounds(one: Difference | Mean) -> str:
    # Where nothing was counted, or all units are alike, there is no deviation to judge by.
    if not one.error > 0:
        return "cannot be told"
    low, high = one.interval
    value = one.mean if isinstance(one, Mean) else one.difference
    return f"{value:+.3f} ({low:+.3f} to {high:+.3f})"


def _number(number: float) -> str:
    return f"{number:.3f}" if math.isfinite(number) else "-"


def _plot(path: Path, ranking: Ranking) -> None:
    figure = Figure(figsize=(6.4, 3.2), layout="constrained")
    axes = figure.add_subplot()
    seconds = [span.total_seconds() for span in AGES.values()]
    every = [ranking.ndcg[age] for age in AGES]
    errors = [[one.mean - one.low for one in every], [one.high - one.mean for one in every]]
    axes.errorbar(seconds, [one.mean for one in every], errors, marker="o", capsize=3)
    axes.set_xscale("log")
    axes.set_xticks(seconds, list(AGES))
    axes.minorticks_off()
    axes.set_xlabel("age of features")
    axes.set_ylabel("NDCG@10 of the newest day")
    axes.grid(alpha=0.3)
    with matplotlib.rc_context({"svg.hashsalt": "proof"}):
        figure.savefig(path, metadata={"Date": None})
