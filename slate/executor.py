"""The executor of request features: one function, for training sets and for requests alike."""

from collections.abc import Mapping
from functools import lru_cache

import numpy as np
import pyarrow as pa

from slate.encoded import Encoded, Operand, array
from slate.errors import DataError
from slate.expressions import NOW, Expr, Step, leaves, steps
from slate.features import Computed, Feature
from slate.inference import cast
from slate.kinds import Kind
from slate.plans import Plan


def operands(plan: Plan) -> tuple[Expr, ...]:
    """What a service's expressions read: stored features, inputs and the instant, each once."""
    read = dict.fromkeys(leaf for feature in plan.computed for leaf in leaves(feature.expression))
    return tuple(leaf for leaf in read if not isinstance(leaf, Computed))


def compute(plan: Plan, values: dict[Expr, Operand]) -> None:
    """Run a service's expressions, each after those that it reads.

    Args:
        plan: the service's plan.
        values: an array for each operand, of its kind and of shape (1,) or (N,), or an encoded
            one. The request features are added to it, each of its kind; so are the calls that they
            are made of.

    Raises:
        DefinitionError: an expression gives another kind than it promises.
    """
    with np.errstate(all="ignore"):
        for feature, steps in _steps(plan):
            for step in steps:
                if step.expr not in values:
                    step.run(values)
            found = values[feature.expression]
            if isinstance(found, Encoded):
                few = cast(feature.name, found.values, feature.kind)
                values[feature] = Encoded(few, found.index)
            else:
                values[feature] = cast(feature.name, found, feature.kind)


@lru_cache(256)
def _steps(plan: Plan) -> list[tuple[Computed, list[Step]]]:
    """The calls that each of a service's expressions is made of, each call once."""
    seen: set[Expr] = set()
    return [(feature, list(steps(feature.expression, seen))) for feature in plan.computed]


def served(
    plan: Plan, rows: Mapping[str, pa.Array], instants: pa.Array, origin: str
) -> list[pa.Array]:
    """The features of a service for many rows of the warehouse, as they are served.

    Args:
        plan: the service's plan.
        rows: the stored features and the inputs by full name.
        instants: the instant of each row.
        origin: where the rows are from, for an error.

    Returns:
        A column for each of the service's features, in their order and of their types.

    Raises:
        DataError: a feature is null that cannot be.
    """
    values: dict[Expr, Operand] = {}
    for operand in operands(plan):
        if isinstance(operand, Feature):
            column = _column(rows, operand, origin)
            values[operand] = operand.value_type.from_arrow(column, operand.default)
        elif operand is NOW:
            values[NOW] = Kind.TIME.from_arrow(instants)
    compute(plan, values)
    return [
        feature.kind.to_arrow(array(values[feature]))
        if isinstance(feature, Computed)
        else _column(rows, feature, origin)
        for feature in plan.service.features
    ]


def _column(rows: Mapping[str, pa.Array], feature: Feature, origin: str) -> pa.Array:
    """A stored feature or an input, as it is served."""
    column = rows[feature.name]
    is_list = feature.value_type.length is not None
    if column.null_count and (is_list or not feature.kind.has_null):
        raise DataError(
            f"{origin} has rows without {feature.name}, which is never served without a value: "
            f"build it again with dbt, or fix the model that {feature.view.__name__} reads"
        )
    return column.cast(feature.value_type.arrow)
