"""A column holds a value a row, or a list."""

from typing import Any

import numpy as np
import pyarrow as pa
import pytest

from slate import FeatureView, last_n
from slate.kinds import Kind
from slate.value_types import ValueType
from tests.slate.cafe import Guest, GuestOrders, Order

VALUES: dict[Kind, list[Any]] = {
    Kind.STRING: ["é", "", "b"],
    Kind.INTEGER: [0, 2**60, -1],
    Kind.FLOAT: [0.5, -1.0, 2.0],
    Kind.BOOLEAN: [False, True, False],
    Kind.TIME: [np.datetime64(day, "us") for day in ("2026-01-03", "1960-01-01", "2026-01-01")],
}
MASK = np.array([[False, False, False], [False, True, True], [True, True, True]])


def masked(kind: Kind) -> Any:
    """Three values, one and none."""
    padding = kind.full(9, None if kind.has_null else VALUES[kind][0]).reshape(3, 3)
    values = np.where(MASK, padding, kind.array(VALUES[kind]))
    return np.ma.MaskedArray(values.astype(kind.dtype), MASK)


@pytest.mark.parametrize("kind", Kind)
def test_a_list_holds_the_values_that_there_are(kind: Kind) -> None:
    type_ = ValueType(kind, 3)
    column = type_.to_arrow(masked(kind), 3)
    assert column.type == type_.arrow
    assert [len(found) for found in column.to_pylist()] == [3, 1, 0]
    assert column.flatten().equals(kind.to_arrow(kind.array([*VALUES[kind], VALUES[kind][0]])))
    padded = type_.padded(masked(kind), 3)
    assert (type(padded), padded.shape, padded.dtype) == (np.ndarray, (3, 3), kind.dtype)
    assert np.array_equal(padded, masked(kind).data, equal_nan=kind.has_null)


@pytest.mark.parametrize("kind", Kind)
def test_one_row_stands_for_all(kind: Kind) -> None:
    type_ = ValueType(kind, 3)
    column = type_.to_arrow(masked(kind)[1:2], 4)
    assert column.equals(pa.concat_arrays([type_.to_arrow(masked(kind)[1:2], 1)] * 4))
    assert type_.padded(masked(kind)[1:2], 4).shape == (4, 3)
    single = ValueType(kind)
    values = kind.array(VALUES[kind][:1])
    assert single.to_arrow(values, 2).equals(kind.to_arrow(np.repeat(values, 2)))
    assert single.padded(values, 2).shape == (2,)


def test_no_rows_are_an_empty_column() -> None:
    assert len(ValueType(Kind.STRING, 2).to_arrow(np.ma.MaskedArray(np.empty((0, 2))), 0)) == 0


def test_names_of_types() -> None:
    assert (ValueType(Kind.TIME).name, ValueType(Kind.TIME, 2).name) == (
        "datetime",
        "list[datetime]",
    )
    assert (ValueType(Kind.FLOAT).sql, ValueType(Kind.FLOAT, 2).sql) == ("double", "double[]")
    assert ValueType(Kind.TIME, 2).arrow == pa.list_(pa.timestamp("us", "UTC"))


def test_the_latest_values_are_a_list() -> None:
    class Bought(FeatureView):
        entity, source = Guest, Order
        prices = last_n(Order.price, 1_000)
        portions = last_n(Order.portions, 2, over=["1h", "1d"], default=0)

    types = {name: feature.value_type for name, feature in Bought.features.items()}
    assert types == {
        "prices": ValueType(Kind.FLOAT, 1_000),
        "portions_1h": ValueType(Kind.INTEGER, 2),
        "portions_1d": ValueType(Kind.INTEGER, 2),
    }
    assert GuestOrders.recent_dishes.value_type == ValueType(Kind.STRING, 3)
    assert GuestOrders.last_dish.value_type == ValueType(Kind.STRING)
