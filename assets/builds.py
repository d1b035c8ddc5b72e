"""The ledger of builds: which hours the warehouse was built for, and from which models.

A build covers the hours from the first whose landing files are new since the build before to the
last that is over by the platform's clock, since a late file also changes what is computed for the
hours after its own. What is dated beyond these hours waits until they are over.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import pairwise
from pathlib import Path

import duckdb

from slate.assets import ledger_time
from slate.assets.hours import Span
from slate.assets.landing_files import ONE_HOUR, landing_sources
from slate.assets.touched_models import readers_of, touched_models
from slate.compile.model_names import CLOCK, RAW
from slate.compile.project import MODELS, model_hashes
from slate.deployment import Deployment
from slate.errors import DataError
from slate.fingerprints import fingerprint
from slate.registry import Registry
from slate.views import FeatureView

_EPOCH = datetime(1970, 1, 1)
# What is built at once: as many rows as take some GB to be put into tiles, whatever their keys.
ROWS_AT_ONCE = 2_000_000
# Before any arrival: what is built is as it was.
_NOTHING: Span = (_EPOCH - ONE_HOUR, _EPOCH)


@dataclass(frozen=True)
class Build:
    """What one build covers.

    Attributes:
        span: from the first hour built to the end of the last; None for all hours, anew.
        until: the end of the last hour that can be known; nothing that arrived later is built.
        models: the dbt project's models by name, each with the hash of what it is made of.
        changed: the names of those that are not what the warehouse was built from before.
        anew: the names of those that are built for all hours; the others are for the span.
        cuts: where long spans are cut, so that no part has too many rows.
        seen: up to when the landing files that it covers were taken in, by the ledgers' time.
    """

    span: Span | None
    until: datetime
    models: Mapping[str, str]
    changed: tuple[str, ...]
    seen: datetime
    anew: tuple[str, ...] = ()
    cuts: tuple[datetime, ...] = ()

    def parts(self, span: Span) -> list[Span]:
        """A span in parts that are built one after the other."""
        start, end = span
        bounds = [start, *(cut for cut in self.cuts if start < cut < end), end]
        return list(pairwise(bounds))

    def __str__(self) -> str:
        """What is built, in words."""
        known = f"of what had arrived before {self.until:%Y-%m-%d %H:%M}"
        if self.anew:
            known += f"; and all hours anew of {len(self.anew)} models that a change touches"
        if self.span is None:
            return f"all hours, {known}"
        if self.span == _NOTHING:
            anew = known.partition(";")[1:]
            return "no hours: nothing came to be known since the last build" + "".join(anew)
        return f"{self.span[0]:%Y-%m-%d %H:%M} to {self.span[1]:%Y-%m-%d %H:%M}, {known}"


def prepare(connection: duckdb.DuckDBPyConnection) -> None:
    """Make the ledger's tables, where they are missing."""
    connection.execute(f"create schema if not exists {RAW}")
    connection.execute(
        f"create table if not exists {RAW}.built_models (model varchar primary key, hash varchar)"
    )
    connection.execute(
        f"create table if not exists {RAW}.generated_models (model varchar primary key)"
    )
    connection.execute(
        f"""create table if not exists {RAW}.builds (
            start_hour timestamp, end_hour timestamp, until timestamp, seen timestamp,
            built_at timestamp
        )"""
    )
    connection.execute(
        f"create table if not exists {RAW}.built_views (view varchar primary key, hash varchar)"
    )
    connection.execute(f"alter table {RAW}.builds add column if not exists anew varchar[]")
    connection.execute(f"create table if not exists {RAW}.{CLOCK} (known_until timestamp)")
    ledger_time.prepare(connection)


def end_of_last_hour(deployment: Deployment) -> datetime:
    """The end of the last hour that is over by the platform's clock (UTC)."""
    return deployment.now().replace(minute=0, second=0, microsecond=0, tzinfo=None)


def set_clock(connection: duckdb.DuckDBPyConnection, until: datetime) -> None:
    """Tell the warehouse's models up to when arrivals can be known."""
    connection.execute(f"create or replace table {RAW}.{CLOCK} as select ? as known_until", [until])


def plan_build(
    connection: duckdb.DuckDBPyConnection,
    deployment: Deployment,
    asked: Span | None,
    manifest: Path | None = None,
) -> Build:
    """What has to be built: what came to be known since the last build, and what is asked for.

    Where a model is new or changed, what it touches is built for all hours. Where the clock was set
    back, all is.

    Args:
        connection: the warehouse; landing files have been taken in.
        deployment: the deployment.
        asked: hours that are to be built in any case.
        manifest: that of the dbt project, which says what models read; None where they cannot be
            built apart from each other: a change then touches all.
    """
    prepare(connection)
    models = model_hashes(deployment.registry, deployment.dbt_project)
    built = dict(connection.execute(f"select model, hash from {RAW}.built_models").fetchall())
    changed = tuple(model for model, digest in models.items() if built.get(model) != digest)
    until, before = end_of_last_hour(deployment), _built_until(connection)
    if asked:
        asked = (asked[0], min(asked[1], until)) if asked[0] < until else _NOTHING
    if not landing_sources(deployment.registry):
        # Tables that others fill say nothing of what is new in them.
        seen = ledger_time.stamp(connection)
        return Build(None if changed else asked, until, models, changed, seen)
    ((newest,),) = connection.execute(f"select max(taken_in_at) from {RAW}.files").fetchall()
    anew = set(models) if changed else set[str]()
    if changed and manifest is not None:
        anew = touched_models(deployment.registry, readers_of(manifest), changed)
    cuts = _cuts(connection)
    if anew >= set(models) or newest is None or before is None or until < before:
        return Build(None, until, models, changed, newest or _EPOCH, cuts=cuts)
    first = min(_first_new(connection, deployment.registry) or before, before)
    spans = [span for span in (asked, (first, until)) if span and span[0] < span[1]] or [_NOTHING]
    span = min(start for start, _ in spans), max(end for _, end in spans)
    return Build(span, until, models, changed, newest, tuple(sorted(anew)), cuts)


def _cuts(connection: duckdb.DuckDBPyConnection) -> tuple[datetime, ...]:
    """Hours between which about as many rows arrived as are built at once."""
    cuts, rows = [], 0
    hours = connection.execute(
        f"select hour, sum(rows) from {RAW}.files where rows > 0 group by hour order by hour"
    )
    for hour, more in hours.fetchall():
        if rows and rows + more > ROWS_AT_ONCE:
            cuts.append(hour)
            rows = 0
        rows += more
    return tuple(cuts)


def record(connection: duckdb.DuckDBPyConnection, build: Build, *, whole: bool) -> None:
    """Remember a build.

    Args:
        connection: the warehouse.
        build: what was built.
        whole: whether all models were, and succeeded; else the next build covers it again.
    """
    connection.execute(
        f"insert into {RAW}.builds values (?, ?, ?, ?, ?, ?)",
        [
            *(build.span or (None, None)),
            *(build.until, build.seen if whole else None, ledger_time.stamp(connection)),
            build.anew,
        ],
    )
    for model in build.changed if whole else ():
        connection.execute(
            f"insert or replace into {RAW}.built_models values (?, ?)", [model, build.models[model]]
        )


def record_views(connection: duckdb.DuckDBPyConnection, views: Iterable[type[FeatureView]]) -> None:
    """Remember by which definitions the models of views hold what they do.

    Args:
        connection: the warehouse.
        views: those of which all that is generated was built, by the present definitions.
    """
    for view in views:
        connection.execute(
            f"insert or replace into {RAW}.built_views values (?, ?)",
            [view.name, fingerprint(view)],
        )


def require_as_defined(connection: duckdb.DuckDBPyConnection, view: type[FeatureView]) -> None:
    """Let nothing out as of the present definitions that was built by others.

    Raises:
        DataError: a view's models were.
    """
    prepare(connection)
    found = connection.execute(f"select hash from {RAW}.built_views where view = ?", [view.name])
    if found.fetchone() != (fingerprint(view),):
        raise DataError(
            f"{view.name} is not built as it is defined now: run `slate run`, or materialize all "
            "of its models"
        )


def drop_former(
    connection: duckdb.DuckDBPyConnection, deployment: Deployment, build: Build
) -> list[str]:
    """Drop what was built from generated models that the definitions no longer make.

    What others wrote stays, also models of the project's own that were taken out of it.

    Args:
        connection: the warehouse.
        deployment: the deployment.
        build: a build of its whole project, which succeeded.

    Returns:
        The names of the dropped tables and views.
    """
    prepare(connection)
    made = {path.stem for path in (deployment.dbt_project / MODELS).rglob("*.sql")}
    for model in sorted(made):
        connection.execute(f"insert or ignore into {RAW}.generated_models values (?)", [model])
    known = connection.execute(f"select model from {RAW}.generated_models").fetchall()
    # A model of the same name that somebody wrote in the place of one is theirs.
    former = [m for (m,) in known if m not in made and m not in build.models]
    found = connection.execute(
        """select table_name, table_type = 'VIEW' from information_schema.tables
        where table_schema = 'main' and list_contains(?, table_name) order by table_name""",
        [former],
    ).fetchall()
    for name, is_view in found:
        connection.execute(f"drop {'view' if is_view else 'table'} {name}")
    connection.execute(f"delete from {RAW}.built_models where list_contains(?, model)", [former])
    connection.execute(
        f"delete from {RAW}.generated_models where not list_contains(?, model)", [sorted(made)]
    )
    return [name for name, _ in found]


def last_build(connection: duckdb.DuckDBPyConnection) -> datetime | None:
    """The last build, whole or not: when it was, by the ledgers' time; None before the first."""
    prepare(connection)
    ((built_at,),) = connection.execute(f"select max(built_at) from {RAW}.builds").fetchall()
    found: datetime | None = built_at
    return found


def spans_built_since(
    connection: duckdb.DuckDBPyConnection, build: datetime | None, model: str
) -> list[Span] | None:
    """The hours that a model was built for since a build; None where all may have changed.

    Args:
        connection: the warehouse.
        build: what ``last_build`` told then; None if nobody knows.
        model: the model.
    """
    prepare(connection)
    spans = connection.execute(
        f"""select if(list_contains(anew, ?), null, start_hour), end_hour
        from {RAW}.builds where built_at > ?""",
        [model, build],
    ).fetchall()
    known = connection.execute(f"from {RAW}.builds where built_at = ?", [build]).fetchall()
    if not known:
        return None  # it was of another warehouse, in this one's place
    return None if any(start is None for start, _ in spans) else spans


def _built_until(connection: duckdb.DuckDBPyConnection) -> datetime | None:
    """Up to when the last whole build knew arrivals; None before the first."""
    found = connection.execute(
        f"select until from {RAW}.builds where seen is not null order by built_at desc limit 1"
    ).fetchall()
    until: datetime | None = found[0][0] if found else None
    return until


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
