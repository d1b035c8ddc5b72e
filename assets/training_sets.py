"""Training sets: a service's labelled rows with every feature as of their instant, as Parquet.

A set lies in a folder of the service, a file for each UTC day of the spine's event time::

    training/feed_ranking_v1/
        current -> versions/000008                  the set: switched when all of it is there
        versions/000007/                            the one before, for who still reads it
        versions/000008/day=2026-11-21/data.parquet
        versions/000008/_manifest.json              rows, days, definitions, statistics

It has the spine's columns (keys, inputs, labels, times), then the service's features in their
order, and the day by its folder. Any tool reads it in one line::

    current = Path("data/training/feed_ranking_v1/current").resolve()
    pandas.read_parquet(current)
    polars.read_parquet(current / "*/*.parquet", hive_partitioning=True)    # scan_parquet too
    duckdb.sql(f"from '{current}/*/*.parquet'")
    pyarrow.dataset.dataset(current, partitioning="hive")

``resolve()`` holds on to one version: a set that is written meanwhile changes nothing for its
reader, nor does it remove the version before it. A set without rows is one file without rows, of a
day that no event has.
"""

import os
import shutil
from collections.abc import Callable, Collection, Iterable, Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime
from pathlib import Path

import duckdb
import pyarrow as pa
import pyarrow.parquet as pq

from slate.assets.column_statistics import Statistics
from slate.assets.manifests import CURRENT, MANIFEST, Day, Manifest, Origin, load_manifest
from slate.assets.training_rows import batches, hours_by_day, schema
from slate.identifiers import TRAINING_DAY
from slate.plans import Plan

VERSIONS = "versions"
# Without a file there would be no columns, and no reader would know the set.
NO_DAY = date(1970, 1, 1)


@dataclass(frozen=True)
class TrainingSet:
    """A training set as it lies on disk.

    Attributes:
        path: the folder of this version.
        manifest: what it holds.
        written: the days that were written now; the others are those of the version before.
    """

    path: Path
    manifest: Manifest
    written: tuple[date, ...]


def write_training_set(
    connection: duckdb.DuckDBPyConnection,
    plan: Plan,
    folder: Path,
    days: Collection[date] | None = None,
    progress: Callable[[int], None] = lambda rows: None,
    build: datetime | None = None,
) -> TrainingSet:
    """Bring a service's training set up to date with its table in the warehouse.

    The set becomes current as a whole or not at all. Days that did not change are taken over from
    the version before as links. There may be one writer at a time.

    Args:
        connection: the warehouse, in which dbt has built the service's training model.
        plan: the service's plan.
        folder: the service's folder (``deployment.training / service.full_name``).
        days: the UTC days of event time that may have changed since the last time; None for all.
            A day whose number of rows changed is written even if it is not among them; and after
            a change of definition, all days are.
        progress: called with the number of rows written so far.
        build: the last build of the warehouse; None if it is not known.

    Raises:
        DataError: the table cannot be used as it is; the current set stays.
    """
    origin, rows = Origin.of(plan), 0

    def reported(day: Iterable[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
        nonlocal rows
        for batch in day:
            yield batch
            rows += batch.num_rows
            progress(rows)

    current = _current(folder)
    before = load_manifest(folder) if current else None
    # A cursor of its own: one state of the table throughout, and nothing left open after an error.
    with connection.cursor() as warehouse:
        started = datetime.now(UTC)
        warehouse.begin()
        hours = hours_by_day(warehouse, plan)
        kept: dict[date, Day] = {}
        if current and before and before.origin == origin:
            kept = _unchanged(before, hours, days)
            if len(kept) == len(hours) == len(before.days):
                return TrainingSet(current, before, ())
        _clean(folder)
        number = int(current.name) + 1 if current else 1
        version = folder.resolve() / VERSIONS / f"{number:06}"
        written: list[Day] = []
        for day in hours:
            file = _file(version, day)
            file.parent.mkdir(parents=True)
            if current and day in kept:
                _link(_file(current, day), file)
            else:
                read = reported(batches(warehouse, plan, hours[day]))
                written.append(_write(plan, day, file, read))
    if not hours:
        _file(version, NO_DAY).parent.mkdir(parents=True)
        _write(plan, NO_DAY, _file(version, NO_DAY), [])
    manifest = Manifest.of(plan, [*kept.values(), *written], started, build)
    (version / MANIFEST).write_text(manifest.to_json())
    _switch(folder, version)
    _clean(folder)
    return TrainingSet(version, manifest, tuple(entry.day for entry in written))


def _unchanged(
    before: Manifest, hours: dict[date, dict[datetime, int]], days: Collection[date] | None
) -> dict[date, Day]:
    """The days of the set before that can be taken over."""
    if days is None:
        return {}
    return {
        entry.day: entry
        for entry in before.days
        if entry.day not in days and entry.rows == sum(hours.get(entry.day, {}).values())
    }


def _write(plan: Plan, day: date, file: Path, rows: Iterable[pa.RecordBatch]) -> Day:
    count, columns = 0, Origin.of(plan).columns
    statistics = {column.name: Statistics() for column in columns}
    with pq.ParquetWriter(file, schema(plan), compression="zstd") as writer:
        for batch in rows:
            writer.write_batch(batch)
            count += batch.num_rows
            for column in columns:
                more = Statistics.of(column.kind, batch[column.name])
                statistics[column.name] = Statistics.merged([statistics[column.name], more])
    return Day(day, count, file.stat().st_size, statistics)


def _file(version: Path, day: date) -> Path:
    return version / f"{TRAINING_DAY}={day}" / "data.parquet"


def _link(old: Path, new: Path) -> None:
    """One file in two versions; a copy where the file system has no links."""
    try:
        os.link(old, new)
    except OSError:
        shutil.copyfile(old, new)


def _current(folder: Path) -> Path | None:
    link = folder / CURRENT
    return link.resolve() if link.exists() else None


def _switch(folder: Path, version: Path) -> None:
    """Make a version current: readers see the one before, then this one, and nothing between."""
    link = folder / f".{CURRENT}"
    link.unlink(missing_ok=True)
    link.symlink_to(version.relative_to(folder.resolve()))
    link.replace(folder / CURRENT)


def _clean(folder: Path) -> None:
    """Remove all but the current version and the one before it: older ones, and unfinished ones."""
    versions, current = sorted((folder / VERSIONS).glob("*")), _current(folder)
    kept = [version for version in versions if current and version.name <= current.name][-2:]
    for version in versions:
        if version not in kept:
            shutil.rmtree(version)
