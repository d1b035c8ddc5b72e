"""Which landed sources a view is made of, as dbt knows it."""

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path

from slate.compile.model_names import current_model
from slate.errors import ConfigurationError
from slate.registry import Registry
from slate.sources import Source


def landed_origins(registry: Registry, manifest: Path) -> Mapping[str, Sequence[type[Source]]]:
    """The sources behind each view's values that are taken in from landing files, by its name.

    Args:
        registry: the definitions.
        manifest: what dbt made of its project.

    Raises:
        ConfigurationError: it was made of another state of the project.
    """
    models = {name: current_model(view) for name, view in registry.views.items()}
    found = origins_of_models(registry, manifest, models.values())
    return {name: found[model] for name, model in models.items()}


def origins_of_models(
    registry: Registry, manifest: Path, models: Iterable[str]
) -> Mapping[str, Sequence[type[Source]]]:
    """The sources behind some models that are taken in from landing files, by the model's name."""
    parents = json.loads(manifest.read_text())["parent_map"]
    nodes = {node.rpartition(".")[2]: node for node in parents if node.startswith("model.")}
    found = {}
    for model in models:
        if model not in nodes:
            raise ConfigurationError(
                f"{manifest} does not know the model {model}, which is defined: delete that "
                "file, and run this again, so that dbt reads its project anew"
            )
        behind = set(_behind(nodes[model], parents))
        found[model] = [
            source
            for source in registry.sources.values()
            if source.landing and nodes.get(source.model) in behind
        ]
    return found


def _behind(node: str, parents: Mapping[str, Sequence[str]]) -> Iterator[str]:
    """All that a node of dbt's graph is made of."""
    waiting, seen = [node], {node}
    while waiting:
        for parent in parents.get(waiting.pop(), ()):
            if parent not in seen:
                seen.add(parent)
                waiting.append(parent)
                yield parent
