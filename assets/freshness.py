"""Freshness: how old data are by the platform's clock, and whether that is older than allowed.

A run that publishes the same old rows again makes nothing fresher.
"""

from datetime import UTC, datetime, timedelta

import dagster as dg

from slate.assets import check_results
from slate.assets.failures import explained
from slate.assets.online import online_key
from slate.assets.publish_step import NEWEST
from slate.deployment import Deployment
from slate.sources import Source
from slate.views import FeatureView

FRESHNESS = "freshness"


def freshness(
    of: type[Source] | type[FeatureView], newest: datetime | None, now: datetime
) -> dg.AssetCheckResult:
    """What comes of the check of how old something is; without a limit it only tells.

    Args:
        of: a source or a view, which says how old it may be.
        newest: of when its newest row is; None where it has none.
        now: what the platform's clock says.
    """
    allowed = allowed_age(of)
    severity = dg.AssetCheckSeverity.ERROR
    if newest is None:
        return dg.AssetCheckResult(
            check_name=FRESHNESS,
            passed=not of.fresh_within,
            severity=severity,
            description=f"there is no row yet; {allowed}",
        )
    age, limit = now - newest, of.fresh_within_us
    told = timedelta(seconds=age // timedelta(seconds=1))
    return dg.AssetCheckResult(
        check_name=FRESHNESS,
        passed=limit is None or age <= timedelta(microseconds=limit),
        severity=severity,
        description=f"the newest row is of {newest:%Y-%m-%d %H:%M:%S}, {told} ago; {allowed}",
        metadata={
            "age_seconds": round(age.total_seconds(), 1),
            "newest": dg.MetadataValue.timestamp(newest),
        },
    )


def allowed_age(of: type[Source] | type[FeatureView]) -> str:
    """How old something may be, in words."""
    limit = f"{of.fresh_within} is allowed" if of.fresh_within else "it may be of any age"
    return f"{limit} (fresh_within of {of.__name__})"


def view_freshness_checks(deployment: Deployment) -> list[dg.AssetChecksDefinition]:
    """A check of each published view: how old its newest row is."""
    return [_check(deployment, view) for view in deployment.registry.views.values()]


def _check(deployment: Deployment, view: type[FeatureView]) -> dg.AssetChecksDefinition:
    @dg.asset_check(
        asset=online_key(view),
        name=FRESHNESS,
        description=f"How old the newest row is that is published, by the platform's clock: "
        f"{allowed_age(view)}. Publishing it again makes it no fresher.",
    )
    @explained
    def check(context: dg.AssetCheckExecutionContext) -> dg.AssetCheckResult:
        event = context.instance.get_latest_materialization_event(online_key(view))
        made = event.asset_materialization if event else None
        newest = made.metadata.get(NEWEST) if made else None
        instant = datetime.fromtimestamp(newest.value, UTC) if newest else None
        result = freshness(view, instant, deployment.now())
        check_results.keep(deployment, view, [result])
        if not result.passed:
            context.log.error(f"{view.name}: {result.description}")
        return result

    return check
