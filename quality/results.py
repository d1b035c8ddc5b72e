"""What came of a view's suite."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

from slate.quality.acceptance import Acceptance
from slate.quality.expectations import Expectation
from slate.quality.moves import Move
from slate.quality.profiles import Profile


@dataclass(frozen=True)
class Result:
    """What came of one expectation; every value is plain Python.

    Attributes:
        expectation: what must hold.
        success: whether it does.
        observed: what was found, of an expectation of a column or table as a whole.
        unexpected: how many rows do not meet it; of a success, those that are allowed not to.
        share: the same as a share of all rows, from 0 to 1.
        examples: some of these rows: their keys, then the columns that the expectation looks at.
    """

    expectation: Expectation
    success: bool
    observed: Any
    unexpected: int
    share: float
    examples: tuple[dict[str, Any], ...]


@dataclass(frozen=True)
class Validation:
    """What came of a view's suite.

    Attributes:
        view: the view's name.
        table: the table that was checked.
        keys: the names of its key columns.
        results: what came of each expectation, in the suite's order. Of a column of the wrong type
            only that is told; of an empty table, only that it is empty.
        profile: the table in a few numbers.
        previous: that of the last good run, where it was compared with one.
        moves: how far features moved from it, by column.
        accepted: who said that a change from it is meant, and why, where one did.
    """

    view: str
    table: str
    keys: tuple[str, ...]
    results: tuple[Result, ...]
    profile: Profile
    previous: Profile | None = None
    moves: Mapping[str, Move] = field(default_factory=dict)
    accepted: Acceptance | None = None

    @property
    def success(self) -> bool:
        """Whether the view may be published: nothing critical failed."""
        return not any(r.expectation.severity == "critical" for r in self.failed)

    @cached_property
    def failed(self) -> tuple[Result, ...]:
        """The expectations that are not met, critical ones first."""
        failed = [result for result in self.results if not result.success]
        return tuple(sorted(failed, key=lambda r: r.expectation.severity != "critical"))
