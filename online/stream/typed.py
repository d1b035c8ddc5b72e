"""Events of loose types as a source's columns.

What the warehouse's casts would take is taken, as long as there is one meaning to it::

    str       text; a whole number, written out
    int       a whole number, also as a float or as text; a bool is no number
    float     a number, also as text
    bool      a bool, or the text true or false
    datetime  a time or a date, also as ISO text; UTC where it has no zone

Any other value is *wrong*: null in the column, and told of beside it. The arrival is the store's to
say: what an event says of it is passed over.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, time
from decimal import Decimal
from typing import Any

import numpy as np
import pyarrow as pa

from slate.entities import Source
from slate.errors import DataError, nearest
from slate.kinds import Kind, naive_utc

Mask = np.ndarray[Any, np.dtype[np.bool_]]

_WRONG = object()
_NONE = type(None)
# What Arrow takes as it is, as long as the numbers are not too large.
_PLAIN: dict[Kind, set[type]] = {
    Kind.STRING: {str, _NONE},
    Kind.INTEGER: {int, _NONE},
    Kind.FLOAT: {float, int, _NONE},
    Kind.BOOLEAN: {bool, _NONE},
    Kind.TIME: {datetime, _NONE},
}
_TRUTHS = {"true": True, "false": False}
_TO_MICROSECONDS = {"s": 1_000_000, "ms": 1_000}
_LIMITS = np.iinfo(np.int64)
# Raised for values that Python, or Arrow, does not have.
UNREADABLE = (pa.ArrowException, ValueError, TypeError, OverflowError, KeyError)


@dataclass(frozen=True)
class Typed:
    """A source's columns, all but the arrival, in their order.

    Attributes:
        rows: how many events there are.
        columns: each of its type; null where an event has no value, or a wrong one.
        wrong: of the columns with wrong values, which events have one.
    """

    rows: int
    columns: dict[str, pa.Array]
    wrong: dict[str, Mask]


def written_columns(source: type[Source]) -> dict[str, Kind]:
    """The columns that an event brings along: all but the arrival."""
    return {c.name: c.kind for c in source.columns.values() if c.name != source.arrival_time}


def check_names(source: type[Source], names: Iterable[Any]) -> None:
    """Refuse columns that a source does not have, and those that are there twice.

    Raises:
        DataError: naming one of them, with the nearest right name.
    """
    names = list(names)
    if len(set(names)) < len(names):
        raise DataError(
            f"events of {source.__name__} have a column twice: {', '.join(map(str, names))}"
        )
    unknown = [name for name in names if name not in source.columns]
    if unknown:
        raise DataError(
            f"{source.__name__} has no column {unknown[0]!r}, "
            f"{nearest(str(unknown[0]), source.columns)}; none of these events is written"
        )


def typed_events(source: type[Source], events: Sequence[Mapping[str, Any]]) -> Typed:
    """Events as Python has them; a column that an event does not name is null.

    Raises:
        DataError: an event is no mapping, or names a column that the source does not have.
    """
    for event in events:
        if not isinstance(event, Mapping):
            raise DataError(
                f"an event of {source.__name__} is a mapping of its columns, and {event!r} is none"
            )
    check_names(source, dict.fromkeys(name for event in events for name in event))
    found = {
        name: _from_python(kind, [event.get(name) for event in events])
        for name, kind in written_columns(source).items()
    }
    return _typed(len(events), found)


def typed_batch(source: type[Source], batch: pa.RecordBatch) -> Typed:
    """Events as Arrow has them; a column that is not there is null, one too many is passed over."""
    rows = batch.num_rows
    given = dict(zip(batch.schema.names, batch.columns, strict=True))
    found = {
        name: _from_arrow(kind, given[name])
        if name in given
        else (pa.nulls(rows, kind.arrow), None)
        for name, kind in written_columns(source).items()
    }
    return _typed(rows, found)


def _typed(rows: int, found: dict[str, tuple[pa.Array, Mask | None]]) -> Typed:
    wrong = {name: mask for name, (_, mask) in found.items() if mask is not None and mask.any()}
    return Typed(rows, {name: column for name, (column, _) in found.items()}, wrong)


def _from_python(kind: Kind, values: list[Any]) -> tuple[pa.Array, Mask | None]:
    if set(map(type, values)) <= _PLAIN[kind]:
        try:
            return pa.array(values, kind.arrow), None
        except UNREADABLE:
            pass
    convert = _CONVERSIONS[kind]
    converted = [None if value is None else _converted(convert, value) for value in values]
    wrong = np.fromiter((value is _WRONG for value in converted), np.bool_, len(converted))
    column = pa.array([None if value is _WRONG else value for value in converted], kind.arrow)
    return column, wrong


def _from_arrow(kind: Kind, column: pa.Array) -> tuple[pa.Array, Mask | None]:
    if column.type == kind.arrow:
        return column, None
    if pa.types.is_dictionary(column.type):
        return _from_arrow(kind, column.dictionary_decode())
    try:
        if kind is Kind.TIME and pa.types.is_temporal(column.type):
            return _times(column)
        if pa.types.is_null(column.type) or _casts(kind, column.type):
            return column.cast(kind.arrow), None
    except pa.ArrowException:
        pass
    try:
        return _from_python(kind, column.to_pylist())
    except UNREADABLE:  # Python has no such values
        return pa.nulls(len(column), kind.arrow), np.asarray(column.is_valid())


def _casts(kind: Kind, given: pa.DataType) -> bool:
    """Whether Arrow's own cast does what is wanted, or fails."""
    match kind:
        case Kind.STRING:
            return bool(pa.types.is_large_string(given) or pa.types.is_string_view(given))
        case Kind.INTEGER:
            return bool(pa.types.is_integer(given))
        case Kind.FLOAT:
            return bool(pa.types.is_floating(given) or pa.types.is_integer(given))
        case _:
            return False


def _times(column: pa.Array) -> tuple[pa.Array, Mask | None]:
    """Times and dates of any unit, to the microsecond below."""
    if not pa.types.is_timestamp(column.type):
        if not pa.types.is_date(column.type):
            return pa.nulls(len(column), Kind.TIME.arrow), np.asarray(column.is_valid())
        column = column.cast(pa.timestamp("s"))
    unit, scale = column.type.unit, _TO_MICROSECONDS.get(column.type.unit)
    if scale is None:
        zone = column.type.tz
        floored = column.cast(pa.timestamp("us", zone), safe=unit != "ns")
        return floored.cast(Kind.TIME.arrow), None
    valid = np.asarray(column.is_valid())
    values = np.asarray(column.cast(pa.int64()).fill_null(0))
    fits = (values <= _LIMITS.max // scale) & (values >= _LIMITS.min // scale)
    scaled = pa.array(np.where(fits, values, 0) * scale, mask=~(valid & fits))
    return scaled.cast(Kind.TIME.arrow), valid & ~fits


def _converted(convert: Callable[[Any], Any], value: Any) -> Any:
    if isinstance(value, np.datetime64):
        value = value.astype("M8[us]").item()
        return _WRONG if isinstance(value, int) else value and convert(value)
    try:
        return convert(value.item() if isinstance(value, np.generic) else value)
    except (ValueError, OverflowError, ArithmeticError):
        return _WRONG


def _text(value: Any) -> Any:
    if isinstance(value, str):
        value.encode()
        return value
    return str(value) if isinstance(value, int) and not isinstance(value, bool) else _WRONG


def _integer(value: Any) -> Any:
    if isinstance(value, str):
        try:
            value = int(_digits(value))
        except ValueError:
            value = Decimal(_digits(value))
    if isinstance(value, bool) or not isinstance(value, int | float | Decimal):
        return _WRONG
    whole = int(value)
    return whole if whole == value and _LIMITS.min <= whole <= _LIMITS.max else _WRONG


def _number(value: Any) -> Any:
    if isinstance(value, str):
        return float(_digits(value))
    if isinstance(value, bool) or not isinstance(value, int | float | Decimal):
        return _WRONG
    return float(value)


def _digits(text: str) -> str:
    """A number's text, without what only Python's source code may have in it."""
    if "_" in text or not text.isascii():
        raise ValueError(text)
    return text


def _truth(value: Any) -> Any:
    if isinstance(value, str):
        return _TRUTHS.get(value.lower(), _WRONG)
    return value if isinstance(value, bool) else _WRONG


def _time(value: Any) -> Any:
    if isinstance(value, str):
        value = datetime.fromisoformat(value)
    if isinstance(value, datetime):
        # pandas has a time that is none, and it differs from itself.
        return naive_utc(value) if value == value else None
    return datetime.combine(value, time()) if isinstance(value, date) else _WRONG


_CONVERSIONS: dict[Kind, Callable[[Any], Any]] = {
    Kind.STRING: _text,
    Kind.INTEGER: _integer,
    Kind.FLOAT: _number,
    Kind.BOOLEAN: _truth,
    Kind.TIME: _time,
}
