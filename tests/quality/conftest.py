import warnings
from collections.abc import Iterator

import duckdb
import pytest

from tests.quality.warehouse import GOOD, write


@pytest.fixture(scope="session", autouse=True)
def _great_expectations() -> None:
    """Import it once, where what it says of the standard library's future is no error."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)
        import great_expectations  # noqa: F401


@pytest.fixture
def warehouse() -> Iterator[duckdb.DuckDBPyConnection]:
    with duckdb.connect() as connection:
        for view, rows in GOOD.items():
            write(connection, view, rows)
        yield connection
