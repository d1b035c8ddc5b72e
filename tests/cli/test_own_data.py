"""The README's way from an empty folder to a model's features, with a file of orders."""

import csv
import os
import subprocess
import sys
from datetime import datetime, timedelta
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
SCRIPT = ROOT / "docs/own_data/run.sh"
ORDERS = ROOT / "docs/own_data/orders.csv"
CUSTOMER = "c01"


@pytest.fixture
def environment(tmp_path: Path) -> dict[str, str]:
    """`slate` on the path, and nothing said of a deployment."""
    programs = tmp_path / "bin"
    programs.mkdir()
    slate = programs / "slate"
    slate.write_text(f'#!/bin/sh\nexec "{sys.executable}" -m slate.cli "$@"\n')
    slate.chmod(0o755)
    others = {name: value for name, value in os.environ.items() if not name.startswith("SLATE_")}
    path = f"{programs}{os.pathsep}{os.environ['PATH']}"
    return {**others, "PATH": path, "PYTHONPATH": str(ROOT)}


def expected() -> dict[str, str]:
    """The customer's features as the clock stands, counted by hand."""
    with ORDERS.open() as file:
        rows = [row for row in csv.DictReader(file) if row["customer_id"] == CUSTOMER]
        times = [datetime.fromisoformat(row["placed_at"]) for row in rows]
    clock = datetime(2026, 3, 7, 11)
    # The tail of a day moves in hours, and the clock stands on one.
    day = [row for row, at in zip(rows, times, strict=True) if at >= clock - timedelta(days=1)]
    return {
        "customer_orders.orders_1d": str(len(day)),
        "customer_orders.orders_30d": str(len(rows)),
        "customer_orders.amount_sum_1d": f"{sum(float(row['amount']) for row in day):.6g}",
        "customer_orders.amount_sum_30d": f"{sum(float(row['amount']) for row in rows):.6g}",
        "customer_orders.last_order": f"{max(times):%Y-%m-%d %H:%M:%S} UTC",
    }


@pytest.mark.process
def test_from_a_file_of_orders_to_features(tmp_path: Path, environment: dict[str, str]) -> None:
    done = subprocess.run(
        ["sh", str(SCRIPT), str(tmp_path / "shop")],
        env=environment,
        capture_output=True,
        text=True,
        timeout=600,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    told = dict(line.split(maxsplit=1) for line in done.stdout.splitlines() if "_orders." in line)
    assert told == expected()
    last = done.stdout.splitlines()[-1]
    assert last.startswith("from orders.csv to a customer's features: ")
    assert int(last.split()[-2]) < 600


def test_the_readme_says_what_the_script_does() -> None:
    commands = [line for line in SCRIPT.read_text().splitlines() if line.startswith("slate ")]
    assert len(commands) == 4
    readme = (ROOT / "README.md").read_text()
    assert "\n".join(commands) in readme


@pytest.mark.process
def test_elsewhere_than_in_a_deployment_a_command_says_so(
    tmp_path: Path, environment: dict[str, str]
) -> None:
    for command in ("run", "query customer_features customer_id=c01", "list"):
        refused = subprocess.run(
            ["slate", *command.split()],
            env=environment,
            cwd=tmp_path,
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )
        assert refused.returncode == 1
        assert refused.stderr.startswith(f"slate: no slate.toml in {tmp_path} or above: `slate ")
