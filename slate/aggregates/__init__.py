"""Aggregates over a source's events: what a windowed view is made of.

Each kind is one module: what it keeps of events, how that merges, what bounds its values, and how
it is finished, in SQL and in NumPy on one screen. A new one is a module here, and its cases in the
parity suite.
"""

from slate.aggregates.counts import count
from slate.aggregates.deviations import std
from slate.aggregates.distinct import distinct
from slate.aggregates.extremes import max, min
from slate.aggregates.first import first
from slate.aggregates.function import (
    Aggregate,
    Function,
    LatestFunction,
    Measure,
    TileFunction,
)
from slate.aggregates.latest import last, last_n
from slate.aggregates.means import mean
from slate.aggregates.over_last import OverLast
from slate.aggregates.partials import EventsInput, EventsSql, Partial, TileColumn, TilePartial
from slate.aggregates.quantile import quantile
from slate.aggregates.share import share
from slate.aggregates.sums import sum
from slate.aggregates.top import top
from slate.aggregates.value_counts import (
    Counted,
    CountedFunction,
    PickingFunction,
    ValueCounts,
    ValuesFunction,
    codes,
)

__all__ = [
    "Aggregate",
    "Counted",
    "CountedFunction",
    "EventsInput",
    "EventsSql",
    "Function",
    "LatestFunction",
    "Measure",
    "OverLast",
    "Partial",
    "PickingFunction",
    "TileColumn",
    "TileFunction",
    "TilePartial",
    "ValueCounts",
    "ValuesFunction",
    "codes",
    "count",
    "distinct",
    "first",
    "last",
    "last_n",
    "max",
    "mean",
    "min",
    "quantile",
    "share",
    "std",
    "sum",
    "top",
]
