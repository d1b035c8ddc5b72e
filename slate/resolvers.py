"""Resolvers: the long form of an expression, for what NumPy's functions alone do not say."""

import ast
import inspect
import textwrap
from collections.abc import Callable
from typing import Any, get_args

from slate.errors import DefinitionError
from slate.expressions import Call, Expr
from slate.kinds import Kind, kind_of


class Resolved(Call):
    """A call of a resolver on the features that its parameters name.

    Attributes:
        kind: the kind of its values.
    """

    kind: Kind


def resolver(function: Callable[..., Any]) -> Any:
    """Make a function from arrays to an array a request feature.

    Each parameter is annotated with the feature it reads, the result with its type::

        @resolver
        def haste(
            taps: Annotated[Array, ViewerActivity.taps["1m"]],
            minutes: Annotated[Array, minutes_live],
        ) -> Annotated[Array, float]: ...

    The arrays have shape (1,) or (N,), and the result broadcasts like any expression.

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


def source_text(function: Callable[..., Any]) -> str:
    """A resolver's code without its comments, docstrings, layout and annotations."""
    tree = ast.parse(textwrap.dedent(inspect.getsource(function)))
    definition = tree.body[0]
    if isinstance(definition, ast.FunctionDef):
        definition.decorator_list, definition.returns = [], None
        for argument in definition.args.args:
            argument.annotation = None
        if ast.get_docstring(definition) is not None:
            del definition.body[0]
    return ast.unparse(tree)
