"""`slate check`: do the definitions hold together, and keep what is derived and promised?"""

import sys
from argparse import Namespace
from collections.abc import Iterator

from slate.compile.project import require_up_to_date
from slate.deployment import load
from slate.errors import ConfigurationError, SlateError
from slate.locks.standing import not_locked, standing
from slate.rankings import rankings
from slate.registry import Registry


def run(_: Namespace) -> int:
    """Load all definitions and rankings, which checks them; compare the SQL, and what is locked."""
    deployment = load()
    registry = deployment.registry
    numbers = {
        "source": len(registry.sources),
        "view": len(registry.views),
        "feature": len(registry.features),
        "service": len(registry.services),
    }
    told = [f"{number} {name}{'s' * (number != 1)}" for name, number in numbers.items()]
    print(f"{deployment.name}: {', '.join(told)}")
    found = standing(deployment)
    wrong = found.broken()
    try:
        require_up_to_date(deployment.registry, deployment.dbt_project)
    except ConfigurationError as error:
        # What is locked is told all the same: by both is known what to mend.
        wrong.insert(0, str(error))
    if found.unlocked and found.locked:
        # Who locks one version means to lock all.
        wrong.append(not_locked(found.unlocked))
    elif found.unlocked and not wrong:
        print(f"slate: {not_locked(found.unlocked)}", file=sys.stderr)
    try:
        rankings(deployment)
    except SlateError as error:
        wrong.append(str(error))
    for text in _null_inputs(registry):
        print(f"slate: {text}", file=sys.stderr)
    if wrong:
        raise ConfigurationError("\n".join(wrong))
    return 0


def _null_inputs(registry: Registry) -> Iterator[str]:
    """What training sets may be null in, of which no request can bring a null."""
    for plan in registry.plans.values():
        spine = plan.service.spine
        for feature in plan.service.inputs:
            column = spine.columns[feature.column]
            if feature.required and column.nullable:
                yield (
                    f"{plan.service.full_name}: {column!r} may be null, and a request without "
                    f"{feature.column} is refused, so a model would learn from what it is never "
                    "asked about: give request_input(default=...), or annotate the column without "
                    "`| None`"
                )
