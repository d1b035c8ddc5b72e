"""The ledger of builds: which hours the warehouse was built for, and from which models.

A build covers the hours from the first whose landing files are new since the build before to the
end of what is known, since a late file also changes what is computed for the hours after its own.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from hashlib import blake2b
from pathlib import Path

import duckdb

from assets.hours import HOUR, Span
from assets.intake import landing_sources
from slate.compile.names import RAW
from slate.deployment import Deployment
from slate.registry import Registry

_EPOCH = datetime(1970, 1, 1)


@dataclass(frozen=True)
class Build:
    """What one build covers.

    Attributes:
        span: from the first hour built to the end of the last; None for all that there is, anew.
        models: the dbt project's models by name, each with the hash of what it is made of.
        changed: the names of those that are not what the warehouse was built from before.
        seen: up to when the landing files that it covers were taken in.
    """

    span: Span | None
    models: Mapping[str, str]
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
    connection: duckdb.DuckDBPyConnection, deployment: Deployment, asked: Span | None
) -> Build:
    """What has to be built: what landed since the last build, and what is asked for besides.

    Where a model is new or changed, all is built anew: training rows are joined of tables that
    hold only what was built together.

    Args:
        connection: the warehouse; landing files have been taken in.
        deployment: the deployment.
        asked: hours that are to be built in any case.
    """
    prepare(connection)
    models = _models(deployment.dbt_project)
    built = dict(connection.execute(f"select model, hash from {RAW}.built_models").fetchall())
    changed = tuple(model for model, digest in models.items() if built.get(model) != digest)
    if not landing_sources(deployment.registry):
        # Tables that others fill say nothing of what is new in them.
        return Build(None if changed else asked, models, changed, _now())
    ((last, newest),) = connection.execute(
        f"select max(hour), max(taken_in_at) from {RAW}.files"
    ).fetchall()
    if changed or last is None:
        return Build(None, models, changed, newest or _EPOCH)
    end = last + HOUR
    first = _first_new(connection, deployment.registry)
    spans = [span for span in (asked, first and (first, end)) if span]
    # With nothing to build it is an hour in which nothing has arrived.
    spans = spans or [(end, end + HOUR)]
    span = min(start for start, _ in spans), max(end for _, end in spans)
    return Build(span, models, changed, newest)


def record(connection: duckdb.DuckDBPyConnection, build: Build, *, whole: bool) -> None:
    """Remember a build.

    Args:
        connection: the warehouse.
        build: what was built.
        whole: whether all models were, and succeeded; else the next build covers it again.
    """
    connection.execute(
        f"insert into {RAW}.builds values (?, ?, ?, ?)",
        [*(build.span or (None, None)), build.seen if whole else None, _now()],
    )
    for model in build.changed if whole else ():
        connection.execute(
            f"insert or replace into {RAW}.built_models values (?, ?)", [model, build.models[model]]
        )


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


def _models(project: Path) -> dict[str, str]:
    """The project's models by name, each with the hash of its SQL and of what all may call."""
    macros = [file.read_bytes() for file in sorted((project / "macros").rglob("*.sql"))]
    return {
        file.stem: blake2b(b"\0".join([*macros, file.read_bytes()]), digest_size=8).hexdigest()
        for file in sorted((project / "models").rglob("*.sql"))
    }


def _first_new(connection: duckdb.DuckDBPyConnection, registry: Registry) -> datetime | None:
    """The first hour whose staging may change by what was taken in since the last build."""
    new = connection.execute(
        f"""select source, replaced, min(hour) from {RAW}.files
        where taken_in_at > (select coalesce(max(seen), ?) from {RAW}.builds)
        group by all""",
        [_EPOCH],
    ).fetchall()
    starts = []
    for source, replaced, hour in new:
        if replaced and source in registry.sources:
            # What had been passed over as a repeat may not be one any more.
            hour -= timedelta(microseconds=registry.sources[source].horizon)
        starts.append(hour.replace(minute=0, second=0, microsecond=0))
    return min(starts, default=None)


def _now() -> datetime:
    return datetime.now(UTC).replace(tzinfo=None)
