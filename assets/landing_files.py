"""Landing files: where they are, what they are called, and which others lie beside them.

A source's rows arrive in ``<landing>/<source>/<day>/<hour>*.parquet``, by the hour of arrival
(UTC): ``events/2026-03-10/07.parquet``, ``events/2026-03-10/07-late.parquet``. A file appears at
once and whole: whoever writes one gives it its name when it is done. What is hidden (``.`` or ``_``
before the name) or unfinished is passed over, as is what somebody set aside as ``*.bad``. Any other
name is told of, as the rows in such a file would be missing without a word. A day's folder that
cannot be looked into counts as one file, of that day's first hour, that cannot be read.
"""

import os
import re
from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path

from slate.errors import DataError
from slate.registry import Registry
from slate.sources import Source

ONE_HOUR = timedelta(hours=1)
EXPECTED = "<day>/<hour>*.parquet, as in 2026-03-10/07.parquet"
# What a writer has not finished, or a person has set aside.
_PASSED_OVER = (".tmp", ".temp", ".part", ".partial", ".crdownload", ".inprogress", ".crc", ".bad")
_FILE = re.compile(r"([01]\d|2[0-3]).*\.parquet")
_DAY = re.compile(r"\d{4}-\d\d-\d\d")


@dataclass(frozen=True)
class LandingFile:
    """A landing file.

    Attributes:
        path: where it lies.
        name: its path below the landing folder, by which the ledger knows it.
        hour: the hour in which its rows arrived (UTC).
    """

    path: Path
    name: str
    hour: datetime


@dataclass(frozen=True)
class LandingFolder:
    """What lies in a source's landing folder.

    Attributes:
        files: its landing files, in order of hour and name.
        misnamed: the names of files that are none, below the landing folder, in order.
    """

    files: list[LandingFile]
    misnamed: list[str]

    @property
    def hours(self) -> list[datetime]:
        """The hours that have files, in order."""
        return sorted({file.hour for file in self.files})

    def of(self, hours: Collection[datetime]) -> list[LandingFile]:
        """The files of some hours."""
        wanted = set(hours)
        return [file for file in self.files if file.hour in wanted]


def landing_sources(registry: Registry) -> list[type[Source]]:
    """The sources that are taken in from landing files."""
    return [source for source in registry.sources.values() if source.landing]


def landed(landing: Path, source: type[Source]) -> LandingFolder:
    """What lies in a source's landing folder.

    Args:
        landing: the landing folder of all sources.
        source: the source.

    Raises:
        DataError: the source's folder is there, and cannot be looked into.
    """
    files: list[LandingFile] = []
    misnamed: list[str] = []
    top = landing / source.landing

    def closed(error: OSError) -> None:
        path = Path(error.filename)
        if isinstance(error, FileNotFoundError) and not path.is_symlink():
            return  # it never was, or was taken away meanwhile
        if path == top:
            raise DataError(closed_folder(top, error)) from error
        add(path, _first_hour(top, path))

    def add(path: Path, hour: datetime | None) -> None:
        name = str(path.relative_to(landing))
        if hour is None:
            misnamed.append(name)
        else:
            files.append(LandingFile(path, name, hour))

    for folder, folders, names in os.walk(top, onerror=closed, followlinks=True):
        inner = [Path(folder, name) for name in folders if not _passed_over(name)]
        # Of links only a day's folder is followed: others may lead in a circle.
        others = [path for path in inner if path.is_symlink() and not _first_hour(top, path)]
        folders[:] = [path.name for path in inner if path not in others]
        for path in others:
            add(path, None)
        for path in (Path(folder, name) for name in names if not _passed_over(name)):
            hour = _hour(path.relative_to(top))
            if hour is None and path.is_symlink():
                # To a day's folder, and what it leads to is not there.
                hour = _first_hour(top, path)
            add(path, hour)
    files.sort(key=lambda file: (file.hour, file.path))
    return LandingFolder(files, sorted(misnamed))


def closed_folder(path: Path, error: OSError) -> str:
    """What is said of a folder that cannot be looked into."""
    return f"the folder {path} cannot be looked into: {error.strerror or error}"


def is_there(path: Path) -> bool:
    """Whether a landing file lies under its name, also one that cannot be reached now.

    A link to what is not there is one: what it leads to may come back, as a share that is mounted.
    So is a folder that cannot be looked into.
    """
    try:
        path.lstat()
    except (FileNotFoundError, NotADirectoryError):
        return False
    except OSError:
        return True
    return not os.path.isdir(path) or why_closed(path) is not None  # noqa: PTH112 (raises nothing)


def why_closed(path: Path) -> OSError | None:
    """Why a folder cannot be looked into; None if it can be."""
    try:
        with os.scandir(path):
            return None
    except OSError as error:
        return error


def is_reachable(path: Path) -> bool:
    """Whether a landing file can be looked at, whatever it holds."""
    return os.path.exists(path)  # noqa: PTH110 (a Path's own raises errors)


def _passed_over(name: str) -> bool:
    return name.startswith((".", "_")) or name.endswith(_PASSED_OVER)


def _first_hour(top: Path, path: Path) -> datetime | None:
    """The first hour of the day that a folder of a source is for; None if it is for none."""
    if path.parent == top and _DAY.fullmatch(path.name):
        return _instant(path.name, "00")
    return None


def _instant(day: str, hour: str) -> datetime | None:
    try:
        return datetime.strptime(f"{day} {hour}", "%Y-%m-%d %H")
    except ValueError:
        return None


def _hour(path: Path) -> datetime | None:
    """The hour of a landing file by its path below its source's folder; None if it is none."""
    match path.parts:
        case (day, name) if _DAY.fullmatch(day) and (match := _FILE.fullmatch(name)):
            return _instant(day, match[1])
    return None
