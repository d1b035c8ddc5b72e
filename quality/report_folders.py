"""Where reports are kept: a folder for each run, the newest of them also as ``latest``.

::

    reports/2026-11-26T09-05-12-4f1c02aa/<view>.html    a page, with rows that failed
    reports/2026-11-26T09-05-12-4f1c02aa/<view>.json    the same without any row
    reports/latest -> 2026-11-26T09-05-12-4f1c02aa
"""

import os
import shutil
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path

# The reports of so many runs are kept.
KEPT = 50
LATEST = "latest"


def report_folder(reports: Path, run: str) -> Path:
    """The folder of a run's reports, made if need be; the oldest runs' are deleted for it.

    Args:
        reports: where the folders are.
        run: what tells this run from others, such as its id.
    """
    name = run[:8]
    folder = next(reports.glob(f"*-{name}"), None)
    if folder is None:
        folder = reports / f"{datetime.now(UTC):%Y-%m-%dT%H-%M-%S}-{name}"
        folder.mkdir(parents=True, exist_ok=True)
        _point(reports / LATEST, folder)
        for old in run_folders(reports)[:-KEPT]:
            shutil.rmtree(old, ignore_errors=True)
    return folder


def run_folders(reports: Path) -> list[Path]:
    """The folders of runs, the oldest first."""
    return sorted(reports.glob("[0-9]*T*-*/"))


def _point(link: Path, folder: Path) -> None:
    unfinished = link.with_name(f".{LATEST}.{os.getpid()}")
    with suppress(FileNotFoundError):
        unfinished.unlink()
    unfinished.symlink_to(folder.name)
    unfinished.replace(link)
