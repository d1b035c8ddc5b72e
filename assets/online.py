"""Online assets: each view's rows in the online store, as a new generation.

One step writes those of all views of a run beside what is live, and makes them live together. A
view that did not pass its check is left out, and stays as it is; so does one that is pinned. Of
views that a run's tag says go together, all are left out where one is.
"""

from collections.abc import Iterator

import dagster as dg

from slate.asset_keys import online_path
from slate.assets.catalogue import asset_tags, schema, view_columns
from slate.assets.catalogue_site.addresses import address
from slate.assets.database import POOL, Warehouse
from slate.assets.failures import explained
from slate.assets.links import catalogue_link
from slate.assets.publish_step import NEWEST, generation_metadata, published_views
from slate.assets.streams import stream_deps
from slate.assets.warehouse import current_key, model_key
from slate.compile.model_names import STREAMED_UNTIL, online_keys_model, online_tiles_model
from slate.deployment import Deployment
from slate.fingerprints import fingerprint
from slate.online import Moved
from slate.views import FeatureView

STEP = "publish_online_views"
# Of a view's materializations so many are looked through for that of one generation.
LOOKED_BACK = 1_000


def online_key(view: type[FeatureView]) -> dg.AssetKey:
    """The asset of a view in the online store."""
    return dg.AssetKey(online_path(view))


def online_assets(deployment: Deployment) -> list[dg.AssetsDefinition]:
    """An asset for each view, all of one step; those of a run go live together."""
    views = deployment.registry.views.values()
    return [_assets(deployment, list(views))] if views else []


def _assets(deployment: Deployment, views: list[type[FeatureView]]) -> dg.AssetsDefinition:
    @dg.multi_asset(
        name=STEP,
        specs=[_spec(deployment, view) for view in views],
        can_subset=True,
        pool=POOL,
    )
    @explained
    def publish(
        context: dg.AssetExecutionContext, warehouse: Warehouse
    ) -> Iterator[dg.MaterializeResult[None]]:
        yield from published_views(context, warehouse, deployment, views)

    return publish


def _spec(deployment: Deployment, view: type[FeatureView]) -> dg.AssetSpec:
    deps = [current_key(view)]
    if view.windowed:
        deps += [model_key(online_keys_model(view)), model_key(online_tiles_model(view))]
        if view.source.stream and view.source.landing:
            deps.append(model_key(STREAMED_UNTIL))
        deps += stream_deps(deployment.registry, view.source)
    return dg.AssetSpec(
        online_key(view),
        deps=deps,
        description=f"{view.description}\n\nIn the online store, as a generation of packed rows.",
        group_name="online",
        kinds={"redis"},
        owners=[view.owner] if view.owner else None,
        tags=asset_tags(view.tags),
        metadata={
            **schema(view_columns(view)),
            "catalogue": catalogue_link(deployment, address(view)),
        },
        code_version=fingerprint(view),
        skippable=True,
    )


def rolled_back(
    instance: dg.DagsterInstance, view: type[FeatureView], moved: Moved
) -> dg.AssetMaterialization:
    """What Dagster is told of a view that was rolled back: that it holds other rows now.

    Args:
        instance: knows of when the newest of these is.
        view: the view.
        moved: from what to what.
    """
    records = instance.fetch_materializations(online_key(view), limit=LOOKED_BACK).records
    made = [one.asset_materialization for one in records if one.asset_materialization]
    newest = (
        one.metadata[NEWEST]
        for one in made
        if NEWEST in one.metadata and one.metadata["generation"].value == moved.live.name
    )
    metadata = {**generation_metadata(moved.live), "rolled_back_from": moved.left.name}
    if (found := next(newest, None)) is not None:
        metadata[NEWEST] = found
    return dg.AssetMaterialization(online_key(view), metadata=metadata)
