"""Rows of subjects in the warehouse: counted, deleted, and gone from its file.

What dbt builds is dropped whole, as it is built anew from what stays. What DuckDB deletes stays in
its file until something else is written there, so all that is left is copied into another one,
which takes the file's place.
"""

import json
import re
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import duckdb

from slate.assets.builds import prepare
from slate.assets.forgetting.looked import Looked
from slate.compile.model_names import RAW
from slate.errors import DataError
from slate.offline.forgotten import remember_forgotten
from slate.offline.warehouse import connect
from slate.quoting import quoted_name, quoted_text
from slate.sources import Source
from slate.subjects import Subjects

_NUMBERS = re.compile(r"U?(TINYINT|SMALLINT|INTEGER|BIGINT|HUGEINT)|DOUBLE|FLOAT|DECIMAL\(.*\)")
_TEXTS = re.compile("VARCHAR|JSON|BLOB|ENUM|UUID")
_UNFINISHED = ".forgetting"


@dataclass(frozen=True)
class _Table:
    """A table of the warehouse.

    Attributes:
        name: its name, with its schema's, quoted.
        shown: the same, to be read.
        rows: which of its rows are of a subject, in SQL; empty where none can be.
        parameters: of that.
    """

    name: str
    shown: str
    rows: str
    parameters: dict[str, Any]


def search(connection: duckdb.DuckDBPyConnection, subjects: Subjects) -> Iterator[Looked]:
    """Look at every row of every table."""
    for table in _tables(connection, subjects):
        ((number,),) = connection.execute(f"select count(*) from {table.name}").fetchall()
        looked = Looked(f"warehouse: {table.shown}", "rows", number)
        if table.rows:
            ((looked.found,),) = connection.execute(
                f"select count(*) from {table.name} where {table.rows}", table.parameters
            ).fetchall()
        yield looked


def delete(
    connection: duckdb.DuckDBPyConnection,
    subjects: Subjects,
    manifest: Path,
    sources: Iterable[type[Source]],
) -> None:
    """Delete their rows, and what dbt builds anew; the next build is of all hours.

    Args:
        connection: the warehouse.
        subjects: whose rows.
        manifest: the dbt project's.
        sources: those with tables of landing files: that events of them are gone is noted.
    """
    prepare(connection)
    for name, is_view in _built(connection, manifest):
        connection.execute(f"drop {'view' if is_view else 'table'} if exists {name} cascade")
    landed = {f"{RAW}.{source.landing}": source for source in sources}
    for table in _tables(connection, subjects):
        if not table.rows:
            continue
        if (source := landed.get(table.shown)) is not None:
            remember_forgotten(connection, source, table.rows, table.parameters)
        connection.execute(f"delete from {table.name} where {table.rows}", table.parameters)
    connection.execute(f"delete from {RAW}.built_models")
    # What is live says of nothing that it holds what is built now.
    connection.execute(f"drop table if exists {RAW}.published")


def compact(warehouse: Path) -> None:
    """Copy what is left into a new file, and put it in the place of the warehouse's.

    Raises:
        DataError: it cannot be copied; the file stays as it is.
    """
    unfinished = warehouse.with_name(f"{warehouse.name}{_UNFINISHED}")
    _remove(unfinished)
    try:
        with connect(warehouse) as connection:
            ((name,),) = connection.execute("select current_database()").fetchall()
            connection.execute(f"attach {quoted_text(unfinished)} as forgetting")
            connection.execute(f"copy from database {quoted_name(name)} to forgetting")
            connection.execute("detach forgetting")
        unfinished.chmod(warehouse.stat().st_mode & 0o777)
        unfinished.replace(warehouse)
        warehouse.with_name(f"{warehouse.name}.wal").unlink(missing_ok=True)
    except (duckdb.Error, OSError) as error:
        reason = " ".join(str(error).split())
        raise DataError(
            f"what is left of {warehouse} cannot be copied into a new file ({reason}): the rows "
            "are deleted, and their bytes are in the file still; see that its disk has as much "
            "room again, or drop what of your own cannot be copied, and run this again"
        ) from error
    finally:
        _remove(unfinished)


@contextmanager
def opened(warehouse: Path) -> Iterator[duckdb.DuckDBPyConnection]:
    """The warehouse, for whoever holds its lock.

    Raises:
        DataError: it cannot be opened, or DuckDB fails.
    """
    try:
        with connect(warehouse) as connection:
            connection.execute("set timezone = 'UTC'")
            yield connection
            connection.execute("checkpoint")
    except duckdb.Error as error:
        reason = " ".join(str(error).split())
        raise DataError(f"the warehouse {warehouse} cannot be searched: {reason}") from error


def has_longer(connection: duckdb.DuckDBPyConnection, subjects: Subjects) -> bool:
    """Whether values that stay have one of the keys inside of a longer word."""
    parameters = {**_hints(subjects), "pattern": subjects.inside}
    for table, name, kind in _columns(connection):
        if kind == "VARCHAR" and subjects.texts:
            query = f"select 1 from {table} where {_matches(quoted_name(name), subjects)} limit 1"
            if connection.execute(query, parameters).fetchall():
                return True
    return False


def _hints(subjects: Subjects) -> dict[str, str]:
    return {f"hint{place}": hint for place, hint in enumerate(subjects.hints)}


def _matches(text: str, subjects: Subjects) -> str:
    """Whether a text matches a pattern, in SQL; what it has at least is looked for first."""
    hints = " or ".join(f"contains({text}, ${name})" for name in _hints(subjects))
    return f"(({hints}) and regexp_matches({text}, $pattern))"


def _remove(path: Path) -> None:
    for one in (path, path.with_name(f"{path.name}.wal")):
        one.unlink(missing_ok=True)


def _columns(connection: duckdb.DuckDBPyConnection) -> list[tuple[str, str, str]]:
    """The columns of all tables: the table's name, quoted, their own, and their type."""
    found = connection.execute(
        """select schema_name, table_name, column_name, data_type from duckdb_columns()
        join duckdb_tables() using (database_name, schema_name, table_name)
        where database_name = current_database() and not duckdb_columns.internal
        order by schema_name, table_name, column_index"""
    ).fetchall()
    return [(f"{quoted_name(s)}.{quoted_name(t)}", name, kind) for s, t, name, kind in found]


def _tables(connection: duckdb.DuckDBPyConnection, subjects: Subjects) -> list[_Table]:
    columns: dict[str, list[tuple[str, str]]] = {}
    for table, name, kind in _columns(connection):
        columns.setdefault(table, []).append((name, kind))
    return [_table(name, its, subjects) for name, its in columns.items()]


def _table(name: str, columns: Sequence[tuple[str, str]], subjects: Subjects) -> _Table:
    tests: list[str] = []
    parameters: dict[str, Any] = {}
    for column, kind in columns:
        quoted = quoted_name(column)
        if _NUMBERS.fullmatch(kind):
            for number in subjects.numbers(column):
                tests.append(f"{quoted} = {number}")
            continue
        if not _TEXTS.search(kind) and not subjects.numbers(column):
            continue
        text = quoted if kind == "VARCHAR" else f"cast({quoted} as varchar)"
        parameters |= {**_hints(subjects), "pattern": subjects.pattern}
        tests.append(_matches(text, subjects))
        for number in subjects.numbers(column):
            tests.append(f"trim({text}) = '{number}'")
            if kind.endswith("[]"):
                tests.append(f"list_contains(cast({quoted} as varchar[]), '{number}')")
    return _Table(name, name.replace('"', ""), " or ".join(tests), parameters)


def _built(connection: duckdb.DuckDBPyConnection, manifest: Path) -> Iterator[tuple[str, bool]]:
    """What dbt builds: the names, and whether each is a view."""
    nodes = json.loads(manifest.read_text())["nodes"].values()
    made = {
        (node["schema"], node["alias"])
        for node in nodes
        if node["resource_type"] == "model" and node["config"].get("full_refresh") is not False
    }
    found = connection.execute(
        """select table_schema, table_name, table_type = 'VIEW' from information_schema.tables
        where table_catalog = current_database()"""
    ).fetchall()
    # Views first: they are made of the others.
    for schema, name, is_view in sorted(found, key=lambda one: not one[2]):
        if (schema, name) in made:
            yield f"{quoted_name(schema)}.{quoted_name(name)}", is_view
