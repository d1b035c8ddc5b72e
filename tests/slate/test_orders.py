"""Orders of an answer's rows: what is none is refused before anybody sees it."""

from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from slate.errors import DataError
from slate.rankings import Order

GOOD = Order(np.array([2, 0]), np.array([0.5, np.nan, 1.0]), "1")


def test_an_order_may_leave_rows_out() -> None:
    GOOD.require_of(3)
    Order.of_nothing().require_of(0)


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        ({"rows": [2, 0]}, "have to be arrays of NumPy"),
        ({"rows": np.array([2.0, 0.0])}, "give places of rows"),
        ({"rows": np.array([[2, 0]])}, "give places of rows"),
        ({"rows": np.array([3, 0])}, "reach from 0 to 3, of 3 rows"),
        ({"rows": np.array([-1, 0])}, "reach from -1 to 0"),
        ({"rows": np.array([0, 0])}, "are there twice"),
        ({"scores": np.array([1.0, 2.0])}, "give a number for each of the answer's 3 rows"),
        ({"scores": np.array(["a", "b", "c"])}, "give a number for each"),
        ({"model": 7}, "its model is 7: give the version as text"),
    ],
)
def test_what_is_no_order_is_refused(wrong: dict[str, Any], said: str) -> None:
    with pytest.raises(DataError, match=said):
        replace(GOOD, **wrong).require_of(3)
