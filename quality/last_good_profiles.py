"""The profile of each view's last good run, as a file.

``<data>/reports/<view>.profile.json`` is what the next run is compared with. Where a great change
is meant, as after a correction of the source, `slate accept` lets the next run pass; where the file
is deleted, nothing is compared. Those before it lie in ``<view>.profiles``, by the instant that
each is as of: who goes back to an older generation goes back to its profile too.
"""

import json
from collections.abc import Iterable
from dataclasses import asdict
from datetime import UTC, datetime
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


def save(reports: Path, validation: Validation, most: int = 1) -> bool:
    """Keep a run's profile as what the next one is compared with, if it was a good one.

    Args:
        reports: the folder.
        validation: what came of the run.
        most: how many profiles of good runs there are to go back to.

    Returns:
        Whether it was kept.
    """
    profile = validation.profile
    if validation.success:
        text = json.dumps(asdict(profile), indent=2, allow_nan=False) + "\n"
        write_atomically(_path(reports, profile.view), text)
        if profile.as_of is not None:
            former = _former(reports, profile.view, datetime.fromisoformat(profile.as_of))
            write_atomically(former, text)
            for path in sorted(former.parent.glob("*.json"))[:-most]:
                path.unlink(missing_ok=True)
    return validation.success


def go_back(reports: Path, live: Iterable[tuple[str, datetime]]) -> list[str]:
    """Compare next runs with older generations, as these are live again.

    Args:
        reports: the folder.
        live: of each view its name, and the instant that what is live by now is as of.

    Returns:
        The views of which that is not kept: they go on being compared with the last good run.
    """
    unknown = []
    for view, as_of in live:
        try:
            text = _former(reports, view, as_of).read_text(encoding="utf-8")
        except FileNotFoundError:
            unknown.append(view)
        else:
            write_atomically(_path(reports, view), text)
    return unknown


def _path(reports: Path, view: str) -> Path:
    return reports / f"{view}.profile.json"


def _former(reports: Path, view: str, as_of: datetime) -> Path:
    instant = as_of.replace(tzinfo=as_of.tzinfo or UTC).astimezone(UTC)
    return reports / f"{view}.profiles" / f"{instant:%Y%m%dT%H%M%S.%f}.json"
