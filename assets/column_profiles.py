"""What a file's columns hold: of which kind every value is, how many differ, and in which span."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import duckdb
import pyarrow as pa

from slate.assets.event_files import EventFile
from slate.assets.event_values import (
    EPOCHS,
    NULL_WORDS,
    has_decimal_comma,
    instant,
    number,
)
from slate.coercion import Form, form_of_type, landed_column
from slate.errors import DataError
from slate.kinds import Kind
from slate.quoting import quoted_name, quoted_text
from slate.refusals import EARLIEST, LATEST

# The kinds that a value of some form may be meant as, the narrowest first.
_KINDS = {
    Form.TEXT: (Kind.INTEGER, Kind.FLOAT, Kind.BOOLEAN, Kind.TIME, Kind.STRING),
    Form.WHOLE: (Kind.INTEGER,),
    Form.FLOAT: (Kind.FLOAT,),
    Form.DECIMAL: (Kind.FLOAT,),
    Form.TRUTH: (Kind.BOOLEAN,),
    Form.INSTANT: (Kind.TIME,),
    Form.DATE: (Kind.TIME,),
}
_FEW = 1_000
# The share of a column's values that may be mistakes; one may be, if there are some.
_MISTAKES, _SOME = 0.01, 20
# The usual ways to write a time, besides ISO 8601. Of two that fit, the first is taken.
_DAY_FIRST = ("%d/%m/%Y", "%d.%m.%Y", "%d-%m-%Y")
_MONTH_FIRST = ("%m/%d/%Y", "%m-%d-%Y", "%m/%d/%y")
_OTHERS = ("%Y/%m/%d", "%Y%m%d", "%d %b %Y", "%b %d %Y", "%b %d, %Y", "%d-%b-%Y")
_OF_DAY = ("", " %H:%M", " %H:%M:%S", " %H:%M:%S.%f", " %I:%M %p", " %I:%M:%S %p")
FORMATS = (
    *(f"{day}{time}" for day in (*_MONTH_FIRST, *_DAY_FIRST, *_OTHERS) for time in _OF_DAY),
    "%a %b %d %H:%M:%S %Y",
    "%a, %d %b %Y %H:%M:%S",
    "%d/%b/%Y:%H:%M:%S",
)


@dataclass(frozen=True)
class ColumnProfile:
    """What a column holds.

    Attributes:
        name: its name in the file.
        type: its type in the file.
        kind: the narrowest kind that takes all of its values; None where none does.
        rows: how many rows there are.
        nulls: how many of them have no value.
        distinct: how many values differ.
        commonest: the value that most rows have, as text; one without a comma, if there is any.
        unique: whether each row has a value of its own.
        least, greatest: of times and numbers, the span; None of others.
        whole_days: of times, whether each is a midnight.
        misfits: how many rows hold something else than a time in a column of times.
        time_format: of times that are not in ISO 8601, how they are written.
        decimal_comma: of numbers, whether they have a comma for the decimal point.
    """

    name: str
    type: pa.DataType
    kind: Kind | None
    rows: int
    nulls: int
    distinct: int
    commonest: str = ""
    unique: bool = False
    least: Any = None
    greatest: Any = None
    whole_days: bool = False
    misfits: int = 0
    time_format: str = ""
    decimal_comma: bool = False

    @property
    def nullable(self) -> bool:
        """Whether some row has no value."""
        return self.nulls > 0


@dataclass(frozen=True)
class FileProfile:
    """What a file holds.

    Attributes:
        columns: its columns, in order.
        null_words: the words that are null in it.
    """

    columns: tuple[ColumnProfile, ...]
    null_words: tuple[str, ...] = ()


def profile(
    connection: duckdb.DuckDBPyConnection,
    file: EventFile,
    null_words: Sequence[str] | None = None,
    time_formats: Sequence[str] = (),
) -> FileProfile:
    """Look at every value of a file's columns.

    Words for null are those given, or else those without which a column of texts is one of numbers
    or times.

    Args:
        connection: the one that the file is open in; it gets a table of the file's rows.
        file: the file.
        null_words: the words that are null; None to find out.
        time_formats: formats of times to try before the usual ones.
    """
    connection.execute(f"create or replace table looked_at as {file.relation}")
    if null_words is None:
        null_words = _null_words(connection, file, time_formats)
    columns = tuple(
        _profile(connection, file, column, type_, null_words, time_formats)
        for column, type_ in file.columns.items()
    )
    return FileProfile(columns, tuple(null_words))


def _null_words(
    connection: duckdb.DuckDBPyConnection, file: EventFile, time_formats: Sequence[str]
) -> list[str]:
    texts = [c for c, type_ in file.columns.items() if form_of_type(type_) is Form.TEXT]
    if not texts:
        return []
    words = ", ".join(map(quoted_text, NULL_WORDS))
    distinct = [
        f"list(distinct {quoted_name(c)}) filter ({quoted_name(c)} in ({words}))" for c in texts
    ]
    (found,) = connection.execute(f"select {', '.join(distinct)} from looked_at").fetchall()
    needed: set[str] = set()
    for column, of in zip(texts, found, strict=True):
        if of:
            without = _profile(connection, file, column, file.columns[column], of, time_formats)
            if without.kind is not Kind.STRING and without.nulls < without.rows:
                told = _profile(connection, file, column, file.columns[column], (), time_formats)
                needed |= set(of) if told.kind is Kind.STRING else set()
    return [word for word in NULL_WORDS if word in needed]


def _profile(
    connection: duckdb.DuckDBPyConnection,
    file: EventFile,
    column: str,
    type_: pa.DataType,
    null_words: Sequence[str],
    time_formats: Sequence[str] = (),
) -> ColumnProfile:
    form, read = form_of_type(type_), quoted_name(column)
    if form is Form.TEXT and null_words:
        words = ", ".join(map(quoted_text, null_words))
        read = f"case when {read} not in ({words}) then {read} end"
    # Each value once, as most columns repeat theirs.
    connection.execute(
        f"""create or replace temp table column_values as
        select {read} as value, count(*) as times from looked_at group by all"""
    )
    kinds = (Kind.TIME, Kind.STRING) if column in file.texts else _KINDS.get(form, ())
    if column in file.nested:
        kinds = ()
    given = landed_column(kinds[0], type_, "value").given if kinds else "value is not null"
    ((rows, there, distinct, commonest),) = connection.execute(
        f"""select coalesce(sum(times), 0)::bigint,
            coalesce(sum(times) filter ({given}), 0)::bigint, count_if({given}),
            coalesce(
                arg_max(text, times) filter ({given} and not contains(text, ',')),
                arg_max(text, times) filter ({given})
            )
        from (select *, cast(value as varchar) as text from column_values)"""
    ).fetchall()
    kind = next((k for k in kinds if _fits(connection, type_, k, given)), None)
    time_format = ""
    if not there and form is Form.TEXT and kinds:
        kind = Kind.STRING
    elif kind is Kind.STRING or (kind is Kind.INTEGER and _names_a_time(column)):
        time_format = _time_format(connection, type_, given, time_formats, column)
        kind = Kind.TIME if time_format else kind
    comma = kind is Kind.STRING and file.decimal_comma and _has_decimal_commas(connection, given)
    kind = Kind.FLOAT if comma else kind
    least, greatest, whole_days, read_rows = None, None, False, there
    if kind in (Kind.TIME, Kind.INTEGER, Kind.FLOAT):
        value = instant("value", type_, [time_format]) if time_format else "value"
        value = number("value", type_) if comma else value
        read_as = pa.string() if time_format else type_
        days = "bool_and(value = date_trunc('day', value))" if kind is Kind.TIME else "false"
        ((least, greatest, whole_days, read_rows),) = connection.execute(
            f"""select min(value), max(value), {days},
                coalesce(sum(times) filter (value is not null), 0)::bigint
            from (
                select {landed_column(kind, read_as, "value").value} as value, times
                from (select {value} as value, times from column_values)
            )"""
        ).fetchall()
    unique = there == rows == distinct
    return ColumnProfile(
        column,
        type_,
        kind,
        rows,
        rows - there,
        distinct,
        commonest or "",
        unique,
        least,
        greatest,
        bool(whole_days),
        there - read_rows,
        time_format,
        comma,
    )


def _fits(
    connection: duckdb.DuckDBPyConnection, type_: pa.DataType, kind: Kind, given: str
) -> bool:
    """Whether a kind takes the values of the column at hand: all, or of times nearly all.

    A time is not taken for one by chance, and a few that are none are mistakes. What looks like a
    number most of the time may be a code.
    """
    value = landed_column(kind, type_, "value").value
    if kind in (Kind.INTEGER, Kind.FLOAT) and form_of_type(type_) is Form.TEXT:
        # What begins with a nought is not a number, but a code.
        value = f"case when not regexp_matches(value, '^[+-]?0[0-9]') then {value} end"
    return _misfits(connection, value, given, kind is Kind.TIME) is not None


def _has_decimal_commas(connection: duckdb.DuckDBPyConnection, given: str) -> bool:
    """Whether all texts of the column at hand are numbers, some with a comma for the decimal point.

    What begins with a nought is a code, as elsewhere.
    """
    ((fits,),) = connection.execute(
        f"""select bool_and({has_decimal_comma("value")})
            and bool_or(contains(value, ','))
            and not bool_or(regexp_matches(value, '^[+-]?0[0-9]'))
        from column_values where {given}"""
    ).fetchall()
    return bool(fits)


def _misfits(
    connection: duckdb.DuckDBPyConnection, value: str, given: str, some: bool
) -> int | None:
    """How many rows have a value of the column at hand that is null as read; None if too many.

    Args:
        connection: the connection.
        value: the value as read, as SQL.
        given: whether there is a value, as SQL.
        some: whether a few may be.
    """
    # The first of them tell most of the time, and to look at all takes long.
    for table in (f"(from column_values where {given} limit {_FEW})", "column_values"):
        ((misfits, looked_at),) = connection.execute(
            f"""select coalesce(sum(times) filter (({value}) is null), 0)::bigint,
                coalesce(sum(times), 0)::bigint from {table} where {given}"""
        ).fetchall()
        most = max(looked_at >= _SOME, int(looked_at * _MISTAKES)) if some else 0
        if misfits > most:
            return None
    return int(misfits)


def _names_a_time(column: str) -> bool:
    """Whether a column of whole numbers may hold times, by its name."""
    words = ("time", "date", "ts", "timestamp", "at", "on", "when", "unix", "epoch")
    return column.lower().replace("-", "_").rpartition("_")[2] in words or any(
        word in column.lower() for word in ("time", "unix", "epoch")
    )


def _time_format(
    connection: duckdb.DuckDBPyConnection,
    type_: pa.DataType,
    given: str,
    first: Sequence[str],
    name: str,
) -> str:
    """The format in which the values of the column at hand are times; empty if there is none.

    Raises:
        DataError: they are with the day first and with the month first, and nobody said which.
    """
    whole = form_of_type(type_) is not Form.TEXT
    formats = (*first, *EPOCHS, *(() if whole else FORMATS))
    if not whole:
        # Most texts are no times: to see that, all formats are tried at once.
        written = [one for one in formats if one not in EPOCHS]
        tried = f"try_strptime(value, [{', '.join(map(quoted_text, written))}])"
        some = f"select count({tried}) from (from column_values where {given} limit {_FEW})"
        if connection.execute(some).fetchall() == [(0,)]:
            formats = tuple(EPOCHS)
    span = f"between timestamp '{_naive(EARLIEST)}' and timestamp '{_naive(LATEST)}'"

    def fits(time_format: str) -> bool:
        moment = landed_column(Kind.TIME, pa.string(), instant("value", type_, [time_format])).value
        # The first years of the epoch are not times of events, but small numbers.
        late = f"and ({moment}) > timestamp '1975-01-01'" if time_format in EPOCHS else ""
        value = f"case when ({moment}) {span} {late} then 1 end"
        # Numbers are times of the epoch by chance, but not where it is said, or told by the name.
        some = time_format not in EPOCHS or time_format in first or _names_a_time(name)
        return _misfits(connection, value, given, some) is not None

    found = next(filter(fits, formats), "")
    swapped = re.sub("%[dm]", lambda one: {"%d": "%m", "%m": "%d"}[one[0]], found)
    if swapped != found and found not in first and swapped in formats and fits(swapped):
        query = f"select value from column_values where {given} limit 1"
        ((some,),) = connection.execute(query).fetchall()
        raise DataError(
            f"column {name!r}: whether {some!r} has the day or the month first is not told by any "
            f"of its values: say it by --time-format {found!r} or {swapped!r}"
        )
    return found


def _naive(at: datetime) -> datetime:
    return at.replace(tzinfo=None)
