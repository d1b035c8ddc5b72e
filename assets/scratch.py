"""A passing database, in a file of its own: what is looked at may be larger than memory."""

import shutil
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import mkdtemp

import duckdb

MEMORY = "2GB"
_PREFIX = ".slate-"
# What is left of a process that was killed is nobody's after this time.
_FORGOTTEN_SECONDS = 86_400


@contextmanager
def scratch(folder: Path) -> Iterator[duckdb.DuckDBPyConnection]:
    """A connection to a database that is gone when it is left.

    Args:
        folder: on whose disk it may grow.
    """
    for left in folder.glob(f"{_PREFIX}*"):
        if left.stat().st_mtime < time.time() - _FORGOTTEN_SECONDS:
            shutil.rmtree(left, ignore_errors=True)
    place = Path(mkdtemp(prefix=_PREFIX, dir=folder))
    try:
        with duckdb.connect(place / "scratch.duckdb") as connection:
            connection.execute(f"set memory_limit = '{MEMORY}'")
            connection.execute("set timezone = 'UTC'")
            yield connection
    finally:
        shutil.rmtree(place, ignore_errors=True)
