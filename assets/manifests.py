"""Manifests: what a training set holds, in a JSON file beside its data."""

import json
from collections.abc import Iterable
from dataclasses import dataclass, is_dataclass
from datetime import date, datetime
from enum import Enum
from pathlib import Path
from typing import Any

from slate.assets.column_statistics import Statistics
from slate.errors import DataError
from slate.features import Feature
from slate.fingerprints import fingerprint
from slate.kinds import Kind
from slate.plans import Plan

CURRENT = "current"
MANIFEST = "_manifest.json"


@dataclass(frozen=True)
class ManifestColumn:
    """A column of a training set.

    Attributes:
        name: its name.
        kind: the kind of its values.
        length: the most values of a list; None where there is one value a row.
    """

    name: str
    kind: Kind
    length: int | None = None


@dataclass(frozen=True)
class Origin:
    """What a training set's values follow from: days of one origin can stand in one set.

    Attributes:
        service: the service's name.
        version: its version.
        keys: its request keys.
        spine: the model whose rows the set is built for.
        columns: all columns in order, the spine's first.
        features: which of them are features, as a model is given them.
        definitions: the definition hash of each view that the features are made of.
    """

    service: str
    version: int
    keys: tuple[str, ...]
    spine: str
    columns: tuple[ManifestColumn, ...]
    features: tuple[str, ...]
    definitions: dict[str, str]

    @classmethod
    def of(cls, plan: Plan) -> "Origin":
        """The origin of the sets that are written now."""
        service = plan.service
        made: tuple[Feature, ...] = (*plan.inputs, *plan.computed)
        views = dict.fromkeys([*plan.views, *(feature.view for feature in made)])
        return cls(
            service.name,
            service.version,
            service.request_keys,
            service.spine.model,
            (
                *(
                    ManifestColumn(column.name, column.kind)
                    for column in service.spine.columns.values()
                ),
                *(ManifestColumn(f.name, f.kind, f.value_type.length) for f in service.features),
            ),
            tuple(feature.name for feature in service.features),
            {view.name: fingerprint(view) for view in views},
        )


@dataclass(frozen=True)
class Day:
    """The rows of a UTC day of the spine's event time.

    Attributes:
        day: the day.
        rows: how many there are.
        bytes: the size of its file.
        statistics: by column.
    """

    day: date
    rows: int
    bytes: int
    statistics: dict[str, Statistics]


@dataclass(frozen=True)
class Manifest:
    """What one version of a training set holds.

    Attributes:
        origin: what its values follow from.
        rows: how many rows it has.
        first, last: the least and the greatest event time; None without rows.
        days: its days in order.
        statistics: of all days, by column.
        written_at: when it was written; the table's later changes are not in it.
        build: the warehouse's last build before that, by its ledgers' time, which tells what was
            built since, whatever became of the clock; None if it is not known, as of sets that an
            earlier version wrote.
    """

    origin: Origin
    rows: int
    first: datetime | None
    last: datetime | None
    days: tuple[Day, ...]
    statistics: dict[str, Statistics]
    written_at: datetime
    build: datetime | None = None

    @classmethod
    def of(
        cls,
        plan: Plan,
        days: Iterable[Day],
        written_at: datetime,
        build: datetime | None = None,
    ) -> "Manifest":
        """The manifest of a set of these days."""
        origin, days = Origin.of(plan), tuple(sorted(days, key=lambda day: day.day))
        statistics = {
            column.name: Statistics.merged(day.statistics[column.name] for day in days)
            for column in origin.columns
        }
        times: Any = statistics[plan.service.spine.event_time]
        rows = sum(day.rows for day in days)
        return cls(origin, rows, times.least, times.greatest, days, statistics, written_at, build)

    def to_json(self) -> str:
        """The manifest as JSON; times are ISO 8601."""
        return json.dumps(self, default=_json_value)

    @classmethod
    def from_json(cls, text: str) -> "Manifest":
        """The manifest that ``to_json`` wrote."""
        raw = json.loads(text)
        origin = raw["origin"]
        origin["keys"], origin["features"] = tuple(origin["keys"]), tuple(origin["features"])
        origin["columns"] = tuple(
            ManifestColumn(c["name"], Kind(c["kind"]), c.get("length")) for c in origin["columns"]
        )
        raw["origin"] = Origin(**origin)
        raw["days"] = tuple(
            Day(
                date.fromisoformat(day["day"]),
                day["rows"],
                day["bytes"],
                _statistics(day["statistics"]),
            )
            for day in raw["days"]
        )
        raw["statistics"] = _statistics(raw["statistics"])
        for name in ("first", "last", "written_at"):
            raw[name] = _time(raw[name])
        raw["build"] = _time(raw.get("build"))
        return cls(**raw)


def load_manifest(folder: Path) -> Manifest:
    """The manifest of a service's current training set.

    Args:
        folder: the service's folder (``<data>/training/feed_ranking_v1``).

    Raises:
        DataError: there is no training set, or its manifest cannot be read.
    """
    path = folder / CURRENT / MANIFEST
    try:
        return Manifest.from_json(path.read_text())
    except FileNotFoundError:
        raise DataError(f"{folder} holds no training set: `slate run` writes it") from None
    except (ValueError, TypeError, KeyError) as error:
        raise DataError(
            f"{path} is not a manifest ({error!r}): remove {folder / CURRENT}, and write the "
            "training set again"
        ) from error


def _json_value(value: Any) -> Any:
    if is_dataclass(value):
        return vars(value)
    return value.value if isinstance(value, Enum) else value.isoformat()


def _statistics(raw: dict[str, dict[str, Any]]) -> dict[str, Statistics]:
    for numbers in raw.values():
        numbers["least"], numbers["greatest"] = _time(numbers["least"]), _time(numbers["greatest"])
    return {name: Statistics(**numbers) for name, numbers in raw.items()}


def _time(value: Any) -> Any:
    return datetime.fromisoformat(value) if isinstance(value, str) else value
