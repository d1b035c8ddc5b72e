"""How values of other people's files are written: words for null, and formats of time."""

import re
from collections.abc import Sequence

import duckdb
import pyarrow as pa

from slate.assets.event_files import EventFile
from slate.coercion import Form, form_of_type
from slate.errors import DataError
from slate.quoting import quoted_name, quoted_text

# Numbers since the epoch: how many of a unit are a second.
EPOCHS = {"epoch_s": 1, "epoch_ms": 1_000, "epoch_us": 1_000_000}
# Null, as other programs write it; taken for null only where that is said.
NULL_WORDS = ("NA", "N/A", "#N/A", "NULL", "Null", "null", "None", "NaN", "nan", "NaT", "\\N", "-")
# A number with a comma for the decimal point, and maybe points between thousands (SQL).
_DECIMAL_COMMA = r"\s*[+-]?([0-9]{1,3}(\.[0-9]{3})+|[0-9]+)(,[0-9]+)?\s*"
_ISO = "%Y-%m-%dT%H:%M:%S.%f"


def values(file: EventFile, null_words: Sequence[str]) -> str:
    """A file's rows as a relation in which words for null are null, in all columns of text."""
    if not null_words:
        return file.relation
    words = ", ".join(map(quoted_text, null_words))
    read = ", ".join(
        f"case when {name} not in ({words}) then {name} end as {name}"
        for name, type_ in zip(map(quoted_name, file.columns), file.columns.values(), strict=True)
        if form_of_type(type_) is Form.TEXT
    )
    return f"select * replace ({read}) from ({file.relation})" if read else file.relation


def instant_sql(sql: str, type_: pa.DataType, time_formats: Sequence[str]) -> str:
    """A column that holds times in some formats, as text that every column of times takes.

    What is of none of the formats stays as it is.

    Args:
        sql: the column, as SQL.
        type_: its type.
        time_formats: each is ``epoch_s``, ``epoch_ms``, ``epoch_us``, or as ``strptime`` has it;
            the first that fits counts.
    """
    if form_of_type(type_) in (Form.INSTANT, Form.DATE) or not time_formats:
        return sql
    text = f"cast({sql} as varchar)"
    read = [f"strftime({_read(sql, text, one)}, '{_ISO}')" for one in time_formats]
    return f"coalesce({', '.join(read)}, {text})"


def number_sql(sql: str, type_: pa.DataType) -> str:
    """A column of numbers with decimal commas, as text that every column of floats takes.

    What is no such number stays as it is.

    Args:
        sql: the column, as SQL.
        type_: its type.
    """
    if form_of_type(type_) is not Form.TEXT:
        return sql
    with_point = f"replace(replace({sql}, '.', ''), ',', '.')"
    return f"case when {has_decimal_comma(sql)} then {with_point} else {sql} end"


def has_decimal_comma(sql: str) -> str:
    """Whether a text is a number as it is written with decimal commas (SQL)."""
    return f"regexp_full_match({sql}, '{_DECIMAL_COMMA}')"


def _read(sql: str, text: str, time_format: str) -> str:
    if time_format not in EPOCHS:
        return f"try_strptime({text}, {quoted_text(time_format)})"
    number = f"try_cast({sql} as double) * {1_000_000 // EPOCHS[time_format]}"
    # Beyond that, no time is one.
    return f"case when abs({number}) < 1e17 then make_timestamp(cast({number} as bigint)) end"


def require_time_format(text: str) -> str:
    """A format of times, as it was given.

    Raises:
        DataError: it is none.
    """
    if text in EPOCHS:
        return text
    wrong = "" if re.search(r"%[A-Za-z]", text) else "no part of a time is in it"
    try:
        with duckdb.connect() as connection:
            connection.execute("select try_strptime('', ?)", [text])
    except duckdb.Error as error:
        unknown = re.search("strptime: (%.)", str(error))
        wrong = (
            f"it has {unknown[1]}, which is no part of a time" if unknown else "a % stands alone"
        )
    if wrong:
        raise DataError(
            f"--time-format {text!r} is none, as {wrong}: give {', '.join(EPOCHS)}, or one such as "
            "'%d/%m/%Y %H:%M'"
        )
    return text
