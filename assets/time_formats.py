"""In which format the values of a column are times, by all of them, and how many do not fit.

The column is at hand as a table of its values, each once, with how many rows have it.
"""

import re
from collections.abc import Sequence
from datetime import datetime

import duckdb
import pyarrow as pa

from slate.assets.event_values import EPOCHS, instant_sql
from slate.coercion import Form, form_of_type, landed_column
from slate.errors import DataError
from slate.kinds import Kind
from slate.quoting import quoted_text
from slate.refusals import EARLIEST, LATEST

# Of so many values a first look is taken.
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


def misfits(
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
        ((wrong, looked_at),) = connection.execute(
            f"""select coalesce(sum(times) filter (({value}) is null), 0)::bigint,
                coalesce(sum(times), 0)::bigint from {table} where {given}"""
        ).fetchall()
        most = max(looked_at >= _SOME, int(looked_at * _MISTAKES)) if some else 0
        if wrong > most:
            return None
    return int(wrong)


def names_a_time(column: str) -> bool:
    """Whether a column of whole numbers may hold times, by its name."""
    words = ("time", "date", "ts", "timestamp", "at", "on", "when", "unix", "epoch")
    return column.lower().replace("-", "_").rpartition("_")[2] in words or any(
        word in column.lower() for word in ("time", "unix", "epoch")
    )


def time_format_of(
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
        moment = landed_column(
            Kind.TIME, pa.string(), instant_sql("value", type_, [time_format])
        ).value
        # The first years of the epoch are not times of events, but small numbers.
        late = f"and ({moment}) > timestamp '1975-01-01'" if time_format in EPOCHS else ""
        value = f"case when ({moment}) {span} {late} then 1 end"
        # Numbers are times of the epoch by chance, but not where it is said, or told by the name.
        some = time_format not in EPOCHS or time_format in first or names_a_time(name)
        return misfits(connection, value, given, some) is not None

    found = next(filter(fits, formats), "")
    swapped = re.sub("%[dm]", lambda one: {"%d": "%m", "%m": "%d"}[one[0]], found)
    if swapped != found and found not in first and swapped in formats and fits(swapped):
        query = f"select min(value) from column_values where {given}"
        ((some,),) = connection.execute(query).fetchall()
        raise DataError(
            f"column {name!r}: whether {some!r} has the day or the month first is not told by any "
            f"of its values: say it by --time-format {found!r} or {swapped!r}"
        )
    return found


def _naive(at: datetime) -> datetime:
    return at.replace(tzinfo=None)
