"""Expressions: what NumPy is asked to do with features, recorded as a tree and run later.

A reference to a feature answers NumPy's own protocols, so ``np.log1p(price) - usual`` is not
computed but recorded as calls of NumPy functions on references. The leaves of the tree are its
dependencies; running it is calling the same functions on arrays. One executor serves training sets
and requests, so the two cannot drift.
"""

from collections.abc import Callable, Iterator, Mapping
from typing import TYPE_CHECKING, Any, NoReturn

import numpy as np
from numpy.lib.mixins import NDArrayOperatorsMixin

from slate.encoded import Encoded, Operand, array, call
from slate.errors import DefinitionError, UnknownNameError

Array = np.ndarray[Any, Any]

# What is written in place of methods that data frames have.
_INSTEAD = {
    "isin": "np.isin(it, [...])",
    **dict.fromkeys(("is_null", "isna", "isnull"), "is_null(it)"),
    **dict.fromkeys(("is_not_null", "notna", "notnull"), "~is_null(it)"),
    "between": "(it >= a) & (it <= b)",
}


class Expr(NDArrayOperatorsMixin):
    """Something that will be an array: a reference, or a call of a NumPy function on such."""

    __hash__ = object.__hash__

    def __array_ufunc__(self, ufunc: np.ufunc, method: str, *inputs: Any, **kwargs: Any) -> "Call":
        """Record ``np.add(a, b)`` and every operator."""
        if method != "__call__":
            raise DefinitionError(
                f"np.{ufunc.__name__}.{method} mixes rows; a feature is computed row by row, "
                f"so call np.{ufunc.__name__} itself"
            )
        return Call(ufunc, inputs, kwargs)

    def __array_function__(
        self,
        func: Callable[..., Any],
        types: tuple[type, ...],
        args: tuple[Any, ...],
        kwargs: dict[str, Any],
    ) -> "Call":
        """Record ``np.where(a, b, c)`` and other functions that are not ufuncs."""
        return Call(func, args, kwargs)

    def astype(self, dtype: Any) -> "Call":
        """The values as another NumPy type: ``now().astype("M8[D]")`` is the day."""
        try:
            return Call(np.astype, (self, np.dtype(dtype)), {})
        except TypeError as error:
            raise DefinitionError(
                f"{self!r}.astype({dtype!r}): {error}; give a NumPy type"
            ) from None

    def __bool__(self) -> NoReturn:
        """An expression has no truth before it runs."""
        raise DefinitionError(
            f"{self!r} has no truth value at definition: write & | ~ for `and`, `or`, `not`, each "
            "comparison in brackets; (a < x) & (x < b) for `a < x < b`; np.isin(x, [...]) for "
            "`x in [...]`; np.maximum and np.minimum for the max and min of two; np.where for `if`"
        )

    def __iter__(self) -> NoReturn:
        """An expression has no length before it runs."""
        raise DefinitionError(
            f"{self!r} cannot be iterated, it is not an array yet: Python's own max, min, sum, any "
            "and all do not take it. Aggregate a source's column with Slate's, as in `from slate "
            "import max`; for any and all count events: count(where=..., over='1h')"
        )

    def __contains__(self, item: object) -> NoReturn:
        """An expression has no values before it runs."""
        raise DefinitionError(
            f"`{item!r} in {self!r}` cannot be told at definition: compare, as in "
            f"{self!r} == {item!r}; of a feature that is a list, write contains({self!r}, ...)"
        )

    def __round__(self, digits: int | None = None) -> NoReturn:
        """Python's own function takes one number."""
        raise DefinitionError(
            f"round({self!r}): Python's own round takes one number: write np.round({self!r}) in "
            f"request features, np.floor({self!r} + 0.5) in a source"
        )

    def __float__(self) -> NoReturn:
        """Python's own numbers are made of one."""
        raise DefinitionError(
            f"{self!r} is not one number at definition: write {self!r}.astype(np.float64) for "
            f"`float(...)`, .astype(np.int64) for `int(...)`, and NumPy's functions for those of "
            "`math`, as in np.log1p(...)"
        )

    __int__ = __float__

    if not TYPE_CHECKING:  # a type checker would take any name for right

        def __getattr__(self, name: str) -> NoReturn:
            """An expression has no methods of an array before it runs."""
            if name.startswith("__"):
                raise AttributeError(name)
            instead = _INSTEAD.get(name, "NumPy's functions on it, as in np.log1p(...)")
            raise UnknownNameError(
                f"{self!r} has no {name!r}: it is not an array yet; call {instead}"
            )


class Call(Expr):
    """A recorded call of a NumPy function or of a resolver."""

    def __init__(
        self, func: Callable[..., Any], args: tuple[Any, ...], kwargs: dict[str, Any]
    ) -> None:
        self.func = func
        self.args = tuple(map(_kept, args))
        self.kwargs = {name: _kept(value) for name, value in kwargs.items()}

    def run(self, *args: Any, **kwargs: Any) -> Any:
        """Call the function on arrays."""
        return self.func(*args, **kwargs)

    def __repr__(self) -> str:
        return render(self)


def _kept(value: Any) -> Any:
    """An argument as it is now, whatever becomes of a list later."""
    return tuple(map(_kept, value)) if isinstance(value, list | tuple) else value


class Reference(Expr):
    """A name in a class body, before the class is there."""

    def __init__(self, name: str) -> None:
        self.name = name

    def __repr__(self) -> str:
        return self.name


def bound(expr: Any, references: Callable[[Expr], Any]) -> Any:
    """An expression with something else in place of its references.

    Args:
        expr: the expression.
        references: gives what stands in place of one.
    """
    if isinstance(expr, Call):
        args = tuple(bound(arg, references) for arg in expr.args)
        return Call(expr.func, args, {n: bound(v, references) for n, v in expr.kwargs.items()})
    if isinstance(expr, tuple):
        return tuple(bound(item, references) for item in expr)
    return references(expr) if isinstance(expr, Expr) else expr


class Now(Expr):
    """The instant of the request."""

    def __repr__(self) -> str:
        return "now()"


NOW = Now()


def now() -> Any:
    """The instant that is asked about: of the request online, of the spine's row offline."""
    return NOW


def nodes(expr: object) -> Iterator[object]:
    """All that an expression is made of, from the outside in: calls, references, constants.

    Calls and references come once each, in order of appearance.
    """
    seen: set[int] = set()

    def visit(node: object) -> Iterator[object]:
        if isinstance(node, tuple):
            for child in node:
                yield from visit(child)
        elif id(node) not in seen:
            if isinstance(node, Expr):
                seen.add(id(node))
            yield node
            if isinstance(node, Call):
                yield from visit((*node.args, *node.kwargs.values()))

    return visit(expr)


def leaves(expr: object) -> Iterator[Expr]:
    """The references that an expression reads, each once, in order of appearance."""
    return (node for node in nodes(expr) if isinstance(node, Expr) and not isinstance(node, Call))


def evaluate(expr: object, values: dict[Expr, Operand]) -> Any:
    """Run an expression on arrays.

    Args:
        expr: the recorded tree.
        values: an array for each leaf, of shape (1,) or (N,), or an encoded one. Results of calls
            are kept in it too, so that what several features share is computed once.

    Returns:
        The array; what depends only on leaves of shape (1,) has shape (1,), and what depends only
        on encoded ones may be encoded.
    """
    for step in steps(expr, set(values)):
        step.run(values)
    return _found(expr, values)


def _found(expr: object, values: Mapping[Expr, Operand]) -> Any:
    """What an argument of a call is, once the calls in it have run."""
    if isinstance(expr, Expr):
        return values[expr]
    if isinstance(expr, tuple) and any(True for _ in leaves(expr)):
        return tuple(array(_found(item, values)) for item in expr)
    return expr


class Step:
    """A call of an expression, made ready to be run many times.

    Args:
        expr: the call.

    Attributes:
        expr: the call.
    """

    def __init__(self, expr: Call) -> None:
        self.expr = expr
        # What only calls a function of NumPy is no reason to call one of Python.
        self._run = expr.func if type(expr).run is Call.run else expr.run
        # Nearly all arguments are leaves, other calls or constants.
        self._read = [(n, arg) for n, arg in enumerate(expr.args) if isinstance(arg, Expr)]
        self._constants = list(expr.args)
        self._tuples = [
            place
            for place, arg in enumerate(expr.args)
            if isinstance(arg, tuple) and any(True for _ in leaves(arg))
        ]

    def run(self, values: dict[Expr, Operand]) -> None:
        """Add what it gives to the values that it reads."""
        expr, args = self.expr, self._constants.copy()
        for place, arg in self._read:
            args[place] = values[arg]
        for place in self._tuples:
            args[place] = _found(expr.args[place], values)
        kwargs = expr.kwargs
        if kwargs:
            kwargs = {name: array(_found(arg, values)) for name, arg in kwargs.items()}
        if Encoded in map(type, args):
            values[expr] = call(expr.func, self._run, args, kwargs)
        else:
            values[expr] = self._run(*args, **kwargs)


def steps(expr: object, done: set[Expr]) -> Iterator[Step]:
    """The calls that an expression is made of, each after those that it reads.

    Args:
        expr: the expression.
        done: what is there already; calls are added to it.
    """
    if isinstance(expr, tuple):
        for item in expr:
            yield from steps(item, done)
    elif isinstance(expr, Call) and expr not in done:
        yield from steps(expr.args, done)
        yield from steps(tuple(expr.kwargs.values()), done)
        done.add(expr)
        yield Step(expr)


_OPERATORS = {
    np.add: "+", np.subtract: "-", np.multiply: "*", np.true_divide: "/", np.equal: "==",
    np.not_equal: "!=", np.less: "<", np.less_equal: "<=", np.greater: ">",
    np.greater_equal: ">=", np.bitwise_and: "&", np.bitwise_or: "|",
}  # fmt: skip


def render(expr: object) -> str:
    """An expression as a person would write it, with each reference's name.

    The text is also what a definition's hash is made of, so it is exact: two expressions with one
    text compute one value.
    """
    if isinstance(expr, Call):
        operator = _OPERATORS.get(expr.func)  # type: ignore[call-overload]
        if operator and len(expr.args) == 2 and not expr.kwargs:
            left, right = (
                f"({render(arg)})" if _is_operation(arg) else render(arg) for arg in expr.args
            )
            return f"{left} {operator} {right}"
        arguments = [render(arg) for arg in expr.args]
        arguments += [f"{name}={render(arg)}" for name, arg in sorted(expr.kwargs.items())]
        return f"{function_name(expr.func)}({', '.join(arguments)})"
    if isinstance(expr, list | tuple):
        return f"[{', '.join(render(item) for item in expr)}]"
    if isinstance(expr, np.ndarray):
        return f"np.array({expr.tolist()!r}, shape={expr.shape}, dtype={expr.dtype!s})"
    if isinstance(expr, np.generic):
        return f"{expr.dtype.name}({expr.item() if expr.dtype.kind not in 'mM' else expr!s})"
    return repr(expr)


def function_name(func: Callable[..., Any]) -> str:
    """How a recorded function is called in text: ``np.log1p``, or a resolver's own name."""
    name = getattr(func, "__name__", repr(func))
    module = getattr(func, "__module__", None) or "numpy"
    return f"np.{name}" if module.startswith("numpy") else name


def _is_operation(expr: object) -> bool:
    return isinstance(expr, Call) and expr.func in _OPERATORS
