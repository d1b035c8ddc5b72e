"""Files of events that others wrote: CSV, JSON lines, Parquet, a DuckDB file; each as a relation.

What CSV and JSON lines hold is read as text, so that a value is judged by the rules of its column
(``slate/coercion.py``) and not by what a reader takes it for. Names of columns are as in the file.
"""

import csv
import json
import re
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import duckdb
import pyarrow as pa

from slate.assets.csv_lines import LONGEST_LINE, opened_text
from slate.assets.scratch import MEMORY
from slate.errors import DataError, nearest
from slate.file_formats import (
    GZIP,
    require_duckdb,
    require_parquet,
    require_text,
    require_utf8,
)
from slate.quoting import quoted_name, quoted_text

CSV = (".csv", ".tsv", ".txt")
JSON_LINES = (".jsonl", ".ndjson", ".json")
PARQUET = (".parquet",)
DATABASES = (".duckdb", ".ddb", ".db")
KNOWN = (*CSV, *JSON_LINES, *PARQUET, *DATABASES)

# The number of a row in its file, from 1, and the text of a line that holds no row.
ROW, LINE = "_row", "_line"
_DELIMITERS = ",;\t|"
_LINES_HEAD = 1 << 20
_TABLES = "select table_name from duckdb_tables() where database_name = 'given' and not internal"


@dataclass(frozen=True)
class EventFile:
    """A file of events, opened in a connection.

    Attributes:
        path: where it lies.
        columns: the types of its columns by name, in order, as Arrow has them.
        relation: SQL that gives its rows: its columns, ``_row``, and of JSON lines ``_line``, the
            text of a line that is not an object, whose columns are null.
        texts: of JSON lines, the columns that hold strings; of no number, then, but a time may be.
        nested: of JSON lines, the columns that hold lists or objects, as text.
        lines: whether it is of JSON lines, so that the number of a row is that of its line.
        delimiter: what parts the values of a CSV file; empty of others.
        decimal_comma: whether numbers in it may have a comma for the decimal point: where commas
            part the values they cannot, without quotes.
    """

    path: Path
    columns: dict[str, pa.DataType]
    relation: str
    texts: frozenset[str] = frozenset()
    nested: frozenset[str] = frozenset()
    lines: bool = False
    delimiter: str = ""
    decimal_comma: bool = False


def open_events(connection: duckdb.DuckDBPyConnection, path: Path, table: str = "") -> EventFile:
    """Open a file.

    Args:
        connection: in memory or of a passing file; one file at a time is open in it.
        path: the file.
        table: of a DuckDB file, the table or view; needed where it has several.

    Raises:
        DataError: it cannot be read, is of another format, or has no columns.
    """
    if not path.is_file():
        raise DataError(f"{path} is not a file: name a file of {', '.join(KNOWN)}")
    with reading(path):
        return _opened(connection, path, table)


@contextmanager
def reading(path: Path) -> Iterator[None]:
    """Tell of what DuckDB or the disk raise while a file is read.

    Raises:
        DataError: it cannot be read; or what is looked at does not fit on the disk.
    """
    try:
        yield
    except DataError:
        raise
    except duckdb.OutOfMemoryException as error:
        raise DataError(
            f"{path} does not fit into {MEMORY} of memory, or the disk is full: make room, or load "
            "it in parts"
        ) from error
    except (duckdb.Error, OSError, ValueError, csv.Error) as error:
        if _suffix(path) in (*CSV, *JSON_LINES):
            require_utf8(path)
        raise DataError(
            f"{path} cannot be read ({_words(path, error)}): see that it is whole, and what its "
            "name says"
        ) from error


def _opened(connection: duckdb.DuckDBPyConnection, path: Path, table: str) -> EventFile:
    suffix = _suffix(path)
    if table and suffix not in DATABASES:
        raise DataError(f"{path} has no tables: leave --table out, which is for a DuckDB file")
    if suffix in CSV:
        require_text(path)
        return _csv(path)
    if suffix in JSON_LINES:
        require_text(path)
        return _json_lines(connection, path)
    if suffix in PARQUET:
        require_parquet(path)
        return _event_file(
            connection, path, f"read_parquet({quoted_text(path)}, hive_partitioning=false)"
        )
    if suffix in DATABASES:
        require_duckdb(path)
        return _database(connection, path, table)
    raise DataError(
        f"{path}: the format {suffix or 'without an ending'} is unknown, {nearest(suffix, KNOWN)}; "
        "also .csv.gz and .jsonl.gz"
    )


def _suffix(path: Path) -> str:
    """The ending that tells the format; that of compressed text is the one before."""
    suffix = path.suffix.lower()
    return Path(path.stem).suffix.lower() if suffix == GZIP else suffix


def _csv(path: Path) -> EventFile:
    with opened_text(path) as file:
        head = file.readline(_LINES_HEAD)
        delimiter = max(_DELIMITERS, key=head.count)
        file.seek(0)
        header = next(csv.reader(file, delimiter=delimiter), [])
    _require_names(path, header)
    types = ", ".join(f"{quoted_text(column)}: 'VARCHAR'" for column in header)
    reader = (
        f"read_csv({quoted_text(path)}, auto_detect=false, header=true, "
        f"delim={quoted_text(delimiter)}, "
        f"quote='\"', escape='\"', nullstr='', columns={{{types}}}, store_rejects=true, "
        f"max_line_size={LONGEST_LINE}, rejects_limit=0)"
    )
    columns = {column: pa.string() for column in header}
    rows = f"select row_number() over () as {ROW}, * from {reader}"
    return EventFile(path, columns, rows, delimiter=delimiter, decimal_comma=delimiter != ",")


def _require_names(path: Path, header: Sequence[str]) -> None:
    if not header:
        raise DataError(f"{path} is empty: its first line has to name the columns")
    lower = [column.strip().lower() for column in header]
    if "" in lower:
        raise DataError(f"{path}: column {lower.index('') + 1} of the first line has no name")
    for column in lower:
        if lower.count(column) > 1:
            raise DataError(f"{path}: two columns are named {column!r}: rename one of them")


def _json_lines(connection: duckdb.DuckDBPyConnection, path: Path) -> EventFile:
    text = (
        f"read_csv({quoted_text(path)}, columns={{'line': 'VARCHAR'}}, auto_detect=false, "
        "header=false, "
        f"delim='\x01', quote='', escape='', strict_mode=false, max_line_size={LONGEST_LINE})"
    )
    parsed = (
        f"(select row_number() over () as {ROW}, line, case when json_valid(line) then line end "
        f"as parsed from {text})"
    )
    # What is not an object has no key; an empty line is nothing.
    rows = (
        f"(select {ROW}, line, case when json_type(parsed) = 'OBJECT' then parsed end as row "
        f"from {parsed} where line is not null)"
    )
    found = connection.execute(
        f"""select key, bool_or(type = 'VARCHAR'), bool_or(type in ('OBJECT', 'ARRAY')),
            min(struct_pack(row := {ROW}, place := place)) as first
        from (
            select {ROW}, key, place, json_type(row, '$.' || to_json(key)::varchar) as type
            from (
                select {ROW}, row, unnest(json_keys(row)) as key,
                    unnest(range(len(json_keys(row)))) as place
                from {rows}
            )
        )
        group by key order by first"""
    ).fetchall()
    if not found:
        raise DataError(
            f"{path} holds no JSON objects, one a line: write each row as one, of an array by "
            "`jq -c '.[]'`, of objects over several lines by `jq -c .`"
        )
    _require_names(path, [key for key, *_ in found])
    values = ", ".join(
        f"json_extract_string(row, {quoted_text(_path(key))}) as {quoted_name(key)}"
        for key, *_ in found
    )
    return EventFile(
        path,
        {key: pa.string() for key, *_ in found},
        f"select {ROW}, {values}, case when row is null then line end as {LINE} from {rows}",
        frozenset(key for key, strings, *_ in found if strings),
        frozenset(key for key, _, nested, _ in found if nested),
        lines=True,
    )


def _path(key: str) -> str:
    return f"$.{json.dumps(key, ensure_ascii=False)}"


def _database(connection: duckdb.DuckDBPyConnection, path: Path, table: str) -> EventFile:
    connection.execute("detach database if exists given")
    connection.execute(f"attach {quoted_text(path)} as given (read_only)")
    tables = sorted(
        found
        for (found,) in connection.execute(
            f"{_TABLES} union all select view_name from duckdb_views() "
            "where database_name = 'given' and not internal"
        ).fetchall()
    )
    if not table and len(tables) != 1:
        raise DataError(
            f"{path} holds the tables {', '.join(tables) or 'none'}: say one by --table"
        )
    if table and table not in tables:
        raise DataError(f"{path} has no table {table!r}, {nearest(table, tables)}")
    return _event_file(connection, path, f"given.{quoted_name(table or tables[0])}")


def _event_file(connection: duckdb.DuckDBPyConnection, path: Path, rows: str) -> EventFile:
    described = connection.execute(f"describe select * from {rows}").fetchall()
    # Finer times than microseconds are those, as everywhere.
    columns = ", ".join(
        f"cast({quoted_name(column)} as timestamp) as {quoted_name(column)}"
        if type_ in ("TIMESTAMP_NS", "TIMESTAMP_MS", "TIMESTAMP_S")
        else quoted_name(column)
        for column, type_, *_ in described
    )
    schema = connection.sql(f"select {columns} from {rows} limit 0").to_arrow_table().schema
    return EventFile(
        path,
        {field.name: field.type for field in schema},
        f"select row_number() over () as {ROW}, {columns} from {rows}",
    )


def _words(path: Path, error: Exception) -> str:
    """What is wrong, without the kind of error that DuckDB puts before, and without the file."""
    if isinstance(error, OSError) and error.strerror:
        return error.strerror
    first = str(error).strip().partition("\n")[0] or type(error).__name__
    told = re.sub(r"^(?:[A-Z]\w+ )+Error: ", "", first)
    return re.sub(rf"""\s*["']?{re.escape(str(path))}["']?""", "", told)
