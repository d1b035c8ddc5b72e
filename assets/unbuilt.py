"""The ledger of what the last build could not build.

A model that fails takes with it what reads of it, and nothing else: all other views are checked,
published and trained on in the same run, which fails at its end.
"""

from collections.abc import Collection, Iterable, Mapping, Sequence

import duckdb

from slate.compile.model_names import RAW, state_models
from slate.errors import HeldBackError
from slate.registry import Registry


def prepare(connection: duckdb.DuckDBPyConnection) -> None:
    """Make the ledger, where it is missing."""
    connection.execute(f"create schema if not exists {RAW}")
    connection.execute(
        f"""create table if not exists {RAW}.unbuilt (
            model varchar primary key, failed varchar, reason varchar
        )"""
    )


def closure(failed: Collection[str], readers: Mapping[str, Sequence[str]]) -> dict[str, str]:
    """By model that is not built, the failed one that it comes of.

    Args:
        failed: the names of the models that failed, or did not pass a test.
        readers: by model, the models that read it.
    """
    found = {model: model for model in failed}
    waiting = list(failed)
    while waiting:
        model = waiting.pop()
        for reader in readers.get(model, ()):
            if reader not in found:
                found[reader] = found[model]
                waiting.append(reader)
    return found


def record(
    connection: duckdb.DuckDBPyConnection,
    built: Iterable[str] | None,
    failed: Mapping[str, str],
    readers: Mapping[str, Sequence[str]],
) -> dict[str, str]:
    """Remember what a build could not build.

    Args:
        connection: the warehouse.
        built: the models that it did; None where that is all of them.
        failed: by model that failed, why.
        readers: by model, the models that read it.

    Returns:
        By model that is not built, the failed one that it comes of.
    """
    prepare(connection)
    if built is None:
        connection.execute(f"delete from {RAW}.unbuilt")
    else:
        # Nor is anything to be told of models that are no more.
        connection.execute(
            f"""delete from {RAW}.unbuilt
            where list_contains(?, model) or not list_contains(?, model)""",
            [list(built), list(readers)],
        )
    found = closure(failed, readers)
    for model, of in found.items():
        connection.execute(
            f"insert or replace into {RAW}.unbuilt values (?, ?, ?)", [model, of, failed[of]]
        )
    return found


def failed_models(connection: duckdb.DuckDBPyConnection) -> dict[str, str]:
    """By model that builds failed on and that is not built since, why."""
    prepare(connection)
    found = connection.execute(
        f"select model, reason from {RAW}.unbuilt where model = failed order by model"
    )
    return dict(found.fetchall())


def failure_behind(
    connection: duckdb.DuckDBPyConnection, models: Iterable[str]
) -> tuple[str, str] | None:
    """The failed model for which one of these is not built, and why it failed; None if all are."""
    prepare(connection)
    found: tuple[str, str] | None = connection.execute(
        f"""select failed, reason from {RAW}.unbuilt where list_contains(?, model)
        order by model = failed desc, model limit 1""",
        [list(models)],
    ).fetchone()
    return found


def require_built(connection: duckdb.DuckDBPyConnection, what: str, models: Iterable[str]) -> None:
    """Let nothing out of which the last build could not build the models.

    Args:
        connection: the warehouse.
        what: what would go out.
        models: what it is made of.

    Raises:
        HeldBackError: some of them are not built.
    """
    if (failure := failure_behind(connection, models)) is not None:
        raise HeldBackError(f"{what} is held back, as dbt failed on {failure[0]}")


def some_built(registry: Registry, unbuilt: Collection[str]) -> bool:
    """Whether there is a view of which everything is built."""
    return any(
        not set(unbuilt).intersection(state_models(view)) for view in registry.views.values()
    )
