"""What the warehouse was built of, and how much there is to build again."""

from dataclasses import dataclass

import duckdb

from slate.assets.landing_files import landing_sources
from slate.assets.rule_changes import JudgedFile, files_judged_otherwise
from slate.compile.model_names import RAW
from slate.compile.project import model_hashes
from slate.deployment import Deployment
from slate.offline.warehouse import reading
from slate.sources import Source


@dataclass(frozen=True)
class Amount:
    """How much there is of something.

    Attributes:
        rows: how many rows.
        days: of how many days (UTC) of their arrival.
    """

    rows: int
    days: int


@dataclass(frozen=True)
class WarehouseState:
    """What the warehouse was built of.

    Attributes:
        changed: the models of the dbt project that are new, or not what they were built from.
        columns: by table, the columns that it has.
        sources: by source, how much of it was taken in.
        models: by hand-written model that views read, how much it holds.
        judged: by source that takes other rows than before, the files that are judged again.
    """

    changed: set[str]
    columns: dict[str, set[str]]
    sources: dict[str, Amount]
    models: dict[str, Amount]
    judged: dict[str, list[JudgedFile]]


def warehouse_state(deployment: Deployment) -> WarehouseState:
    """What the warehouse was built of.

    Raises:
        DataError: there is no warehouse, or another process has it.
    """
    registry = deployment.registry
    hashes = model_hashes(registry, deployment.dbt_project)
    with reading(deployment) as connection:
        built = dict(connection.execute(f"select model, hash from {RAW}.built_models").fetchall())
        columns: dict[str, set[str]] = {}
        for table, column in connection.execute(
            "select table_name, column_name from information_schema.columns "
            "where table_schema = 'main'"
        ).fetchall():
            columns.setdefault(table, set()).add(column)
        landed = landing_sources(registry)
        sources = {
            source.name: _landed(connection, source)
            if source in landed
            else _held(connection, source.model, source.arrival_time, columns)
            for source in registry.sources.values()
        }
        models = {
            view.model: _held(connection, view.model, "received_at", columns)
            for view in registry.views.values()
            if not view.windowed
        }
        judged = {source.name: files_judged_otherwise(connection, source) for source in landed}
    changed = {model for model, digest in hashes.items() if built.get(model) != digest}
    judged = {name: files for name, files in judged.items() if files}
    return WarehouseState(changed, columns, sources, models, judged)


def _landed(connection: duckdb.DuckDBPyConnection, source: type[Source]) -> Amount:
    ((rows, days),) = connection.execute(
        f"""select coalesce(sum(rows), 0)::bigint, count(distinct hour::date)
        from {RAW}.files where source = ? and rows > 0""",
        [source.name],
    ).fetchall()
    return Amount(rows, days)


def _held(
    connection: duckdb.DuckDBPyConnection, model: str, arrival: str, columns: dict[str, set[str]]
) -> Amount:
    if arrival not in columns.get(model, ()):
        return Amount(0, 0)
    ((rows, days),) = connection.execute(
        f"select count(*), count(distinct {arrival}::date) from {model}"
    ).fetchall()
    return Amount(rows, days)
