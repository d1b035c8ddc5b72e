"""What checks of sources and published views found last, kept beside Dagster's own history.

``<data>/reports/source.<name>.checks.json`` is of a source, ``view.<name>.checks.json`` of a view
in the online store. What a view's own suite found is kept by run (``slate.quality.run_reports``).
"""

import json
from collections.abc import Iterable
from dataclasses import asdict, dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

import dagster as dg

from slate.deployment import Deployment
from slate.quality.files import write_atomically
from slate.sources import Source
from slate.views import FeatureView

Checked = type[Source] | type[FeatureView]


@dataclass(frozen=True)
class Found:
    """What a check found.

    Attributes:
        passed: whether all is well.
        warning: whether it only warns where it is not.
        told: what it found, in words.
        at: when, by the platform's clock, as an ISO string.
    """

    passed: bool
    warning: bool
    told: str
    at: str

    @property
    def instant(self) -> datetime:
        """When it was."""
        return datetime.fromisoformat(self.at)


def keep(deployment: Deployment, of: Checked, results: Iterable[dg.AssetCheckResult]) -> None:
    """Keep what checks found, in the place of what they found before."""
    at = deployment.now().isoformat(timespec="seconds")
    new = {
        str(result.check_name): asdict(
            Found(
                result.passed,
                result.severity is dg.AssetCheckSeverity.WARN,
                result.description or "",
                at,
            )
        )
        for result in results
    }
    path = _path(deployment.reports, of)
    write_atomically(path, json.dumps({**_read(path), **new}, indent=2) + "\n")


def kept(deployment: Deployment, of: Checked) -> dict[str, Found]:
    """What each check found last, by its name; a file that does not tell is passed over."""
    found = _read(_path(deployment.reports, of))
    try:
        return {name: Found(**one) for name, one in found.items()}
    except TypeError:
        return {}


def _read(path: Path) -> dict[str, Any]:
    try:
        found = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    return found if isinstance(found, dict) else {}


def _path(reports: Path, of: Checked) -> Path:
    kind = "source" if issubclass(of, Source) else "view"
    return reports / f"{kind}.{of.name}.checks.json"
