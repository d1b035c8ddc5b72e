"""The time that the warehouse's ledgers keep, which only goes forward.

What came since a build, a check or a training set is told by the instants that the ledgers note.
The machine's clock may be set back in between, and what came after would seem to have come before.
So a ledger notes the machine's time only where it is later than all that was noted before, and else
the microsecond after that: no two notes are of one instant, and a later one is of a later instant.
"""

from datetime import UTC, datetime

import duckdb

from slate.compile.model_names import RAW

_TIME = f"{RAW}.ledger_time"
_BEFORE_ALL = datetime(1970, 1, 1)
# Where warehouses noted instants before this time was kept.
_NOTED = {
    "files": ["taken_in_at"],
    "builds": ["seen", "built_at"],
    "verdicts": ["built_at", "seen", "checked_at"],
}


def prepare(connection: duckdb.DuckDBPyConnection) -> None:
    """Begin to keep the ledgers' time, where it is not kept yet: after all that they noted."""
    connection.execute(f"create schema if not exists {RAW}")
    connection.execute(f"create table if not exists {_TIME} (reached timestamp)")
    if connection.execute(f"from {_TIME}").fetchall():
        return
    tables = connection.execute(
        "select table_name from duckdb_tables() where schema_name = ?", [RAW]
    ).fetchall()
    noted = [_BEFORE_ALL]
    for (table,) in tables:
        for column in _NOTED.get(table, []):
            ((newest,),) = connection.execute(f"select max({column}) from {RAW}.{table}").fetchall()
            noted += [newest] if newest else []
    connection.execute(f"insert into {_TIME} values (?)", [max(noted)])


def stamp(connection: duckdb.DuckDBPyConnection) -> datetime:
    """The instant to note next (UTC): later than all that were noted before.

    Args:
        connection: the warehouse, prepared.
    """
    ((instant,),) = connection.execute(
        f"""update {_TIME} set reached = greatest(reached + interval 1 microsecond, ?)
        returning reached""",
        [_now()],
    ).fetchall()
    found: datetime = instant
    return found


def _now() -> datetime:
    return datetime.now(UTC).replace(tzinfo=None)
