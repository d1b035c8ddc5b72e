"""The profile of each view's last good run, as a file.

``<data>/reports/<view>.profile.json`` is what the next run is compared with. Where a great change
is meant, as after a correction of the source, `slate accept` lets the next run pass; where the file
is deleted, nothing is compared.
"""

import json
from dataclasses import asdict
from pathlib import Path

from slate.errors import DataError
from slate.quality.files import write_atomically
from slate.quality.profiles import Profile, profile_of
from slate.quality.results import Validation
from slate.views import FeatureView


def load(reports: Path, view: type[FeatureView]) -> Profile | None:
    """The profile of a view's last good run; None before the first.

    Raises:
        DataError: the file holds no profile.
    """
    path = _path(reports, view.name)
    try:
        return profile_of(json.loads(path.read_text(encoding="utf-8")))
    except FileNotFoundError:
        return None
    except (ValueError, TypeError, KeyError, AttributeError) as error:
        raise DataError(
            f"{path} holds no profile of {view.name} ({error}): delete it, and the next run is "
            "taken as it is"
        ) from error


def save(reports: Path, validation: Validation) -> bool:
    """Keep a run's profile as what the next one is compared with, if it was a good one.

    Returns:
        Whether it was kept.
    """
    if validation.success:
        text = json.dumps(asdict(validation.profile), indent=2, allow_nan=False)
        write_atomically(_path(reports, validation.profile.view), text + "\n")
    return validation.success


def _path(reports: Path, view: str) -> Path:
    return reports / f"{view}.profile.json"
