"""Audit assets: logged answers made again from the warehouse, and what differences are due to."""

import shlex
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, dataclass, field
from datetime import timedelta
from pathlib import Path
from typing import Any

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
        with warehouse.get_connection() as connection:
            audit = Audit(deployment, service.full_name, connection)
            found = _audit_files(audit, folder, context.log.info)
        if found.waiting:
            context.log.info(
                f"{len(found.waiting)} files wait until the warehouse knows their instants, the "
                f"first since {stored_at(found.waiting[0]):%Y-%m-%d %H:%M}"
            )
        yield dg.MaterializeResult(metadata=_metadata(found, folder))
        yield _verdict(plan, found)
        yield served_drift(deployment, plan, audit_key(plan))

    return audited


@dataclass
class _Found:
    """What the audit of a log's new files came to.

    Attributes:
        answers: how many answers were audited.
        values: how many values they have.
        differences: those that differ.
        future: how many rows asked about instants that the warehouse does not know, and were left
            out.
        waiting: the names of files that wait until the warehouse knows their instants.
    """

    answers: int = 0
    values: int = 0
    differences: list[Difference] = field(default_factory=list)
    future: int = 0
    waiting: list[str] = field(default_factory=list)


def _audit_files(audit: Audit, folder: Path, progress: Callable[[str], None]) -> _Found:
    """Audit the files that no audit came to, each remembered as soon as it is done."""
    found = _Found()
    until = pa.scalar(naive_utc(audit.known_until), pa.timestamp("us"))
    audited = AuditedFiles.of(folder)
    for name in audited.to_look_at(folder):
        logged = answers_in(folder, name)
        if _waits(logged, until):
            found.waiting.append(name)
            audited = audited.after(name, waits=True)
            audited.write(folder)
            continue
        asked = logged["asked_at"].cast(pa.timestamp("us"))
        known = logged.filter(pc.less_equal(asked, until))
        found.future += logged.num_rows - known.num_rows
        if known.num_rows:
            one = audit.of(known)
            found.answers += one.answers
            found.values += one.values
            found.differences += one.differences
            _keep(folder, name, one.differences)
        audited = audited.after(name, waits=False)
        audited.write(folder)
        progress(
            f"{audit.service}: {found.values:,} values audited, {len(found.differences):,} differ"
        )
    return found


def _metadata(found: _Found, folder: Path) -> dict[str, Any]:
    causes = Counter(difference.cause for difference in found.differences)
    metadata: dict[str, Any] = {
        "answers": found.answers,
        "values": found.values,
        "differences": len(found.differences),
        "files_waiting": len(found.waiting),
    }
    if found.waiting:
        metadata["waiting_since"] = dg.MetadataValue.timestamp(stored_at(found.waiting[0]))
    metadata["rows_about_the_future"] = found.future
    metadata |= {f"due to: {cause}": causes[cause] for cause in Cause}
    if found.differences:
        metadata["first differences"] = _shown(found.differences)
    return metadata | {"path": dg.MetadataValue.path(str(folder / _DIFFERENCES))}


def _verdict(plan: Plan, found: _Found) -> dg.AssetCheckResult:
    differences = found.differences
    defects = [difference for difference in differences if difference.cause.is_defect]
    unexamined = sum(difference.cause is Cause.UNEXAMINED for difference in differences)
    told = (
        f"{found.values:,} values audited, {len(differences):,} differ, {len(defects):,} without "
        "an excuse"
    )
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
        metadata={
            "defects": len(defects),
            "differences": len(differences),
            "values": found.values,
        },
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
