"""The tables that landing files are taken into, kept to the types that definitions declare.

Where a column's declared type changes, or a column is added, a source's rows are read again from
its landing files, since values may have been refused or passed over under the definition before.
Of files that are gone, values stay where the new type holds them as they are; where it does not,
the change is refused. Nothing is rounded.
"""

from collections.abc import Sequence
from pathlib import Path

import duckdb

from slate.assets import ledger_time, rule_changes
from slate.compile.model_names import HELD, RAW
from slate.errors import ConfigurationError, DataError
from slate.source_columns import Column
from slate.sources import Source

# A number is not a truth value, though a cast makes it one and back.
_NEVER_THE_SAME = [{"boolean", "bigint"}, {"boolean", "double"}]
READ_AGAIN = "its rows are to be read again, as their definition has changed"


def prepare(connection: duckdb.DuckDBPyConnection, sources: Sequence[type[Source]]) -> None:
    """Make the tables that landing files are taken into, where they are missing."""
    connection.execute("set timezone = 'UTC'")
    connection.execute(f"create schema if not exists {RAW}")
    connection.execute(f"""
        create table if not exists {RAW}.files (
            file bigint, source varchar, name varchar, hour timestamp, digest varchar,
            changed_at timestamp, rows bigint, quarantined bigint, replaced boolean,
            taken_in_at timestamp, unread varchar
        )""")
    connection.execute(f"""
        create table if not exists {RAW}.quarantine (
            source varchar, file bigint, row bigint, hour timestamp, reason varchar,
            content varchar, taken_in_at timestamp
        )""")
    ledger_time.prepare(connection)
    rule_changes.prepare(connection)
    connection.execute(f"create table if not exists {RAW}.{HELD} (model varchar, until timestamp)")
    for source in sources:
        columns = ", ".join(f"{c.name} {c.kind.sql}" for c in source.columns.values())
        connection.execute(
            f"create table if not exists {RAW}.{source.landing} "
            f"({columns}, _file bigint, _row bigint)"
        )


def follow_definition(
    connection: duckdb.DuckDBPyConnection, landing: Path, source: type[Source]
) -> None:
    """Bring a source's table to the types that its definition declares.

    Files that are there are marked, to be read again; until then their hours are not known.

    Args:
        connection: the warehouse, prepared.
        landing: the landing folder.
        source: whose table it is.

    Raises:
        ConfigurationError: rows of files that are gone do not fit the definition.
    """
    held = _held(connection, source)
    changed = [c for c in source.columns.values() if held.get(c.name) != c.kind.sql]
    if not changed:
        return
    names = connection.execute(
        f"select file, name from {RAW}.files where source = ?", [source.name]
    ).fetchall()
    there = [file for file, name in names if (landing / name).is_file()]
    rest = f"from {RAW}.{source.landing} where _file not in (select unnest(?))"
    for column in changed:
        _require_fitting(connection, source, column, held, rest, there)
    columns = [
        f"cast({c.name if c.name in held else 'null'} as {c.kind.sql}) as {c.name}"
        for c in source.columns.values()
    ]
    connection.begin()
    try:
        connection.execute(
            f"create or replace table {RAW}.{source.landing} as "
            f"select {', '.join(columns)}, _file, _row {rest}",
            [there],
        )
        connection.execute(
            f"""update {RAW}.files set digest = null, rows = 0, quarantined = 0, unread = ?
            where file in (select unnest(?))""",
            [READ_AGAIN, there],
        )
        connection.commit()
    except BaseException:
        connection.rollback()
        raise


def require_declared_types(
    connection: duckdb.DuckDBPyConnection, sources: Sequence[type[Source]]
) -> None:
    """Refuse to build from tables that do not follow their definitions yet.

    Raises:
        DataError: naming a column, and what to do.
    """
    for source in sources:
        held = _held(connection, source)
        for column in source.columns.values():
            if held and held.get(column.name) != column.kind.sql:
                raise DataError(
                    f"{RAW}.{source.landing} holds {column.name} as "
                    f"{held.get(column.name, 'nothing')}, and {column!r} is a {column.kind.value}: "
                    f"materialize {RAW}/{source.landing} first, which reads its landing files again"
                )


def _held(connection: duckdb.DuckDBPyConnection, source: type[Source]) -> dict[str, str]:
    """The columns of a source's table, with their types."""
    found = connection.execute(
        """select column_name, lower(data_type) from duckdb_columns()
        where schema_name = ? and table_name = ? and not starts_with(column_name, '_')""",
        [RAW, source.landing],
    ).fetchall()
    return dict(found)


def _require_fitting(
    connection: duckdb.DuckDBPyConnection,
    source: type[Source],
    column: Column,
    held: dict[str, str],
    rest: str,
    there: Sequence[int],
) -> None:
    """Refuse a change that the rows of files which are gone cannot follow."""
    name, new, old = column.name, column.kind.sql, held.get(column.name)
    misfit = "true"
    if old is None:
        if column.nullable:
            return
    elif {old, new} not in _NEVER_THE_SAME:
        misfit = (
            f"{name} is not null "
            f"and try_cast(try_cast({name} as {new}) as {old}) is distinct from {name}"
        )
    ((count, file),) = connection.execute(
        f"select count(*), min(_file) {rest} and {misfit}", [there]
    ).fetchall()
    if not count:
        return
    ((landed,),) = connection.execute(
        f"select name from {RAW}.files where file = ?", [file]
    ).fetchall()
    rows = f"{count:,} rows of landing files that are gone, such as {landed}"
    if old is None:
        raise ConfigurationError(
            f"{column!r} is new and may not be null, and {RAW}.{source.landing} holds {rows}: "
            f"annotate it {column.kind.value} | None, or put these files back"
        )
    raise ConfigurationError(
        f"{column!r} is a {column.kind.value} now, which does not hold the {old} values of {rows}: "
        f"keep the type that it had, or put these files back"
    )
