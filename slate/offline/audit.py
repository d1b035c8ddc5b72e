"""Auditing what was served: logged answers against the warehouse.

Each value of a logged answer is made again from the warehouse as of the instant that was asked
about; where the two differ, the cause is looked for.
"""

from dataclasses import dataclass
from typing import Any

import numpy as np
import pyarrow as pa

from slate.answer_log import in_present_form
from slate.offline.causes import Cause, Causes
from slate.offline.differing_values import differing
from slate.offline.served_log import ServedLog


@dataclass(frozen=True)
class Difference:
    """A value that was served otherwise than the warehouse tells.

    Attributes:
        request_id: of which request.
        row: of which of its rows.
        feature: which feature, by its full name.
        served: the value that was served.
        told: the value that the warehouse tells.
        cause: what it is due to.
    """

    request_id: str
    row: int
    feature: str
    served: Any
    told: Any
    cause: Cause


@dataclass(frozen=True)
class Audited:
    """What became of an audit.

    Attributes:
        answers: how many answers were looked at.
        values: how many values they have.
        differences: the values that differ.
    """

    answers: int
    values: int
    differences: list[Difference]


class Audit(ServedLog):
    """Audits the logged answers of a service; see ``ServedLog``."""

    def of(self, table: pa.Table) -> Audited:
        """Audit answers.

        Values of features that were not logged yet, or were of another type, are passed over.

        Args:
            table: rows of the service's log, of instants before ``known_until``.
        """
        form = in_present_form(table, self.schema)
        left_out = {*form.lacking, *form.of_other_types}
        features = [feature for feature in self.features if feature.name not in left_out]
        table = form.table.append_column("stored_at", table["stored_at"])
        told = self.told(self.values, table)
        differ = {
            feature.name: found
            for feature in features
            if (found := differing(feature, table[feature.name], told[feature.name])).any()
        }
        number = len(table["request_id"].unique())
        values = table.num_rows * len(features)
        if not differ:
            return Audited(number, values, [])
        wrong = np.flatnonzero(np.logical_or.reduce(list(differ.values())))
        rows, expected = table.take(wrong), told.take(wrong)
        causes = Causes(self).of(rows, {name: mask[wrong] for name, mask in differ.items()})
        differences = [
            Difference(
                rows["request_id"][place].as_py(),
                rows["request_row"][place].as_py(),
                name,
                rows[name][place].as_py(),
                expected[name][place].as_py(),
                cause,
            )
            for (place, name), cause in sorted(causes.items())
        ]
        return Audited(number, values, differences)
