"""Clocks of processes that are set back while they run (Linux, with a C compiler)."""

import os
import shutil
import struct
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Self

_SOURCE = Path(__file__).with_name("moved_clock.c")
_COMPILER = "cc"


def can_be_moved() -> bool:
    """Whether clocks can be moved on this machine."""
    return shutil.which(_COMPILER) is not None


class MovedClock:
    """A clock of the processes that are started with it.

    Only the time of day is moved, as by somebody who sets a machine's clock: what measures how long
    something takes goes on.

    Args:
        folder: where it keeps what it is made of; it is its alone.
    """

    def __init__(self, folder: Path) -> None:
        folder.mkdir()
        self._file, self._library = folder / "seconds", folder / "moved_clock.so"
        self.move(0)
        if can_be_moved():
            compiled = ("-O2", "-shared", "-fPIC", "-o", self._library, _SOURCE, "-ldl")
            subprocess.run([_COMPILER, *compiled], check=True)

    def move(self, seconds: int) -> None:
        """Have it tell so many seconds more than the machine's; fewer where they are negative."""
        # In place: processes have the file mapped.
        with self._file.open("r+b" if self._file.exists() else "wb") as file:
            file.write(struct.pack("=q", seconds))

    @contextmanager
    def of_what_starts(self) -> Iterator[None]:
        """Give it to every process that is started meanwhile, and to those that these start."""
        if not can_be_moved():
            yield
            return
        before = os.environ.copy()
        os.environ |= {"LD_PRELOAD": str(self._library), "MOVED_CLOCK": str(self._file)}
        try:
            yield
        finally:
            os.environ.clear()
            os.environ.update(before)


@dataclass(frozen=True)
class Clocks:
    """The clocks of the worker, of the server's processes and of a publisher."""

    worker: MovedClock
    server: MovedClock
    publisher: MovedClock

    @classmethod
    def within(cls, folder: Path) -> Self:
        """Clocks that are kept in a folder, and right."""
        return cls(*(MovedClock(folder / name) for name in ("worker", "server", "publisher")))
