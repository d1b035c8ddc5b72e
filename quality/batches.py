"""Batches: what landed of a source since a view was good last, and how much of it was refused."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from slate.quality.expectations import Expectation
from slate.sources import Source


@dataclass(frozen=True)
class Batch:
    """What landed of a source that a view is made of, since the view's last good run.

    Attributes:
        source: the source.
        taken: how many rows were taken in.
        refused: how many were refused; they lie in the quarantine with the reason.
    """

    source: type[Source]
    taken: int
    refused: int

    @property
    def refused_share(self) -> float:
        """The share of its rows that were refused, from 0 to 1."""
        return self.refused / max(1, self.taken + self.refused)


def few_refused(batches: Sequence[Batch]) -> Iterator[Expectation]:
    """No more was refused than each source's definition allows."""
    for batch in batches:
        name, most = batch.source.__name__, batch.source.max_refused
        yield Expectation(
            "ExpectColumnMaxToBeBetween",
            (),
            {"column": _number(batch), "max_value": most},
            f"{most:.0%} or fewer of the rows of {name} that landed since the last good run were "
            f"refused: of {batch.taken + batch.refused:,} rows {batch.refused:,} were; fix their "
            f"files, or set another max_refused of {name}",
            subject="profile",
        )


def shares(batches: Sequence[Batch]) -> dict[str, float | None]:
    """What this is measured on."""
    return {_number(batch): batch.refused_share for batch in batches}


def _number(batch: Batch) -> str:
    return f"refused of {batch.source.name}"
