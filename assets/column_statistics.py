"""Columns in numbers: counted batch by batch, and put together of parts."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime

import pyarrow as pa
import pyarrow.compute as pc

from slate.kinds import Kind


@dataclass(frozen=True)
class Statistics:
    """The values of a column in numbers; of a column of lists, those in all of the lists.

    Attributes:
        count: how many there are, without nulls.
        nulls: how many rows have none.
        infinite: how many are infinite; the least, the greatest and the mean are of the others.
        least, greatest: of numbers and times.
        mean: of numbers; of truth values the share that is true.
    """

    count: int = 0
    nulls: int = 0
    infinite: int = 0
    least: int | float | datetime | None = None
    greatest: int | float | datetime | None = None
    mean: float | None = None

    @classmethod
    def of(cls, kind: Kind, column: pa.Array) -> "Statistics":
        """The statistics of an Arrow array."""
        nulls, infinite = column.null_count, 0
        if pa.types.is_list(column.type):
            nulls += pc.sum(pc.equal(pc.list_value_length(column), 0)).as_py() or 0
            column = column.flatten()
            count = len(column) - column.null_count
        else:
            count = len(column) - nulls
        least = greatest = mean = None
        if kind is Kind.FLOAT:
            column = column.filter(pc.is_finite(column))
            infinite = count - len(column)
        if kind in (Kind.INTEGER, Kind.FLOAT, Kind.TIME):
            least, greatest = pc.min_max(column).as_py().values()
        if kind in (Kind.INTEGER, Kind.FLOAT, Kind.BOOLEAN):
            mean = pc.mean(column.cast(pa.float64(), safe=False)).as_py()
        return cls(count, nulls, infinite, least, greatest, mean)

    @classmethod
    def merged(cls, parts: Iterable["Statistics"]) -> "Statistics":
        """The statistics of several parts of a column."""
        parts = list(parts)
        finite = [(p.count - p.infinite, p.mean) for p in parts if p.mean is not None]
        total = sum(count for count, _ in finite)
        return cls(
            sum(p.count for p in parts),
            sum(p.nulls for p in parts),
            sum(p.infinite for p in parts),
            min((p.least for p in parts if p.least is not None), default=None),
            max((p.greatest for p in parts if p.greatest is not None), default=None),
            sum(mean * (count / total) for count, mean in finite) if finite else None,
        )
