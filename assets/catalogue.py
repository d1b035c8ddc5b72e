"""What Dagster's catalogue is told of definitions: columns with their texts, and tags."""

import re
from collections.abc import Iterable, Sequence

import dagster as dg

from slate import descriptions
from slate.compile.staging import staged
from slate.features import Feature
from slate.registry import Registry
from slate.sources import Source
from slate.views import FeatureView

SCHEMA = "dagster/column_schema"
# What Dagster takes for a tag; others stay in dbt docs and `slate describe`.
_TAG = re.compile(r"[A-Za-z0-9_.-]{1,63}")


def asset_tags(tags: Iterable[str]) -> dict[str, str]:
    """A definition's tags as those of an asset, or of a column."""
    return {tag: "" for tag in tags if _TAG.fullmatch(tag)}


def source_columns(source: type[Source], registry: Registry) -> list[dg.TableColumn]:
    """A source's columns."""
    return [
        dg.TableColumn(
            c.name,
            c.kind.sql,
            description=descriptions.of_column(c, registry),
            constraints=dg.TableColumnConstraints(
                nullable=c.nullable, unique=c.name == source.unique_id
            ),
        )
        for c in source.columns.values()
    ]


def feature_columns(features: Iterable[Feature], *, full_names: bool) -> list[dg.TableColumn]:
    """The columns of features.

    Args:
        features: the features.
        full_names: whether columns are named by view too, as in training sets.
    """
    return [
        dg.TableColumn(
            feature.name if full_names else feature.column,
            feature.value_type.sql,
            description=descriptions.of_feature(feature),
            tags=asset_tags(feature.tags),
        )
        for feature in features
    ]


def view_columns(view: type[FeatureView]) -> list[dg.TableColumn]:
    """The columns of a view: its keys and its features."""
    keys = [
        dg.TableColumn(key, kind.sql, description=descriptions.of_key(key, view.entity))
        for key, kind in view.entity.keys.items()
    ]
    return [*keys, *feature_columns(view.features.values(), full_names=False)]


def schema(columns: Sequence[dg.TableColumn]) -> dict[str, dg.TableSchema]:
    """The metadata that shows an asset's columns."""
    return {SCHEMA: dg.TableSchema(columns)} if columns else {}


def own_models(registry: Registry) -> dict[str, dict[str, str]]:
    """What the columns of models are that a deployment writes itself: by model and column."""
    found = {
        view.model: descriptions.of_model(view)
        for view in registry.views.values()
        if not view.windowed
    }
    for source in registry.sources.values():
        if source not in staged(registry):
            found[source.model] = {
                c.name: descriptions.of_column(c, registry) for c in source.columns.values()
            }
    return found
