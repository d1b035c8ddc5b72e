"""What dbt is told of the generated models: descriptions, column types, contracts, exposures."""

import json
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from slate.compile.names import (
    AS_OF,
    CLOCK,
    HELD,
    RAW,
    STREAMED_UNTIL,
    asked_model,
    current_model,
    online_keys_model,
    online_tiles_model,
    tiles_model,
    training_model,
)
from slate.compile.online import keys_types, tiles_types
from slate.compile.partials import column_types
from slate.compile.training import training_columns
from slate.entities import Source
from slate.plans import Plan
from slate.registry import Registry
from slate.views import FeatureView


@dataclass(frozen=True)
class Column:
    """A column of a model, as its contract states it."""

    name: str
    type: str
    description: str = ""


@dataclass(frozen=True)
class Model:
    """A model with its contract."""

    name: str
    description: str
    columns: tuple[Column, ...]


def staging_model(source: type[Source]) -> Model:
    """The contract of a staging model."""
    return Model(source.model, source.description, tuple(_source_columns(source)))


def _source_columns(source: type[Source]) -> list[Column]:
    return [Column(c.name, c.kind.sql, c.description) for c in source.columns.values()]


def tiles_contract(view: type[FeatureView]) -> Model:
    """The contract of a view's tiles."""
    columns = [
        *_keys(view),
        Column("hop", "bigint", "The size of the tile in seconds."),
        Column("tile", "bigint", "The hop of the events' time, counted from the epoch."),
        Column("arrived", "bigint", "The hop of the events' arrival, counted from the epoch."),
        Column("arrived_hour", "timestamp", "The hour of the events' arrival."),
        Column("latest_event_ts", "timestamp", "When the latest of the events happened."),
    ]
    for measure in view.measures.values():
        columns += [Column(*named) for named in column_types(view, measure).items()]
    text = f"{view.description}\n\nPartial aggregates by key, hop of time and hop of arrival."
    return Model(tiles_model(view), text, tuple(columns))


def current_contract(view: type[FeatureView]) -> Model:
    """The contract of a view's current values."""
    columns = [
        *_keys(view),
        Column("event_ts", "timestamp", "When the latest of what the values are made of happened."),
        Column("as_of", "timestamp", "The instant that the values are as of."),
        *(Column(f.column, f.value_type.sql, f.description) for f in view.features.values()),
    ]
    text = f"{view.description}\n\nThe values of each key at the end of what is known."
    return Model(current_model(view), text, tuple(columns))


def asked_contracts(plan: Plan) -> list[Model]:
    """The contracts of a service's models by view."""
    return [
        Model(
            asked_model(plan.service, read.view),
            f"{read.view.description}\n\nThe values at the instants that the spine of "
            f"{plan.service.full_name} asks about; only of the hours built last.",
            (
                *_keys(read.view),
                Column("asked_at", "timestamp", "The instant that the values are as of."),
                *(Column(f.column, f.value_type.sql, f.description) for f in read.features),
            ),
        )
        for read in plan.reads
    ]


def training_contract(plan: Plan) -> Model:
    """The contract of a service's training model."""
    service = plan.service
    texts = {f.name: f.description for read in plan.reads for f in read.features}
    texts |= {c.name: c.description for c in service.spine.columns.values()}
    columns = tuple(
        Column(name, type_.sql, texts[name]) for name, type_ in training_columns(plan).items()
    )
    text = f"{service.description}\n\nThe spine with every stored feature as of each row's instant."
    return Model(training_model(service), text, columns)


def online_contracts(view: type[FeatureView]) -> list[Model]:
    """The contracts of what is published of a windowed view."""
    tables = [
        (online_keys_model(view), "Each key with its latest values, numbered.", keys_types(view)),
        (online_tiles_model(view), "The tiles that windows still need.", tiles_types(view)),
    ]
    return [
        Model(
            name,
            f"{view.description}\n\n{text} As published.",
            tuple(Column(column, type_) for column, type_ in types.items()),
        )
        for name, text, types in tables
    ]


def as_of_contract() -> Model:
    """The contract of the model that says what is known."""
    text = (
        "The instant up to which arrivals are known: the end of the last hour, of those that are "
        "over by the clock, in which anything arrived; of what is made of a landing file that "
        "cannot be read, the start of its hour."
    )
    columns = (
        Column("model", "varchar", "The model that is as of it."),
        Column("as_of", "timestamp", text),
    )
    return Model(AS_OF, text, columns)


def streamed_until_contract() -> Model:
    """The contract of the model that says what of each source the warehouse holds."""
    return Model(
        STREAMED_UNTIL,
        "What of a source's events the warehouse holds, by its stream and otherwise.",
        (
            Column("source", "varchar", "The source."),
            Column("until", "timestamp", "The end of the last hour that its archive has landed."),
            Column("taken_in", "timestamp", "When its latest other landing file was taken in."),
        ),
    )


def _keys(view: type[FeatureView]) -> list[Column]:
    return [Column(key, kind.sql) for key, kind in view.entity.keys.items()]


def _text(value: str) -> str:
    """A string as YAML takes it (JSON's strings are YAML's)."""
    return json.dumps(value, ensure_ascii=False)


def _described(value: str) -> str:
    """A description, in which dbt would fill in what is in double braces."""
    return _text(re.sub(r"\{(?=[{%#])", "{{ '{' }}", value))


def models_yml(models: Iterable[Model]) -> str:
    """The properties file of some models."""
    lines = []
    for model in models:
        lines += [
            f"  - name: {model.name}",
            f"    description: {_described(model.description)}",
            "    config:",
            "      contract: {enforced: true}",
            "    columns:",
        ]
        for column in model.columns:
            lines.append(f"      - name: {_text(column.name)}")
            if "." in column.name:
                lines.append("        quote: true")
            lines.append(f"        data_type: {column.type}")
            if column.description:
                lines.append(f"        description: {_described(column.description)}")
    return _properties("models", lines)


def _properties(kind: str, lines: Sequence[str]) -> str:
    """A properties file: dbt takes a list without items, but not one that is not there."""
    head = f"{kind}:" if lines else f"{kind}: []"
    return "\n".join(["# Written by `slate compile`.", "version: 2", head, *lines]) + "\n"


def sources_yml(registry: Registry) -> str:
    """The properties file of the tables that landing files are taken into."""
    lines = [
        "# Written by `slate compile`.",
        "version: 2",
        "sources:",
        f"  - name: {RAW}",
        '    description: "Landing files, taken in once each."',
        "    tables:",
        "      - name: files",
        '        description: "Every landing file that was taken in."',
        f"      - name: {CLOCK}",
        '        description: "Up to when arrivals can be known, by the platform\'s clock."',
        f"      - name: {HELD}",
        '        description: "Up to when what is made of files that cannot be read is known."',
    ]
    for source in registry.sources.values():
        if source.landing:
            lines += [
                f"      - name: {source.landing}",
                f"        description: {_described(source.description)}",
            ]
    return "\n".join(lines) + "\n"


def exposures_yml(registry: Registry) -> str:
    """The properties file of the services that the warehouse feeds."""
    lines = []
    for service in registry.services.values():
        lines += [
            f"  - name: {service.full_name}_service",
            "    type: ml",
            f"    description: {_described(service.description)}",
            f"    owner: {{email: {_text(service.owner or 'unknown')}}}",
            f"    depends_on: [ref({_text(training_model(service))})]",
        ]
    return _properties("exposures", lines)
