"""The lines of CSV files: which of them are no rows, and on which line a row stands."""

import csv
import gzip
import re
from collections.abc import Collection, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import TextIO

import duckdb

from slate.file_formats import GZIP

LONGEST_LINE = 16 << 20
_NUMBERS = re.compile(r"Expected Number of Columns: (\d+) Found: (\d+)")


@dataclass(frozen=True)
class Malformed:
    """What is no row in a CSV file.

    Attributes:
        record: its number among all that stands between the ends of lines, but for those within
            quotes: from 1, which is the header.
        reason: what is wrong with it.
        text: what it is.
    """

    record: int
    reason: str
    text: str


@dataclass
class Lines:
    """On which lines of a CSV file, from 1 as editors count them, something begins.

    Attributes:
        of_rows: rows, by their number among those that can be read, from 1.
        of_records: what is no row, by its number as ``Malformed`` has it.
    """

    of_rows: dict[int, int] = field(default_factory=dict)
    of_records: dict[int, int] = field(default_factory=dict)


def malformed(connection: duckdb.DuckDBPyConnection) -> list[Malformed]:
    """What is no row in the CSV file that was read last, each once, in order."""
    ((there,),) = connection.execute(
        "select count(*) from duckdb_tables() where table_name = 'reject_errors'"
    ).fetchall()
    if not there:
        return []
    rejected = connection.execute(
        """select line, any_value(cast(error_type as varchar)), any_value(error_message),
            any_value(csv_line)
        from reject_errors group by line order by line"""
    ).fetchall()
    return [
        Malformed(int(record), _reason(kind, message), (text or "").strip())
        for record, kind, message, text in rejected
    ]


def _reason(kind: str, message: str) -> str:
    """Why something is no row, by what DuckDB calls it."""
    numbers = _NUMBERS.search(message)
    match kind:
        case "MISSING COLUMNS" | "TOO MANY COLUMNS" if numbers:
            quoted = (
                ""
                if kind == "MISSING COLUMNS"
                else ": quote a value that has what parts them in it"
            )
            values = "1 value" if numbers[2] == "1" else f"{numbers[2]} values"
            return f"{values} for {numbers[1]} columns{quoted}"
        case "UNQUOTED VALUE":
            return "a quote that does not end its value, or does not end at all"
        case "LINE SIZE OVER MAXIMUM":
            return f"longer than {LONGEST_LINE >> 20} MB"
        case "INVALID ENCODING":
            return "not in UTF-8"
    return kind.lower()


def lines(path: Path, delimiter: str, broken: Collection[int], rows: Collection[int]) -> Lines:
    """Find the lines of some rows, and of what is none.

    Those of a file that Python reads otherwise than DuckDB may be missing.

    Args:
        path: the file.
        delimiter: what parts its values.
        broken: the numbers of all that is no row, as ``Malformed`` has them.
        rows: the numbers of the rows.
    """
    found, last_broken, last_row = Lines(), max(broken, default=0), max(rows, default=0)
    wanted, skipped, row, begins = frozenset(rows), frozenset(broken), 0, 1
    with opened_text(path) as text, _long_fields():
        reader = csv.reader(text, delimiter=delimiter)
        width = 0
        try:
            for record, values in enumerate(reader, 1):
                if record == 1:
                    width = len(values)
                elif record in skipped:
                    found.of_records[record] = begins
                elif values or width == 1:
                    row += 1
                    if row in wanted:
                        found.of_rows[row] = begins
                if record >= last_broken and row >= last_row:
                    break
                begins = reader.line_num + 1
        except (csv.Error, UnicodeDecodeError):
            pass
    return found


def opened_text(path: Path) -> TextIO:
    """A file of text, maybe compressed, without the mark that others write before it."""
    if path.suffix.lower() == GZIP:
        return gzip.open(path, "rt", encoding="utf-8-sig", newline="")
    return path.open(encoding="utf-8-sig", newline="")


@contextmanager
def _long_fields() -> Iterator[None]:
    """Let values be as long as lines may be."""
    before = csv.field_size_limit(LONGEST_LINE)
    try:
        yield
    finally:
        csv.field_size_limit(before)
