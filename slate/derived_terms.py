"""What the operations of a computed column are in SQL, and in NumPy: the same to the last bit.

An operation is given the terms of its arguments, and gives one that says both.
"""

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any, TypeAlias

import numpy as np
import pyarrow as pa

from slate.conditions import COMPARISONS, Columns
from slate.errors import DefinitionError
from slate.expressions import Array, Call, Expr
from slate.kinds import STRING_DTYPE, Kind
from slate.limits import LARGEST
from slate.quoting import literal
from slate.source_columns import Column

# Values, of a time or a span of time microseconds, and which of them are null.
Values: TypeAlias = tuple[Array, Array]
# A span of time: no column is one, but the difference of two times is on its way to a number.
SPAN = "span of time"
_SPANS = {"D": 86_400_000_000, "h": 3_600_000_000, "m": 60_000_000, "s": 1_000_000}


@dataclass(frozen=True)
class Term:
    """What a part of an expression is, in both dialects.

    Attributes:
        kind: the kind of its values, or SPAN.
        sql: it in SQL; of a time and a span of time the number of microseconds.
        values: its values of some events.
        nullable: whether it may be null where no column is.
    """

    kind: Kind | str
    sql: str
    values: Callable[[Columns], Values]
    nullable: bool


def finished(where: str, term: Term, kind: Kind | None) -> Term:
    """A whole expression, as a column of a kind: what cannot be told is null."""
    if term.kind == SPAN:
        raise DefinitionError(
            f"{where} is a span of time: divide it, as in ... / np.timedelta64(1, 'm')"
        )
    if kind is Kind.FLOAT and term.kind in (Kind.INTEGER, Kind.BOOLEAN):
        term = as_float(term)
    if kind is not None and term.kind is not kind:
        assert isinstance(term.kind, Kind)
        raise DefinitionError(
            f"{where} is annotated {kind.value}, but its expression gives {term.kind.value}: "
            "change the annotation, or the expression"
        )
    if term.kind is Kind.FLOAT:
        bounded = f"case when abs({term.sql}) <= {LARGEST!r} then {term.sql} + 0e0 end"

        def values(columns: Columns) -> Values:
            found, null = term.values(columns)
            return found + 0.0, null | ~(np.abs(found) <= LARGEST)

        return Term(Kind.FLOAT, f"({bounded})", values, nullable=True)
    if term.kind is Kind.TIME:
        return replace(term, sql=f"make_timestamp({term.sql})")
    return term


def of_column(column: Column) -> Term:
    """A column as it is."""
    kind = column.kind

    def values(columns: Columns) -> Values:
        found = columns(column.name)
        null = found.is_null().to_numpy(zero_copy_only=False)
        if kind is Kind.STRING:
            return kind.from_arrow(found), null
        if kind is Kind.TIME:
            found = found.cast(pa.timestamp("us")).cast(pa.int64())
        filled = found.fill_null(pa.scalar(0).cast(found.type))
        return np.asarray(filled.to_numpy(zero_copy_only=False)), null

    sql = f"epoch_us({column.sql})" if kind is Kind.TIME else column.sql
    return Term(kind, sql, values, nullable=False)


def of_constant(where: str, value: object) -> Term:
    """A constant.

    Raises:
        DefinitionError: it is of no kind that a column may be of, nor a span of time.
    """
    if isinstance(value, np.timedelta64):
        return _constant(SPAN, _microseconds(value))
    for kind in (Kind.BOOLEAN, Kind.INTEGER, Kind.FLOAT, Kind.TIME, Kind.STRING):
        plain = value.item() if isinstance(value, np.generic) else value
        if kind is Kind.TIME and isinstance(value, np.datetime64):
            return _constant(kind, _microseconds(value))
        if kind.accepts(plain):
            constant = kind.constant(plain, f"{where}: the constant")
            if kind is Kind.TIME:
                return _constant(kind, int(kind.array([constant]).view(np.int64)[0]))
            return _constant(kind, constant)
    raise DefinitionError(
        f"{where}: {value!r} is not a constant of an expression: write a number, a text, a truth "
        "value, np.datetime64(...) or np.timedelta64(...)"
    )


def _microseconds(value: np.datetime64 | np.timedelta64) -> int:
    return int(value.astype(f"{value.dtype.kind}8[us]").astype(np.int64))


def _constant(kind: Kind | str, value: Any) -> Term:
    sql = literal(value)
    if kind is Kind.FLOAT:
        # With an exponent it is a double, not a decimal.
        sql = repr(float(value)) if "e" in repr(float(value)) else f"{float(value)!r}e0"
    dtype = STRING_DTYPE if kind is Kind.STRING else None
    one = np.array([value], dtype)

    def values(columns: Columns) -> Values:
        return one, np.zeros(1, np.bool_)

    return Term(kind, f"({sql})" if sql.startswith("-") else sql, values, nullable=False)


def as_float(term: Term) -> Term:
    """Whole numbers, or truth values, as floats."""
    if term.kind is Kind.FLOAT:
        return term

    def values(columns: Columns) -> Values:
        found, null = term.values(columns)
        return found.astype(np.float64), null

    return Term(Kind.FLOAT, f"cast({term.sql} as double)", values, term.nullable)


def _whole(sql: str) -> str:
    """What is computed in more than 64 bits, null where it leaves them (SQL)."""
    return f"try_cast({sql} as bigint)"


_WHOLE = (Kind.INTEGER, SPAN, Kind.TIME)


def _sum(where: str, expr: Call, left: Term, right: Term) -> Term:
    """Addition and subtraction: of numbers, of times and spans of time."""
    minus = expr.func is np.subtract
    kinds = left.kind, right.kind
    kind: Kind | str
    if minus and kinds == (Kind.TIME, Kind.TIME):
        kind = SPAN
    elif kinds == (Kind.TIME, SPAN) or (not minus and kinds == (SPAN, Kind.TIME)):
        kind = Kind.TIME
    elif kinds == (SPAN, SPAN):
        kind = SPAN
    else:
        return _arithmetic(where, expr, left, right)
    return _whole_numbers(kind, expr, left, right)


def _arithmetic(where: str, expr: Call, left: Term, right: Term) -> Term:
    numbers = (Kind.INTEGER, Kind.FLOAT)
    if left.kind not in numbers or right.kind not in numbers:
        raise _mismatch(where, expr, left, right)
    if left.kind is right.kind is Kind.INTEGER and expr.func is not np.true_divide:
        return _whole_numbers(Kind.INTEGER, expr, left, right)
    return _floats(expr, as_float(left), as_float(right))


def _alike(where: str, expr: Call, left: Term, right: Term) -> tuple[Term, Term]:
    """Two of one kind; a whole number beside a float is one.

    Raises:
        DefinitionError: they are of two kinds.
    """
    if left.kind == right.kind:
        return left, right
    if {left.kind, right.kind} != {Kind.INTEGER, Kind.FLOAT}:
        raise _mismatch(where, expr, left, right)
    return as_float(left), as_float(right)


def _mismatch(where: str, expr: Call, *terms: Term) -> DefinitionError:
    kinds = " and ".join(t.kind if isinstance(t.kind, str) else t.kind.value for t in terms)
    return DefinitionError(f"{where}: {expr!r} does not go with {kinds}")


_SIGNS = {np.add: "+", np.subtract: "-", np.multiply: "*", np.true_divide: "/"}


def _whole_numbers(kind: Kind | str, expr: Call, left: Term, right: Term) -> Term:
    sign = _SIGNS[expr.func]  # type: ignore[index]

    def values(columns: Columns) -> Values:
        (a, no_a), (b, no_b) = left.values(columns), right.values(columns)
        found = expr.run(a, b)
        if sign == "*":
            # Divided again it is what it was, if it fits.
            safe = np.where(a == 0, 1, a)
            out = (a != 0) & (found // safe != b) | (a == -1) & (b == np.iinfo(np.int64).min)
        elif sign == "+":
            out = (a ^ found) & (b ^ found) < 0
        else:
            out = (a ^ b) & (a ^ found) < 0
        return found, no_a | no_b | out

    return Term(kind, _whole(f"cast({left.sql} as hugeint) {sign} {right.sql}"), values, True)


def _floats(expr: Call, left: Term, right: Term) -> Term:
    sign = _SIGNS[expr.func]  # type: ignore[index]
    divisor = f"nullif({right.sql}, 0)" if sign == "/" else right.sql

    def values(columns: Columns) -> Values:
        (a, no_a), (b, no_b) = left.values(columns), right.values(columns)
        null = no_a | no_b
        return expr.run(a, b), null | (b == 0) if sign == "/" else null

    return Term(Kind.FLOAT, f"({left.sql} {sign} {divisor})", values, True)


def _product(where: str, expr: Call, left: Term, right: Term) -> Term:
    """Multiplication: of numbers, and of a span of time by a whole number."""
    if {left.kind, right.kind} == {SPAN, Kind.INTEGER}:
        return _whole_numbers(SPAN, expr, left, right)
    return _arithmetic(where, expr, left, right)


def _quotient(where: str, expr: Call, left: Term, right: Term) -> Term:
    """Division: of numbers, and of spans of time."""
    if left.kind == right.kind == SPAN:
        return _floats(expr, as_float(left), as_float(right))
    return _arithmetic(where, expr, left, right)


def _division_with_rest(where: str, expr: Call, left: Term, right: Term) -> Term:
    """``//`` and ``%`` of whole numbers and spans of time, by a constant above zero."""
    divisor = expr.args[1]
    if isinstance(divisor, np.timedelta64):
        divisor = _microseconds(divisor)
    if isinstance(divisor, Expr) or not isinstance(divisor, int | np.integer) or divisor <= 0:
        raise DefinitionError(f"{where}: {expr!r}: // and % take a whole constant above zero")
    if left.kind not in (Kind.INTEGER, SPAN) or left.kind != right.kind:
        raise _mismatch(where, expr, left, right)
    rest = _rest_sql(left.sql, divisor)
    remainder = expr.func is np.remainder

    def values(columns: Columns) -> Values:
        found, null = left.values(columns)
        return expr.run(found, divisor), null

    if remainder:
        return Term(left.kind, rest, values, left.nullable)
    sql = _whole(f"(cast({left.sql} as hugeint) - {rest}) // {divisor}")
    return Term(Kind.INTEGER, sql, values, left.nullable)


def _rest_sql(sql: str, divisor: int) -> str:
    """The rest as NumPy has it, with the sign of the divisor: SQL's has that of the number."""
    return f"(({sql} % {divisor} + {divisor}) % {divisor})"


def _comparison(where: str, expr: Call, left: Term, right: Term) -> Term:
    left, right = _alike(where, expr, left, right)
    operator = COMPARISONS[expr.func]

    def values(columns: Columns) -> Values:
        (a, no_a), (b, no_b) = left.values(columns), right.values(columns)
        return expr.run(a, b), no_a | no_b

    return Term(Kind.BOOLEAN, f"({left.sql} {operator} {right.sql})", values, True)


def _bound(where: str, expr: Call, left: Term, right: Term) -> Term:
    """The lesser or the greater of two; null where either is."""
    left, right = _alike(where, expr, left, right)
    name = "least" if expr.func is np.minimum else "greatest"
    null = f"{left.sql} is null or {right.sql} is null"

    def values(columns: Columns) -> Values:
        (a, no_a), (b, no_b) = left.values(columns), right.values(columns)
        return expr.run(a, b), no_a | no_b

    sql = f"case when {null} then null else {name}({left.sql}, {right.sql}) end"
    return Term(left.kind, f"({sql})", values, left.nullable or right.nullable)


def _negative(where: str, expr: Call, term: Term) -> Term:
    if term.kind is Kind.FLOAT:
        return _run_on_floats(expr, f"(-{term.sql})", term)
    if term.kind not in (Kind.INTEGER, SPAN):
        raise _mismatch(where, expr, term)
    return _run_on_whole(expr, f"-cast({term.sql} as hugeint)", term)


def _absolute(where: str, expr: Call, term: Term) -> Term:
    if term.kind is Kind.FLOAT:
        return _run_on_floats(expr, f"abs({term.sql})", term)
    if term.kind not in (Kind.INTEGER, SPAN):
        raise _mismatch(where, expr, term)
    return _run_on_whole(expr, f"abs(cast({term.sql} as hugeint))", term)


def _run_on_whole(expr: Call, sql: str, term: Term) -> Term:
    """A call of whole numbers or spans: null of the least one, whose result is beyond them."""

    def values(columns: Columns) -> Values:
        found, null = term.values(columns)
        return expr.run(found), null | (found == np.iinfo(np.int64).min)

    return Term(term.kind, _whole(sql), values, True)


def _run_on_floats(expr: Call, sql: str, term: Term) -> Term:
    """A call of floats, which gives one for each."""

    def values(columns: Columns) -> Values:
        found, null = term.values(columns)
        return expr.run(found), null

    return Term(Kind.FLOAT, sql, values, term.nullable)


def _rounded(where: str, expr: Call, term: Term) -> Term:
    """Down or up to a whole number, which is a float still."""
    if term.kind not in (Kind.INTEGER, Kind.FLOAT):
        raise _mismatch(where, expr, term)
    term = as_float(term)
    return _run_on_floats(expr, f"{'floor' if expr.func is np.floor else 'ceil'}({term.sql})", term)


def _root(where: str, expr: Call, term: Term) -> Term:
    if term.kind not in (Kind.INTEGER, Kind.FLOAT):
        raise _mismatch(where, expr, term)
    term = as_float(term)

    def values(columns: Columns) -> Values:
        found, null = term.values(columns)
        return np.sqrt(np.maximum(found, 0)), null | (found < 0)

    sql = f"(case when {term.sql} >= 0 then sqrt({term.sql}) end)"
    return Term(Kind.FLOAT, sql, values, True)


def converted(where: str, expr: Call, term: Term, dtype: np.dtype[Any]) -> Term:
    """``astype``: a number as another, a time as the day, hour, minute or second it lies in."""
    if term.kind is Kind.TIME and dtype.kind == "M":
        span = _SPANS.get(np.datetime_data(dtype)[0])
        if span is None or np.datetime_data(dtype)[1] != 1:
            raise DefinitionError(
                f"{where}: {expr!r}: a time is cut to M8[D], M8[h], M8[m] or M8[s]"
            )
        rest = _rest_sql(term.sql, span)

        def cut(columns: Columns) -> Values:
            found, null = term.values(columns)
            return found // span * span, null

        return Term(Kind.TIME, f"({term.sql} - {rest})", cut, term.nullable)
    if dtype == np.float64 and term.kind in (Kind.INTEGER, Kind.BOOLEAN):
        return as_float(term)
    if dtype == np.int64 and term.kind is Kind.FLOAT:

        def truncated(columns: Columns) -> Values:
            found, null = term.values(columns)
            fits = np.abs(found) < 2.0**63
            return np.where(fits, found, 0).astype(np.int64), null | ~fits

        sql = f"case when abs({term.sql}) < {2.0**63!r} then {_whole(f'trunc({term.sql})')} end"
        return Term(Kind.INTEGER, f"({sql})", truncated, True)
    if dtype == np.int64 and term.kind is Kind.BOOLEAN:

        def counted(columns: Columns) -> Values:
            found, null = term.values(columns)
            return found.astype(np.int64), null

        return Term(Kind.INTEGER, f"cast({term.sql} as bigint)", counted, term.nullable)
    raise _mismatch(where, expr, term)


# What makes the term of a call of one of NumPy's functions, of the terms of its arguments.
FUNCTIONS: dict[Callable[..., Any], Callable[..., Term]] = {
    np.add: _sum, np.subtract: _sum, np.multiply: _product, np.true_divide: _quotient,
    np.floor_divide: _division_with_rest, np.remainder: _division_with_rest,
    np.minimum: _bound, np.maximum: _bound, np.negative: _negative, np.absolute: _absolute,
    np.floor: _rounded, np.ceil: _rounded, np.sqrt: _root,
    **dict.fromkeys(COMPARISONS, _comparison),
}  # fmt: skip
