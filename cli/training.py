"""`slate training`: where a service's training set is, what it holds, and how to load it."""

from argparse import Namespace
from collections.abc import Iterator
from pathlib import Path

from assets.manifests import CURRENT, Manifest, Origin, load_manifest
from slate.deployment import load
from slate.plans import Plan

from .text import heading, instant, table


def run(options: Namespace) -> int:
    """Print what the manifest of the service's current training set says."""
    deployment = load()
    registry = deployment.registry
    service = registry.service(options.service)
    folder = deployment.training / service.full_name
    manifest = load_manifest(folder)
    path = (folder / CURRENT).resolve()
    print(path)
    print()
    print(table(_facts(manifest)))
    print()
    print(table(_definitions(manifest, registry.plans[service.name]), head=("view", "hash", "")))
    print()
    print(heading("load it"))
    print(table(_loading(path)))
    return 0


def _facts(manifest: Manifest) -> Iterator[tuple[str, str]]:
    size = sum(day.bytes for day in manifest.days)
    yield "rows", f"{manifest.rows:,}"
    yield "features", f"{len(manifest.origin.features):,}"
    yield "days", f"{len(manifest.days):,}"
    if manifest.first and manifest.last:
        yield "event time", f"{instant(manifest.first)} to {instant(manifest.last)}"
    yield "size", f"{size / 1e6:,.1f} MB"
    yield "written", instant(manifest.written_at)


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


def _loading(path: Path) -> Iterator[tuple[str, str]]:
    yield "pandas", f'pandas.read_parquet("{path}")'
    yield "Polars", f'polars.read_parquet("{path}/*/*.parquet", hive_partitioning=True)'
    yield "DuckDB", f"duckdb.sql(\"from '{path}/*/*.parquet'\")"
    yield "PyArrow", f'pyarrow.dataset.dataset("{path}", partitioning="hive")'
