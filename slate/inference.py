"""Trying an expression at import: does it run, row by row, and give the type it promises?"""

from collections import defaultdict
from collections.abc import Iterable
from datetime import UTC, date, datetime, timedelta
from typing import Any

import numpy as np

from slate.errors import DefinitionError
from slate.expressions import NOW, Array, Call, Expr, evaluate, leaves, nodes
from slate.features import Aggregated, Attribute, Feature, Input
from slate.kinds import Kind
from slate.lists import LIST_FUNCTIONS

# Values of each kind, in no order and of no symmetry, so that what mixes rows shows.
_SAMPLES: dict[Kind, tuple[Any, ...]] = {
    Kind.STRING: ("c", "", "a", "d", "b"),
    Kind.INTEGER: (2, 0, 1, 7, 3),
    Kind.FLOAT: (1.5, 0.0, 0.25, 7.0, 3.0),
    Kind.BOOLEAN: (True, False, True, True, False),
    Kind.TIME: tuple(datetime(2026, 1, day, tzinfo=UTC) for day in (4, 1, 3, 29, 6)),
}
_ROWS = 5
# What a wrong expression or resolver may raise.
_FAILURES = (ArithmeticError, AttributeError, LookupError, NameError, TypeError, ValueError)

Values = dict[Expr, Array]


def cast(where: object, result: object, kind: Kind) -> Array:
    """The result of an expression as an array of the promised kind.

    An integer or a truth value may stand for a float; nothing else is converted.

    Args:
        where: what it is of, for an error.
        result: the result.
        kind: the kind.

    Raises:
        DefinitionError: the result is of another kind.
    """
    wanted = kind.dtype
    if type(result) is np.ndarray and result.ndim and result.dtype == wanted:
        return result
    array = np.atleast_1d(np.asarray(result))
    if array.dtype == wanted:
        return array
    got = array.dtype
    fits = got.kind == wanted.kind or (kind is Kind.FLOAT and got.kind in "iub")
    if kind is Kind.STRING:
        fits = got.kind in "TU"
    if not fits:
        raise DefinitionError(
            f"{where} is annotated {kind.value}, but its expression gives {got.name}: change the "
            "annotation, or the expression"
        )
    return array.astype(wanted, copy=False)


def sample(feature: Expr, turn: int) -> Array:
    """Some values that a feature may have: null or its default is among them.

    Args:
        feature: a feature or now().
        turn: by how many rows they are turned, so that two features differ.

    Raises:
        DefinitionError: it is not a feature.
    """
    if feature is NOW:
        return Kind.TIME.array(_turned(_SAMPLES[Kind.TIME], turn))
    if not isinstance(feature, Feature):
        raise DefinitionError(
            f"{feature!r} is not a feature: a request feature reads features, its own "
            "inputs and now()"
        )
    if isinstance(feature, Input) and not feature.bound:
        raise DefinitionError(
            "a request_input() is read that has no name: write `name: type = request_input()` in "
            "the class body, above what reads it"
        )
    kind, bounds = feature.kind, feature.constraints
    values: tuple[Any, ...] = _SAMPLES[kind]
    if bounds.one_of is not None:
        values = tuple(bounds.one_of[row % len(bounds.one_of)] for row in range(_ROWS))
    if bounds.least is not None:
        values = tuple(max(value, bounds.least) for value in values)
    if bounds.greatest is not None:
        values = tuple(min(value, bounds.greatest) for value in values)
    if feature.default is not None or kind.has_null:
        values = (feature.default, *values[1:])
    found = kind.array(_turned(values, turn))
    if feature.value_type.length is None:
        return found
    lists = np.repeat(found[:, None], feature.value_type.length, axis=1)
    return np.ma.MaskedArray(lists, np.arange(lists.size).reshape(lists.shape) % 3 == 2)


def _turned(values: tuple[Any, ...], turn: int) -> tuple[Any, ...]:
    turn %= _ROWS
    return values[turn:] + values[:turn]


def check_expression(where: str, expr: Expr, kind: Kind) -> None:
    """Run an expression on a few sample rows: together, each alone, and in mixed shapes.

    Raises:
        DefinitionError: it reads what is not a feature, fails, mixes rows, or gives another type.
    """
    for node in nodes(expr):
        if isinstance(node, date | timedelta):
            raise DefinitionError(
                f"{where}: NumPy compares {node!r} with no null: write np.datetime64(...) or "
                "np.timedelta64(...) in its place"
            )
    _check_lists(where, expr)
    many = {leaf: sample(leaf, turn) for turn, leaf in enumerate(leaves(expr))}
    if not many:
        raise DefinitionError(f"{where} reads no feature: a constant needs no definition")
    together = _run(where, expr, kind, many, "on sample values")
    if together.shape != (_ROWS,):
        raise DefinitionError(
            f"{where}: {expr!r} turns {_ROWS} rows into shape {together.shape}; a feature has one "
            "value a row"
        )
    for row in range(_ROWS):
        one = {leaf: array[row : row + 1] for leaf, array in many.items()}
        alone = _run(where, expr, kind, one, "on a single row")
        if not _equal(alone, together[row : row + 1], kind):
            raise DefinitionError(
                f"{where}: {expr!r} mixes rows: a row has another value alone than among others; "
                "a feature is computed row by row"
            )
    for name, grain in _grains(many).items():
        mixed = {leaf: array[:1] if leaf in grain else array for leaf, array in many.items()}
        full = {leaf: _broadcast(array) for leaf, array in mixed.items()}
        shapes = f"for one value of {name} beside many of the rest (a @resolver's have one shape)"
        found = _run(where, expr, kind, mixed, shapes)
        if found.shape == (1,):
            found = np.broadcast_to(found, _ROWS)
        if not _equal(found, _run(where, expr, kind, full, shapes), kind):
            raise DefinitionError(f"{where}: {expr!r} gives other values {shapes}")


def _check_lists(where: str, expr: Expr) -> None:
    """See that lists are asked by what takes lists, and nothing else is."""
    calls = [node for node in nodes(expr) if isinstance(node, Call)]
    for values, value in (call.args for call in calls if call.func in LIST_FUNCTIONS):
        if not (isinstance(values, Aggregated) and values.value_type.length is not None):
            raise DefinitionError(
                f"{where} asks {values!r} as a list of values, and it is one value a row: compare "
                "it with =="
            )
        numbers = (Kind.INTEGER, Kind.FLOAT)
        kinds = numbers if values.kind in numbers else (values.kind,)
        wrong = isinstance(value, Feature) and value.kind not in kinds
        if wrong or not (isinstance(value, Expr) or any(kind.accepts(value) for kind in kinds)):
            raise DefinitionError(
                f"{where} asks {values!r}, a list of {values.kind.value}, for {value!r}, which is "
                "none: compare values of one type"
            )
    others = [arg for call in calls for arg in call.args[call.func in LIST_FUNCTIONS :]]
    for leaf in (expr, *others):
        if isinstance(leaf, Aggregated) and leaf.value_type.length is not None:
            raise DefinitionError(
                f"{where} reads {leaf!r}, a list of up to {leaf.value_type.length} values, as one "
                "value: ask it with contains(list, value) or occurrences(list, value); the mean "
                "and the like of the latest events are features, as in mean(..., last=5)"
            )


def _run(where: str, expr: Expr, kind: Kind, values: Values, on: str) -> Array:
    try:
        with np.errstate(all="ignore"):
            result = evaluate(expr, dict(values))
    except _FAILURES as error:
        raise DefinitionError(f"{where}: {expr!r} fails {on}: {error}") from error
    return cast(where, result, kind)


def _broadcast(array: Array) -> Array:
    """One row or all of them as all."""
    return array[np.zeros(_ROWS, np.int64)] if len(array) == 1 else array


def _grains(leaves: Iterable[Expr]) -> dict[str, set[Expr]]:
    """What always has one shape: the features of one view, by its name; all else by itself.

    One such set alone is of no mixed shape, and left out.
    """
    grains: dict[str, set[Expr]] = defaultdict(set)
    for leaf in leaves:
        name = leaf.view.name if isinstance(leaf, Attribute | Aggregated) else repr(leaf)
        grains[name].add(leaf)
    return grains if len(grains) > 1 else {}


def _equal(one: Array, other: Array, kind: Kind) -> bool:
    if kind is not Kind.FLOAT:
        return np.array_equal(one, other, equal_nan=kind.has_null)
    # A library may sum one row in another order than many.
    return one.shape == other.shape and np.allclose(
        one, other, rtol=1e-9, atol=1e-9, equal_nan=True
    )
