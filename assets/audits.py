"""Audit assets: logged answers made again from the warehouse, and what differences are due to."""

import shlex
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import asdict
from datetime import timedelta
from pathlib import Path

import dagster as dg
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from slate import markdown
from slate.assets.answer_files import answers_in, stored_at
from slate.assets.answer_log import GROUP, log_key, logged_plans
from slate.assets.audited_files import AuditedFiles
from slate.assets.database import POOL, Warehouse
from slate.assets.failures import explained
from slate.assets.served_drift import check_spec, served_drift
from slate.assets.warehouse import current_key
from slate.deployment import Deployment
from slate.kinds import naive_utc
from slate.offline.audit import Audit, Difference
from slate.offline.causes import Cause
from slate.plans import Plan

CHECK = "served_as_defined"
# Differences that are shown with a run; all are in the file.
SHOWN = 20
_DIFFERENCES = "differences"
# An answer about an instant that lies further ahead was asked so on purpose.
AHEAD = timedelta(hours=1)


def audit_key(plan: Plan) -> dg.AssetKey:
    """The asset of a service's audits."""
    return dg.AssetKey(["audit", plan.service.full_name])


def audit_assets(deployment: Deployment) -> list[dg.AssetsDefinition]:
    """One asset for each service whose answers are logged."""
    return [_asset(deployment, plan) for plan in logged_plans(deployment)]


def _asset(deployment: Deployment, plan: Plan) -> dg.AssetsDefinition:
    service = plan.service
    folder = deployment.answers / service.full_name

    @dg.asset(
        key=audit_key(plan),
        deps=[log_key(plan), *(current_key(view) for view in plan.views)],
        description=f"Logged answers of {service.full_name}, each value made again from the "
        "warehouse as of the instant asked about, and the cause of each difference.",
        group_name=GROUP,
        kinds={"duckdb", "parquet"},
        owners=[service.owner] if service.owner else None,
        check_specs=[
            dg.AssetCheckSpec(
                CHECK,
                asset=audit_key(plan),
                description="Every value that was served otherwise than the warehouse tells has a "
                "cause outside of Slate's own code: a worker that was behind, a store that was "
                "lost, a late event, a clock.",
            ),
            check_spec(plan, audit_key(plan)),
        ],
        pool=POOL,
    )
    @explained
    def audited(
        context: dg.AssetExecutionContext, warehouse: Warehouse
    ) -> Iterator[dg.MaterializeResult[None] | dg.AssetCheckResult]:
        answers, values, found = 0, 0, list[Difference]()
        future, waiting = 0, list[str]()
        with warehouse.get_connection() as connection:
            audit = Audit(deployment, service.full_name, connection)
            until = pa.scalar(naive_utc(audit.known_until), pa.timestamp("us"))
            audited = AuditedFiles.of(folder)
            for name in audited.to_look_at(folder):
                logged = answers_in(folder, name)
                if _waits(logged, until):
                    waiting.append(name)
                    audited = audited.after(name, waits=True)
                    audited.write(folder)
                    continue
                asked = logged["asked_at"].cast(pa.timestamp("us"))
                known = logged.filter(pc.less_equal(asked, until))
                future += logged.num_rows - known.num_rows
                if known.num_rows:
                    one = audit.of(known)
                    answers, values = answers + one.answers, values + one.values
                    found += one.differences
                    _keep(folder, name, one.differences)
                audited = audited.after(name, waits=False)
                audited.write(folder)
                context.log.info(
                    f"{service.full_name}: {values:,} values audited, {len(found):,} differ"
                )
        if waiting:
            context.log.info(
                f"{len(waiting)} files wait until the warehouse knows their instants, the first "
                f"since {stored_at(waiting[0]):%Y-%m-%d %H:%M}"
            )
        causes = Counter(difference.cause for difference in found)
        yield dg.MaterializeResult(
            metadata={
                "answers": answers,
                "values": values,
                "differences": len(found),
                "files_waiting": len(waiting),
                **(
                    {"waiting_since": dg.MetadataValue.timestamp(stored_at(waiting[0]))}
                    if waiting
                    else {}
                ),
                "rows_about_the_future": future,
                **{f"due to: {cause}": causes[cause] for cause in Cause},
                **({"first differences": _shown(found)} if found else {}),
                "path": dg.MetadataValue.path(str(folder / _DIFFERENCES)),
            }
        )
        yield _verdict(plan, values, found)
        yield served_drift(deployment, plan, audit_key(plan))

    return audited


def _verdict(plan: Plan, values: int, found: Sequence[Difference]) -> dg.AssetCheckResult:
    defects = [difference for difference in found if difference.cause.is_defect]
    unexamined = sum(difference.cause is Cause.UNEXAMINED for difference in found)
    told = f"{values:,} values audited, {len(found):,} differ, {len(defects):,} without an excuse"
    if defects:
        first = defects[0]
        told += (
            f": the first is {first.feature} of request {first.request_id}, row {first.row}, "
            f"served as {first.served!r}, where the warehouse tells {first.told!r} "
            f"({first.cause}); `slate trace {plan.service.full_name} "
            f"{shlex.quote(first.request_id)} {first.feature} --row {first.row}` shows its events"
        )
    elif unexamined:
        told += f"; {unexamined:,} were too many at once to be looked into"
    return dg.AssetCheckResult(
        passed=not defects,
        asset_key=audit_key(plan),
        check_name=CHECK,
        severity=dg.AssetCheckSeverity.ERROR,
        description=told,
        metadata={"defects": len(defects), "differences": len(found), "values": values},
    )


def _shown(found: Sequence[Difference]) -> dg.MarkdownMetadataValue:
    head = ("request", "row", "feature", "served", "warehouse", "due to")
    rows = (
        (d.request_id, d.row, d.feature, repr(d.served), repr(d.told), d.cause)
        for d in found[:SHOWN]
    )
    return dg.MetadataValue.md(markdown.table(head, rows))


def _waits(table: pa.Table, until: pa.Scalar) -> bool:
    """Whether some answers are about instants that the warehouse knows only later.

    One that asked about the future, by an hour or more, is not waited for: who knows for how long.
    """
    asked, stored = (table[name].cast(pa.timestamp("us")) for name in ("asked_at", "stored_at"))
    foreseen = pc.less_equal(asked, pc.add(stored, pa.scalar(AHEAD)))
    return bool(pc.any(pc.and_(pc.greater(asked, until), foreseen)).as_py())


def _keep(folder: Path, name: str, found: Sequence[Difference]) -> None:
    """Keep what was found of a file."""
    if found:
        (folder / _DIFFERENCES).mkdir(exist_ok=True)
        rows = [
            asdict(d) | {"served": repr(d.served), "told": repr(d.told), "cause": str(d.cause)}
            for d in found
        ]
        pq.write_table(pa.Table.from_pylist(rows), folder / _DIFFERENCES / f"{name}.parquet")
