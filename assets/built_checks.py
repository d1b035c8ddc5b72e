"""The asset check that dbt built what views are made of.

Where it could not build some, a run goes on with the others, and fails by this check's step.
"""

from collections.abc import Iterator

import dagster as dg

from slate.assets.database import POOL, Warehouse
from slate.assets.dbt_failures import dbt_failure
from slate.assets.failures import explained
from slate.assets.unbuilt import failed_models, failure_behind
from slate.assets.warehouse import current_key
from slate.compile.model_names import state_models
from slate.deployment import Deployment

BUILT, STEP = "built", "models_built"


def built_checks(deployment: Deployment) -> list[dg.AssetChecksDefinition]:
    """A check of each view, all of one step; none where there is no view."""
    views = list(deployment.registry.views.values())
    if not views:
        return []

    @dg.multi_asset_check(
        name=STEP,
        specs=[
            dg.AssetCheckSpec(
                BUILT,
                asset=current_key(view),
                description=f"That dbt built all that {view.__name__} is made of. What it could "
                "not build is held back, and stays as it was; other views go on.",
            )
            for view in views
        ],
        can_subset=True,
        pool=POOL,
    )
    @explained
    def built(
        context: dg.AssetCheckExecutionContext, warehouse: Warehouse
    ) -> Iterator[dg.AssetCheckResult]:
        asked = {key.asset_key for key in context.selected_asset_check_keys}
        with warehouse.get_connection() as connection:
            failures = {view: failure_behind(connection, state_models(view)) for view in views}
            failed = failed_models(connection)
        for view, failure in failures.items():
            if current_key(view) in asked:
                yield dg.AssetCheckResult(
                    asset_key=current_key(view),
                    check_name=BUILT,
                    passed=failure is None,
                    description=failure and f"dbt failed on {failure[0]}: {failure[1]}",
                )
        if failed:
            raise dbt_failure(failed, deployment.warehouse, None)

    return [built]
