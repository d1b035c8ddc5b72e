"""What was forgotten, without saying of whom: of which sources events are gone, and since when.

An answer from before may hold what followed from them, and the warehouse cannot tell that again.
"""

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from slate.compile.model_names import RAW
from slate.sources import Source

if TYPE_CHECKING:
    import duckdb

FORGOTTEN = "forgotten"
_TABLE = f"{RAW}.{FORGOTTEN}"


def remember_forgotten(
    connection: "duckdb.DuckDBPyConnection",
    source: type[Source],
    rows: str,
    parameters: Mapping[str, Any],
) -> None:
    """Note since which hour there are events of a source that are about to be deleted.

    Args:
        connection: the warehouse.
        source: whose events they are.
        rows: which of its rows, in SQL.
        parameters: of that.
    """
    connection.execute(
        f"""create table if not exists {_TABLE} (
            source varchar, first_hour timestamp, forgotten_at timestamp
        )"""
    )
    arrived = source.arrival_time
    found = connection.execute(
        f"select date_trunc('hour', min({arrived})) from {RAW}.{source.landing} where {rows}",
        parameters,
    )
    ((first_hour,),) = found.fetchall()
    if first_hour is not None:
        now = datetime.now(UTC).replace(tzinfo=None)
        connection.execute(f"insert into {_TABLE} values (?, ?, ?)", [source.name, first_hour, now])


def forgotten_since(
    connection: "duckdb.DuckDBPyConnection", answered: datetime, asked: datetime
) -> set[str]:
    """The sources some of whose events were forgotten after an answer that may hold them.

    Args:
        connection: the warehouse.
        answered: when it was answered (UTC, without a zone).
        asked: the instant that it was asked about (likewise).
    """
    known = connection.execute(
        "select 1 from duckdb_tables() where schema_name = ? and table_name = ?", [RAW, FORGOTTEN]
    )
    if not known.fetchall():
        return set()
    found = connection.execute(
        f"select distinct source from {_TABLE} where forgotten_at > ? and first_hour < ?",
        [answered, asked],
    )
    return {source for (source,) in found.fetchall()}
