import warnings
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import duckdb
import pytest

from slate.compile.project import write
from slate.deployment import Deployment
from slate.quality.report_folders import report_folder
from slate.quality.run_reports import write_report
from slate.quality.validations import validate
from tests.catalogue.shop import CustomerProfile
from tests.quality.warehouse import AS_OF
from tests.quality.warehouse import write as write_table

ROWS = 400


@pytest.fixture(scope="session", autouse=True)
def _great_expectations() -> None:
    """Import it once, where what it says of the standard library's future is no error."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)
        import great_expectations  # noqa: F401


@pytest.fixture
def shop(tmp_path: Path) -> Deployment:
    """A shop that was never run, with the one model of its own."""
    project = tmp_path / "dbt_project"
    models = project / "models" / "features"
    models.mkdir(parents=True)
    (models / "customer_profile.sql").write_text(
        "select *, '<script>' as harm from {{ ref('stg_sales') }}\n"
    )
    deployment = Deployment(
        "shop", "tests.catalogue.shop", tmp_path, project, tmp_path / "data", redis=""
    )
    write(deployment.registry, project)
    return deployment


def customers(turn: int) -> list[dict[str, Any]]:
    """Rows in which some values are one customer's alone."""
    rows: list[dict[str, Any]] = [
        {
            "customer_id": f"secret-{number}",
            "city": "Hamlet" if number < 3 else f"Town {number % 3}",
            "spent": number * 1.5 + turn if number % 4 else None,
            "visits": number % 3,
            "rare": float(number) if number < 60 else None,
            "vip": number % 2 == 0,
            "as_of": AS_OF + timedelta(hours=turn),
        }
        for number in range(ROWS)
    ]
    rows[-1]["spent"], rows[1]["spent"] = 987_654.0, -123_456.0
    return rows


@pytest.fixture
def check(shop: Deployment) -> Callable[..., None]:
    """Checks the profiles of customers, as a run of some number does, as of some hour."""

    def run(number: int, hour: int = 0) -> None:
        with duckdb.connect() as connection:
            write_table(connection, CustomerProfile, customers(hour or number))
            validation = validate(CustomerProfile, connection)
        run = f"{number:08}-0000"
        folder = report_folder(shop.reports, run)
        at = datetime(2026, 5, 1, 12, tzinfo=UTC) + timedelta(hours=number)
        write_report(validation, folder / "customer_profile.json", at, run)

    return run
