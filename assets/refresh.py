"""Telling which models were built from another definition than today's, and so must be rebuilt."""

from hashlib import blake2b

import duckdb

from slate.compile.names import RAW
from slate.compile.project import generated
from slate.registry import Registry


def incremental_models(registry: Registry) -> dict[str, str]:
    """The generated models that are built hour by hour, with the hash of their SQL."""
    return {
        path.stem: blake2b(text.encode(), digest_size=8).hexdigest()
        for path, text in generated(registry).items()
        if path.suffix == ".sql" and "materialized='incremental'" in text
    }


def outdated(connection: duckdb.DuckDBPyConnection, models: dict[str, str]) -> list[str]:
    """The models that the warehouse holds, but built from other SQL."""
    _prepare(connection)
    built = dict(connection.execute(f"select model, hash from {RAW}.built").fetchall())
    return sorted(model for model, digest in models.items() if built.get(model, digest) != digest)


def record(connection: duckdb.DuckDBPyConnection, models: dict[str, str]) -> None:
    """Remember from what the models were built."""
    _prepare(connection)
    for model, digest in models.items():
        connection.execute(f"insert or replace into {RAW}.built values (?, ?)", [model, digest])


def _prepare(connection: duckdb.DuckDBPyConnection) -> None:
    connection.execute(f"create schema if not exists {RAW}")
    connection.execute(
        f"create table if not exists {RAW}.built (model varchar primary key, hash varchar)"
    )
