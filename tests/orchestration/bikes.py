"""A bike-share that runs: a dbt project and data of its own, and landing files, in load order."""

import shutil
from collections.abc import Iterable
from datetime import datetime
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq

from slate.compile.project import write
from slate.deployment import Deployment, load
from slate.registry import Registry
from tests.orchestration.parsed import parse_once
from tests.parity.landing import landing_table, moment
from tests.parity.scenarios import HOUR, MIDDAY, bulk

BIKES = Path(__file__).parents[1] / "deployments" / "bikes"
Row = dict[str, Any]
Rows = dict[str, list[Row]]


def place(folder: Path) -> Deployment:
    """A bike-share in a folder of its own, the narrow one, with its generated dbt project."""
    ignore = shutil.ignore_patterns("target", "logs", "generated", "__pycache__", "definitions")
    shutil.copytree(BIKES, folder, ignore=ignore, dirs_exist_ok=True)
    config = folder / "slate.toml"
    config.write_text(config.read_text().replace("bikes.definitions", "bikes.narrow"))
    deployment = load(config)
    write(deployment.registry, deployment.dbt_project)
    parse_once(deployment)
    return deployment


def happenings(registry: Registry, seed: int, start: int, end: int) -> Rows:
    """A day and a half in the life of a deployment, as awkward as real data at its worst.

    Args:
        registry: the definitions.
        seed: of the random generator.
        start, end: the hours of arrival around midday, from and before.
    """
    rows = bulk(registry, seed, rows=120, instants=6).sources
    for row in (row for its in rows.values() for row in its):
        # Beside these a deviation is rounding alone, and two builds may round in other order.
        row |= {k: 20.0 for k, v in row.items() if isinstance(v, float) and abs(v) > 1e90}
    for change in rows.get("depot_change", ()):
        change["crew"] = abs(change["crew"])  # the view promises it
    first, last = moment(MIDDAY + start * HOUR), moment(MIDDAY + end * HOUR)
    return {
        name: [row for row in its if first <= row[registry.sources[name].arrival_time] < last]
        for name, its in rows.items()
    }


def renamed(registry: Registry, rows: Rows, every: int) -> Rows:
    """The same under other ids, but for one row in so many: these repeat another's."""
    found: Rows = {}
    for name, its in rows.items():
        unique = registry.sources[name].unique_id
        found[name] = [dict(row) for row in its]
        for number, row in enumerate(found[name]):
            if number % every:
                old = row[unique]
                row[unique] = old + 10**9 if isinstance(old, int) else f"late {old}"
    return found


class Landing:
    """The landing files of a deployment, and what is in them.

    Attributes:
        files: the rows of each file by its path below the landing folder, in load order, by source.
    """

    def __init__(self, deployment: Deployment) -> None:
        self._registry = deployment.registry
        self._folder = deployment.landing
        self.files: dict[str, dict[Path, list[Row]]] = {name: {} for name in self._registry.sources}

    @property
    def sources(self) -> Rows:
        """All rows of each source, in load order."""
        return {
            name: [row for rows in files.values() for row in rows]
            for name, files in self.files.items()
        }

    @property
    def rows(self) -> int:
        """How many there are of all sources."""
        return sum(map(len, self.sources.values()))

    def write(self, rows: Rows, suffix: str = "") -> None:
        """Write a file for each source and hour of arrival."""
        for name, its in rows.items():
            source = self._registry.sources[name]
            by_hour: dict[Path, list[Row]] = {}
            for row in its:
                arrival: datetime = row[source.arrival_time]
                path = Path(source.landing, f"{arrival:%Y-%m-%d}", f"{arrival:%H}{suffix}.parquet")
                by_hour.setdefault(path, []).append(row)
            for path in sorted(by_hour):
                self.replace(name, path, by_hour[path])

    def replace(self, name: str, path: Path, rows: Iterable[Row]) -> None:
        """Write one file, also over the one that is there."""
        self.files[name][path] = list(rows)
        file = self._folder / path
        file.parent.mkdir(parents=True, exist_ok=True)
        table = landing_table(self._registry.sources[name], self.files[name][path])
        unfinished = file.with_name(f".{file.name}.tmp")
        pq.write_table(table, unfinished)
        unfinished.replace(file)
