"""Expressions, filters, bounds and lengths of time as they are said, for descriptions and locks."""

import re
from collections.abc import Callable, Iterable

from slate.conditions import Against, AllOf, AnyOf, Comparison, Condition, Membership, Not, Null
from slate.constraints import Constraints
from slate.expressions import Expr, render
from slate.filters import condition
from slate.source_columns import Column
from slate.windows import duration_name

# A type, and a span of time, as a rendered expression has them.
_DTYPE = re.compile(r"dtype\('[<>|=]?(\w+(?:\[\w+\])?)'\)")
_SPAN = re.compile(r"timedelta64\[\w+\]\((?:(1 \w+)s|(\d+ \w+))\)")
_UNITS = {"s": "second", "m": "minute", "h": "hour", "d": "day"}
_SIGNS = {"=": "==", "<>": "!="}


def expression_words(expr: object) -> str:
    """An expression as it is said: as it is written, but for NumPy's ways to show its types."""
    return rendered_words(render(expr))


def rendered_words(rendered: str) -> str:
    """What is rendered as an expression, but for NumPy's ways to show its types."""
    return _DTYPE.sub(r"'\1'", _SPAN.sub(r"\1\2", rendered))


def filter_words(where: str, expr: Expr) -> str:
    """A filter of events as it is said: ``kind == 'tap' and price is not null``."""
    return condition_words(condition(where, expr), _name)


def condition_words(found: Condition, name: Callable[[Column], str]) -> str:
    """A filter as it is said.

    Args:
        found: the filter.
        name: what a column is called.
    """

    def words(one: Condition) -> str:
        return condition_words(one, name)

    match found:
        case Comparison(column, "=", True):
            return name(column)
        case Comparison(column, sign, constant):
            return f"{name(column)} {_SIGNS.get(sign, sign)} {constant_words(constant)}"
        case Against(column, sign, other):
            return f"{name(column)} {_SIGNS.get(sign, sign)} {name(other)}"
        case Membership(column, constants):
            return f"{name(column)} is one of {constants_words(constants)}"
        case Null(column):
            return f"{name(column)} is null"
        case Not(Null(column)):
            return f"{name(column)} is not null"
        case Not(inner):
            return f"not ({words(inner)})"
        case AllOf(conditions):
            return " and ".join(
                f"({words(one)})" if isinstance(one, AnyOf) else words(one) for one in conditions
            )
        case AnyOf(conditions):
            return " or ".join(
                f"({words(one)})" if isinstance(one, AllOf) else words(one) for one in conditions
            )
    return found.sql()


def _name(column: Column) -> str:
    """A column in a filter: its name, or what it is computed from."""
    return column.name if column.name.isidentifier() else f"({rendered_words(column.name)})"


def bounds_words(bounds: Constraints) -> Iterable[str]:
    """What values must satisfy, a text for each bound."""
    if bounds.one_of is not None:
        yield f"one of {constants_words(bounds.one_of)}"
    if bounds.least is not None:
        yield f"at least {constant_words(bounds.least)}"
    if bounds.greatest is not None:
        yield f"at most {constant_words(bounds.greatest)}"


def constants_words(values: Iterable[object]) -> str:
    """Constants as they are said."""
    return ", ".join(map(constant_words, values))


def constant_words(value: object) -> str:
    """A constant as it is said: a text in quotes, a time without the words of Python."""
    return repr(value) if isinstance(value, str | bool | int | float) else str(value)


def duration_words(microseconds: int) -> str:
    """A length of time as it is said.

    Examples:
        >>> duration_words(300_000_000)
        '5 minutes'
    """
    text = duration_name(microseconds)
    number, unit = int(text[:-1]), _UNITS[text[-1]]
    return f"{number} {unit}{'' if number == 1 else 's'}"
