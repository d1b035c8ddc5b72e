"""Landing assets: a source's files, taken into the warehouse hour by hour.

An hour that has files is a partition. A run that is asked for some hours takes in the files of
these; one that is asked for none takes in whatever is new, and tells of the hours that have it,
so that hours without files cost nothing.
"""

import time
from collections.abc import Collection, Iterator, Mapping, Sequence
from datetime import datetime

import dagster as dg
import duckdb

from slate import descriptions
from slate.assets.catalogue import asset_tags, schema, source_columns
from slate.assets.database import POOL, Warehouse
from slate.assets.failures import explained
from slate.assets.file_ledger import new_files
from slate.assets.holds import Unread, unread
from slate.assets.hours import hours_of, is_over, partition_key
from slate.assets.intake import Intake, take_in
from slate.assets.landed_rows import misspelt
from slate.assets.landing_files import EXPECTED, LandingFolder, landed, landing_sources
from slate.assets.raw_tables import prepare
from slate.assets.streams import stream_deps
from slate.compile.model_names import RAW
from slate.deployment import Deployment
from slate.markdown import table
from slate.sources import Source

# The check that every file beside its source's others was taken in.
FILES_READ = "files_are_read"
ROWS = "dagster/partition_row_count"
NOTHING = {ROWS: 0, "files": 0, "quarantined": 0}
_TOLD = 20


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
    fresh = descriptions.freshness(source)

    @dg.asset(
        key=raw_key(source),
        deps=stream_deps(deployment.registry, source),
        description=f"{source.description}\n\nRows of landing files, taken in once each; refused "
        f"rows are in {RAW}.quarantine with the reason.{f' {fresh}' if fresh else ''}",
        group_name="landing",
        kinds={"duckdb", "parquet"},
        tags=asset_tags(source.tags),
        owners=[source.owner] if source.owner else None,
        partitions_def=hours,
        backfill_policy=dg.BackfillPolicy.single_run(),
        metadata=schema(source_columns(source, deployment.registry)),
        check_specs=[_check(source)],
        pool=POOL,
        op_tags={"source": source.name},
    )
    @explained
    def landing(
        context: dg.AssetExecutionContext, warehouse: Warehouse
    ) -> Iterator[dg.MaterializeResult[None]]:
        yield from landed_rows(context, warehouse, deployment, source)

    return landing


def landed_rows(
    context: dg.AssetExecutionContext,
    warehouse: Warehouse,
    deployment: Deployment,
    source: type[Source],
) -> Iterator[dg.MaterializeResult[None]]:
    """Take in the landing files that a run asks for, or else all that are new; tells Dagster.

    Args:
        context: the run's.
        warehouse: the warehouse, which nobody else has open.
        deployment: the deployment.
        source: whose files they are.
    """
    started = time.perf_counter()
    asked, found = hours_of(context), landed(deployment.landing, source)
    with warehouse.get_connection() as connection:
        prepare(connection, [source])
        if asked is None:
            new = new_files(connection, source, found.files)
            files = [file for file in new if is_over(deployment, file.hour)]
            hours = sorted({file.hour for file in files})
        else:
            files, hours = found.of(asked), list(asked)
        context.log.info(f"{source.landing}: {len(files)} landing files")
        before = _held(connection, source)
        intake = take_in(connection, deployment.landing, source, files, context.log.info)
        held = _held(connection, source)
        # Also of files that were tried, or judged, again.
        hours = sorted({*hours, *(hour for hour in held if held[hour] != before.get(hour))})
        refused = _refused(connection, source, hours)
        unreadable = unread(connection, source)
    seconds = time.perf_counter() - started
    context.log.info(
        f"{source.landing}: {intake.rows:,} rows from {intake.files} files in {seconds:.1f} s, "
        f"{intake.quarantined:,} refused, {intake.known} files known"
    )
    _tell_hours(context, source, hours, held, asked)
    for hour in asked or ():
        # Of its own hour, whatever else the run was for.
        context.add_asset_metadata(held.get(hour, NOTHING), partition_key=partition_key(hour))
    # One file stands for all that are new, as there may be thousands.
    for column, name in misspelt(source, files[-1].path).items() if files else ():
        context.log.warning(
            f"{source.landing}: {files[-1].name} has no column {column!r}, which is null in "
            f"its rows. If its {name!r} is that column, rename it there"
        )
    told = _told(unreadable, found)
    for line in told:
        context.log.warning(f"{source.landing}: {line}")
    yield dg.MaterializeResult(
        metadata={
            "dagster/row_count": sum(of[ROWS] for of in held.values()),
            **_metadata(intake, seconds),
            "files_unread": len(unreadable),
            "files_misnamed": len(found.misnamed),
            "refused": dg.MetadataValue.md(refused),
        },
        check_results=[_check_result(unreadable, found, told)],
    )


def _tell_hours(
    context: dg.AssetExecutionContext,
    source: type[Source],
    hours: Collection[datetime],
    held: Mapping[datetime, Mapping[str, int]],
    asked: Collection[datetime] | None,
) -> None:
    """Tell Dagster of hours that were taken in, and that a run was not asked for.

    What a run took in before it was killed, the UI does not know of: the next one that is asked for
    none tells it too.
    """
    if asked is None:
        done = context.instance.get_materialized_partitions(raw_key(source))
        hours = {*hours, *(hour for hour in held if partition_key(hour) not in done)}
    for hour in sorted(set(hours).difference(asked or ())):
        context.log_event(
            dg.AssetMaterialization(
                raw_key(source), partition=partition_key(hour), metadata=held.get(hour, NOTHING)
            )
        )


def _metadata(intake: Intake, seconds: float) -> dict[str, float]:
    return {
        "rows_taken_in": intake.rows,
        "files_taken_in": intake.files,
        "files_known": intake.known,
        "rows_quarantined": intake.quarantined,
        "seconds": round(seconds, 3),
        "rows_per_second": round(intake.rows / seconds) if seconds else 0,
    }


def _check(source: type[Source]) -> dg.AssetCheckSpec:
    return dg.AssetCheckSpec(
        FILES_READ,
        asset=raw_key(source),
        description="Every file in the source's landing folder could be read as a whole. Where one "
        "could not, its hour is not known, and what is made of the source is published as of the "
        "hour before: write the file again, or rename it to *.bad. A file whose name is not "
        f"{EXPECTED} is not taken in.",
    )


def _told(unreadable: Sequence[Unread], found: LandingFolder) -> list[str]:
    """What is wrong with the files, in words."""
    told = [str(file) for file in unreadable[:_TOLD]]
    if len(unreadable) > _TOLD:
        told.append(f"and {len(unreadable) - _TOLD:,} more files cannot be read")
    if found.misnamed:
        some = ", ".join(found.misnamed[:_TOLD])
        more = ", ..." if len(found.misnamed) > _TOLD else ""
        told.append(
            f"{len(found.misnamed):,} files are not taken in, as their names are not {EXPECTED}: "
            f"{some}{more}"
        )
    return told


def _check_result(
    unreadable: Sequence[Unread], found: LandingFolder, told: Sequence[str]
) -> dg.AssetCheckResult:
    return dg.AssetCheckResult(
        check_name=FILES_READ,
        passed=not told,
        severity=dg.AssetCheckSeverity.ERROR if unreadable else dg.AssetCheckSeverity.WARN,
        description="\n\n".join(told) or None,
        metadata={
            "unread": dg.MetadataValue.json([str(file) for file in unreadable[:_TOLD]]),
            "misnamed": dg.MetadataValue.json(found.misnamed[:_TOLD]),
        },
    )


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


def _refused(
    connection: duckdb.DuckDBPyConnection, source: type[Source], hours: Collection[datetime]
) -> str:
    """What was refused in some hours, as a table."""
    refused = connection.execute(
        f"""select reason, count(*) as rows, any_value(content) as example
        from {RAW}.quarantine where source = ? and hour in (select unnest(?::timestamp[]))
        group by reason order by rows desc limit 20""",
        [source.name, list(hours)],
    ).fetchall()
    if not refused:
        return "Nothing was refused in these hours."
    rows = ((reason, f"{rows:,}", example) for reason, rows, example in refused)
    return table(("reason", "rows", "an example"), rows)
