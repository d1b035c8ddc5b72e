"""Resolvers: the long form of an expression, for what NumPy's functions alone do not say."""

import inspect
from collections.abc import Callable
from typing import Any, get_args

import numpy as np

from slate.errors import DefinitionError
from slate.expressions import Array, Call, Expr
from slate.kinds import Kind, kind_of


class Resolved(Call):
    """A call of a resolver on the features that its parameters name.

    Attributes:
        kind: the kind of its values.
    """

    kind: Kind

    def run(self, *args: Array) -> Any:
        """Call the function on arrays of one shape.

        They cannot be written to: others read them too.
        """
        shapes = {array.shape for array in args}
        if len(shapes) > 1:
            shape = np.broadcast_shapes(*shapes)
            return self.func(*(np.broadcast_to(array, shape) for array in args))
        return self.func(*map(_read_only, args))


def _read_only(array: Array) -> Array:
    found = array.view()
    found.flags.writeable = False
    return found


def resolver(function: Callable[..., Any]) -> Any:
    """Make a function from arrays to an array a request feature.

    Each parameter is annotated with the feature it reads, the result with its type::

        @resolver
        def haste(
            taps: Annotated[Array, ViewerActivity.taps["1m"]],
            minutes: Annotated[Array, minutes_live],
        ) -> Annotated[Array, float]: ...

    The arrays have one shape: (1,) where all that is read depends on one key alone, else (N,). The
    result has the same, and broadcasts like any expression. What is of one value a row alone, as
    ``views.mean()``, is refused.

    Raises:
        DefinitionError: an annotation is missing.
    """
    where = function.__qualname__
    hints = inspect.get_annotations(function, eval_str=True)
    returned = get_args(hints.pop("return", None))
    if not returned:
        raise DefinitionError(f"{where}: say what it returns: -> Annotated[Array, float]")
    kind, _ = kind_of(returned[-1], where)
    reads = []
    for parameter in inspect.signature(function).parameters:
        wanted = get_args(hints.get(parameter))
        if not wanted or not isinstance(wanted[-1], Expr):
            raise DefinitionError(
                f"{where}: say which feature {parameter} reads: "
                f"{parameter}: Annotated[Array, SomeView.some_feature]"
            )
        reads.append(wanted[-1])
    call = Resolved(function, tuple(reads), {})
    call.kind = kind
    return call
