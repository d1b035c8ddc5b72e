"""One executor computes request features: of a batch of rows as of a single request."""

import numpy as np
import pytest

from slate.errors import DefinitionError
from slate.executor import compute, operands
from slate.expressions import NOW, Array, Expr
from slate.features import Computed, Feature
from slate.plans import Plan
from tests.training import delivery


def arrays(plan: Plan, rows: int) -> dict[Expr, Array]:
    values: dict[Expr, Array] = {NOW: np.array(["2026-03-01T12:00"] * rows, "M8[us]")}
    for number, operand in enumerate(operands(plan)):
        if isinstance(operand, Feature):
            null = [operand.default] if not operand.kind.has_null else [None]
            some = operand.kind.array(null * (number % 2))
            rest = operand.kind.full(rows - len(some), operand.default)
            values[operand] = np.concatenate([some, rest])
    return values


def test_operands_are_all_that_is_read_and_nothing_computed(plan: Plan) -> None:
    found = set(operands(plan))
    assert len(found) == len(operands(plan))
    assert {NOW, delivery.CourierTrips.trips["1h"]} <= found
    assert not {delivery.CourierProfile.joined_at, delivery.CourierTrips.trips["1d"]} & found
    assert not any(isinstance(operand, Computed) for operand in found)
    values = arrays(plan, 4)
    assert values.keys() == found
    compute(plan, values)
    assert values.keys() > set(plan.computed)


def test_rows_alone_or_together_are_the_same(plan: Plan) -> None:
    together = arrays(plan, 4)
    single = [{leaf: array[row : row + 1] for leaf, array in together.items()} for row in range(4)]
    compute(plan, together)
    for row, values in enumerate(single):
        compute(plan, values)
        for feature in plan.computed:
            np.testing.assert_array_equal(values[feature], together[feature][row : row + 1])


def test_what_depends_on_the_request_alone_is_computed_once(plan: Plan) -> None:
    values = arrays(plan, 1)
    values[delivery.CourierTrips.trips["1h"]] = np.arange(4)
    compute(plan, values)
    shapes = {feature.column: values[feature].shape for feature in plan.computed}
    assert shapes["work"] == shapes["calm"] == (4,)
    assert shapes["rush"] == shapes["until"] == (1,)


def test_values_have_their_kind(plan: Plan) -> None:
    values = arrays(plan, 3)
    compute(plan, values)
    for feature in plan.computed:
        assert values[feature].dtype == feature.kind.dtype, feature


def test_an_operand_of_a_wrong_kind_is_found(plan: Plan) -> None:
    values = arrays(plan, 3)
    values[delivery.CourierTrips.trips["1h"]] = np.array([0.5, 1, 2])
    with pytest.raises(DefinitionError, match=r"offer_request\.work is annotated int"):
        compute(plan, values)
