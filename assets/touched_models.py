"""What a change of models touches: what has to be built anew for all hours with them."""

import json
from collections.abc import Collection, Mapping, Sequence
from pathlib import Path

from slate.compile.model_names import asked_model, training_model
from slate.registry import Registry


def readers_of(manifest: Path) -> dict[str, list[str]]:
    """By model, the models that read it, as dbt found when it parsed the project.

    Args:
        manifest: that of the dbt project.
    """
    found = json.loads(manifest.read_text())
    names = {
        key: node["name"]
        for key, node in found["nodes"].items()
        if node["resource_type"] == "model"
    }
    return {
        name: [names[child] for child in found["child_map"].get(key, ()) if child in names]
        for key, name in names.items()
    }


def touched_models(
    registry: Registry, readers: Mapping[str, Sequence[str]], changed: Collection[str]
) -> set[str]:
    """The changed models, all that is made of them, and what that is joined with.

    Training rows are joined of tables that hold only what was built together, so where one of these
    is built for all hours, all are.

    Args:
        registry: the definitions.
        readers: by model, the models that read it.
        changed: the names of the models that are new or changed.
    """
    asked = {
        training_model(plan.service): [asked_model(plan, view) for view in plan.views]
        for plan in registry.plans.values()
    }
    touched: set[str] = set()
    waiting = list(changed)
    while waiting:
        model = waiting.pop()
        if model not in touched:
            touched.add(model)
            waiting += [*readers.get(model, ()), *asked.get(model, ())]
    return touched
