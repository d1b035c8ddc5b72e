"""Plots of what was measured, as SVG files that are the same for the same figures."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import matplotlib
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter, NullLocator

from benchmarks.freshness import Freshness
from benchmarks.sizes.latency import Latency
from benchmarks.sizes.near_freshness import AIM
from benchmarks.sizes.near_rows import NearRows

# Two that are told apart without seeing colours, and what is said beside them.
NEAR, STORE, BESIDE = "#0072b2", "#d55e00", "#777777"
STYLE: dict[Any, Any] = {
    "svg.hashsalt": "slate",
    "font.family": "DejaVu Sans",
    "font.size": 9,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.grid": True,
    "grid.color": "#e5e5e5",
    "legend.frameon": False,
    "lines.markersize": 4,
}
SIZE, WIDE = (5.2, 3.4), (8.4, 3.4)


def latency(file: Path, found: Sequence[Latency], what: str, title: str) -> None:
    """Near and from the store, against how many there are of something."""
    with _figure(file, SIZE, 1) as (axes,):
        sizes = [one.size for one in found]
        for name, color, ways in (
            ("near", NEAR, [one.near for one in found]),
            ("from the store", STORE, [one.store for one in found]),
        ):
            axes.plot(sizes, [p50 for p50, _ in ways], "o-", color=color, label=f"{name}, p50")
            axes.plot(sizes, [p99 for _, p99 in ways], "o--", color=color, label=f"{name}, p99")
        _label(axes, title, what, "milliseconds", sizes)
        axes.set_yscale("log")
        axes.yaxis.set_major_formatter(FuncFormatter(_plain))
        axes.legend()


def near_rows(file: Path, found: Sequence[NearRows]) -> None:
    """The time until rows are near, and the memory that they take, against how many there are."""
    with _figure(file, WIDE, 2) as (load, memory):
        rows = [one.rows for one in found]
        load.plot(rows, [one.load for one in found], "o-", color=NEAR)
        _label(load, "Until all rows are near", "rows of ten features", "seconds", rows)
        memory.plot(rows, [one.held * one.rows / 1e6 for one in found], "o-", color=NEAR)
        _label(memory, "Memory that they take", "rows of ten features", "MB", rows)
        for axes in (load, memory):
            axes.set_yscale("log")
            axes.yaxis.set_major_formatter(FuncFormatter(_plain))


def freshness(file: Path, found: Sequence[Freshness]) -> None:
    """The time from an event to its being seen, against the events a second."""
    with _figure(file, SIZE, 1) as (axes,):
        rates = [one.rate for one in found]
        axes.plot(rates, [one.p50 for one in found], "o-", color=NEAR, label="p50")
        axes.plot(rates, [one.p99 for one in found], "o--", color=NEAR, label="p99")
        axes.axhline(AIM, color=BESIDE, linewidth=1, label="p99 aimed for")
        title = "From an event to a near view of another process"
        _label(axes, title, "events a second", "milliseconds", ())
        axes.xaxis.set_major_formatter(FuncFormatter(_plain))
        axes.set_xlim(left=0)
        axes.set_ylim(bottom=0)
        axes.legend()


@contextmanager
def _figure(file: Path, size: tuple[float, float], number: int) -> Iterator[Sequence[Axes]]:
    """So many axes beside each other, written to a file."""
    with matplotlib.rc_context(STYLE):
        figure = Figure(figsize=size, layout="constrained", facecolor="white")
        yield [figure.add_subplot(1, number, place + 1) for place in range(number)]
        file.parent.mkdir(parents=True, exist_ok=True)
        figure.savefig(file, metadata={"Date": None, "Creator": None})


def _label(axes: Axes, title: str, x: str, y: str, places: Sequence[float]) -> None:
    """Say what is seen; what is measured at some places is told there, at equal ratios."""
    axes.set_title(title, loc="left", fontsize=10)
    axes.set_xlabel(x)
    axes.set_ylabel(y)
    if places:
        axes.set_xscale("log")
        axes.set_xticks(places, [_plain(place, 0) for place in places])
        axes.xaxis.set_minor_locator(NullLocator())


def _plain(value: float, _: int) -> str:
    return f"{value:,.0f}" if value >= 1 else f"{value:g}"
