"""The executor of request features: one function, for training sets and for requests alike."""

from collections.abc import Mapping
from functools import lru_cache

import numpy as np
import pyarrow as pa

from slate.encoded import Encoded, Operand, array
from slate.errors import DataError, DefinitionError, SlateError
from slate.expressions import NOW, Expr, Step, leaves, steps
from slate.failed_expressions import Failed, run_apart, spread
from slate.features import Computed, Feature
from slate.inference import cast
from slate.kinds import Kind
from slate.plans import Plan


def operands(plan: Plan) -> tuple[Expr, ...]:
    """What a service's expressions read: stored features, inputs and the instant, each once."""
    read = dict.fromkeys(leaf for feature in plan.computed for leaf in leaves(feature.expression))
    return tuple(leaf for leaf in read if not isinstance(leaf, Computed))


def compute(
    plan: Plan, values: dict[Expr, Operand], failed: dict[Computed, Failed] | None = None
) -> None:
    """Run a service's expressions, each after those that it reads.

    Args:
        plan: the service's plan.
        values: an array for each operand, of its kind and of shape (1,) or (N,), or an encoded
            one. The request features are added to it, each of its kind; so are the calls that they
            are made of.
        failed: takes the features whose expression fails on some rows: they are null there. None
            where that is an error.

    Raises:
        DefinitionError: an expression gives another kind than it promises, or other rows.
        DataError: an expression fails.
    """
    lengths = {1, *map(len, values.values())}
    with np.errstate(all="ignore"):
        for feature, steps in _steps(plan):
            try:
                values[feature] = _computed(feature, steps, values, lengths)
            except Exception as error:
                if failed is None:
                    raise _refusal(feature, error) from error
                values[feature], found = run_apart(feature, values, error)
                if found.rows.size:
                    failed[feature] = found
            if failed and (nulled := spread(feature, values[feature], failed)) is not None:
                values[feature], failed[feature] = nulled


def _computed(
    feature: Computed, steps: list[Step], values: dict[Expr, Operand], lengths: set[int]
) -> Operand:
    for step in steps:
        if step.expr not in values:
            step.run(values)
    found = values[feature.expression]
    if isinstance(found, Encoded):
        return Encoded(cast(feature, found.values, feature.kind), found.index)
    result = cast(feature, found, feature.kind)
    if result.ndim != 1 or len(result) not in lengths:
        raise DefinitionError(
            f"{feature.name}: its expression turns {max(lengths):,} rows into shape "
            f"{result.shape}; a feature has one value a row"
        )
    return result


def _refusal(feature: Computed, error: Exception) -> SlateError:
    if isinstance(error, SlateError):
        return error
    return DataError(
        f"{feature.name}: its expression fails on values that there are "
        f"({type(error).__name__}: {error}): have its definition take any values of its type"
    )


@lru_cache(256)
def _steps(plan: Plan) -> list[tuple[Computed, list[Step]]]:
    """The calls that each of a service's expressions is made of, each call once."""
    seen: set[Expr] = set()
    return [(feature, list(steps(feature.expression, seen))) for feature in plan.computed]


def served(
    plan: Plan,
    rows: Mapping[str, pa.Array],
    instants: pa.Array,
    origin: str,
    failed: dict[Computed, Failed] | None = None,
) -> list[pa.Array]:
    """The features of a service for many rows of the warehouse, as they are served.

    Args:
        plan: the service's plan.
        rows: the stored features and the inputs by full name.
        instants: the instant of each row.
        origin: where the rows are from, for an error.
        failed: as in ``compute``.

    Returns:
        A column for each of the service's features, in their order and of their types.

    Raises:
        DataError: a feature is null that cannot be, or an expression fails.
    """
    values: dict[Expr, Operand] = {}
    for operand in operands(plan):
        if isinstance(operand, Feature):
            column = _column(rows, operand, origin)
            values[operand] = operand.value_type.from_arrow(column, operand.default)
        elif operand is NOW:
            values[NOW] = Kind.TIME.from_arrow(instants)
    compute(plan, values, failed)
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
