"""The warehouse's file: opened by one run at a time, whoever starts it."""

import fcntl
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
from slate.offline.warehouse import MEMORY, connect, known_failure, lock_file

# Runs that Dagster queues wait for each other in its pool, where the UI shows them.
POOL = "warehouse"


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
        file = lock_file(Path(self.database))
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

    def failure(self, what: str, error: Exception) -> str:
        """What became of a failure of DuckDB's that concerns one thing of many, and what to do.

        Args:
            what: what came of it.
            error: the failure.
        """
        if (known := known_failure(Path(self.database), str(error))) is not None:
            return f"{what}: {known}"
        said = " ".join(str(error).split())
        return (
            f"{what}, as DuckDB cannot read its tables ({said}): look for the value or the table "
            "that it names in the warehouse, mend what that comes from, and run again"
        )

    @contextmanager
    def get_connection(self) -> Iterator[duckdb.DuckDBPyConnection]:
        """A connection, closed also after an error.

        What a query needs beyond the memory that it may take lies in ``<database>.tmp`` meanwhile.

        Raises:
            DataError: the file is damaged, another process has it, or a query needs more memory
                than there is and cannot do with the disk.
        """
        try:
            with connect(Path(self.database)) as connection:
                # Not given to connect, which refuses a file that is open with other settings.
                connection.execute(f"set memory_limit = '{self.memory}'")
                yield connection
        except duckdb.Error as error:
            if (known := known_failure(Path(self.database), str(error))) is not None:
                raise DataError(known) from error
            raise
