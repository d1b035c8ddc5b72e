"""`slate describe`: all about one definition."""

from argparse import Namespace
from collections.abc import Iterable

from slate import descriptions, facts
from slate.cli.text import heading, table
from slate.deployment import load
from slate.entities import Entity
from slate.errors import UnknownNameError, nearest
from slate.features import Feature
from slate.registry import Registry
from slate.services import FeatureService
from slate.source_columns import Column
from slate.sources import Source

Definition = Feature | FeatureService | facts.View | type[Source] | type[Entity]


def run(options: Namespace) -> int:
    """Print what is known of the definition of this name; of several, of each."""
    registry = load().registry
    print("\n\n".join(described(registry, found) for found in named(registry, options.name)))
    return 0


def named(registry: Registry, name: str) -> list[Definition]:
    """The definitions of this name, of whatever kind.

    Raises:
        UnknownNameError: there is none.
    """
    kinds: list[dict[str, Definition]] = [
        {**registry.features},
        {**registry.views, **registry.requests},
        {**registry.sources},
        {**registry.entities},
    ]
    found = [definitions[name] for definitions in kinds if name in definitions]
    found += registry.versions(name)
    if not found:
        known = [other for definitions in kinds for other in definitions]
        hint = nearest(name, [*known, *registry.service_names])
        if not hint.startswith("did you mean"):
            hint = "`slate list` lists them"  # the names of all features would be no hint
        raise UnknownNameError(f"there is no definition {name!r}: {hint}")
    return found


def described(registry: Registry, definition: Definition) -> str:
    """What is known of a definition: its name, its text, its facts and its parts."""
    name, text, parts = definition.name, definition.description, ""
    if isinstance(definition, Feature):
        text = descriptions.of_feature(definition)
        told = facts.of_feature(registry, definition)
    elif isinstance(definition, FeatureService):
        name, told = definition.full_name, facts.of_service(registry, definition)
        parts = "\n".join(feature.name for feature in definition.features)
    elif issubclass(definition, Source):
        told = facts.of_source(registry, definition)
        computed = [column for column in definition.derived.values() if column.named]
        parts = _table(registry, [*definition.columns.values(), *computed])
    elif issubclass(definition, Entity):
        told = facts.of_entity(registry, definition)
    else:
        told = facts.of_view(registry, definition)
        parts = _table(registry, definition.features.values())
    head = "\n".join(filter(None, [heading(name), text]))
    return "\n\n".join(filter(None, [head, table(fact for fact in told if fact[1]), parts]))


def _table(registry: Registry, columns: Iterable[Feature | Column]) -> str:
    rows = [
        (
            column.column if isinstance(column, Feature) else column.name,
            facts.kind_of(column),
            facts.default(column),
            descriptions.of_feature(column)
            if isinstance(column, Feature)
            else descriptions.of_column(column, registry),
        )
        for column in columns
    ]
    return table(rows, head=("name", "type", "default", "text"))
