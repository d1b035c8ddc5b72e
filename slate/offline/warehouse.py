"""The warehouse's file: DuckDB lets one process write it, or several read it."""

import fcntl
import os
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from slate.deployment import Deployment
from slate.errors import DataError, MissingPackageError

if TYPE_CHECKING:
    import duckdb

# Somebody who looks into the file is waited for, but not for long.
LOCK_SECONDS, PAUSE = 15.0, 0.2

# How much of the machine's, or its container's, memory DuckDB may take where nothing else is said:
# checks, Dagster and an embedded store need theirs beside it.
MEMORY = "50%"

_MEMORY = "Out of Memory Error: "
_LOCKED = "Could not set lock on file"
_OPEN_HERE = "different configuration than existing connections"
_DAMAGE = (
    "Corrupt database file",
    "not a valid DuckDB database file",
    "Could not read enough bytes",
    "Serialization Error",
)


def is_damage(text: str) -> bool:
    """Whether DuckDB says with this that its file is damaged."""
    return any(words in text for words in _DAMAGE)


def damage(path: Path, reason: object) -> str:
    """What to do about a file that is damaged."""
    return (
        f"the warehouse {path} is damaged ({reason}): move it away, with {path.name}.wal if that "
        "is there, and run again; all of it is rebuilt from the landing files"
    )


def known_failure(path: Path, text: str) -> str | None:
    """What to do about a failure of DuckDB: damage of its file, or too little memory.

    Args:
        path: the file.
        text: what DuckDB says.
    """
    if (found := text.find(_MEMORY)) >= 0:
        said = " ".join(text[found + len(_MEMORY) :].split("Possible solutions")[0].split())
        return (
            f"the warehouse {path} needs more memory than it may take, also beside the disk "
            f"({said}): give it more by `memory` in slate.toml or SLATE_MEMORY, as in '12GB' or "
            "'80%', or see that the data folder's disk has room, and run again"
        )
    return damage(path, text) if is_damage(text) else None


def lock_file(path: Path) -> Path:
    """The file that a run locks for as long as it has the warehouse."""
    return path.with_name(f"{path.name}.lock")


@contextmanager
def held_alone(path: Path, again: str) -> Iterator[None]:
    """Have the warehouse alone meanwhile: runs wait, and who reads it waits a little.

    Args:
        path: its file, whose folder is there.
        again: what to do where somebody has it, for the message.

    Raises:
        DataError: a run has it, or somebody reads it.
    """
    with lock_file(path).open("w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise DataError(
                f"a run has the warehouse {path}, or somebody reads it: {again}"
            ) from None
        yield


def connect(path: Path, *, read_only: bool = False) -> "duckdb.DuckDBPyConnection":
    """Open the warehouse, waiting a little for another process that has it.

    Raises:
        DataError: another process has it, or it cannot be opened.
        duckdb.Error: it is damaged.
    """
    import duckdb

    deadline = time.monotonic() + LOCK_SECONDS
    while True:
        try:
            return duckdb.connect(path, read_only=read_only)
        except duckdb.Error as error:
            if is_damage(str(error)):
                raise
            if _OPEN_HERE in str(error):
                raise DataError(
                    f"this process has the warehouse {path} open already, in another way: close "
                    "that connection, and try again"
                ) from error
            if _LOCKED not in str(error):
                raise DataError(f"the warehouse {path} cannot be opened: {error}") from error
            if time.monotonic() > deadline:
                raise DataError(
                    f"another process has the warehouse {path} open ({error}): close it there, and "
                    "run again"
                ) from error
        time.sleep(PAUSE)


@contextmanager
def reading(
    deployment: Deployment, patience: float = LOCK_SECONDS
) -> Iterator["duckdb.DuckDBPyConnection"]:
    """A connection that reads the warehouse, beside others that do; a run waits until it is closed.

    Args:
        deployment: whose warehouse.
        patience: how many seconds to wait for a run that has it.

    Raises:
        MissingPackageError: DuckDB is not installed.
        DataError: there is no warehouse, a run has it, or it does not hold what is asked of it.
    """
    try:
        import duckdb
    except ModuleNotFoundError as error:
        raise MissingPackageError(
            f"history is read from the warehouse, and {error.name} is not installed: install "
            "slate[platform]"
        ) from None
    path = deployment.warehouse
    if not path.is_file():
        raise DataError(f"there is no warehouse {path} yet: build it with `slate run`")
    with _beside_runs(path, patience), _spill(path) as folder:
        try:
            with connect(path, read_only=True) as connection:
                connection.execute("set python_enable_replacements = false")
                connection.execute("set temp_directory = ?", [folder])
                # Not given to connect, which refuses a file that is open with other settings.
                connection.execute(f"set memory_limit = '{deployment.memory or MEMORY}'")
                yield connection
        except duckdb.OutOfMemoryException as error:
            raise DataError(
                f"so many rows do not fit into memory at once ({_line(error)}): ask for fewer, as "
                "with history_batches(rows=...)"
            ) from error
        except (duckdb.CatalogException, duckdb.BinderException) as error:
            raise DataError(
                f"the warehouse {path} does not hold what the definitions say ({_line(error)}): "
                "bring it up to date with `slate compile` and `slate run`"
            ) from error
        except duckdb.Error as error:
            if is_damage(str(error)):
                raise DataError(damage(path, _line(error))) from error
            raise DataError(f"the warehouse {path} cannot be read: {_line(error)}") from error


@contextmanager
def _beside_runs(path: Path, patience: float) -> Iterator[None]:
    """Wait a little for a run that has the warehouse, and let the next one wait."""
    try:
        held = os.open(lock_file(path), os.O_RDONLY | os.O_CREAT, 0o600)
    except OSError:
        # Who may only read the folder cannot make the file, and does without.
        yield
        return
    try:
        deadline = time.monotonic() + patience
        while True:
            try:
                fcntl.flock(held, fcntl.LOCK_SH | fcntl.LOCK_NB)
                break
            except BlockingIOError:
                if time.monotonic() > deadline:
                    raise DataError(
                        f"a run has the warehouse {path}: ask again when it has ended"
                    ) from None
            time.sleep(PAUSE)
        yield
    finally:
        os.close(held)


def _spill(path: Path) -> "tempfile.TemporaryDirectory[str]":
    """Where what does not fit into memory goes: apart from that of others who read."""
    folder = path.parent if os.access(path.parent, os.W_OK) else None
    return tempfile.TemporaryDirectory(prefix="history-", dir=folder)


def _line(error: Exception) -> str:
    return " ".join(str(error).split("\n\n")[0].split())
