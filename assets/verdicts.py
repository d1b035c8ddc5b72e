"""The ledger of verdicts: whether what a view's tables hold now may be published and trained on.

A check writes it, and whatever goes out asks it, also in a run of its own: so what failed stays in
the warehouse, and what was built or changed since it was checked does not go out unchecked.
"""

from collections.abc import Iterable, Sequence
from datetime import datetime

import duckdb

from slate.assets import builds, ledger_time, rule_changes, unbuilt
from slate.assets.publishing import digest, published_tables
from slate.compile.model_names import RAW, state_models
from slate.errors import DataError, HeldBackError
from slate.quality.batches import Batch
from slate.sources import Source
from slate.views import FeatureView


def prepare(connection: duckdb.DuckDBPyConnection) -> None:
    """Make the ledger, where it is missing."""
    builds.prepare(connection)
    connection.execute(
        f"""create table if not exists {RAW}.verdicts (
            view varchar, passed boolean, built_at timestamp, digest varchar, seen timestamp,
            checked_at timestamp
        )"""
    )


def record(connection: duckdb.DuckDBPyConnection, view: type[FeatureView], passed: bool) -> None:
    """Remember what a check of a view's tables found."""
    prepare(connection)
    now = ledger_time.stamp(connection)
    connection.execute(
        f"""insert into {RAW}.verdicts values (
            ?, ?, (select max(built_at) from {RAW}.builds), ?, ?, ?
        )""",
        [view.name, passed, digest(connection, view), _newest_file(connection), now],
    )


def require_passed(
    connection: duckdb.DuckDBPyConnection, views: Iterable[type[FeatureView]]
) -> None:
    """Let nothing out that its check held back, or has not seen.

    Raises:
        HeldBackError: what a view's tables hold now did not pass its check, or is not built.
        DataError: it was not checked, or is built by other definitions than the present ones.
    """
    prepare(connection)
    for view in views:
        unbuilt.require_built(connection, view.name, state_models(view))
        builds.require_as_defined(connection, view)
        found = connection.execute(
            f"""select passed,
                built_at is not distinct from (select max(built_at) from {RAW}.builds)
            from {RAW}.verdicts where view = ? order by checked_at desc limit 1""",
            [view.name],
        ).fetchall()
        ((passed, of_this_build),) = found or [(False, False)]
        if not of_this_build:
            raise DataError(
                f"{view.name} was not checked since it was built: run its check, or the whole job"
            )
        if not passed:
            raise HeldBackError(
                f"{view.name} did not pass its check, and is held back: see the check of "
                f"{view.name}_current for what failed"
            )


def require_unchanged(connection: duckdb.DuckDBPyConnection, view: type[FeatureView]) -> None:
    """Let nothing be published but the very rows that were checked.

    Raises:
        DataError: what is to be published of the view changed since it was checked.
    """
    ((checked,),) = connection.execute(
        f"select digest from {RAW}.verdicts where view = ? order by checked_at desc limit 1",
        [view.name],
    ).fetchall()
    if checked != digest(connection, view):
        raise DataError(
            f"{' or '.join(published_tables(view))} changed since {view.name} was checked, and not "
            "by a run of Slate: run its check, or the whole job"
        )


def landed_since_good(
    connection: duckdb.DuckDBPyConnection,
    view: type[FeatureView],
    sources: Sequence[type[Source]],
) -> list[Batch]:
    """What was taken in of some sources since a view passed its check last; all, if it never did.

    Where a source takes other rows since then, all of its rows were judged again.

    Args:
        connection: the warehouse.
        view: the view.
        sources: the landed sources that it is made of.
    """
    prepare(connection)
    ((since,),) = connection.execute(
        f"select max(seen) from {RAW}.verdicts where view = ? and passed", [view.name]
    ).fetchall()
    batches = []
    for source in sources:
        anew = since is None or rule_changes.judged_since(connection, source, since)
        ((taken, refused),) = connection.execute(
            f"""select coalesce(sum(rows), 0)::bigint, coalesce(sum(quarantined), 0)::bigint
            from {RAW}.files
            where source = ? and (? or taken_in_at > ?)""",
            [source.name, anew, since],
        ).fetchall()
        batches.append(Batch(source, taken, refused))
    return batches


def _newest_file(connection: duckdb.DuckDBPyConnection) -> datetime | None:
    """When the newest landing file was taken in; None where nothing lands."""
    ((there,),) = connection.execute(
        "select count(*) from duckdb_tables() where schema_name = ? and table_name = 'files'", [RAW]
    ).fetchall()
    if not there:
        return None
    ((newest,),) = connection.execute(f"select max(taken_in_at) from {RAW}.files").fetchall()
    found: datetime | None = newest
    return found
