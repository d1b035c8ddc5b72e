"""Who uses a definition, and how its key is come by."""

from collections.abc import Iterator

from slate.expressions import Expr, leaves
from slate.features import Attribute, Computed, Feature
from slate.plans import Plan
from slate.registry import Registry


def expressions(registry: Registry, features: set[Expr]) -> Iterator[str]:
    """The request features that are computed from one of these features."""
    for feature in registry.features.values():
        if isinstance(feature, Computed) and features & set(leaves(feature.expression)):
            yield feature.name


def services(registry: Registry, features: set[Expr]) -> Iterator[str]:
    """The services that list one of these features, or need one on the way."""
    for plan in registry.plans.values():
        if features & set(plan.service.features):
            yield plan.service.full_name
        elif features & _needed(plan):
            yield f"{plan.service.full_name} (on the way)"


def _needed(plan: Plan) -> set[Expr]:
    read = {feature for read in plan.reads for feature in read.features}
    return {*read, *plan.inputs, *plan.computed}


def ways(registry: Registry, features: set[Expr]) -> Iterator[tuple[str, str]]:
    """For each service that reads one of these features of a view, how it comes by the keys."""
    for plan in registry.plans.values():
        for read in plan.reads:
            if features & set(read.features):
                yield plan.service.full_name, plan.ways(read)


def leads_to(registry: Registry, entity: object) -> Iterator[Feature]:
    """The attributes whose value is a key of this entity."""
    for feature in registry.features.values():
        if isinstance(feature, Attribute) and feature.key_of is entity:
            yield feature
