"""Where near views lie: in this process, or where other processes can read them.

What is shared is files of one folder, mapped into memory: one for each array, and of each view a
header. Whoever reads a view, or changes what is read of it, holds a lock on its header's file; with
a process that dies its locks end.
"""

import fcntl
import mmap
import os
import threading
import weakref
from contextlib import AbstractContextManager
from itertools import count
from pathlib import Path
from types import TracebackType
from typing import Any, Protocol
from uuid import uuid4

import numpy as np

from slate.errors import ConfigurationError
from slate.expressions import Array

Shape = tuple[int, ...]
DType = np.dtype[Any]

# What stands in a view's header.
HEADER = np.dtype(
    [
        # Whether something is being changed, or was when the process that changes it died.
        ("changing", np.int64),
        # The number of the description that goes with it; 0 before there is one.
        ("version", np.int64),
        # How many keys there are, and their bytes.
        ("keys", np.int64),
        ("key_bytes", np.int64),
        ("synced", np.float64),
        ("known_until", np.int64),
    ]
)


class Memory(Protocol):
    """Gives room for arrays, and a lock for those who read and change them."""

    def array(self, shape: Shape, dtype: DType) -> Array:
        """An array of zeros.

        Raises:
            ConfigurationError: there is no room for it.
        """

    def lock(self, view: str) -> AbstractContextManager[object]:
        """What who reads or changes a view holds, in this process and others."""


class OwnMemory:
    """Memory of this process alone."""

    def array(self, shape: Shape, dtype: DType) -> Array:
        """An array of zeros."""
        return np.zeros(shape, dtype)

    def lock(self, view: str) -> AbstractContextManager[object]:
        """What who reads or changes a view holds."""
        return threading.RLock()


class SharedMemory:
    """Memory that other processes can read.

    The file of an array ends with the array; who has opened it before can read it on.

    Args:
        folder: where the files are; nothing else is there.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        # No name stands for something else than it did, also where another process showed it.
        self._own, self._numbers = uuid4().hex[:12], count(1)
        self._names: dict[int, str] = {}
        self._headers: dict[str, Header] = {}

    def array(self, shape: Shape, dtype: DType) -> Array:
        """An array of zeros.

        Raises:
            ConfigurationError: there is no room for it.
        """
        path = self.folder / self.name("array")
        size = int(np.prod(shape))
        held = _mapped(path, size * dtype.itemsize, os.O_CREAT | os.O_EXCL)
        array = np.frombuffer(held, dtype, size).reshape(shape)
        self._names[id(array)] = path.name
        weakref.finalize(array, self._forget, id(array), path)
        return array

    def name(self, kind: str) -> str:
        """A name for a file that no file of this folder ever had."""
        return f"{self._own}-{next(self._numbers)}.{kind}"

    def lock(self, view: str) -> AbstractContextManager[object]:
        """What who changes a view holds: nobody reads it then."""
        return self.header(view)

    def header(self, view: str) -> "Header":
        """The header of a view."""
        if view not in self._headers:
            self._headers[view] = Header(self.folder, view)
        return self._headers[view]

    def described(self, array: Array) -> dict[str, Any]:
        """An array of this memory as ``opened`` takes it, ready for JSON."""
        return {
            "file": self._names[id(array)],
            "dtype": array.dtype.str,
            "shape": list(array.shape),
        }

    def _forget(self, number: int, path: Path) -> None:
        del self._names[number]
        path.unlink(missing_ok=True)


class Header(AbstractContextManager[None]):
    """The header of a view, of the process that changes it; it is locked while it is entered.

    Args:
        folder: where it is.
        view: the view's name.

    Attributes:
        numbers: what stands in it.
    """

    def __init__(self, folder: Path, view: str) -> None:
        path = header_path(folder, view)
        held = _mapped(path, HEADER.itemsize, os.O_CREAT)
        self.numbers = np.frombuffer(held, HEADER, 1)
        self._file = os.open(path, os.O_RDWR)
        weakref.finalize(self, os.close, self._file)

    def __enter__(self) -> None:
        fcntl.flock(self._file, fcntl.LOCK_EX)
        self.numbers["changing"] = 1

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        # What an error has left half changed stays so until it is described anew.
        self.numbers["changing"] = error is not None
        fcntl.flock(self._file, fcntl.LOCK_UN)


def header_path(folder: Path, view: str) -> Path:
    """The file of a view's header."""
    return folder / f"{view}.header"


def opened(folder: Path, described: dict[str, Any]) -> Array:
    """An array of another process's memory, to be read alone.

    Args:
        folder: the folder of the memory.
        described: what ``SharedMemory.described`` told of the array.

    Raises:
        OSError: it is not there any more.
    """
    shape, dtype = described["shape"], np.dtype(described["dtype"])
    with (folder / described["file"]).open("rb") as file:
        held = mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ)
    return np.frombuffer(held, dtype, int(np.prod(shape))).reshape(shape)


def _mapped(path: Path, size: int, flags: int) -> mmap.mmap:
    """A file of zeros, or what it was before, with room for all of it.

    Raises:
        ConfigurationError: there is no room for it.
    """
    size = max(size, 1)
    file = os.open(path, os.O_RDWR | flags, 0o600)
    try:
        if hasattr(os, "posix_fallocate"):
            # Without it there may be holes, and one that cannot be filled ends the process.
            os.posix_fallocate(file, 0, size)
        else:
            os.ftruncate(file, size)
        return mmap.mmap(file, size)
    except OSError as error:
        path.unlink()
        raise ConfigurationError(
            f"{path.parent} has no room for {size:,} bytes of near views ({error.strerror}): make "
            "room there (of a container: --shm-size), or name another folder (--near-folder)"
        ) from error
    finally:
        os.close(file)
