"""What was served of a service against its training set: a check of each audit, and told to all."""

from datetime import datetime, timedelta
from pathlib import Path

import dagster as dg
import duckdb
import pyarrow as pa

from slate.answer_log import in_present_form
from slate.assets.answer_files import answers_in, names, stored_at
from slate.assets.manifests import CURRENT
from slate.deployment import Deployment
from slate.markdown import table
from slate.online.store.redis_client import opened_store
from slate.online.store.told_drift import ToldDrift, tell
from slate.plans import Plan
from slate.quality.move_pictures import picture
from slate.quality.training_drift import FeatureDrift, training_drift

CHECK = "served_as_trained"
# Of the training set a sample; of the log what came last, within a day.
SAMPLE = 50_000
LATELY = timedelta(days=1)
PICTURES = 5


def check_spec(plan: Plan, asset: dg.AssetKey) -> dg.AssetCheckSpec:
    """The check of a service's audit."""
    limit = plan.service.max_drift
    return dg.AssetCheckSpec(
        CHECK,
        asset=asset,
        description="What was served in the last day is spread as the training set: "
        + (
            f"no feature's population stability index is more than {limit:g} (max_drift)."
            if limit is not None
            else "told, and not judged, as the service has no max_drift."
        ),
    )


def served_drift(deployment: Deployment, plan: Plan, asset: dg.AssetKey) -> dg.AssetCheckResult:
    """Compare, and tell the store of it.

    Raises:
        RedisError: the store fails.
    """
    service = plan.service
    folder = deployment.answers / service.full_name
    served, until = _served(folder, plan)
    trained = _trained(deployment.training / service.full_name / CURRENT)
    if served is None or until is None or trained is None:
        lacks = "no answer is in the log" if served is None else "there is no training set"
        return _result(asset, True, f"{lacks} yet, so nothing is compared", {})
    found = training_drift(service, trained, served)
    drift = ToldDrift(
        service.full_name,
        until.isoformat(),
        served.num_rows,
        trained.num_rows,
        {name: round(one.psi, 4) for name, one in found.items() if one.move is not None},
        service.max_drift,
    )
    with opened_store(deployment) as redis:
        tell(redis, deployment.name, drift)
    told = f"{served.num_rows:,} rows served until {until:%Y-%m-%d %H:%M} against "
    told += f"{trained.num_rows:,} of the training set"
    if beyond := drift.beyond:
        first = next(iter(beyond))
        told += (
            f": {len(beyond)} of {len(drift.psi)} features are further apart than "
            f"{drift.limit:g}, {first} by {beyond[first]:.3g}: see that requests bring what the "
            "spine holds, look at its view's states and gate, and train anew if the world is "
            "another one"
        )
    return _result(asset, not beyond, told, found)


def _result(
    asset: dg.AssetKey, passed: bool, told: str, found: dict[str, FeatureDrift]
) -> dg.AssetCheckResult:
    metadata: dict[str, dg.MetadataValue] = {}
    if found:
        rows = (
            (name, f"{one.psi:.3f}", f"{one.trained_nulls:.1%}", f"{one.served_nulls:.1%}")
            for name, one in found.items()
        )
        head = ("feature", "PSI", "nulls trained", "nulls served")
        metadata["features"] = dg.MetadataValue.md(table(head, rows))
        moves = [one.move for one in found.values() if one.move is not None]
        pictures = [picture(move, "trained", "served") for move in moves[:PICTURES]]
        metadata["furthest apart"] = dg.MetadataValue.md("\n".join(pictures))
        metadata["greatest_psi"] = dg.MetadataValue.float(max((m.psi for m in moves), default=0.0))
    return dg.AssetCheckResult(
        passed=passed,
        asset_key=asset,
        check_name=CHECK,
        severity=dg.AssetCheckSeverity.WARN,
        description=told,
        metadata=metadata,
    )


def _served(folder: Path, plan: Plan) -> tuple[pa.Table | None, datetime | None]:
    """The newest rows that were served, and when the last was stored."""
    files, tables, rows = names(folder), list[pa.Table](), 0
    features = pa.schema([(one.name, one.value_type.arrow) for one in plan.service.features])
    until = stored_at(files[-1]) if files else None
    for name in reversed(files):
        if rows >= SAMPLE or (until is not None and stored_at(name) < until - LATELY):
            break
        form = in_present_form(answers_in(folder, name), features)
        tables.append(form.table.drop_columns([*form.lacking, *form.of_other_types]))
        rows += tables[-1].num_rows
    return (pa.concat_tables(tables, promote_options="default") if rows else None), until


def _trained(current: Path) -> pa.Table | None:
    """A sample of the training set, always the same of one version."""
    if not next(current.glob("**/*.parquet"), None):
        return None
    with duckdb.connect() as connection:
        connection.execute("set timezone = 'UTC'")
        found = connection.sql(
            f"select * from read_parquet($files) using sample {SAMPLE} rows (reservoir, 1)",
            params={"files": str(current / "**" / "*.parquet")},
        )
        table: pa.Table = found.to_arrow_table()
    return table if table.num_rows else None
