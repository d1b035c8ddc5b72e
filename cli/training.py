"""`slate training`: where a service's training set is, what it holds, and how to load it.

With a spine, a training set of its rows is made; from the log, one of what was served.
"""

import fcntl
import os
import shutil
import sys
import threading
import time
from argparse import Namespace
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from slate.assets.logged_training import logged_batches
from slate.assets.manifests import CURRENT, Manifest, Origin, load_manifest
from slate.cli.text import Clock, Say, heading, shown_instant, table
from slate.deployment import Deployment, load
from slate.errors import DataError
from slate.offline.history import history_batches
from slate.plans import Plan

REPORT_SECONDS = 3.0
# A part holds about as many, so that it can be read at once.
PART_ROWS = 1_000_000


def run(options: Namespace) -> int:
    """Print what the manifest of the service's training set says, or make one of a spine."""
    if wrong := _wrong(options):
        print(f"slate training: {wrong}", file=sys.stderr)
        return 2
    deployment = load()
    if options.out is not None:
        return _make(deployment, options)
    registry = deployment.registry
    plan = registry.plan(options.service)
    service = plan.service
    folder = deployment.training / service.full_name
    manifest = load_manifest(folder)
    path = (folder / CURRENT).resolve()
    print(path)
    print()
    print(table(_facts(manifest)))
    print()
    print(table(_definitions(manifest, plan), head=("view", "hash", "")))
    print()
    print(heading("load it"))
    print(table(_loading(path)))
    return 0


def _wrong(options: Namespace) -> str:
    """What is wrong with how options go together; empty if nothing is."""
    of_log = options.since or options.until
    if options.from_ and (options.spine or options.at):
        return "give --spine FILE or --from log, not both; --at goes with --spine"
    if of_log and not options.from_:
        return "--since and --until go with --from log"
    if bool(options.spine or options.from_) != bool(options.out) or (
        options.at and not options.spine
    ):
        return "give --spine FILE, or --from log, and --out DIR together; --at goes with --spine"
    return ""


def _make(deployment: Deployment, options: Namespace) -> int:
    """Write the rows of a spine or of the log with their features; print what came of it."""
    folder, say, began = Path(options.out).absolute(), Clock(), time.monotonic()
    if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
        raise DataError(f"{folder} is there already: give --out a folder that is not, or is empty")
    if options.from_:
        given = (options.service, options.since, options.until, say)
        rows, columns = _write(logged_batches(deployment, *given), folder)
    else:
        with _reporting(say) as report:
            batches = history_batches(
                options.service,
                options.spine,
                at=options.at,
                deployment=deployment,
                progress=report,
            )
            rows, columns = _write(batches, folder)
    seconds = time.monotonic() - began
    print(folder)
    print()
    print(table([("rows", f"{rows:,}"), ("columns", f"{columns:,}"), ("took", f"{seconds:.1f} s")]))
    print()
    print(heading("load it"))
    print(table(_loading(folder, "/*.parquet")))
    return 0


def _write(batches: Iterator[pa.RecordBatch], folder: Path) -> tuple[int, int]:
    """Write Parquet parts, all of them or none.

    Returns:
        How many rows and columns there are.

    Raises:
        DataError: there is not even a batch without rows, which would tell the columns; or they
            cannot be written.
    """
    try:
        with _unfinished(folder) as unfinished:
            rows, columns, part = 0, 0, 0
            writer: pq.ParquetWriter | None = None
            for batch in batches:
                if writer is None:
                    path = unfinished / f"part-{part:05}.parquet"
                    writer = pq.ParquetWriter(path, batch.schema, compression="zstd")
                writer.write_batch(batch)
                rows, columns = rows + batch.num_rows, batch.num_columns
                if rows // PART_ROWS > part:
                    writer.close()
                    writer, part = None, rows // PART_ROWS
            if writer is not None:
                writer.close()
            if not columns:
                raise DataError(
                    f"nothing is written to {folder}, as there are no rows: give --spine a file "
                    "that has some"
                )
            if folder.is_dir():
                folder.rmdir()
            unfinished.rename(folder)
    except OSError as error:
        raise DataError(f"{folder} cannot be written: {error}") from error
    return rows, columns


@contextmanager
def _unfinished(folder: Path) -> Iterator[Path]:
    """An empty folder beside another one, that no other process writes to.

    Raises:
        DataError: one does.
        OSError: it cannot be made.
    """
    path = folder.with_name(f".{folder.name}.unfinished")
    path.mkdir(parents=True, exist_ok=True)
    held = os.open(path, os.O_RDONLY)
    try:
        if not _locked(held) or not _leads_to(path, held):
            raise DataError(
                f"another process writes {folder}: wait until it has ended, or give --out another "
                "folder"
            )
        # What one left that was killed.
        for left in path.iterdir():
            left.unlink()
        try:
            yield path
        finally:
            if _leads_to(path, held):
                shutil.rmtree(path, ignore_errors=True)
    finally:
        os.close(held)


def _locked(held: int) -> bool:
    try:
        fcntl.flock(held, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def _leads_to(path: Path, held: int) -> bool:
    """Whether a folder that is open is called so still."""
    try:
        return os.path.samestat(path.stat(), os.fstat(held))
    except FileNotFoundError:
        return False


@contextmanager
def _reporting(say: Say) -> Iterator[Say]:
    """What takes the latest of what is being done, and says it every few seconds."""
    latest, over = "", threading.Event()

    def report(text: str) -> None:
        nonlocal latest
        latest = text

    def tell() -> None:
        while not over.wait(REPORT_SECONDS):
            if latest:
                say(latest)

    teller = threading.Thread(target=tell, daemon=True)
    teller.start()
    try:
        yield report
    finally:
        over.set()
        teller.join()


def _facts(manifest: Manifest) -> Iterator[tuple[str, str]]:
    size = sum(day.bytes for day in manifest.days)
    yield "rows", f"{manifest.rows:,}"
    yield "features", f"{len(manifest.origin.features):,}"
    yield "days", f"{len(manifest.days):,}"
    if manifest.first and manifest.last:
        yield "event time", f"{shown_instant(manifest.first)} to {shown_instant(manifest.last)}"
    yield "size", f"{size / 1e6:,.1f} MB"
    yield "written", shown_instant(manifest.written_at)


def _definitions(manifest: Manifest, plan: Plan) -> Iterator[tuple[str, str, str]]:
    """The definition hash that each view had, and whether it is still so defined."""
    now = Origin.of(plan).definitions
    for view, before in manifest.origin.definitions.items():
        if view not in now:
            yield view, before, "OUTDATED: no longer part of the service"
        elif now[view] != before:
            yield view, before, f"OUTDATED: now {now[view]}"
        else:
            yield view, before, "current"
    for view in now.keys() - manifest.origin.definitions.keys():
        yield view, now[view], "OUTDATED: not yet part of the training set"


def _loading(path: Path, files: str = "/*/*.parquet") -> Iterator[tuple[str, str]]:
    yield "pandas", f'pandas.read_parquet("{path}")'
    yield "Polars", f'polars.read_parquet("{path}{files}", hive_partitioning=True)'
    yield "DuckDB", f"duckdb.sql(\"from '{path}{files}'\")"
    yield "PyArrow", f'pyarrow.dataset.dataset("{path}", partitioning="hive")'
