"""Dagster loads the definitions, in whatever shell it is started."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from slate.compile.project import write
from tests.orchestration import small
from tests.orchestration.parsed import parse_once

ROOT = Path(__file__).parents[2]


# Where it was not parsed yet, dbt is not only found, but run.
@pytest.mark.parametrize("parsed", [True, pytest.param(False, marks=pytest.mark.thorough)])
def test_they_load_where_no_program_of_the_environment_is_on_the_path(
    tmp_path: Path, parsed: bool
) -> None:
    deployment = small.place(tmp_path, "views")
    write(deployment.registry, deployment.dbt_project)
    if parsed:
        parse_once(deployment)
    environment = os.environ | {
        "PATH": os.defpath,
        "PYTHONPATH": str(ROOT),
        "SLATE_CONFIG": str(deployment.root / "slate.toml"),
    }
    command = ["dagster", "definitions", "validate", "--workspace", ROOT / "workspace.yaml"]
    done = subprocess.run(
        [sys.executable, "-m", *command],
        cwd=tmp_path,
        env=environment,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert done.returncode == 0, done.stderr
