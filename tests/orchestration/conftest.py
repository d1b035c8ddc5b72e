from collections.abc import Iterator

import duckdb
import pytest

from slate.assets.raw_tables import prepare
from tests.deployments.bikes.definitions import Checkup, Move, Offer


@pytest.fixture(scope="module", autouse=True)
def _environment() -> Iterator[None]:
    """What a test chooses ends with it."""
    with pytest.MonkeyPatch.context() as monkeypatch:
        monkeypatch.setenv("DAGSTER_DISABLE_TELEMETRY", "1")
        for name in (
            "DAGSTER_HOME",
            "SLATE_WAREHOUSE",
            "SLATE_CONFIG",
            "SLATE_DATA",
            "SLATE_REDIS",
            "SLATE_CLOCK",
            "SLATE_MEMORY",
            "SLATE_ENV",
        ):
            monkeypatch.setenv(name, "")  # so that it is remembered
            monkeypatch.delenv(name)
        yield


@pytest.fixture
def warehouse() -> Iterator[duckdb.DuckDBPyConnection]:
    """One into which some sources of the bike-share can be taken."""
    with duckdb.connect() as connection:
        prepare(connection, [Move, Offer, Checkup])
        yield connection
