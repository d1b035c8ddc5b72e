"""Which columns each generated model's columns are made of, for the lineage in the UI."""

from collections.abc import Mapping

import dagster as dg

from slate.aggregates import Measure
from slate.compile.asked import all_asked
from slate.compile.model_names import (
    asked_model,
    current_model,
    online_keys_model,
    online_tiles_model,
    tiles_model,
    training_model,
)
from slate.compile.staging import staged, table_of
from slate.expressions import leaves
from slate.features import Aggregated, Feature
from slate.plans import Plan
from slate.registry import Registry
from slate.source_columns import Column
from slate.sources import column_of
from slate.views import FeatureView

Deps = dict[str, list[dg.TableColumnDep]]


def column_lineage(registry: Registry) -> Mapping[str, dg.TableColumnLineage]:
    """The column lineage of each generated model, by the model's name."""
    found: dict[str, Deps] = {}
    for source in staged(registry):
        key = dg.AssetKey(table_of(source))
        found[source.model] = {c: [dg.TableColumnDep(key, c)] for c in source.columns}
    for view in registry.views.values():
        if view.windowed:
            found[tiles_model(view)] = _tiles(view)
            for measure in view.measures.values():
                published = found.setdefault(_published_model(view, measure), {})
                for column in measure.tile_columns:
                    published[column] = [_dep(tiles_model(view), column)]
        found[current_model(view)] = {f.column: _current(view, f) for f in view.features.values()}
    for asked in all_asked(registry.plans.values()):
        view = asked.read.view
        found[asked.model] = {f.column: _stored(view, f) for f in asked.read.features}
    for plan in registry.plans.values():
        found[training_model(plan.service)] = _training(plan)
    return {model: dg.TableColumnLineage(deps) for model, deps in found.items()}


def _dep(model: str, column: str) -> dg.TableColumnDep:
    return dg.TableColumnDep(dg.AssetKey(model), column)


def _tiles(view: type[FeatureView]) -> Deps:
    model = view.source.model
    deps: Deps = {key: [_dep(model, key)] for key in view.entity.keys}
    for measure in view.measures.values():
        columns = [column_of(view.source, measure.column or view.source.unique_id)]
        if measure.where is not None:
            columns += [leaf for leaf in leaves(measure.where) if isinstance(leaf, Column)]
        read = [name for column in columns for name in column.reads]
        for column in measure.tile_columns:
            deps[column] = [_dep(model, name) for name in dict.fromkeys(read)]
    return deps


def _published_model(view: type[FeatureView], measure: Measure) -> str:
    """The model that holds what is published of a measure."""
    return online_keys_model(view) if measure.lasting else online_tiles_model(view)


def _current(view: type[FeatureView], feature: Feature) -> list[dg.TableColumnDep]:
    if isinstance(feature, Aggregated):
        model = _published_model(view, feature.measure)
        return [_dep(model, column) for column in feature.measure.tile_columns]
    return [_dep(view.model, feature.column)]


def _stored(view: type[FeatureView], feature: Feature) -> list[dg.TableColumnDep]:
    if isinstance(feature, Aggregated):
        return [_dep(tiles_model(view), column) for column in feature.measure.tile_columns]
    return [_dep(view.model, feature.column)]


def _training(plan: Plan) -> Deps:
    spine = plan.service.spine
    deps: Deps = {c: [_dep(spine.model, c)] for c in spine.columns}
    for read in plan.reads:
        model = asked_model(plan, read.view)
        deps |= {f.name: [_dep(model, f.column)] for f in read.features}
    return deps
