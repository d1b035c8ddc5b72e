"""Request features whose expression fails on the values of some rows: on which, and why.

An expression is computed row by row: what fails on many rows at once is run again on fewer, until
those are found that it fails on. All others have their values.
"""

from collections import deque
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

import numpy as np

from slate.encoded import Encoded, Operand, array
from slate.errors import DefinitionError
from slate.expressions import Array, Expr, evaluate, leaves
from slate.features import Computed
from slate.inference import cast

# So often it is run again at most. Rows that are not told apart by then count as failed.
MOST_CALLS = 256


@dataclass(frozen=True)
class Failed:
    """What a feature's expression failed on.

    Attributes:
        rows: which rows, of shape (N,), or of shape (1,) where one value stands for all.
        reason: what was raised.
        behind: the failed feature that it reads, where that is why; its value is null there too.
    """

    rows: Array
    reason: Exception
    behind: Computed | None = None

    @property
    def kind(self) -> str:
        """What was raised, without the values that its text may tell of."""
        return type(self.reason).__name__

    def number(self, rows: int) -> int:
        """How many rows lack the feature, of so many that were computed."""
        if len(self.rows) == 1:
            return rows if self.rows[0] else 0
        return int(np.count_nonzero(self.rows))

    def told(self, feature: Computed, rows: int) -> str:
        """In words.

        Args:
            feature: the feature.
            rows: how many rows were computed.
        """
        failed = self.number(rows)
        if not failed:
            return (
                f"{feature.name} was computed in parts, as its expression fails on these rows "
                f"together ({self.kind}): mend its definition"
            )
        some = f"{failed:,} of {rows:,} rows" if rows > 1 else "this row"
        is_null = (
            f"{feature.name} is {'null' if feature.kind.has_null else feature.kind.blank} in {some}"
        )
        if self.behind is not None:
            return f"{is_null}, as {self.behind.name} is, which it reads"
        return (
            f"{is_null}, as its expression fails on their values ({self.kind}): mend its definition"
        )


def run_apart(
    feature: Computed, values: Mapping[Expr, Operand], reason: Exception
) -> tuple[Array, Failed]:
    """Compute a feature that fails on all rows together.

    Args:
        feature: the feature.
        values: an array, or an encoded one, for all that its expression reads.
        reason: what was raised.

    Returns:
        Its values, null where the expression fails.
    """
    read = {leaf: values[leaf] for leaf in leaves(feature.expression)}
    rows = max(map(len, read.values()))
    found, failed = feature.kind.full(rows, feature.kind.blank), np.ones(rows, np.bool_)
    # What gives another kind, or other rows, is no expression by row: apart it may mix them unseen.
    by_row = not isinstance(reason, DefinitionError)
    parts, calls = deque(_halves(np.arange(rows)) if by_row else ()), 0
    while parts and calls < MOST_CALLS:
        part, calls = parts.popleft(), calls + 1
        taken: dict[Expr, Operand] = {leaf: _take(held, part) for leaf, held in read.items()}
        try:
            result = array(evaluate(feature.expression, taken))
            found[part] = cast(feature, result, feature.kind)
            failed[part] = False
        except Exception as error:
            reason = error
            parts += _halves(part)
    return found, Failed(failed, reason)


def _halves(part: Array) -> Iterator[Array]:
    """Rows in two parts; of one row there are none."""
    if len(part) > 1:
        yield from np.array_split(part, 2)


def _take(held: Operand, part: Array) -> Operand:
    if isinstance(held, Encoded):
        return held.take(part).array
    return held if len(held) == 1 else held[part]


def spread(
    feature: Computed, values: Operand, failed: Mapping[Computed, Failed]
) -> tuple[Operand, Failed] | None:
    """A feature that reads failed ones: null where these are; None if it reads none of them.

    Args:
        feature: the feature.
        values: its values.
        failed: the features that failed before.
    """
    read = [one for one in leaves(feature.expression) if isinstance(one, Computed)]
    behind = [one for one in read if one in failed]
    if not behind:
        return None
    alike = [*behind, feature] if feature in failed else behind
    rows = np.logical_or.reduce(np.broadcast_arrays(*(failed[one].rows for one in alike)))
    found = np.where(rows, feature.kind.full(1, feature.kind.blank), array(values))
    first = failed[behind[0]]
    return found, Failed(rows, first.reason, first.behind or behind[0])
