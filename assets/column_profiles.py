"""What a file's columns hold: of which kind every value is, how many differ, how new they are."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

import duckdb
import pyarrow as pa

from slate.assets.event_files import EventFile
from slate.assets.event_values import (
    NULL_WORDS,
    has_decimal_comma,
    instant_sql,
)
from slate.assets.time_formats import misfits, names_a_time, time_format_of
from slate.coercion import Form, form_of_type, landed_column
from slate.kinds import Kind
from slate.quoting import quoted_name, quoted_text

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
        newest: of times, the latest that is not of the future; None without any.
        ahead: how many rows have a time of the future, as one that stands for never.
        furthest: of these the latest; None without any.
        whole_days: of times, whether each is a midnight.
        misfits: how many rows hold something else than a time in a column of times.
        time_format: of times that are not in ISO 8601, how they are written.
        decimal_comma: of numbers, whether they have a comma for the decimal point.
        empty: of texts, whether some are empty.
    """

    name: str
    type: pa.DataType
    kind: Kind | None
    rows: int
    nulls: int
    distinct: int
    commonest: str = ""
    unique: bool = False
    newest: datetime | None = None
    ahead: int = 0
    furthest: datetime | None = None
    whole_days: bool = False
    misfits: int = 0
    time_format: str = ""
    decimal_comma: bool = False
    empty: bool = False

    @property
    def nullable(self) -> bool:
        """Whether some row has no value, or an empty text, which a column without nulls refuses."""
        return self.nulls > 0 or self.empty


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
    now: datetime,
    null_words: Sequence[str] | None = None,
    time_formats: Sequence[str] = (),
) -> FileProfile:
    """Look at every value of a file's columns.

    Words for null are those given, or else those without which a column of texts is one of numbers
    or times.

    Args:
        connection: the one that the file is open in; it gets a table of the file's rows.
        file: the file.
        now: what is later is of the future (UTC).
        null_words: the words that are null; None to find out.
        time_formats: formats of times to try before the usual ones.
    """
    connection.execute(f"create or replace table looked_at as {file.relation}")
    if null_words is None:
        null_words = _null_words(connection, file, now, time_formats)
    columns = tuple(
        _profile(connection, file, column, type_, now, null_words, time_formats)
        for column, type_ in file.columns.items()
    )
    return FileProfile(columns, tuple(null_words))


def _null_words(
    connection: duckdb.DuckDBPyConnection,
    file: EventFile,
    now: datetime,
    time_formats: Sequence[str],
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
            type_ = file.columns[column]
            without = _profile(connection, file, column, type_, now, of, time_formats)
            if without.kind is not Kind.STRING and without.nulls < without.rows:
                told = _profile(connection, file, column, type_, now, (), time_formats)
                needed |= set(of) if told.kind is Kind.STRING else set()
    return [word for word in NULL_WORDS if word in needed]


def _profile(
    connection: duckdb.DuckDBPyConnection,
    file: EventFile,
    column: str,
    type_: pa.DataType,
    now: datetime,
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
    elif kind is Kind.STRING or (kind is Kind.INTEGER and names_a_time(column)):
        time_format = time_format_of(connection, type_, given, time_formats, column)
        kind = Kind.TIME if time_format else kind
    comma = kind is Kind.STRING and file.decimal_comma and _has_decimal_commas(connection, given)
    kind = Kind.FLOAT if comma else kind
    newest, ahead, furthest, whole_days, read_rows = None, 0, None, False, there
    if kind is Kind.TIME:
        value = instant_sql("value", type_, [time_format]) if time_format else "value"
        read_as = pa.string() if time_format else type_
        ((newest, ahead, furthest, whole_days, read_rows),) = connection.execute(
            f"""select max(value) filter (value <= $now),
                coalesce(sum(times) filter (value > $now), 0)::bigint,
                max(value) filter (value > $now),
                bool_and(value = date_trunc('day', value)),
                coalesce(sum(times) filter (value is not null), 0)::bigint
            from (
                select {landed_column(kind, read_as, "value").value} as value, times
                from (select {value} as value, times from column_values)
            )""",
            {"now": now},
        ).fetchall()
    empty = False
    if kind is Kind.STRING and form is Form.TEXT:
        ((empty,),) = connection.execute(
            f"select coalesce(bool_or(value = ''), false) from column_values where {given}"
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
        newest,
        ahead,
        furthest,
        bool(whole_days),
        there - read_rows,
        time_format,
        comma,
        empty,
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
    return misfits(connection, value, given, kind is Kind.TIME) is not None


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
