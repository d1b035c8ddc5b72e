"""Which files of a service's log were audited, and which of them are old enough to go."""

import json
from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from pathlib import Path
from typing import Self

from slate.assets.answer_files import names, place, remove_old
from slate.quality.files import write_atomically

_FILE = "audited.json"
# A file that no audit came to stays so many times as long as one that was audited.
UNAUDITED_TIMES = 2


@dataclass(frozen=True)
class AuditedFiles:
    """Which files were audited: all up to one, but for some that wait for the warehouse.

    Attributes:
        last: the name of the last that was looked at; empty before the first.
        waiting: the names of those up to it that are to be looked at again.
    """

    last: str = ""
    waiting: tuple[str, ...] = ()

    @classmethod
    def of(cls, folder: Path) -> Self:
        """Those of a service's folder."""
        try:
            found = json.loads((folder / _FILE).read_text())
        except FileNotFoundError:
            return cls()
        return cls(found["last"], tuple(found.get("waiting", ())))

    def write(self, folder: Path) -> None:
        """Remember them there."""
        found = {"last": self.last, "waiting": self.waiting}
        write_atomically(folder / _FILE, json.dumps(found))

    def __contains__(self, name: str) -> bool:
        return bool(self.last) and place(name) <= place(self.last) and name not in self.waiting

    def to_look_at(self, folder: Path) -> Iterator[str]:
        """The names of the files that were not audited, in their order."""
        return (name for name in names(folder) if name not in self)

    def after(self, name: str, *, waits: bool) -> "AuditedFiles":
        """What holds once a file was looked at.

        Args:
            name: the file's.
            waits: whether it has to be looked at again.
        """
        others = tuple(one for one in self.waiting if one != name)
        last = max(self.last or name, name, key=place)
        return replace(self, last=last, waiting=(*others, name) if waits else others)


@dataclass(frozen=True)
class RemovedFiles:
    """What was removed of a log.

    Attributes:
        files: how many files.
        unaudited: how many of these no audit had come to.
    """

    files: int
    unaudited: int


def remove_audited(folder: Path, kept: timedelta, now: datetime) -> RemovedFiles:
    """Remove files whose answers were stored longer ago than they are kept.

    One that was not audited stays twice as long.

    Args:
        folder: the service's folder.
        kept: how long they are kept.
        now: the machine's time.
    """
    audited = AuditedFiles.of(folder)
    old = remove_old(folder, now, lambda name: kept * (1 if name in audited else UNAUDITED_TIMES))
    if gone := set(audited.waiting) - set(names(folder)):
        still = tuple(name for name in audited.waiting if name not in gone)
        replace(audited, waiting=still).write(folder)
    return RemovedFiles(len(old), sum(name not in audited for name in old))
