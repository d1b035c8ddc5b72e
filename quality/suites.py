"""The suite of a view: what its definition says of every value, as expectations."""

import math
import sys
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

import numpy as np

from slate.compile.model_names import current_model
from slate.features import Aggregated, Feature
from slate.fingerprints import fingerprint
from slate.kinds import Kind, naive_utc
from slate.quality.batches import Batch, few_refused
from slate.quality.drift import drift
from slate.quality.expectations import Expectation, Severity
from slate.quality.invariants import in_microseconds, invariants, order
from slate.quality.limits import LIMITS, Limits
from slate.quality.profiles import Profile, told_as_of
from slate.quality.tables import AS_OF, EVENT_TIME, length_of, table_columns
from slate.views import FeatureView

# A warehouse type as pandas takes it from Arrow.
_DTYPES = {
    Kind.STRING: "str",
    Kind.INTEGER: "int64",
    Kind.FLOAT: "float64",
    Kind.BOOLEAN: "bool",
    Kind.TIME: "datetime64[us]",
}
_LISTS = "object"


def suite(
    view: type[FeatureView],
    *,
    as_of: datetime | None = None,
    now: datetime | None = None,
    previous: Profile | None = None,
    batches: Sequence[Batch] = (),
    limits: Limits = LIMITS,
) -> tuple[Expectation, ...]:
    """All that must hold of a view's table.

    Args:
        view: the view.
        as_of: the instant that the table must have been built as of; without it, nothing is
            expected of that instant.
        now: what the platform's clock says; without it, nothing is expected of how old rows are.
        previous: the profile of the last good run; without it, or when it is of another
            definition or of no rows, nothing is compared.
        batches: what landed since then of the sources that the view is made of.
        limits: how much may change between runs.
    """
    if previous is not None and not comparable(view, previous):
        previous = None
    return (
        *_table(view, previous),
        *_keys(view),
        *_times(view, as_of, now),
        *few_refused(batches),
        *(e for feature in view.features.values() for e in _feature(feature)),
        *invariants(view),
        *(drift(view, previous, limits) if previous is not None else ()),
    )


def comparable(view: type[FeatureView], previous: Profile) -> bool:
    """Whether a profile is of rows of this very definition."""
    return previous.definition == fingerprint(view) and previous.rows > 0


def _table(view: type[FeatureView], previous: Profile | None) -> Iterator[Expectation]:
    columns = table_columns(view)
    yield Expectation(
        "ExpectTableColumnsToMatchSet",
        (),
        {"column_set": list(columns), "exact_match": True},
        f"{current_model(view)} has the columns of {view.__name__} and no other",
        subject="shape",
    )
    for name, type_ in columns.items():
        dtype = _DTYPES[type_.kind] if type_.length is None else _LISTS
        yield Expectation(
            "ExpectColumnTypeToBe",
            (name,),
            {"column": name, "type_": dtype},
            f"{name} is a {type_.sql}: it is declared {type_.name}",
            subject="shape",
        )
    # Nothing may have happened yet, but what was there does not go away.
    if previous is not None:
        gate, of = view.gate, f"the {previous.rows:,} of {told_as_of(previous)}"
        least = max(1, math.ceil(round(previous.rows * (1 - gate.fewer_rows), 6)))
        yield Expectation(
            "ExpectTableRowCountToBeBetween",
            (),
            {"min_value": least},
            f"there are {least:,} rows or more: {1 - gate.fewer_rows:.0%} of {of}",
            compared=True,
        )
        if gate.more_rows is not None:
            most = math.floor(previous.rows * gate.more_rows)
            yield Expectation(
                "ExpectTableRowCountToBeBetween",
                (),
                {"max_value": most},
                f"there are {most:,} rows or fewer: {gate.more_rows:g} times {of}",
                compared=True,
            )


def _keys(view: type[FeatureView]) -> Iterator[Expectation]:
    keys = tuple(view.entity.keys)
    for key in keys:
        yield _never_null(key, "a key")
    pair = len(keys) == 2
    yield Expectation(
        "ExpectCompoundColumnsToBeUnique" if pair else "ExpectColumnValuesToBeUnique",
        keys,
        {"column_list": list(keys)} if pair else {"column": keys[0]},
        f"{' and '.join(keys)}: there is one row of each {view.entity.__name__}",
    )


def _times(
    view: type[FeatureView], as_of: datetime | None, now: datetime | None
) -> Iterator[Expectation]:
    yield _never_null(EVENT_TIME, "every row's event has a time")
    yield _never_null(AS_OF, "every row is as of an instant")
    yield order(EVENT_TIME, AS_OF, "no row is from the future", in_microseconds(EVENT_TIME, AS_OF))
    if as_of is not None:
        instant = naive_utc(as_of).replace(tzinfo=UTC)
        yield Expectation(
            "ExpectColumnValuesToBeBetween",
            (AS_OF,),
            {"column": AS_OF, "min_value": instant, "max_value": instant},
            f"{AS_OF} is {instant:%Y-%m-%d %H:%M:%S}: all rows are built as of one instant",
        )
    if now is not None and view.fresh_within_us is not None:
        oldest = naive_utc(now).replace(tzinfo=UTC) - timedelta(microseconds=view.fresh_within_us)
        yield Expectation(
            "ExpectColumnMaxToBeBetween",
            (EVENT_TIME,),
            {"column": EVENT_TIME, "min_value": oldest},
            f"the newest {EVENT_TIME} is {oldest:%Y-%m-%d %H:%M:%S} or later: fresh_within of "
            f"{view.__name__} is {view.fresh_within}",
        )


def _feature(feature: Feature) -> Iterator[Expectation]:
    column, constraints = feature.column, feature.constraints
    if feature.value_type.length is not None:
        yield from _list(column, feature.value_type.length)
        return
    if feature.default is not None:
        yield _never_null(column, f"where there is no value it is {feature.default!r}")
    elif constraints.null_share is not None:
        # Rounded: 1 - 0.7 is a little more than 0.3, and a share of exactly 0.7 is allowed.
        yield Expectation(
            "ExpectColumnValuesToNotBeNull",
            (column,),
            {"column": column, "mostly": round(1 - constraints.null_share, 12)},
            f"{column} is null in {constraints.null_share:.2%} of the rows or fewer: as declared",
        )
    yield from _range(feature)
    if constraints.one_of is not None:
        yield Expectation(
            "ExpectColumnValuesToBeInSet",
            (column,),
            {"column": column, "value_set": [_bound(value) for value in constraints.one_of]},
            f"{column} is one of {', '.join(map(repr, constraints.one_of))}: as declared",
        )


def _list(column: str, length: int) -> Iterator[Expectation]:
    """Of a list that it is one, and not too long: its values are checked in the source."""
    yield _never_null(column, "where there is no value it is empty")
    number = length_of(column)
    yield Expectation(
        "ExpectColumnValuesToBeBetween",
        (column,),
        {"column": number, "min_value": 0, "max_value": length},
        f"{column} holds {length:,} values or fewer: as declared",
        computed=(number,),
    )


def _range(feature: Feature) -> Iterator[Expectation]:
    column = feature.column
    least, greatest = feature.constraints.least, feature.constraints.greatest
    reasons = [] if least is None and greatest is None else ["as declared"]
    function = feature.measure.function if isinstance(feature, Aggregated) else None
    if function and function.least and (least is None or least < function.least[0]):
        least, reason = function.least
        reasons.append(reason)
    terms = [] if least is None else [f"at least {least}"]
    terms += [] if greatest is None else [f"at most {greatest}"]
    if terms:
        why = f"{column} is {' and '.join(terms)}: {', '.join(reasons)}"
        yield _between(column, _bound(least), _bound(greatest), why)
    if function and function.saturates and feature.kind is Kind.INTEGER:
        ends = np.iinfo(np.int64)
        why = f"{column} is within 64 bits: a sum that is not is the nearest number that is"
        yield _between(column, ends.min + 1, ends.max - 1, why, severity="warning")
    if feature.kind is Kind.FLOAT and (least is None or greatest is None):
        # Of a source's events none is so large that it could come to this: only tables of one's
        # own can bring it, and what is wrong with one key is not to keep all others from serving.
        largest = sys.float_info.max
        yield _between(column, -largest, largest, f"{column} is finite", severity="warning")


def _between(
    column: str, least: Any, greatest: Any, why: str, severity: Severity = "critical"
) -> Expectation:
    parameters = {"column": column, "min_value": least, "max_value": greatest}
    return Expectation(
        "ExpectColumnValuesToBeBetween", (column,), parameters, why, severity=severity
    )


def _never_null(column: str, reason: str) -> Expectation:
    return Expectation(
        "ExpectColumnValuesToNotBeNull",
        (column,),
        {"column": column},
        f"{column} is never null: {reason}",
    )


def _bound(value: Any) -> Any:
    """A constant as Great Expectations compares it: times are aware, in UTC."""
    return naive_utc(value).replace(tzinfo=UTC) if isinstance(value, datetime) else value
