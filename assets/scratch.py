"""A passing database, in a file of its own: what is looked at may be larger than memory."""

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import mkdtemp

import duckdb

MEMORY = "2GB"


@contextmanager
def scratch(folder: Path) -> Iterator[duckdb.DuckDBPyConnection]:
    """A connection to a database that is gone when it is left.

    Args:
        folder: on whose disk it may grow.
    """
    place = Path(mkdtemp(prefix=".slate-", dir=folder))
    try:
        with duckdb.connect(place / "scratch.duckdb") as connection:
            connection.execute(f"set memory_limit = '{MEMORY}'")
            connection.execute("set timezone = 'UTC'")
            yield connection
    finally:
        shutil.rmtree(place, ignore_errors=True)
