"""Asking lists of values, in request features: whether they hold a value, and how often.

A list is a feature of the latest or the most frequent values, ``last_n`` or ``top``. The mean, the
least or the greatest of the latest is a feature by itself: ``mean(Event.price, last=5)``.
"""

from typing import Any

import numpy as np
import numpy.typing as npt

from slate.errors import DefinitionError
from slate.expressions import Array, Call, Expr


def contains(values: Any, value: Any) -> Any:
    """Whether a value is among those of a list: ``contains(RiderRides.recent, Bike.station_id)``.

    Null is never among them.

    Raises:
        DefinitionError: the first is not a list of values.
    """
    return _recorded(contains_value, values, value)


def occurrences(values: Any, value: Any) -> Any:
    """How often a value is among those of a list; null never is.

    Raises:
        DefinitionError: the first is not a list of values.
    """
    return _recorded(count_of_value, values, value)


def _recorded(function: Any, values: Any, value: Any) -> Call:
    if not isinstance(values, Expr) or isinstance(values, Call):
        raise DefinitionError(
            f"{values!r} is not a list of values: ask a feature that is one, of last_n(...) or "
            "top(..., n)"
        )
    return Call(function, (values, value), {})


def contains_value(values: Array, value: Any) -> Array:
    """Whether rows of values, a masked array of shape (rows, n), hold a value each."""
    return count_of_value(values, value) > 0


def count_of_value(values: Array, value: Any) -> Array:
    """How many of rows of values, a masked array of shape (rows, n), are a value each."""
    found: Array = _same(values, value).sum(axis=1)
    return found


def _same(values: Array, value: Any) -> npt.NDArray[np.bool_]:
    wanted = np.atleast_1d(np.asarray(value))[:, None]
    equal: npt.NDArray[np.bool_] = np.ma.getdata(values) == wanted
    return equal & ~np.ma.getmaskarray(values)


LIST_FUNCTIONS = (contains_value, count_of_value)
