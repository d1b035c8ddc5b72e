"""Dagster's home: where runs and their logs are kept, below the deployment's data."""

import os
from importlib.resources import files
from pathlib import Path

from slate.deployment import Deployment


def prepare_home(deployment: Deployment) -> Path:
    """Make the home, with its configuration up to date, and point Dagster to it."""
    home = deployment.data / "dagster"
    home.mkdir(parents=True, exist_ok=True)
    wanted = (files("orchestration") / "dagster.yaml").read_text()
    config = home / "dagster.yaml"
    if not config.is_file() or config.read_text() != wanted:
        config.write_text(wanted)
    os.environ["DAGSTER_HOME"] = str(home)
    return home
