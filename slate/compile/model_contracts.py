"""What generated models promise to who reads them: their columns, with types and texts."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from slate import descriptions
from slate.compile.asked import AskedView
from slate.compile.model_names import (
    AS_OF,
    STREAMED_UNTIL,
    current_model,
    online_keys_model,
    online_tiles_model,
    tiles_model,
    training_model,
)
from slate.compile.online import keys_types, tiles_types
from slate.compile.training import training_columns
from slate.compile.window_parts import column_types
from slate.features import Feature
from slate.plans import Plan
from slate.registry import Registry
from slate.sources import Source
from slate.views import FeatureView


@dataclass(frozen=True)
class ModelColumn:
    """A column of a model, as its contract states it."""

    name: str
    type: str
    description: str = ""
    tags: Sequence[str] = ()


@dataclass(frozen=True)
class Model:
    """A model with its contract, and what it is found by.

    Attributes:
        name: its name.
        description: what it is.
        columns: its columns.
        tags: words to find it by.
        meta: what else is told of it, by name; what is empty is left out.
    """

    name: str
    description: str
    columns: tuple[ModelColumn, ...]
    tags: Sequence[str] = ()
    meta: Mapping[str, Any] = field(default_factory=dict)


def staging_contract(source: type[Source], registry: Registry) -> Model:
    """The contract of a staging model."""
    return Model(
        source.model,
        told(source.description, "Each event once.", descriptions.freshness(source)),
        tuple(source_columns(source, registry)),
        source.tags,
        source_meta(source),
    )


def source_columns(source: type[Source], registry: Registry) -> list[ModelColumn]:
    """The columns of a source's rows."""
    return [
        ModelColumn(c.name, c.kind.sql, descriptions.of_column(c, registry))
        for c in source.columns.values()
    ]


def source_meta(source: type[Source]) -> dict[str, Any]:
    """What else is told of a source's rows."""
    return {"owner": source.owner, "fresh_within": source.fresh_within, "stream": source.stream}


def tiles_contract(view: type[FeatureView]) -> Model:
    """The contract of a view's tiles."""
    columns = [
        *_keys(view),
        ModelColumn("hop", "bigint", descriptions.HOP),
        ModelColumn("tile", "bigint", descriptions.TILE),
        ModelColumn("arrived", "bigint", descriptions.ARRIVED),
        ModelColumn("arrived_hour", "timestamp", descriptions.ARRIVED_HOUR),
        ModelColumn("latest_event_ts", "timestamp", descriptions.LATEST_EVENT_TS),
    ]
    partials = _partials(view)
    for measure in view.measures.values():
        columns += [
            ModelColumn(name, type_, partials[name])
            for name, type_ in column_types(view, measure).items()
        ]
    text = "Partial aggregates by key, hop of time and hop of arrival."
    return _of_view(tiles_model(view), view, text, columns)


def _partials(view: type[FeatureView]) -> dict[str, str]:
    """What tiles keep of a view's aggregates: a description by column."""
    return {
        measure.tile_column(suffix): descriptions.of_partial(view, measure, suffix)
        for measure in view.measures.values()
        for partial in measure.partials
        for suffix in partial.suffixes
    }


def current_contract(view: type[FeatureView]) -> Model:
    """The contract of a view's current values."""
    columns = [
        *_keys(view),
        ModelColumn("event_ts", "timestamp", descriptions.EVENT_TS),
        ModelColumn("as_of", "timestamp", descriptions.AS_OF),
        *map(_feature, view.features.values()),
    ]
    text = "The values of each key at the end of what is known."
    return _of_view(current_model(view), view, text, columns)


def asked_contract(asked: AskedView) -> Model:
    """The contract of a view's values at the instants that a spine asks about."""
    view, names = asked.read.view, [service.full_name for service in asked.services]
    text = (
        f"The values at the instants that the spine of {' and '.join(names)} asks about; only of "
        "the hours built last."
    )
    columns = [
        *_keys(view),
        ModelColumn("asked_at", "timestamp", descriptions.ASKED_AT),
        *map(_feature, asked.read.features),
    ]
    return _of_view(asked.model, view, text, columns)


def training_contract(plan: Plan, registry: Registry) -> Model:
    """The contract of a service's training model."""
    service = plan.service
    columns = {c.name: c for c in source_columns(service.spine, registry)}
    columns |= {f.name: _feature(f) for read in plan.reads for f in read.features}
    return Model(
        training_model(service),
        told(service.description, "The spine with every stored feature as of each row's instant."),
        tuple(replace(columns[name], name=name) for name in training_columns(plan)),
        service.tags,
        {"owner": service.owner, "service": service.full_name, "spine": service.spine.name},
    )


def online_contracts(view: type[FeatureView]) -> list[Model]:
    """The contracts of what is published of a windowed view."""
    texts = {
        "row": descriptions.ROW,
        "event_ts": descriptions.EVENT_TS,
        "as_of": descriptions.AS_OF,
        "hop": descriptions.HOP,
        "tile": descriptions.TILE,
        **{column.name: column.description for column in _keys(view)},
        **_partials(view),
    }
    tables = [
        (online_keys_model(view), "Each key with its latest values, numbered.", keys_types(view)),
        (online_tiles_model(view), "The tiles that windows still need.", tiles_types(view)),
    ]
    return [
        _of_view(
            name,
            view,
            f"{text} As published.",
            [ModelColumn(column, type_, texts[column]) for column, type_ in types.items()],
        )
        for name, text, types in tables
    ]


def _of_view(
    name: str, view: type[FeatureView], text: str, columns: Sequence[ModelColumn]
) -> Model:
    meta = {"owner": view.owner, "view": view.name, "entity": view.entity.name}
    meta |= {"ttl": view.ttl, "fresh_within": view.fresh_within}
    return Model(name, told(view.description, text), tuple(columns), view.tags, meta)


def _feature(feature: Feature) -> ModelColumn:
    text = descriptions.of_feature(feature)
    return ModelColumn(feature.column, feature.value_type.sql, text, feature.tags)


def told(*texts: str) -> str:
    """Texts as paragraphs; what is empty is left out."""
    return "\n\n".join(filter(None, texts))


def as_of_contract() -> Model:
    """The contract of the model that says what is known."""
    text = (
        "The instant up to which arrivals are known: the end of the last hour, of those that are "
        "over by the clock, in which anything arrived; of what is made of a landing file that "
        "cannot be read, the start of its hour."
    )
    columns = (
        ModelColumn("model", "varchar", "The model that is as of it."),
        ModelColumn("as_of", "timestamp", text),
    )
    return Model(AS_OF, text, columns)


def streamed_until_contract() -> Model:
    """The contract of the model that says what of each source the warehouse holds."""
    return Model(
        STREAMED_UNTIL,
        "What of a source's events the warehouse holds, by its stream and otherwise.",
        (
            ModelColumn("source", "varchar", "The source."),
            ModelColumn(
                "until", "timestamp", "The end of the last hour that its archive has landed."
            ),
            ModelColumn(
                "taken_in", "timestamp", "When its latest other landing file was taken in."
            ),
        ),
    )


def _keys(view: type[FeatureView]) -> list[ModelColumn]:
    entity = view.entity
    return [
        ModelColumn(key, kind.sql, descriptions.of_key(key, entity))
        for key, kind in entity.keys.items()
    ]
