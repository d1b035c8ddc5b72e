"""The page's section of other marketplaces, and its plot."""

from collections.abc import Iterable
from pathlib import Path

import matplotlib
from matplotlib.figure import Figure

from live_shopping.proof.ages import AGES, OLD
from live_shopping.proof.intervals import Verdict, told, verdict
from live_shopping.proof.seeds import Measured, Seeds
from slate.markdown import cell

PLOT = "proof_seeds.svg"


def section(own: Measured, others: Seeds) -> str:
    """The section; empty where no other marketplace was to be measured.

    Args:
        own: the marketplace that the page is about.
        others: the others.
    """
    if not (others.measured or others.failed):
        return ""
    failed = "\n".join(
        f"Marketplace {one.name} was not measured, and is in no number here: {cell(one.reason)}\n"
        for one in others.failed
    )
    size, count = others.size, len(others.measured)
    return f"""## In other marketplaces

The intervals above are of one marketplace's viewers. The same was measured in {count} of
{count + len(others.failed)} marketplaces that are simulated with other seeds: the same
definitions, other viewers, sellers and tastes. Each has {size.viewers:,} viewers and
{size.sellers:,} sellers at the start, and about {size.events:,} events in {size.days} days;
{others.models} models an age. In brackets: 95 % of resamples of a marketplace's viewers. All come
of one simulator: what it leaves out, no seed shows.

{failed}{_measured(own, others) if others.measured else ""}
"""


def _measured(own: Measured, others: Seeds) -> str:
    every = [own, *others.measured]
    levels = _table(
        ["marketplace", "learned from", "judged by", *AGES],
        (
            [one.name, *(f"{rows:,}" for rows in one.rows), *map(told, one.ndcg.values())]
            for one in every
        ),
    )
    gains = _table(
        ["marketplace", *own.named],
        ([one.name, *(told(gain, sign=True) for gain in one.named.values())] for one in every),
    )
    summary = _table(
        ["gain", "mean", "lowest", "highest", "in how many", "mean of all such"],
        (
            [
                name,
                *(f"{value:+.4f}" for value in (one.mean, one.lowest, one.highest)),
                _counts(name, others),
                "-" if one.alone else f"{one.low:+.4f} to {one.high:+.4f}, {verdict(one).value}",
            ]
            for name, one in others.spreads.items()
        ),
    )
    count = len(others.measured)
    return f"""{levels}

Gains in NDCG@10, each of the same requests:

{gains}

Over the {count} other marketplaces, which are of one size, without the demonstration, which is of
another. "Mean of all such" is an interval of 95 % by how far the {count} differ: Student's t of
{count - 1} degrees of freedom. So few marketplaces make it wide.

{summary}

{_disagreement(own, others)}

![Gain in NDCG@10 over features {OLD} old, by marketplace]({PLOT})
"""


def _counts(name: str, others: Seeds) -> str:
    """In how many marketplaces a gain is above 0, below, or not told."""
    found = [verdict(one.named[name]) for one in others.measured]
    return ", ".join(f"{one.value}: {found.count(one)}" for one in Verdict if one in found)


def _disagreement(own: Measured, others: Seeds) -> str:
    """Where marketplaces, or all of them together, say another thing than the demonstration."""
    found = [
        f"in {other.name}, {name} is {verdict(gain).value}, in the demonstration "
        f"{verdict(mine).value}"
        for name, mine in own.named.items()
        for other in others.measured
        for gain in [other.named[name]]
        if verdict(gain) is not verdict(mine)
    ]
    text = (
        f"Marketplaces disagree with the demonstration: {'; '.join(found)}."
        if found
        else "No marketplace disagrees with the demonstration on any of these gains."
    )
    together = [
        f"{name} is {verdict(one).value}"
        for name, one in others.spreads.items()
        if not one.alone and verdict(one) is not verdict(own.named[name])
    ]
    if together:
        text += f" Over all others, unlike in the demonstration, {'; '.join(together)}."
    return text


def over_others(name: str, others: Seeds) -> str:
    """What a gain comes to over the other marketplaces, in words; empty where too few tell it."""
    spread = others.spreads.get(name)
    if spread is None or spread.alone:
        return ""
    return (
        f"; over {len(others.measured)} other marketplaces {spread.mean:+.4f} "
        f"({spread.low:+.4f} to {spread.high:+.4f})"
    )


def _table(head: Iterable[str], rows: Iterable[Iterable[str]]) -> str:
    names = list(head)
    lines = [f"| {' | '.join(line)} |" for line in [names, *rows]]
    lines.insert(1, "|---" * len(names) + "|")
    return "\n".join(lines)


def plot(path: Path, own: Measured, others: Seeds) -> None:
    """Draw the gains over the oldest features, of each marketplace.

    Args:
        path: the file.
        own: the marketplace that the page is about.
        others: the others.
    """
    figure = Figure(figsize=(6.4, 3.2), layout="constrained")
    axes = figure.add_subplot()
    every = [own, *others.measured]
    for place, one in enumerate(every):
        # Beside each other, as they would hide each other's intervals.
        shift = 1.18 ** (place - (len(every) - 1) / 2)
        seconds = [span.total_seconds() * shift for span in AGES.values()]
        gains = [one.gains[age] for age in AGES]
        errors = [
            [gain.mean - gain.low for gain in gains],
            [gain.high - gain.mean for gain in gains],
        ]
        axes.errorbar(
            seconds,
            [gain.mean for gain in gains],
            errors,
            marker="o" if one is own else ".",
            capsize=2,
            linewidth=1.5 if one is own else 0.8,
            label=one.name,
        )
    axes.set_xscale("log")
    axes.set_xticks([span.total_seconds() for span in AGES.values()], list(AGES))
    axes.minorticks_off()
    axes.axhline(0, color="grey", linewidth=0.8)
    axes.set_xlabel("age of features")
    axes.set_ylabel(f"NDCG@10 above {OLD}")
    axes.legend(title="marketplace", fontsize="small")
    axes.grid(alpha=0.3)
    with matplotlib.rc_context({"svg.hashsalt": "proof"}):
        figure.savefig(path, metadata={"Date": None})
