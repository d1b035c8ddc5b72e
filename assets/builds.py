"""The ledger of builds: which hours the warehouse was built for, and from which definitions.

A build covers the hours from the first whose landing files are new since the build before to the
last, so that a late file also renews what was computed for the hours after it.
"""

from dataclasses import dataclass
from datetime import UTC, datetime
from hashlib import blake2b

import duckdb

from assets.hours import HOUR, Span
from slate.compile.names import RAW
from slate.compile.project import generated
from slate.registry import Registry

_EPOCH = datetime(1970, 1, 1)


@dataclass(frozen=True)
class Build:
    """What one build covers.

    Attributes:
        span: from the first hour built to the end of the last; None for all that there is.
        changed: the incremental models whose SQL is not what they were built from before.
        seen: up to when the landing files that it covers were taken in.
    """

    span: Span | None
    changed: tuple[str, ...]
    seen: datetime


def prepare(connection: duckdb.DuckDBPyConnection) -> None:
    """Make the ledger's tables, where they are missing."""
    connection.execute(f"create schema if not exists {RAW}")
    connection.execute(
        f"create table if not exists {RAW}.built_models (model varchar primary key, hash varchar)"
    )
    connection.execute(
        f"""create table if not exists {RAW}.builds (
            start_hour timestamp, end_hour timestamp, seen timestamp, built_at timestamp
        )"""
    )


def plan_build(
    connection: duckdb.DuckDBPyConnection, registry: Registry, asked: Span | None
) -> Build:
    """What has to be built: what landed since the last build, and what is asked for besides.

    Args:
        connection: the warehouse.
        registry: the definitions.
        asked: hours that are to be built in any case.
    """
    prepare(connection)
    built = dict(connection.execute(f"select model, hash from {RAW}.built_models").fetchall())
    changed = tuple(
        sorted(m for m, digest in _models(registry).items() if built.get(m, digest) != digest)
    )
    if not any(source.landing for source in registry.sources.values()):
        # Tables that others fill say nothing of what is new in them.
        return Build(asked, changed, datetime.now(UTC).replace(tzinfo=None))
    ((seen,),) = connection.execute(f"select max(seen) from {RAW}.builds").fetchall()
    ((first, last, newest),) = connection.execute(
        f"select min(hour), max(hour), max(taken_in_at) from {RAW}.files where taken_in_at > ?",
        [seen or _EPOCH],
    ).fetchall()
    if first is None:
        ((first, newest),) = connection.execute(
            f"select max(hour), max(taken_in_at) from {RAW}.files"
        ).fetchall()
        last = first
    if first is None:
        return Build(asked, changed, _EPOCH)
    start, end = first, last + HOUR
    if asked is not None:
        start, end = min(start, asked[0]), max(end, asked[1])
    return Build((start, end), changed, newest)


def record(connection: duckdb.DuckDBPyConnection, registry: Registry, build: Build) -> None:
    """Remember a build that succeeded."""
    for model, digest in _models(registry).items():
        connection.execute(
            f"insert or replace into {RAW}.built_models values (?, ?)", [model, digest]
        )
    start, end = build.span or (None, None)
    connection.execute(
        f"insert into {RAW}.builds values (?, ?, ?, ?)",
        [start, end, build.seen, datetime.now(UTC).replace(tzinfo=None)],
    )


def _models(registry: Registry) -> dict[str, str]:
    """The generated models that are built hour by hour, with the hash of their SQL."""
    return {
        path.stem: blake2b(text.encode(), digest_size=8).hexdigest()
        for path, text in generated(registry).items()
        if path.suffix == ".sql" and "materialized='incremental'" in text
    }


def spans_built_since(
    connection: duckdb.DuckDBPyConnection, instant: datetime | None
) -> list[Span] | None:
    """The hours that builds since an instant covered; None where all may have changed.

    Args:
        connection: the warehouse.
        instant: UTC; None for ever.
    """
    prepare(connection)
    if instant is None:
        return None
    spans = connection.execute(
        f"select start_hour, end_hour from {RAW}.builds where built_at >= ?", [instant]
    ).fetchall()
    return None if any(start is None for start, _ in spans) else spans
