"""What takes seconds to make, and is made once for all processes of a test run."""

import atexit
import fcntl
import shutil
from collections.abc import Callable
from pathlib import Path
from tempfile import mkdtemp

_folder: Path | None = None


def keep_in(folder: Path) -> None:
    """Say where it lies: in a folder that the processes of a test run have in common."""
    global _folder
    _folder = folder


def made_once(name: str, make: Callable[[Path], None]) -> Path:
    """A folder that whoever asks for it first makes; the others wait for that.

    Args:
        name: of the folder.
        make: makes it, at the path that it is given.
    """
    global _folder
    if _folder is None:
        _folder = Path(mkdtemp())
        atexit.register(shutil.rmtree, _folder)
    made, unfinished = _folder / name, _folder / f"{name}.unfinished"
    with (_folder / f"{name}.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not made.exists():
            shutil.rmtree(unfinished, ignore_errors=True)
            make(unfinished)
            unfinished.rename(made)
    return made
