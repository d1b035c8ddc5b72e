"""dbt's properties files: the contracts of generated models, sources and exposures, as YAML."""

import json
import re
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from slate import descriptions
from slate.compile.model_contracts import Model, source_columns, source_meta, told
from slate.compile.model_names import (
    CLOCK,
    HELD,
    RAW,
    exposure,
    training_model,
)
from slate.compile.staging import staged, table_of
from slate.registry import Registry
from slate.sources import Source


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
            *_found_by(model.tags, model.meta, 6),
            "    columns:",
        ]
        for column in model.columns:
            lines.append(f"      - name: {_text(column.name)}")
            if "." in column.name:
                lines.append("        quote: true")
            lines.append(f"        data_type: {column.type}")
            if column.description:
                lines.append(f"        description: {_described(column.description)}")
            if column.tags:
                lines += ["        config:", *_found_by(column.tags, {}, 10)]
    return _properties("models", lines)


def _found_by(tags: Sequence[str], meta: Mapping[str, Any], indent: int) -> list[str]:
    """The tags of a configuration, and what else is told; nothing where there is none."""
    lines = [f"tags: [{', '.join(_described(str(tag)) for tag in tags)}]"] if tags else []
    told = [f"{name}: {_described(str(value))}" for name, value in meta.items() if value]
    if told:
        lines.append(f"meta: {{{', '.join(told)}}}")
    return [f"{' ' * indent}{line}" for line in lines]


def _properties(kind: str, lines: Sequence[str]) -> str:
    """A properties file: dbt takes a list without items, but not one that is not there."""
    head = f"{kind}:" if lines else f"{kind}: []"
    return "\n".join(["# Written by `slate compile`.", "version: 2", head, *lines]) + "\n"


def sources_yml(registry: Registry) -> str:
    """The properties file of the tables that events come in: of landing files, and others'."""
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
    by_schema: dict[str, list[str]] = {}
    for source in staged(registry):
        schema, table = table_of(source)
        by_schema.setdefault(schema, []).extend(_table(source, table, registry))
    lines += by_schema.pop(RAW, [])
    for schema, tables in by_schema.items():
        lines += [
            f"  - name: {schema}",
            '    description: "Filled by others."',
            "    tables:",
            *tables,
        ]
    return "\n".join(lines) + "\n"


def _table(source: type[Source], table: str, registry: Registry) -> list[str]:
    how = "As it landed." if source.landing else "As others wrote it."
    texts = source.description, how, descriptions.freshness(source)
    lines = [
        f"      - name: {_text(table)}",
        f"        description: {_described(told(*texts))}",
    ]
    if found_by := _found_by(source.tags, source_meta(source), 10):
        lines += ["        config:", *found_by]
    lines.append("        columns:")
    for column in source_columns(source, registry):
        lines += [
            f"          - name: {_text(column.name)}",
            f"            data_type: {column.type}",
            f"            description: {_described(column.description)}",
        ]
    return lines


def exposures_yml(registry: Registry) -> str:
    """The properties file of the services that the warehouse feeds."""
    lines = []
    for service in registry.services.values():
        lines += [
            f"  - name: {exposure(service)}",
            "    type: ml",
            f"    description: {_described(service.description)}",
            *(["    config:", *found_by] if (found_by := _found_by(service.tags, {}, 6)) else []),
            f"    owner: {{email: {_text(service.owner or 'unknown')}}}",
            f"    depends_on: [ref({_text(training_model(service))})]",
        ]
    return _properties("exposures", lines)
