"""Landing assets: a source's files, taken into the warehouse hour by hour."""

import time
from collections.abc import Iterator
from datetime import datetime

import dagster as dg
import duckdb

from assets.database import POOL, Warehouse
from assets.failures import explained
from assets.hours import hours_of, partition_key
from assets.intake import landing_files, landing_sources, prepare, take_in
from assets.streams import stream_deps
from slate.compile.names import RAW
from slate.deployment import Deployment
from slate.entities import Source

ROWS = "dagster/partition_row_count"
NOTHING = {ROWS: 0, "files": 0, "quarantined": 0}


def raw_key(source: type[Source]) -> dg.AssetKey:
    """The asset of a source's rows as they landed."""
    return dg.AssetKey([RAW, source.landing])


def landing_assets(
    deployment: Deployment, hours: dg.PartitionsDefinition[str]
) -> list[dg.AssetsDefinition | dg.AssetSpec]:
    """One asset for each source that is taken in from landing files, and the ledger of files."""
    sources = landing_sources(deployment.registry)
    ledger = dg.AssetSpec(
        dg.AssetKey([RAW, "files"]),
        deps=[raw_key(source) for source in sources],
        description="Every landing file that was taken in, by path and content.",
        group_name="landing",
        kinds={"duckdb"},
    )
    assets = [_landing_asset(deployment, source, hours) for source in sources]
    return [*assets, ledger] if assets else []


def _landing_asset(
    deployment: Deployment, source: type[Source], hours: dg.PartitionsDefinition[str]
) -> dg.AssetsDefinition:
    columns = [
        dg.TableColumn(c.name, c.kind.sql, description=c.description or None)
        for c in source.columns.values()
    ]

    @dg.asset(
        key=raw_key(source),
        deps=stream_deps(deployment.registry, source),
        description=f"{source.description}\n\nRows of landing files, taken in once each; refused "
        f"rows are in {RAW}.quarantine with the reason.",
        group_name="landing",
        kinds={"duckdb", "parquet"},
        owners=[source.owner] if source.owner else None,
        partitions_def=hours,
        backfill_policy=dg.BackfillPolicy.single_run(),
        metadata={"dagster/column_schema": dg.TableSchema(columns)},
        pool=POOL,
        op_tags={"source": source.name},
    )
    @explained
    def landing(
        context: dg.AssetExecutionContext, warehouse: Warehouse
    ) -> Iterator[dg.MaterializeResult[None]]:
        started = time.perf_counter()
        asked = hours_of(context)
        files = landing_files(deployment.landing, source, asked)
        context.log.info(f"{source.landing}: {len(files)} landing files for {len(asked)} hours")
        with warehouse.get_connection() as connection:
            prepare(connection, [source])
            intake = take_in(connection, source, files)
            held = _held(connection, source)
            refused = connection.execute(
                f"""select reason, count(*) as rows, any_value(content) as example
                from {RAW}.quarantine where source = ? and hour >= ? and hour <= ?
                group by reason order by rows desc limit 20""",
                [source.name, min(asked), max(asked)],
            ).fetchall()
        seconds = time.perf_counter() - started
        context.log.info(
            f"{source.landing}: {intake.rows:,} rows from {intake.files} files in {seconds:.1f} s, "
            f"{intake.quarantined:,} refused, {intake.known} files known"
        )
        # Of its own hour, whatever else the run was for.
        for hour in asked:
            context.add_asset_metadata(held.get(hour, NOTHING), partition_key=partition_key(hour))
        yield dg.MaterializeResult(
            metadata={
                "dagster/row_count": sum(of[ROWS] for of in held.values()),
                "rows_taken_in": intake.rows,
                "files_taken_in": intake.files,
                "files_known": intake.known,
                "rows_quarantined": intake.quarantined,
                "seconds": round(seconds, 3),
                "rows_per_second": round(intake.rows / seconds) if seconds else 0,
                "refused": dg.MetadataValue.md(_table(refused)),
            }
        )

    return landing


def _held(
    connection: duckdb.DuckDBPyConnection, source: type[Source]
) -> dict[datetime, dict[str, int]]:
    """What the warehouse holds of each hour's landing files."""
    counts = connection.execute(
        f"""select hour, sum(rows)::bigint, count(*), sum(quarantined)::bigint
        from {RAW}.files where source = ? group by hour""",
        [source.name],
    ).fetchall()
    return {hour: dict(zip(NOTHING, of, strict=True)) for hour, *of in counts}


def _table(refused: list[tuple[str, int, str]]) -> str:
    if not refused:
        return "Nothing was refused in these hours."
    lines = ["| reason | rows | an example |", "|---|---:|---|"]
    lines += [f"| {reason} | {rows:,} | `{example}` |" for reason, rows, example in refused]
    return "\n".join(lines)
