"""Features whose counts are of another instant: what a ranking knows that learns late of things.

What views with windows hold is as of that instant, by the keys of the moment of asking. What comes
from tables is not late by that: the catalogue, accounts, and with them which seller and category a
show has, are as of the moment; request features are computed then, of both.
"""

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

import slate
from slate.deployment import Deployment
from slate.executor import served
from slate.kinds import Kind
from slate.plans import Plan

# Given features and rows of their keys: a column for each, as of the rows' instants.
Counts = Callable[[list[Any], pa.Table], pa.Table]
Instead = Callable[[dict[str, pa.Array]], dict[str, pa.Array]]
_SPAN = pa.duration("us")


class OldCounts:
    """The features of some rows, with counts of any instants.

    Args:
        deployment: whose history is asked.
        plan: that of the service whose features they are.
        rows: the service's keys, the inputs of its request features, and instants.
        at: the column of instants, which are UTC.
    """

    def __init__(self, deployment: Deployment, plan: Plan, rows: pa.Table, at: str) -> None:
        self._plan, self._rows, self._at = plan, rows, at
        reads = [read for read in plan.reads if not read.view.windowed]
        asked = [feature for read in reads for feature in read.features]
        self._now = slate.history([*asked, *plan.inputs], rows, at=at, deployment=deployment)

    def of(self, age: timedelta, counts: Counts) -> pa.Table:
        """The rows, and after their columns the service's features.

        Args:
            age: how old counts are.
            counts: tells them, as of instants in the same column.

        Raises:
            RequestError, DataError: as of ``slate.history``.
        """
        return self.as_of(pc.subtract(self._rows[self._at], pa.scalar(age, _SPAN)), counts)

    def as_of(self, instants: pa.ChunkedArray, counts: Counts, instead: Instead = dict) -> pa.Table:
        """The same, with counts as of an instant for each row.

        Args:
            instants: the instants.
            counts: tells them, as of instants in the same column.
            instead: given them by their names, what is taken for them.
        """
        plan, at = self._plan, self._at
        keyed = {at: instants}
        reads = [read for read in plan.reads if read.view.windowed]
        for read in reads:
            for key, way in read.keys.items():
                keyed[key] = self._now[way if isinstance(way, str) else way.name]
        found = counts([feature for read in reads for feature in read.features], pa.table(keyed))
        columns = _columns(self._now) | instead(_columns(found))
        moments = self._rows[at].combine_chunks().cast(Kind.TIME.arrow)
        features = served(plan, columns, moments, "the warehouse")
        whole = self._rows
        for feature, values in zip(plan.service.features, features, strict=True):
            whole = whole.append_column(feature.name, values)
        return whole


def _columns(table: pa.Table) -> dict[str, pa.Array]:
    return {name: table[name].combine_chunks() for name in table.column_names}
