"""Acceptance: somebody says that a view's change from its last good run is meant.

It is a file, ``<data>/reports/<view>.accepted.json``, which holds for the next run that passes, and
is gone then; the history of the view's gates keeps it.
"""

import json
from dataclasses import asdict, dataclass
from pathlib import Path

from slate.errors import DataError
from slate.quality.files import write_atomically


@dataclass(frozen=True)
class Acceptance:
    """That a change is meant.

    Attributes:
        because: why, in somebody's words.
        at: when it was said, as an ISO string.
    """

    because: str
    at: str


def accept(reports: Path, view: str, acceptance: Acceptance) -> None:
    """Let a view's next run differ from the last good one."""
    write_atomically(_path(reports, view), json.dumps(asdict(acceptance)) + "\n")


def accepted(reports: Path, view: str) -> Acceptance | None:
    """What was said of a view's next run; None where nothing was.

    Raises:
        DataError: the file does not hold it.
    """
    path = _path(reports, view)
    try:
        return Acceptance(**json.loads(path.read_text(encoding="utf-8")))
    except FileNotFoundError:
        return None
    except (ValueError, TypeError) as error:
        raise DataError(
            f"{path} does not say what is accepted ({error}): delete it, or write it anew with "
            f"`slate accept {view} --because ...`"
        ) from error


def use_up(reports: Path, view: str) -> None:
    """Let it hold no more, as a run has passed."""
    _path(reports, view).unlink(missing_ok=True)


def _path(reports: Path, view: str) -> Path:
    return reports / f"{view}.accepted.json"
