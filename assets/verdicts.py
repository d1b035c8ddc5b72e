"""The ledger of verdicts: whether what a view's tables hold now may be published and trained on.

A check writes it, and whatever goes out asks it, also in a run of its own: so what failed stays in
the warehouse, and what was built since it was checked last does not go out unchecked.
"""

from collections.abc import Iterable, Sequence
from datetime import UTC, datetime

import duckdb

from assets import builds
from quality.batches import Batch
from slate.compile.names import RAW
from slate.entities import Source
from slate.errors import DataError
from slate.views import FeatureView


def prepare(connection: duckdb.DuckDBPyConnection) -> None:
    """Make the ledger, where it is missing."""
    builds.prepare(connection)
    connection.execute(
        f"""create table if not exists {RAW}.verdicts (
            view varchar, passed boolean, built_at timestamp, seen timestamp, checked_at timestamp
        )"""
    )


def record(connection: duckdb.DuckDBPyConnection, view: type[FeatureView], passed: bool) -> None:
    """Remember what a check of a view's tables found."""
    prepare(connection)
    connection.execute(
        f"""insert into {RAW}.verdicts values (
            ?, ?, (select max(built_at) from {RAW}.builds), ?, ?
        )""",
        [view.name, passed, _newest_file(connection), datetime.now(UTC).replace(tzinfo=None)],
    )


def require_passed(
    connection: duckdb.DuckDBPyConnection, views: Iterable[type[FeatureView]]
) -> None:
    """Let nothing out that its check held back, or has not seen.

    Raises:
        DataError: what a view's tables hold now did not pass its check.
    """
    prepare(connection)
    for view in views:
        found = connection.execute(
            f"""select passed,
                built_at is not distinct from (select max(built_at) from {RAW}.builds)
            from {RAW}.verdicts where view = ? order by checked_at desc limit 1""",
            [view.name],
        ).fetchone()
        passed, of_this_build = found or (False, False)
        if not of_this_build:
            raise DataError(
                f"{view.name} was not checked since it was built: run its check, or the whole job"
            )
        if not passed:
            raise DataError(
                f"{view.name} did not pass its check, and is held back: see the check of "
                f"{view.name}_current for what failed"
            )


def landed_since_good(
    connection: duckdb.DuckDBPyConnection,
    view: type[FeatureView],
    sources: Sequence[type[Source]],
) -> list[Batch]:
    """What was taken in of some sources since a view passed its check last; all, if it never did.

    Args:
        connection: the warehouse.
        view: the view.
        sources: the landed sources that it is made of.
    """
    prepare(connection)
    found = connection.execute(
        f"select max(seen) from {RAW}.verdicts where view = ? and passed", [view.name]
    ).fetchone()
    since = found and found[0]
    batches = []
    for source in sources:
        counted = connection.execute(
            f"""select sum(rows)::bigint, sum(quarantined)::bigint from {RAW}.files
            where source = ? and (?::timestamp is null or taken_in_at > ?)""",
            [source.name, since, since],
        ).fetchone()
        taken, refused = counted or (None, None)
        batches.append(Batch(source, taken or 0, refused or 0))
    return batches


def _newest_file(connection: duckdb.DuckDBPyConnection) -> datetime | None:
    """When the newest landing file was taken in; None where nothing lands."""
    tables = connection.execute(
        "select count(*) from duckdb_tables() where schema_name = ? and table_name = 'files'", [RAW]
    ).fetchall()
    if not tables[0][0]:
        return None
    newest: datetime | None = connection.execute(
        f"select max(taken_in_at) from {RAW}.files"
    ).fetchall()[0][0]
    return newest
