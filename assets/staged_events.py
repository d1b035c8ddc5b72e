"""A file of events that others wrote, read into a table: each row as it was given, and judged."""

import re
from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime

import duckdb
import pyarrow as pa

from slate.assets.event_columns import column_names
from slate.assets.event_files import LINE, ROW, EventFile
from slate.assets.event_values import instant_sql, number_sql, values
from slate.assets.refusals import coerced_column, null_column, reasons
from slate.coercion import landed_column
from slate.errors import DataError, close, nearest
from slate.kinds import Kind
from slate.quoting import quoted_name
from slate.refusals import EARLIEST, LATEST
from slate.sources import Source
from slate.windows import duration

# The table; its columns besides the source's: the hour of a row's arrival, why it is refused, and
# each column as it was given.
STAGED = "staged"
HOUR, REASON, GIVEN = "_hour", "_reason", "given_"
_RULE = re.compile(r"\s*([A-Za-z_][A-Za-z0-9_]*)\s*(?:\+\s*([0-9]+[smhd])\s*)?")


@dataclass(frozen=True)
class Rules:
    """What is said of files, where they do not tell it themselves.

    Attributes:
        arrival: when rows arrived: a column of times, and maybe how long after it, as in
            ``placed_at + 5m``; empty where the files have the column.
        id_of_content: whether ids are made of the rows' content. Rows that are the same in every
            column are numbered; a file's are the same each time that it is read.
        null_words: words that stand for no value.
        time_formats: formats of times that are not in ISO 8601.
        table: the table of a DuckDB file.
        decimal_comma: whether numbers that are texts have a comma for the decimal point, and maybe
            points between thousands.
    """

    arrival: str = ""
    id_of_content: bool = False
    null_words: tuple[str, ...] = ()
    time_formats: tuple[str, ...] = ()
    table: str = ""
    decimal_comma: bool = False


def stage(
    connection: duckdb.DuckDBPyConnection, source: type[Source], file: EventFile, rules: Rules
) -> dict[str, pa.DataType]:
    """Read a file into a table: its rows as given, and typed, each with its hour and reason.

    Args:
        connection: where the table is made.
        source: whose events they are.
        file: the file.
        rules: what is said of it.

    Returns:
        The source's columns that it has, or that rules make, with the types in which they are
        given.

    Raises:
        DataError: it lacks what the source needs, or the rules do not fit it.
    """
    present = _present(source, file)
    columns, given = dict[str, str](), dict[str, pa.DataType]()
    for column in source.columns.values():
        if (header := present.get(column.name)) is None:
            continue
        type_ = file.columns[header]
        columns[column.name] = quoted_name(header)
        if column.kind is Kind.TIME and rules.time_formats:
            columns[column.name] = instant_sql(quoted_name(header), type_, rules.time_formats)
            type_ = type_ if columns[column.name] == quoted_name(header) else pa.string()
        elif column.kind is Kind.FLOAT and rules.decimal_comma:
            columns[column.name] = number_sql(quoted_name(header), type_)
        given[column.name] = type_
    _add_id(source, file, rules, columns, given)
    _add_arrival(source, rules, columns, given)
    _require_columns(source, file, given)
    read = ", ".join(f"{sql} as {column}" for column, sql in columns.items())
    line = LINE if file.lines else f"cast(null as varchar) as {LINE}"
    arrival = landed_column(
        Kind.TIME, given[source.arrival_time], f"landed.{source.arrival_time}"
    ).value
    refusals = ",\n".join(
        reason
        for column in source.columns.values()
        for reason in reasons(source, column, given.get(column.name))
    )
    typed_columns = ", ".join(
        coerced_column(c, given[c.name]) if c.name in given else null_column(c)
        for c in source.columns.values()
    )
    as_given = ", ".join(f"landed.{column} as {GIVEN}{column}" for column in given)
    connection.execute(
        f"""create table {STAGED} as
        select landed.{ROW}, landed.{LINE}, {as_given}, {typed_columns},
            case when {arrival} between timestamp '{_naive(EARLIEST)}'
                and timestamp '{_naive(LATEST)}' then date_trunc('hour', {arrival}) end as {HOUR},
            case when landed.{LINE} is not null then 'not a JSON object'
                else nullif(concat_ws('; ', {refusals}), '') end as {REASON}
        from (select {ROW}, {line}, {read} from ({values(file, rules.null_words)})) as landed"""
    )
    return given


def unmatched(source: type[Source], file: EventFile, given: Collection[str]) -> list[str]:
    """What a file and a source do not have in common, in words.

    Args:
        source: whose events they are.
        file: the file.
        given: the source's columns that the file has, or that rules make.
    """
    known = set(_present(source, file).values())
    others = [header for header in file.columns if header not in known]
    told = []
    for column in source.columns:
        if column in given:
            continue
        near = close(column, others)
        told.append(
            f"no column {column!r}: it is null in every row"
            + (f". If {near!r} is that column, rename it" if near else "")
        )
    if others:
        named = ", ".join(map(repr, others))
        told.append(f"not taken, as {source.__name__} has no such columns: {named}")
    return told


def _present(source: type[Source], file: EventFile) -> dict[str, str]:
    """The names in the file of a source's columns, by the columns' own."""
    found = {column: column for column in file.columns if column in source.columns}
    for header, column in column_names(source.name, file.columns).items():
        if column in source.columns:
            found.setdefault(column, header)
    return found


def _add_id(
    source: type[Source],
    file: EventFile,
    rules: Rules,
    columns: dict[str, str],
    given: dict[str, pa.DataType],
) -> None:
    column = source.unique_id
    if not rules.id_of_content:
        if column not in given:
            raise DataError(
                f"{file.path} has no column {column!r}, the id of {source.__name__}: name one so, "
                "or make ids of the rows' content by --id content"
            )
        return
    if column in given:
        raise DataError(f"{file.path} has a column {column!r}: leave --id content out")
    if source.columns[column].kind is not Kind.STRING:
        raise DataError(
            f"{source.columns[column]!r} is not a text, which ids made of content are: "
            "annotate it str"
        )
    # Null differs from every text.
    parts = ", ".join(
        f"coalesce('=' || cast({quoted_name(header)} as varchar), '')" for header in file.columns
    )
    content = f"md5(concat_ws(chr(31), {parts}))"
    same = f"row_number() over (partition by {content} order by {ROW})"
    columns[column] = f"{content} || case when {same} > 1 then '-' || {same} else '' end"
    given[column] = pa.string()


def _add_arrival(
    source: type[Source], rules: Rules, columns: dict[str, str], given: dict[str, pa.DataType]
) -> None:
    arrival = source.arrival_time
    if not rules.arrival:
        if arrival not in given:
            raise DataError(
                f"no column tells when rows of {source.__name__} arrived ({arrival}): say a rule, "
                f"as in --arrival '{source.event_time} + 5m'"
            )
        return
    match = _RULE.fullmatch(rules.arrival)
    if match is None:
        raise DataError(
            f"--arrival {rules.arrival!r} is not a rule: give a column of times and how long after "
            f"it, as in '{source.event_time} + 5m'"
        )
    column, after = match[1], match[2]
    if arrival in given:
        raise DataError(f"the file has a column {arrival!r}: leave --arrival out")
    if column not in given or source.columns[column].kind is not Kind.TIME:
        times = [c for c in given if source.columns[c].kind is Kind.TIME]
        raise DataError(f"--arrival: the file has no times {column!r}, {nearest(column, times)}")
    delay = duration(after, "--arrival") if after else 0
    time = landed_column(Kind.TIME, given[column], f"({columns[column]})").value
    columns[arrival] = f"({time}) + to_microseconds({delay})"
    given[arrival] = pa.timestamp("us")


def _require_columns(source: type[Source], file: EventFile, given: dict[str, pa.DataType]) -> None:
    for column in source.columns.values():
        if column.name not in given and not column.nullable:
            raise DataError(
                f"{file.path} has no column {column.name!r}, and {column!r} may not be null, "
                f"{nearest(column.name, file.columns)}; rename it in the file, or annotate it "
                f"{column.kind.value} | None"
            )


def _naive(at: datetime) -> datetime:
    return at.replace(tzinfo=None)
