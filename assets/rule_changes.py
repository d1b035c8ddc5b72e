"""Which landing files are judged again, as the rules that a source's rows must meet have changed.

What the warehouse holds of a source follows from its landing files and its present definition
alone, as what workers make anew of the stream's archive does: a row that the rules of before
refused is taken in with the arrival that it had, and one that the present rules refuse goes to
quarantine. Only files with such rows are read again.
"""

from collections.abc import Callable, Sequence
from datetime import datetime
from pathlib import Path
from typing import NamedTuple

import duckdb

from slate.assets.landing_files import LandingFile, is_there
from slate.compile.model_names import RAW
from slate.errors import DataError
from slate.refusals import rules, rules_text
from slate.sources import Source


class JudgedFile(NamedTuple):
    """A landing file of which the present rules may sort some rows otherwise.

    Attributes:
        name: its path below the landing folder.
        hour: the hour that it is for.
        refused: how many of its rows are refused.
    """

    name: str
    hour: datetime
    refused: int


def prepare(connection: duckdb.DuckDBPyConnection) -> None:
    """Make the table of the rules that sources' rows were judged by, where it is missing."""
    connection.execute(
        f"""create table if not exists {RAW}.judged_by (
            source varchar primary key, rules varchar, until timestamp
        )"""
    )


def judged_otherwise(
    connection: duckdb.DuckDBPyConnection,
    landing: Path,
    source: type[Source],
    say: Callable[[str], None],
) -> list[LandingFile]:
    """The files of a source that are to be judged again; those that are gone stay as they are.

    Args:
        connection: the warehouse, prepared.
        landing: the landing folder.
        source: whose files they are.
        say: told how many there are, if any.
    """
    found = files_judged_otherwise(connection, source)
    there = [one for one in found if is_there(landing / one.name)]
    if found:
        gone = sum(one.refused for one in found if one not in there)
        say(
            f"{len(there):,} landing files with rows that {source.__name__} refuses, or refused, "
            "are judged again by its present definition"
            + (f"; {gone:,} rows of files that are gone stay refused" if gone else "")
        )
    return [LandingFile(landing / one.name, one.name, one.hour) for one in there]


def record(connection: duckdb.DuckDBPyConnection, source: type[Source]) -> None:
    """Remember that all rows of a source are judged by its present rules."""
    connection.execute(
        f"""insert into {RAW}.judged_by
        select ?, ?, (select max(taken_in_at) from {RAW}.files where source = ?)
        on conflict do update set rules = excluded.rules, until = excluded.until
            where rules <> excluded.rules""",
        [source.name, rules_text(source), source.name],
    )


def judged_since(
    connection: duckdb.DuckDBPyConnection, source: type[Source], since: datetime
) -> bool:
    """Whether all rows of a source were judged by new rules since files were taken in (UTC).

    Files with none that is sorted otherwise are not read again, and are judged all the same.

    Args:
        connection: the warehouse.
        source: the source.
        since: when the newest of these files was taken in, by the ledgers' time.
    """
    prepare(connection)
    found = connection.execute(
        f"select 1 from {RAW}.judged_by where source = ? and until > ?", [source.name, since]
    )
    return found.fetchone() is not None


def require_present_rules(
    connection: duckdb.DuckDBPyConnection, sources: Sequence[type[Source]]
) -> None:
    """Refuse to build from rows that were judged by other rules than the present ones.

    Raises:
        DataError: naming the source, and what to do.
    """
    for source in sources:
        if files_judged_otherwise(connection, source):
            raise DataError(
                f"{RAW}.{source.landing} holds what {source.__name__} took before its definition "
                f"changed: materialize {RAW}/{source.landing} first, which judges its rows again"
            )


def files_judged_otherwise(
    connection: duckdb.DuckDBPyConnection, source: type[Source]
) -> list[JudgedFile]:
    """The files, also those that are gone, of which the present rules may sort rows otherwise.

    Args:
        connection: the warehouse, which is only read.
        source: whose files they are.
    """
    found = connection.execute(
        "select table_name from duckdb_tables() where schema_name = ?", [RAW]
    ).fetchall()
    tables = {name for (name,) in found}
    if source.landing not in tables:
        return []
    # A warehouse of an earlier version does not say by which rules.
    if "judged_by" in tables:
        by = connection.execute(
            f"select rules from {RAW}.judged_by where source = ?", [source.name]
        )
        if by.fetchone() == (rules_text(source),):
            return []
    # One that is unread is tried again in any case.
    found = connection.execute(
        f"""select name, hour, quarantined from {RAW}.files
        where source = ? and unread is null and (
            quarantined > 0 or file in (
                select _file from {RAW}.{source.landing} where {_refused(source)}
            )
        ) order by hour, name""",
        [source.name],
    ).fetchall()
    return [JudgedFile(*one) for one in found]


def _refused(source: type[Source]) -> str:
    """Whether the present rules refuse a row that was taken in, as SQL."""
    return " or ".join(
        f"coalesce({condition}, false)"
        for column in source.columns.values()
        for condition in [
            *([] if column.nullable else [f"{column.name} is null"]),
            *(rule.sql(column.name) for rule in rules(source, column.name)),
        ]
    )
