from collections.abc import Iterator
from pathlib import Path

import duckdb
import pytest

from slate.plans import Plan
from tests.training import delivery
from tests.training.table import fill, offers


@pytest.fixture(scope="session")
def plan() -> Plan:
    return delivery.plan()


@pytest.fixture
def warehouse(tmp_path: Path, plan: Plan) -> Iterator[duckdb.DuckDBPyConnection]:
    with duckdb.connect(tmp_path / "warehouse.duckdb") as connection:
        fill(connection, plan, offers())
        yield connection


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path / "training" / "delivery_v1"
