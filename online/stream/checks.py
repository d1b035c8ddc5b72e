"""What a source's definition refuses of events: what the warehouse's intake refuses of rows.

Wording and order are those of the intake, so that a reason reads the same wherever it was found.
"""

from collections.abc import Callable
from datetime import UTC, datetime
from functools import cache
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from online.stream.typed import Mask, Typed, written_columns
from slate.entities import Source
from slate.features import Column
from slate.filters import literal
from slate.kinds import Kind

# Outside of these years a time is a broken clock, not an event.
EARLIEST, LATEST = datetime(1970, 1, 1, tzinfo=UTC), datetime(2100, 1, 1, tzinfo=UTC)

# Which values are wrong; null where there is no value.
Test = Callable[[pa.Array], pa.Array]


def refusals(source: type[Source], events: Typed) -> dict[int, str]:
    """Why events are refused, by their position; those that are not there are good.

    Several reasons are joined by ``; ``.
    """
    found: dict[int, list[str]] = {}

    def add(mask: Mask, reason: str) -> None:
        for row in np.flatnonzero(mask).tolist():
            found.setdefault(row, []).append(reason)

    for name in written_columns(source):
        column, wrong = events.columns[name], events.wrong.get(name)
        if column.null_count and not source.columns[name].nullable:
            missing = np.asarray(column.is_null())
            add(missing if wrong is None else missing & ~wrong, f"{name}: missing")
        if wrong is not None:
            add(wrong, f"{name}: not of type {source.columns[name].kind.value}")
        for test, reason in _tests(source, name):
            mask = test(column)
            if mask.true_count:
                add(np.asarray(mask.fill_null(False)), reason)
    return {row: "; ".join(found[row]) for row in sorted(found)}


@cache
def _tests(source: type[Source], name: str) -> list[tuple[Test, str]]:
    """The tests of a column's values, each with the reason to refuse what fails it."""
    column = source.columns[name]
    constraints = column.constraints
    tests: list[tuple[Test, str]] = []
    if column.kind is Kind.FLOAT:
        tests.append((_not_finite, "not a finite number"))
    if column.kind is Kind.STRING and not column.nullable:
        tests.append((_equal(""), "empty"))
    if constraints.least is not None:
        tests.append((_below(column, constraints.least), f"below {constraints.least}"))
    if constraints.greatest is not None:
        tests.append((_above(column, constraints.greatest), f"above {constraints.greatest}"))
    if constraints.one_of is not None:
        allowed = ", ".join(map(literal, constraints.one_of))
        tests.append((_not_in(column, constraints.one_of), f"not one of {allowed}"))
    if name == source.event_time:
        span = f"not between {EARLIEST:%Y} and {LATEST:%Y}"
        tests.append((_outside(column), span))
    return [(test, f"{name}: {reason}") for test, reason in tests]


def _not_finite(values: pa.Array) -> pa.Array:
    return pc.invert(pc.is_finite(values))


def _equal(constant: str) -> Test:
    return lambda values: pc.equal(values, constant)


def _below(column: Column, least: Any) -> Test:
    bound = pa.scalar(least, column.kind.arrow)
    return lambda values: pc.less(values, bound)


def _above(column: Column, greatest: Any) -> Test:
    bound = pa.scalar(greatest, column.kind.arrow)
    if column.kind is Kind.FLOAT:
        # NaN is above all numbers, as in the warehouse.
        return lambda values: pc.invert(pc.less_equal(values, bound))
    return lambda values: pc.greater(values, bound)


def _not_in(column: Column, one_of: Any) -> Test:
    allowed = pa.array(one_of, column.kind.arrow)
    return lambda values: pc.and_(pc.is_valid(values), pc.invert(pc.is_in(values, allowed)))


def _outside(column: Column) -> Test:
    earliest, latest = (pa.scalar(at, column.kind.arrow) for at in (EARLIEST, LATEST))
    return lambda values: pc.or_(pc.less(values, earliest), pc.greater(values, latest))
