"""Trying an expression at import: does it run, row by row, and give the type it promises?"""

from typing import Any

import numpy as np

from slate.errors import DefinitionError
from slate.expressions import NOW, Array, Expr, evaluate, leaves
from slate.features import Feature
from slate.kinds import Kind

_ROWS = 3


def cast(where: str, result: object, kind: Kind) -> Array:
    """The result of an expression as an array of the promised kind.

    An integer or a truth value may stand for a float; nothing else is converted.

    Raises:
        DefinitionError: the result is of another kind.
    """
    array = np.atleast_1d(np.asarray(result))
    got, wanted = array.dtype, kind.dtype
    fits = got.kind == wanted.kind or (kind is Kind.FLOAT and got.kind in "iub")
    if kind is Kind.STRING:
        fits = got.kind in "TU"
    if not fits:
        raise DefinitionError(
            f"{where} is annotated {kind.value}, but its expression gives {got.name}: change the "
            "annotation, or the expression"
        )
    return array.astype(wanted, copy=False)


def sample(feature: Expr, rows: int) -> Array:
    """A few values of a feature's type."""
    if feature is NOW:
        return np.full(rows, np.datetime64("2026-01-01", "us"))
    if not isinstance(feature, Feature):
        raise DefinitionError(
            f"{feature!r} is no feature: a request feature reads features, its own inputs and now()"
        )
    values: dict[Kind, Any] = {
        Kind.STRING: "",
        Kind.INTEGER: 1,
        Kind.FLOAT: 1.0,
        Kind.BOOLEAN: True,
        Kind.TIME: np.datetime64("2026-01-01", "us"),
    }
    return np.full(rows, values[feature.kind], dtype=feature.kind.dtype)


def check_expression(where: str, expr: Expr, kind: Kind) -> None:
    """Run an expression on a few sample rows.

    Raises:
        DefinitionError: it reads what is no feature, fails, mixes rows, or gives another type.
    """
    values = {leaf: sample(leaf, _ROWS) for leaf in leaves(expr)}
    if not values:
        raise DefinitionError(f"{where} reads no feature: a constant needs no definition")
    try:
        with np.errstate(all="ignore"):
            result = evaluate(expr, values)
    except (TypeError, ValueError, AttributeError) as error:
        raise DefinitionError(f"{where}: {expr!r} fails on sample values: {error}") from error
    array = cast(where, result, kind)
    if array.shape != (_ROWS,):
        raise DefinitionError(
            f"{where}: {expr!r} turns {_ROWS} rows into shape {array.shape}; a feature has one "
            "value a row"
        )
