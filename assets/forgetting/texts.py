"""Subjects in files of text, and in the databases of Dagster's history: found, and blotted out.

A dead letter, which is a line, goes; in reports, logs and metadata something stands in the place of
their keys.
"""

import sqlite3
import zlib
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

from slate.errors import DataError
from slate.quality.files import write_atomically
from slate.quoting import quoted_name
from slate.subjects import Subjects

_SQLITE = b"SQLite format 3\0"
_WAIT_SECONDS = 10.0


def is_sqlite(path: Path) -> bool:
    """Whether a file is a database of SQLite."""
    with path.open("rb") as file:
        return file.read(len(_SQLITE)) == _SQLITE


def lines(path: Path, subjects: Subjects) -> tuple[int, int]:
    """How many lines a file has, and how many of these are of a subject."""
    number = found = 0
    with path.open("rb") as file:
        for line in file:
            number += 1
            found += subjects.in_text(line)
    return number, found


def blot_out(path: Path, subjects: Subjects, *, whole_lines: bool) -> None:
    """Write a file of text anew, without subjects; of a link, the one that it leads to.

    Args:
        path: the file.
        subjects: the subjects.
        whole_lines: whether a line that is of one goes altogether.

    Raises:
        DataError: it is no text, or cannot be written.
    """
    try:
        path = path.resolve()
        text = path.read_text(encoding="utf-8")
        kept = [line for line in text.splitlines(keepends=True) if not _is_of(line, subjects)]
        mode = path.stat().st_mode & 0o777
        write_atomically(path, "".join(kept) if whole_lines else subjects.without(text))
        path.chmod(mode)
    except UnicodeDecodeError as error:
        raise DataError(
            f"{path} is no text of UTF-8, and names what is to be forgotten: delete it"
        ) from error
    except OSError as error:
        raise DataError(f"{path} cannot be written: {error}") from error


def _is_of(line: str, subjects: Subjects) -> bool:
    return subjects.in_text(line.encode())


def rows(path: Path, subjects: Subjects) -> tuple[int, int]:
    """How many rows a database has, and how many of these are of a subject.

    Raises:
        DataError: it cannot be read.
    """
    number = found = 0
    with _open(path, subjects) as database:
        for table, columns in _tables(database):
            tests = " or ".join(f"names_a_subject({column})" for column in columns) or "false"
            its = database.execute(f"select count(*), coalesce(sum({tests}), 0) from {table}")
            more, of_them = its.fetchone()
            number, found = number + more, found + of_them
    return number, found


def blot_out_rows(path: Path, subjects: Subjects) -> None:
    """Put something in the place of subjects in a database, and give back what it frees.

    Raises:
        DataError: it cannot be written, as another process has it open.
    """
    with _open(path, subjects) as database:
        for table, columns in _tables(database):
            for column in columns:
                database.execute(
                    f"update {table} set {column} = without_subjects({column}) "
                    f"where names_a_subject({column})"
                )
        database.commit()
        database.execute("vacuum")
        database.execute("pragma wal_checkpoint(truncate)")


@contextmanager
def _open(path: Path, subjects: Subjects) -> Iterator[sqlite3.Connection]:
    def names_a_subject(value: object) -> bool:
        return value is not None and subjects.in_text(_text(value)[0])

    def without_subjects(value: object) -> str | bytes:
        text, compressed = _text(value)
        after = subjects.bytes_without(text)
        if not isinstance(value, bytes):
            return after.decode()
        return zlib.compress(after) if compressed else after

    try:
        with closing(sqlite3.connect(path, timeout=_WAIT_SECONDS)) as database:
            database.create_function("names_a_subject", 1, names_a_subject, deterministic=True)
            database.create_function("without_subjects", 1, without_subjects, deterministic=True)
            yield database
    except sqlite3.Error as error:
        raise DataError(
            f"{path} cannot be searched, or not be written ({error}): end `slate ui` and other "
            "processes of Dagster, and run this again"
        ) from error


def _text(value: object) -> tuple[bytes, bool]:
    """A value of a database as a text, and whether it is compressed.

    Dagster compresses what it keeps of jobs and of plans.
    """
    if not isinstance(value, bytes):
        return str(value).encode(), False
    try:
        return zlib.decompress(value), True
    except zlib.error:
        return value, False


def _tables(database: sqlite3.Connection) -> Iterator[tuple[str, list[str]]]:
    names = database.execute("select name from sqlite_master where type = 'table'").fetchall()
    for (name,) in names:
        table = quoted_name(name)
        columns = database.execute(f"pragma table_info({table})").fetchall()
        yield table, [quoted_name(column[1]) for column in columns]
