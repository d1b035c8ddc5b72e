"""Dagster's home: where runs and their logs are kept, below the deployment's data."""

import os
import sqlite3
from importlib.resources import files
from pathlib import Path

from sqlalchemy import event
from sqlalchemy.engine import Engine

from slate.deployment import Deployment


def prepare_home(deployment: Deployment) -> Path:
    """Make the home, with its configuration up to date, and point Dagster to it."""
    home = deployment.data / "dagster"
    deployment.make_data()
    home.mkdir(parents=True, exist_ok=True)
    wanted = (files("slate.orchestration") / "dagster.yaml").read_text()
    config = home / "dagster.yaml"
    if not config.is_file() or config.read_text() != wanted:
        config.write_text(wanted)
    os.environ["DAGSTER_HOME"] = str(home)
    return home


def write_history_quickly() -> None:
    """Let this process write Dagster's history of runs fast.

    A run over two weeks of hours has thousands of events, each of them a commit. It plans an asset
    with one event, not one for each of its hours, and its commits reach the disk when the system
    likes. What a power cut could cost is the history of runs, never data.
    """
    os.environ["DAGSTER_EMIT_PARTITION_SUBSET_IN_PLANNED_EVENTS"] = "true"
    event.listen(Engine, "connect", _commit_quickly)


def _commit_quickly(connection: object, _: object) -> None:
    if isinstance(connection, sqlite3.Connection):
        connection.execute("pragma synchronous = off")
