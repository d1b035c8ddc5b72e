"""The executor of request features: one function, for training sets and for requests alike."""

import numpy as np

from slate.expressions import Array, Expr, evaluate, leaves
from slate.features import Computed
from slate.inference import cast
from slate.plans import Plan


def operands(plan: Plan) -> tuple[Expr, ...]:
    """What a service's expressions read: stored features, inputs and the instant, each once."""
    read = dict.fromkeys(leaf for feature in plan.computed for leaf in leaves(feature.expression))
    return tuple(leaf for leaf in read if not isinstance(leaf, Computed))


def compute(plan: Plan, values: dict[Expr, Array]) -> None:
    """Run a service's expressions, each after those that it reads.

    Args:
        plan: the service's plan.
        values: an array for each operand, of its kind and of shape (1,) or (N,). The request
            features are added to it, each of its kind; so are the calls that they are made of.

    Raises:
        DefinitionError: an expression gives another kind than it promises.
    """
    with np.errstate(all="ignore"):
        for feature in plan.computed:
            values[feature] = cast(feature.name, evaluate(feature.expression, values), feature.kind)
