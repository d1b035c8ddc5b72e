"""What a simulation tells of itself, while it runs and at its end."""

from dataclasses import dataclass, field
from datetime import datetime, timedelta

import numpy as np

from live_shopping.simulator.dirt import DUPLICATED, LATE, MALFORMED
from live_shopping.simulator.rows import Ints


@dataclass(slots=True)
class SourceSummary:
    """What was written of a source.

    Attributes:
        rows: All rows, with those counted below.
        files: Files, of which some may be empty.
        late: Rows that arrived minutes to a day and a half late.
        duplicated: Rows that repeat another.
        malformed: Rows that a check must refuse.
    """

    rows: int = 0
    files: int = 0
    late: int = 0
    duplicated: int = 0
    malformed: int = 0

    def add_file(self, dirt: Ints) -> None:
        """Count a file by the dirt of its rows."""
        self.files += 1
        self.rows += len(dirt)
        self.late += int(np.count_nonzero(dirt & LATE))
        self.duplicated += int(np.count_nonzero(dirt & DUPLICATED))
        self.malformed += int(np.count_nonzero(dirt & MALFORMED))


@dataclass(frozen=True, slots=True)
class Summary:
    """What a call of `simulate` wrote.

    Attributes:
        start: Start of the first hour that was missing.
        end: End of the last one; equal to `start` where none was.
        sources: Summaries by name of the source.
    """

    start: datetime
    end: datetime
    sources: dict[str, SourceSummary] = field(default_factory=dict)

    @property
    def hours(self) -> int:
        """Hours that were written."""
        return (self.end - self.start) // timedelta(hours=1)

    @property
    def rows(self) -> int:
        """Rows that were written, of all sources."""
        return sum(source.rows for source in self.sources.values())


@dataclass(frozen=True, slots=True)
class Progress:
    """Told after each hour.

    Attributes:
        hour: Start of the hour that has been written.
        done: Hours written.
        total: Hours to write in all.
        rows: Rows written so far, of all sources.
    """

    hour: datetime
    done: int
    total: int
    rows: int
