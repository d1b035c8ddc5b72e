"""Dagster's home: where runs and their logs are kept, below the deployment's data."""

import os
import sqlite3
from importlib.resources import files
from pathlib import Path
from typing import Any

from sqlalchemy import event
from sqlalchemy.engine import Connection, Engine

from slate.deployment import Deployment


def prepare_home(deployment: Deployment) -> Path:
    """Make the home, with its configuration up to date, and point Dagster to it."""
    home = deployment.dagster_home
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

    A run over ten days of hours has thousands of events, each of them a commit. It plans an asset
    with one event, not one for each of its hours, and its commits reach the disk when the system
    likes. What a power cut could cost is the history of runs, never data. And as Dagster makes an
    engine of SQLAlchemy's for each event, which knows no statement yet, these keep theirs together.
    """
    os.environ["DAGSTER_EMIT_PARTITION_SUBSET_IN_PLANNED_EVENTS"] = "true"
    event.listen(Engine, "connect", _commit_quickly)
    event.listen(Engine, "engine_connect", _compile_once)


class _Statements(dict[Any, Any]):
    """Compiled statements of SQLite's engines, whichever of them compiled one first.

    SQLAlchemy looks one up by the dialect of its engine, an object of its own, and by what
    tells the statement from others.
    """

    def get(self, key: Any, default: Any = None) -> Any:
        return super().get(_alike(key), default)

    def __getitem__(self, key: Any) -> Any:
        return super().__getitem__(_alike(key))

    def __setitem__(self, key: Any, compiled: Any) -> None:
        super().__setitem__(_alike(key), compiled)


def _alike(key: Any) -> Any:
    dialect, *statement = key
    return (type(dialect), *statement)


_STATEMENTS = _Statements()


def _compile_once(connection: Connection) -> None:
    if connection.dialect.name == "sqlite":
        connection.execution_options(compiled_cache=_STATEMENTS)


def _commit_quickly(connection: object, _: object) -> None:
    if isinstance(connection, sqlite3.Connection):
        connection.execute("pragma synchronous = off")
