"""Online assets: each view's rows in the online store, as a new generation."""

import time
from collections.abc import Iterator
from datetime import UTC

import dagster as dg

from slate.asset_keys import online_path
from slate.assets import published
from slate.assets.catalogue import asset_tags, schema, view_columns
from slate.assets.database import POOL, Warehouse
from slate.assets.failures import explained
from slate.assets.publishing import (
    archived_since,
    digest,
    known_until,
    landed,
    newest_event,
    online_rows,
    stream_from,
)
from slate.assets.streams import stream_deps
from slate.assets.verdicts import require_passed, require_unchanged
from slate.assets.warehouse import current_key, model_key
from slate.compile.model_names import STREAMED_UNTIL, online_keys_model, online_tiles_model
from slate.deployment import Deployment
from slate.fingerprints import fingerprint
from slate.locks.standing import standing
from slate.online import Generation, Publisher
from slate.views import FeatureView

# The job of everything.
WHOLE = "build_everything"
# The metadata that says of when a view's newest published row is.
NEWEST = "newest"


def online_key(view: type[FeatureView]) -> dg.AssetKey:
    """The asset of a view in the online store."""
    return dg.AssetKey(online_path(view))


def online_assets(deployment: Deployment) -> list[dg.AssetsDefinition]:
    """One asset for each view; it is published only after its check has passed."""
    return [_asset(deployment, view) for view in deployment.registry.views.values()]


def _asset(deployment: Deployment, view: type[FeatureView]) -> dg.AssetsDefinition:
    deps = [current_key(view)]
    if view.windowed:
        deps += [model_key(online_keys_model(view)), model_key(online_tiles_model(view))]
        if view.source.stream and view.source.landing:
            deps.append(model_key(STREAMED_UNTIL))
        deps += stream_deps(deployment.registry, view.source)

    @dg.asset(
        key=online_key(view),
        deps=deps,
        description=f"{view.description}\n\nIn the online store, as a generation of packed rows.",
        group_name="online",
        kinds={"redis"},
        owners=[view.owner] if view.owner else None,
        tags=asset_tags(view.tags),
        metadata=schema(view_columns(view)),
        code_version=fingerprint(view),
        pool=POOL,
    )
    @explained
    def publish(
        context: dg.AssetExecutionContext, warehouse: Warehouse
    ) -> Iterator[dg.MaterializeResult[None]]:
        standing(deployment).require_view_kept(view)
        started, told = time.perf_counter(), 0.0

        def progress(rows: int) -> None:
            nonlocal told
            elapsed = time.perf_counter() - started
            if elapsed - told >= 1:
                told = elapsed
                context.log.info(f"{view.name}: {rows:,} rows written, {rows / elapsed:,.0f}/s")

        with warehouse.get_connection() as connection, Publisher.connect(deployment) as store:
            # One state of the tables: what is published is what was checked.
            connection.begin()
            require_passed(connection, [view])
            require_unchanged(connection, view)
            as_of = known_until(connection, view)
            began = store.streamed_since(view) or archived_since(deployment, view)
            since = stream_from(connection, view, began)
            newest = newest_event(connection, view)
            known = landed(connection, view, as_of)
            held = digest(connection, view, rounded=True)
            content = str((held, as_of, since, known and (known.taken_in, len(known.files))))
            published.prepare(connection)
            live = store.live_whole(view)
            # Who asks for some assets, or to publish, wants them written, as after damage.
            in_whole = context.run.job_name == WHOLE and not context.run.asset_selection
            if in_whole and live and published.holds(connection, view, live.name, content):
                generation, done = live, "the same as is live already: not written again"
            else:
                rows = online_rows(connection, view)
                generation = store.publish(view, rows, as_of, progress, since, known)
                published.remember(connection, view, generation.name, content)
                done = "published"
            connection.commit()
            for removed in store.remove_former(deployment.registry, generation):
                context.log.info(f"{removed} is no longer defined: deleted from the online store")
        seconds = time.perf_counter() - started
        speed = f", {generation.rows / seconds:,.0f}/s" if done == "published" else ""
        context.log.info(f"{view.name}: {generation.rows:,} rows, {done}{speed}")
        yield dg.MaterializeResult(
            metadata={
                "dagster/row_count": generation.rows,
                "generation": generation.name,
                "as_of": dg.MetadataValue.timestamp(as_of.replace(tzinfo=UTC)),
                **({NEWEST: dg.MetadataValue.timestamp(newest)} if newest else {}),
                **_stream_metadata(generation),
                "age_seconds": (deployment.now() - as_of.replace(tzinfo=UTC)).total_seconds(),
                "keys": generation.keys,
                "bytes": generation.size,
                "seconds": round(seconds, 3),
                "rows_per_second": round(generation.rows / seconds),
            }
        )

    return publish


def _stream_metadata(generation: Generation) -> dict[str, dg.TimestampMetadataValue]:
    if generation.stream_from is None:
        return {}
    return {"stream_from": dg.MetadataValue.timestamp(generation.stream_from)}
