r"""What values a column takes, by its kind: one rule for landing files and for streams.

A value is taken if it is of the column's kind, or the same without loss. Nothing is guessed::

    column     is taken from
    str        text; a whole number, written out
    int        a whole number of 64 bits; a float or a decimal that is whole (a float up to 2**53,
               beyond which it does not tell one number from the next); text of digits: 12, -12.0
    float      a number, as the nearest that a double holds; text of a number: 1.5, -2e3
    bool       a bool; the text true or false, in capitals or not
    datetime   an instant, down to the microsecond; a date, at midnight; text in ISO 8601:
               2026-03-01, 2026-03-01 12:00, 2026-03-01T12:00:00.5+01:00. UTC where it has no zone

NaN and NaT are null, whatever the column's kind. Everything else is of the wrong type: 2 or "yes"
for a bool, True or "0x10" for a number, bytes for a text, "20260301" or "infinity" for a time.

A landing file is judged in SQL, by the types of its columns; an event in Python, by its values.
Each pair of kind and form has both, side by side.
"""

import re
from collections.abc import Callable
from dataclasses import dataclass
from datetime import date, datetime, time
from decimal import Decimal
from enum import Enum, auto
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from slate.kinds import Kind, naive_utc
from slate.times import Mask, instants

# Raised for values that Python, or Arrow, does not have.
UNREADABLE = (pa.ArrowException, ValueError, TypeError, OverflowError, KeyError)

# The forms of texts, in what Python's and the warehouse's expressions have in common.
WHOLE_NUMBER = r"[+-]?[0-9]+(\.0*)?"
NUMBER = r"[+-]?([0-9]+(\.[0-9]*)?|\.[0-9]+)([eE][+-]?[0-9]+)?"
INSTANT = (
    r"[0-9]{4}-[0-9]{2}-[0-9]{2}"
    r"([T ]([01][0-9]|2[0-3]):[0-5][0-9](:[0-5][0-9](\.[0-9]{1,9})?)?"
    r"(Z|[+-](0[0-9]|1[0-4])(:?[0-5][0-9])?)?)?"
)
# What Python's times reach; a warehouse's and Arrow's reach further.
EARLIEST, LATEST = datetime.min, datetime.max
# Up to here a float tells one whole number from the next.
_EXACT = 2**53
_LIMITS = np.iinfo(np.int64)
_TRUTHS = {"true": True, "false": False}
_WRONG = object()


class Form(Enum):
    """The form that a value comes in."""

    TEXT = auto()
    WHOLE = auto()
    FLOAT = auto()
    DECIMAL = auto()
    TRUTH = auto()
    INSTANT = auto()
    DATE = auto()
    OTHER = auto()


def form_of_type(given: pa.DataType) -> Form:
    """The form of the values of an Arrow type."""
    tests = {
        Form.TEXT: (pa.types.is_string, pa.types.is_large_string, pa.types.is_string_view),
        Form.WHOLE: (pa.types.is_integer,),
        Form.FLOAT: (pa.types.is_floating,),
        Form.DECIMAL: (pa.types.is_decimal,),
        Form.TRUTH: (pa.types.is_boolean,),
        Form.INSTANT: (pa.types.is_timestamp,),
        Form.DATE: (pa.types.is_date,),
    }
    if isinstance(given, pa.BaseExtensionType):
        return form_of_type(given.storage_type)
    if pa.types.is_dictionary(given):
        return form_of_type(given.value_type)
    return next((form for form, of in tests.items() if any(t(given) for t in of)), Form.OTHER)


def form_of_value(value: object) -> Form:
    """The form of a Python value."""
    match value:
        case str():
            return Form.TEXT
        case bool():
            return Form.TRUTH
        case int():
            return Form.WHOLE
        case float():
            return Form.FLOAT
        case Decimal():
            return Form.DECIMAL
        case datetime():
            return Form.INSTANT
        case date():
            return Form.DATE
    return Form.OTHER


def is_null(value: object) -> bool:
    """Whether a Python value is none: None, or one that differs from itself, as NaN and NaT do."""
    if value is None:
        return True
    try:
        return bool(value != value)
    except (TypeError, ValueError, ArithmeticError):
        # pandas.NA is neither equal to itself nor not.
        return type(value).__name__ == "NAType"


@dataclass(frozen=True)
class Cast:
    """How a value of some form becomes one of a kind.

    Attributes:
        sql: in SQL, of the value ``{0}``; null where it cannot be.
        python: in Python; raises an error where it cannot be.
    """

    sql: str
    python: Callable[[Any], Any]


def _text(value: str) -> str:
    value.encode()  # refuses halves of characters
    return value


def _whole(value: Any) -> int:
    whole = int(value)
    if whole != value or not _LIMITS.min <= whole <= _LIMITS.max:
        raise ValueError(value)
    return whole


def _whole_float(value: float) -> int:
    if abs(value) > _EXACT:
        raise ValueError(value)
    return _whole(value)


def _matching(form: str) -> Callable[[str], str]:
    pattern = re.compile(form)

    def matched(text: str) -> str:
        if not pattern.fullmatch(text):
            raise ValueError(text)
        return text

    return matched


_whole_number, _number, _iso = map(_matching, (WHOLE_NUMBER, NUMBER, INSTANT))


def _instant(value: datetime) -> datetime:
    # A kind of datetime of another library's may hold nanoseconds: what is below goes.
    return naive_utc(datetime.combine(value.date(), value.timetz()))


def _in_span(sql: str) -> str:
    """A time in SQL, null where Python could not have it."""
    span = f"timestamp '{EARLIEST}' and timestamp '{LATEST}'"
    return f"case when {sql} between {span} then {sql} end"


TAKEN: dict[Kind, dict[Form, Cast]] = {
    Kind.STRING: {
        Form.TEXT: Cast("cast({0} as varchar)", _text),
        Form.WHOLE: Cast("cast({0} as varchar)", str),
    },
    Kind.INTEGER: {
        Form.WHOLE: Cast("try_cast({0} as bigint)", _whole),
        Form.FLOAT: Cast(
            f"case when {{0}} = trunc({{0}}) and abs({{0}}) <= {_EXACT} "
            "then cast({0} as bigint) end",
            _whole_float,
        ),
        Form.DECIMAL: Cast("case when {0} = trunc({0}) then try_cast({0} as bigint) end", _whole),
        Form.TEXT: Cast(
            f"case when regexp_full_match({{0}}, '{WHOLE_NUMBER}') "
            "then try_cast(split_part({0}, '.', 1) as bigint) end",
            lambda text: _whole(int(_whole_number(text).partition(".")[0])),
        ),
    },
    Kind.FLOAT: {
        Form.FLOAT: Cast("cast({0} as double)", float),
        Form.WHOLE: Cast("cast({0} as double)", float),
        # By its text, as a division by a power of ten rounds twice.
        Form.DECIMAL: Cast("cast(cast({0} as varchar) as double)", float),
        Form.TEXT: Cast(
            f"case when regexp_full_match({{0}}, '{NUMBER}') then try_cast({{0}} as double) end",
            lambda text: float(_number(text)),
        ),
    },
    Kind.BOOLEAN: {
        Form.TRUTH: Cast("{0}", bool),
        Form.TEXT: Cast(
            "case lower({0}) when 'true' then true when 'false' then false end",
            lambda text: _TRUTHS[text.lower()],
        ),
    },
    Kind.TIME: {
        Form.INSTANT: Cast(_in_span("try_cast({0} as timestamp)"), _instant),
        Form.DATE: Cast(
            _in_span("try_cast({0} as timestamp)"), lambda day: datetime.combine(day, time())
        ),
        # A cast to a time without a zone would pass over the one that a text names.
        Form.TEXT: Cast(
            f"case when regexp_full_match({{0}}, '{INSTANT.replace('{', '{{').replace('}', '}}')}')"
            f" then {_in_span('cast(try_cast({0} as timestamptz) as timestamp)')} end",
            lambda text: naive_utc(datetime.fromisoformat(_iso(text))),
        ),
    },
}


@dataclass(frozen=True)
class LandedColumn:
    """A column of a landing file, as SQL.

    Attributes:
        value: of the column's kind; null where there is none, and where it is of the wrong type.
        given: whether there is a value, of whatever type.
    """

    value: str
    given: str


def landed_column(kind: Kind, given: pa.DataType, column: str) -> LandedColumn:
    """A column of a landing file as values of a kind.

    Args:
        kind: the kind.
        given: the type that it is read as; times have been made microseconds.
        column: the column, as SQL.
    """
    form = form_of_type(given)
    there = f"{column} is not null"
    if form is Form.FLOAT:
        there += f" and not isnan({column})"
    cast = TAKEN[kind].get(form)
    if cast is None:
        return LandedColumn(f"cast(null as {kind.sql})", there)
    value = cast.sql.format(column)
    if form is Form.FLOAT:
        value = f"case when not isnan({column}) then {value} end"
    return LandedColumn(value, there)


def of_values(kind: Kind, values: list[Any]) -> tuple[pa.Array, Mask | None]:
    """Python values as a column of a kind, null where they are of the wrong type.

    Returns:
        The column, and which are of the wrong type; None if none is.
    """
    if set(map(type, values)) <= _PLAIN[kind]:
        try:
            return pa.array(values, kind.arrow, from_pandas=True), None
        except UNREADABLE:
            pass
    converted = [_converted(kind, value) for value in values]
    wrong = np.fromiter((value is _WRONG for value in converted), np.bool_, len(converted))
    column = pa.array([None if value is _WRONG else value for value in converted], kind.arrow)
    return column, wrong if wrong.any() else None


# What Arrow takes as it is, as long as the numbers are not too large.
_PLAIN: dict[Kind, set[type]] = {
    Kind.STRING: {str, type(None)},
    Kind.INTEGER: {int, type(None)},
    Kind.FLOAT: {float, int, type(None)},
    Kind.BOOLEAN: {bool, type(None)},
    Kind.TIME: {datetime, type(None)},
}


def _converted(kind: Kind, value: Any) -> Any:
    if isinstance(value, np.datetime64):
        value = value.astype("M8[us]")
    if isinstance(value, np.generic):
        value = value.item()  # of a time beyond Python's years a number, which no time is
    if is_null(value):
        return None
    cast = TAKEN[kind].get(form_of_value(value))
    try:
        return _WRONG if cast is None else cast.python(value)
    except (ValueError, ArithmeticError, KeyError):
        return _WRONG


# What Arrow's own casts take alike, or fail at.
_AS_IS = {
    (Kind.STRING, Form.TEXT),
    (Kind.INTEGER, Form.WHOLE),
    (Kind.FLOAT, Form.FLOAT),
    (Kind.BOOLEAN, Form.TRUTH),
}


def of_column(kind: Kind, column: pa.Array) -> tuple[pa.Array, Mask | None]:
    """An Arrow column as one of a kind; see ``of_values``."""
    if isinstance(column.type, pa.BaseExtensionType):
        column = column.storage
    if pa.types.is_dictionary(column.type):
        column = column.dictionary_decode()
    form = form_of_type(column.type)
    if form is Form.FLOAT and pc.any(pc.is_nan(column)).as_py():
        column = pc.if_else(pc.is_nan(column), None, column)
    if form not in TAKEN[kind]:
        return pa.nulls(len(column), kind.arrow), _some(np.asarray(column.is_valid()))
    if kind is Kind.TIME and form is not Form.TEXT:
        return instants(column)
    try:
        if (kind, form) in _AS_IS:
            return column.cast(kind.arrow), None
        if kind is Kind.FLOAT and form is Form.WHOLE:
            return column.cast(kind.arrow, safe=False), None
    except pa.ArrowException:
        pass
    return of_values(kind, column.to_pylist())


def _some(wrong: Mask) -> Mask | None:
    return wrong if wrong.any() else None
