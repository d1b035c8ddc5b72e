"""The warehouse's file: opened by one run at a time, whoever starts it."""

import fcntl
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TextIO

import dagster as dg
import duckdb
from dagster_duckdb import DuckDBResource
from pydantic import PrivateAttr

from slate.deployment import Deployment
from slate.errors import DataError

# Runs that Dagster queues wait for each other in its pool, where the UI shows them.
POOL = "warehouse"
# Somebody who looks into the file is waited for, but not for long.
LOCK_SECONDS, PAUSE = 15.0, 0.2

# How much of the machine's, or its container's, memory DuckDB may take where nothing else is said:
# checks, Dagster and an embedded store need theirs beside it.
MEMORY = "50%"

_LOCKED = "Could not set lock on file"
_MEMORY = "Out of Memory Error: "
_DAMAGE = (
    "Corrupt database file",
    "not a valid DuckDB database file",
    "Could not read enough bytes",
    "Serialization Error",
)


class Warehouse(DuckDBResource):
    """The DuckDB file, held by a run for as long as it lasts.

    DuckDB lets in one process at a time, and dbt is a process of its own. The lock ends with the
    process that holds it, so a run that was killed blocks none.
    """

    memory: str = MEMORY

    _lock: TextIO = PrivateAttr()

    @classmethod
    def of(cls, deployment: Deployment) -> "Warehouse":
        """The warehouse of a deployment."""
        return cls(database=str(deployment.warehouse), memory=deployment.memory or MEMORY)

    def setup_for_execution(self, context: dg.InitResourceContext) -> None:
        """Take the lock, waiting for whoever has it."""
        file = Path(f"{self.database}.lock")
        file.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        self._lock = file.open("w")
        try:
            fcntl.flock(self._lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            if context.log:
                context.log.info("another run has the warehouse: waiting for it to end")
            fcntl.flock(self._lock, fcntl.LOCK_EX)

    def teardown_after_execution(self, context: dg.InitResourceContext) -> None:
        """Give the lock back."""
        self._lock.close()

    @contextmanager
    def get_connection(self) -> Iterator[duckdb.DuckDBPyConnection]:
        """A connection, closed also after an error.

        What a query needs beyond the memory that it may take lies in ``<database>.tmp`` meanwhile.

        Raises:
            DataError: the file is damaged, another process has it, or a query needs more memory
                than there is and cannot do with the disk.
        """
        try:
            with _connect(self.database) as connection:
                # Not given to connect, which refuses a file that is open with other settings.
                connection.execute(f"set memory_limit = '{self.memory}'")
                yield connection
        except duckdb.Error as error:
            if (known := known_failure(Path(self.database), str(error))) is not None:
                raise DataError(known) from error
            raise


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
    return _damage(path, text) if _is_damage(text) else None


def _is_damage(text: str) -> bool:
    return any(words in text for words in _DAMAGE)


def _damage(path: Path, reason: object) -> str:
    return (
        f"the warehouse {path} is damaged ({reason}): move it away, with {path.name}.wal if that "
        "is there, and run again; all of it is rebuilt from the landing files"
    )


def _connect(path: str) -> duckdb.DuckDBPyConnection:
    deadline = time.monotonic() + LOCK_SECONDS
    while True:
        try:
            return duckdb.connect(path)
        except duckdb.Error as error:
            if _is_damage(str(error)):
                raise
            if _LOCKED not in str(error):
                raise DataError(f"the warehouse {path} cannot be opened: {error}") from error
            if time.monotonic() > deadline:
                raise DataError(
                    f"another process has the warehouse {path} open ({error}): close it there, and "
                    "run again"
                ) from error
        time.sleep(PAUSE)
