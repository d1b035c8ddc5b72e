"""Checks of sources: how old their rows are by the platform's clock, and what did not land.

They look at what is there, not at what a run made, so they tell the same whether or not anything
landed: a schedule of their own evaluates them besides the whole chain.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

import dagster as dg
import duckdb

from slate.assets import check_results
from slate.assets.builds import end_of_last_hour
from slate.assets.database import POOL, Warehouse
from slate.assets.failures import explained
from slate.assets.freshness import FRESHNESS, allowed_age, freshness
from slate.assets.landing import raw_key
from slate.assets.landing_files import ONE_HOUR, landed
from slate.assets.raw_tables import prepare
from slate.assets.warehouse import model_key
from slate.compile.model_names import RAW
from slate.deployment import Deployment
from slate.errors import DataError
from slate.sources import Source

HOURS, REFUSED = "hours", "refused"
# How many hours are looked back on.
LOOKED_AT = 24
_TOLD = 5


@dataclass(frozen=True)
class LandedHour:
    """An hour of a source as it landed.

    Attributes:
        hour: the hour (UTC).
        rows: how many rows were taken in.
        refused: how many were refused.
    """

    hour: datetime
    rows: int
    refused: int

    @property
    def refused_share(self) -> float:
        """The share of its rows that were refused, from 0 to 1."""
        return self.refused / max(1, self.rows + self.refused)


def source_key(source: type[Source]) -> dg.AssetKey:
    """The asset of a source's rows: as they landed, or as dbt finds them elsewhere."""
    return raw_key(source) if source.landing else model_key(source.model)


def source_checks(deployment: Deployment) -> list[dg.AssetChecksDefinition]:
    """The checks of each source."""
    return [_checks(deployment, source) for source in deployment.registry.sources.values()]


def _checks(deployment: Deployment, source: type[Source]) -> dg.AssetChecksDefinition:
    @dg.multi_asset_check(
        name=f"{source.name}_checks", specs=_specs(source), can_subset=True, pool=POOL
    )
    @explained
    def checks(
        context: dg.AssetCheckExecutionContext, warehouse: Warehouse
    ) -> Iterator[dg.AssetCheckResult]:
        now, until = deployment.now(), end_of_last_hour(deployment)
        found = []
        with warehouse.get_connection() as connection:
            newest = newest_arrival(connection, source, now)
            found.append(freshness(source, newest, now))
            if source.landing:
                prepare(connection, [source])
                before = landed_before(connection, source, until)
                waiting = [h for h in landed(deployment.landing, source).hours if h >= until]
                found += [hours_landed(before, until, waiting), few_refused(source, before)]
        check_results.keep(deployment, source, found)
        asked = {key.name for key in context.selected_asset_check_keys}
        for result in found:
            if result.check_name in asked:
                if not result.passed:
                    context.log.warning(f"{source.name}: {result.description}")
                yield result._replace(asset_key=source_key(source))

    return checks


def _specs(source: type[Source]) -> Sequence[dg.AssetCheckSpec]:
    key, name = source_key(source), source.__name__
    specs = [
        dg.AssetCheckSpec(
            FRESHNESS,
            asset=key,
            description="How long ago the newest row arrived, by the platform's clock: "
            f"{allowed_age(source)}.",
        )
    ]
    if source.landing:
        specs += [
            dg.AssetCheckSpec(
                HOURS,
                asset=key,
                description=f"Each of the last {LOOKED_AT} hours that are over has a landing file. "
                "A source may have nothing to land; what must not stop says so by fresh_within.",
            ),
            dg.AssetCheckSpec(
                REFUSED,
                asset=key,
                description=f"No more than {source.max_refused:.0%} of the rows of each of the "
                f"last {LOOKED_AT} hours that landed were refused (max_refused of {name}). Views "
                "of it are held back when more of all that landed since they were good was.",
            ),
        ]
    return specs


def newest_arrival(
    connection: duckdb.DuckDBPyConnection, source: type[Source], now: datetime
) -> datetime | None:
    """When a source's newest row arrived, of those that the clock has reached; None without any."""
    table = f"{RAW}.{source.landing}" if source.landing else source.model
    connection.execute("set timezone = 'UTC'")
    try:
        ((newest,),) = connection.execute(
            f"""select max({source.arrival_time})::timestamp from {table}
            where {source.arrival_time} < ?""",
            [now.replace(tzinfo=None)],
        ).fetchall()
    except duckdb.CatalogException as error:
        raise DataError(
            f"{source.name} has no table {table} yet: run the whole chain first"
        ) from error
    found: datetime | None = newest and newest.replace(tzinfo=UTC)
    return found


def landed_before(
    connection: duckdb.DuckDBPyConnection, source: type[Source], until: datetime
) -> list[LandedHour]:
    """The hours of a source that landed, of those that are over, the newest first."""
    rows = connection.execute(
        f"""select hour, sum(rows)::bigint, sum(quarantined)::bigint from {RAW}.files
        where source = ? and hour < ? group by hour order by hour desc""",
        [source.name, until],
    ).fetchall()
    return [LandedHour(*row) for row in rows]


def hours_landed(
    landed: Sequence[LandedHour], until: datetime, waiting: Sequence[datetime]
) -> dg.AssetCheckResult:
    """Whether each of the last hours has a file, from the first that ever had one.

    Args:
        landed: the hours that have one, the newest first.
        until: the end of the last hour that is over.
        waiting: the hours that have one, but are not over.
    """
    there = {one.hour for one in landed}
    first = min(there, default=until - LOOKED_AT * ONE_HOUR)
    looked_at = [until - number * ONE_HOUR for number in range(1, LOOKED_AT + 1)]
    looked_at = [hour for hour in looked_at if hour >= first]
    missing = [hour for hour in looked_at if hour not in there]
    told = []
    if missing:
        last = (
            f"the last one with any is {landed[0].hour:%Y-%m-%d %H}:00"
            if landed
            else "none ever had"
        )
        told.append(
            f"{len(missing)} of the last {len(looked_at)} hours have no file: {_some(missing)}; "
            f"{last}"
        )
    if waiting:
        hours = sorted(set(waiting))
        told.append(f"files wait for hours that are not over by the clock: {_some(hours)}")
    return dg.AssetCheckResult(
        check_name=HOURS,
        passed=not missing,
        severity=dg.AssetCheckSeverity.WARN,
        description="; ".join(told) or f"all of the last {len(looked_at)} hours have a file",
        metadata={"hours_without_a_file": len(missing), "hours_that_wait": len(set(waiting))},
    )


def few_refused(source: type[Source], landed: Sequence[LandedHour]) -> dg.AssetCheckResult:
    """Whether few of the rows of each hour that landed last were refused."""
    last = landed[:LOOKED_AT]
    most = [one for one in last if one.refused_share > source.max_refused]
    rows, refused = sum(one.rows for one in last), sum(one.refused for one in last)
    share = refused / max(1, rows + refused)
    told = f"{refused:,} of {rows + refused:,} rows were refused in the last {len(last)} hours"
    if most:
        hours = ", ".join(
            f"{one.refused:,} of {one.rows + one.refused:,} at {one.hour:%Y-%m-%d %H}:00"
            for one in most[:_TOLD]
        )
        told = (
            f"more than {source.max_refused:.0%} of an hour's rows were refused: {hours}; "
            f"{RAW}.quarantine has them with the reasons. Write the files again"
        )
    return dg.AssetCheckResult(
        check_name=REFUSED,
        passed=not most,
        severity=dg.AssetCheckSeverity.WARN,
        description=told,
        metadata={"refused": refused, "refused_share": round(share, 4)},
    )


def _some(hours: Sequence[datetime]) -> str:
    texts = [f"{hour:%Y-%m-%d %H}:00" for hour in hours[:_TOLD]]
    return ", ".join([*texts, *(["..."] if len(hours) > _TOLD else [])])
