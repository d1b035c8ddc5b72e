"""A bike-share that ran: a dbt project and data of its own, and landing files, in load order."""

import shutil
from collections.abc import Iterable, Iterator
from datetime import datetime
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq

from slate.compile.project import write
from slate.deployment import Deployment, load
from slate.orchestration.runs import run_everything
from slate.registry import Registry
from tests.made_once import made_once
from tests.orchestration.parsed import parse_once
from tests.parity.landing import landing_table, moment
from tests.parity.scenarios import HOUR, MIDDAY, bulk

BIKES = Path(__file__).parents[1] / "deployments" / "bikes"
# What happens there, and when what has landed there arrived, in hours after midday.
SEED, LANDED = 13, (-24, 0)
# Of the store's folder, what its processes meet by.
MET_BY = ("users", "socket", "*.sock")
Row = dict[str, Any]
Rows = dict[str, list[Row]]


def ran(folder: Path) -> tuple[Deployment, "Landing"]:
    """A copy, in a new folder, of a bike-share of few features that ran once, and what has landed.

    Args:
        folder: where it is put; not there yet.
    """
    ignore = shutil.ignore_patterns(*MET_BY)
    shutil.copytree(made_once("bikes", _make), folder, symlinks=True, ignore=ignore)
    deployment = load(folder / "slate.toml")
    landing = Landing(deployment)
    landing.know(happenings(deployment.registry, SEED, *LANDED))
    return deployment, landing


def _make(folder: Path) -> None:
    deployment = place(folder, "few")
    Landing(deployment).write(happenings(deployment.registry, SEED, *LANDED))
    assert run_everything(deployment)


def place(folder: Path, definitions: str = "narrow") -> Deployment:
    """A bike-share in a folder of its own, with its generated dbt project.

    Args:
        folder: where it is put.
        definitions: the module beside the whole one that it has.
    """
    ignore = shutil.ignore_patterns("target", "logs", "generated", "__pycache__", "definitions")
    shutil.copytree(BIKES, folder, ignore=ignore, dirs_exist_ok=True)
    config = folder / "slate.toml"
    config.write_text(config.read_text().replace("bikes.definitions", f"bikes.{definitions}"))
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
        for name, path, its in self._by_hour(rows, suffix):
            self.replace(name, path, its)

    def know(self, rows: Rows) -> None:
        """Know of files that are there, as they were written."""
        for name, path, its in self._by_hour(rows):
            self.files[name][path] = its

    def _by_hour(self, rows: Rows, suffix: str = "") -> Iterator[tuple[str, Path, list[Row]]]:
        for name, its in rows.items():
            source = self._registry.sources[name]
            files: dict[Path, list[Row]] = {}
            for row in its:
                arrival: datetime = row[source.arrival_time]
                path = Path(source.landing, f"{arrival:%Y-%m-%d}", f"{arrival:%H}{suffix}.parquet")
                files.setdefault(path, []).append(row)
            yield from ((name, path, files[path]) for path in sorted(files))

    def replace(self, name: str, path: Path, rows: Iterable[Row]) -> None:
        """Write one file, also over the one that is there."""
        self.files[name][path] = list(rows)
        file = self._folder / path
        file.parent.mkdir(parents=True, exist_ok=True)
        table = landing_table(self._registry.sources[name], self.files[name][path])
        unfinished = file.with_name(f".{file.name}.tmp")
        pq.write_table(table, unfinished)
        unfinished.replace(file)
