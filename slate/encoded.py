"""Arrays of few members, held as those and where each is: a dictionary encoding."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any, TypeAlias

import numpy as np

Array: TypeAlias = np.ndarray[Any, Any]

# Functions besides ufuncs that take each member of their first argument by itself.
_BY_MEMBER = (np.where, np.isin, np.astype)


@dataclass(frozen=True, eq=False)
class Encoded:
    """An array by its members.

    Attributes:
        values: the members, most of them different: single ones, or lists of one length.
        index: for each row the position of its member among them.
    """

    values: Array
    index: Array

    def __len__(self) -> int:
        return len(self.index)

    @cached_property
    def array(self) -> Array:
        """The array."""
        return self.values.take(self.index, axis=0)

    def take(self, rows: Array) -> "Encoded":
        """Some rows of it."""
        return Encoded(self.values, self.index.take(rows))


Operand: TypeAlias = Array | Encoded


def array(value: Any) -> Any:
    """An encoded array as an array; anything else as it is."""
    return value.array if isinstance(value, Encoded) else value


def call(
    function: Callable[..., Any],
    run: Callable[..., Any],
    args: list[Any],
    kwargs: Mapping[str, Any],
) -> Any:
    """Call a function on arrays of which some are encoded, if possible on their members alone.

    A comparison of a few hundred texts is many times faster than that of thousands of rows.

    Args:
        function: what is called.
        run: calls it.
        args: with what; arrays of shape (1,) or (N,), encoded ones, and constants.
        kwargs: likewise, by name; none of them is encoded.

    Returns:
        What it gives for the rows; where it was called on members, it is encoded.
    """
    encoded = [arg for arg in args if isinstance(arg, Encoded)]
    if _of_members(function, args, encoded):
        few = [arg.values if isinstance(arg, Encoded) else arg for arg in args]
        found = run(*few, **kwargs)
        if np.shape(found) == encoded[0].values.shape:
            return Encoded(found, encoded[0].index)
    elif isinstance(function, np.ufunc) and not kwargs and _of_both(args):
        one, other = args
        found = run(one.values[:, None], other.values)
        if np.shape(found) == (len(one.values), len(other.values)):
            return Encoded(found.ravel(), one.index * len(other.values) + other.index)
    return run(*map(array, args), **kwargs)


def _of_both(args: list[Any]) -> bool:
    """Whether two encoded arrays have fewer pairs of members than rows."""
    if [type(arg) for arg in args] != [Encoded, Encoded]:
        return False
    one, other = (arg.values for arg in args)
    rows = min(len(arg) for arg in args)
    return one.ndim == other.ndim == 1 and len(one) * len(other) < rows


def _of_members(function: Callable[..., Any], args: list[Any], encoded: list[Encoded]) -> bool:
    """Whether a row of the result depends on the members of that row alone, and these are few."""
    if not (isinstance(function, np.ufunc) or function in _BY_MEMBER):
        return False
    index, values = encoded[0].index, encoded[0].values
    if len(values) >= len(index) or values.ndim > 1:
        return False
    if function is np.isin and not isinstance(args[0], Encoded):
        return False
    if any(one.index is not index or one.values.shape != values.shape for one in encoded):
        return False
    others = (arg for arg in args if isinstance(arg, np.ndarray))
    return all(other.shape in ((), (1,)) for other in others)
