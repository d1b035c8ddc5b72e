"""Running a recorded expression is calling the same NumPy functions on arrays."""

from collections.abc import Callable
from typing import Annotated, Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from slate import Array, RequestFeatures, now, resolver
from slate.errors import DefinitionError
from slate.expressions import NOW, Call, Expr, evaluate, leaves, render
from slate.kinds import Kind
from tests.slate.cafe import CafeOrders, GuestOrders, GuestProfile

RATING = GuestProfile.rating  # a float, of the guest
POINTS = GuestProfile.points  # an int, of the guest
CITY = GuestProfile.city  # a str, of the guest
BORN = GuestProfile.born_at  # a time, of the guest
ORDERS = CafeOrders.orders  # an int, of each café
CAFES = 3

# A program is run twice: on references, which record it, and on arrays.
Operands = dict[Expr, Any]
Program = Callable[[Operands], Any]

FLOATS = st.floats(-1e6, 1e6) | st.sampled_from([np.nan, np.inf, -np.inf, 0.0, -0.0])
INTEGERS = st.integers(-(2**40), 2**40)


def reference(leaf: Expr) -> Program:
    return lambda operands: operands[leaf]


def constant(value: object) -> Program:
    return lambda operands: value


def called(function: Callable[..., Any], *programs: Program) -> Program:
    return lambda operands: function(*(program(operands) for program in programs))


ONE: list[Callable[..., Any]] = [
    np.abs, np.negative, np.sqrt, np.log1p, np.exp, np.floor, np.sign, np.isnan, np.isfinite,
    np.nan_to_num, lambda x: x.astype(np.float64), lambda x: -x,
]  # fmt: skip
TWO: list[Callable[..., Any]] = [
    np.add, np.subtract, np.multiply, np.true_divide, np.maximum, np.minimum, np.equal,
    np.not_equal, np.less, np.greater_equal, np.fmax, np.floor_divide, np.hypot,
    lambda a, b: a + b, lambda a, b: a - b, lambda a, b: a * b, lambda a, b: a / b,
    lambda a, b: a < b, lambda a, b: np.where(a > b, a, b),
    lambda a, b: np.select([a > b, a < 0], [a, b], default=np.nan),
]  # fmt: skip
LEAVES = st.sampled_from([reference(leaf) for leaf in (RATING, POINTS, ORDERS)])
CONSTANTS = (FLOATS | st.integers(-9, 9)).map(constant)
NUMBERS = st.recursive(
    LEAVES,
    lambda inner: (
        st.builds(called, st.sampled_from(ONE), inner)
        | st.builds(called, st.sampled_from(TWO), inner, inner | CONSTANTS)
        | st.builds(called, st.sampled_from(TWO), CONSTANTS, inner)
    ),
    max_leaves=8,
)


@st.composite
def operands(draw: st.DrawFn) -> Operands:
    day = np.datetime64("2026-03-01", "us")
    return {
        RATING: np.array([draw(FLOATS)]),
        POINTS: np.array([draw(INTEGERS)]),
        CITY: Kind.STRING.array([draw(st.sampled_from([None, "", "Rome", "Oslo"]))]),
        BORN: np.array([draw(st.sampled_from([day, np.datetime64("NaT", "us"), day + 1]))]),
        ORDERS: np.array(draw(st.lists(INTEGERS, min_size=CAFES, max_size=CAFES))),
    }


def both(program: Program, arrays: Operands) -> tuple[Any, Any]:
    """A program recorded and then run, and run at once."""
    with np.errstate(all="ignore"):
        recorded = program({leaf: leaf for leaf in arrays})
        direct = program(arrays)
        if isinstance(recorded, Expr):
            recorded = evaluate(recorded, dict(arrays))
        return recorded, direct


def check_equal(recorded: Any, direct: Any) -> None:
    assert np.shape(recorded) == np.shape(direct)
    assert np.asarray(recorded).dtype == np.asarray(direct).dtype
    np.testing.assert_array_equal(recorded, direct)


@given(program=NUMBERS, arrays=operands())
def test_a_recorded_expression_is_numpy(program: Program, arrays: Operands) -> None:
    try:
        with np.errstate(all="ignore"):
            program(arrays)
    except (TypeError, AttributeError):
        return  # what NumPy refuses, as the negative of a truth value
    check_equal(*both(program, arrays))


PROGRAMS: dict[str, Program] = {
    "text equal": lambda o: o[CITY] == "Rome",
    "text unequal": lambda o: o[CITY] != "Rome",
    "text in": lambda o: np.isin(o[CITY], ["Rome", "Oslo"]),
    "text chosen": lambda o: np.where(o[ORDERS] > 0, o[CITY], "none"),
    "constant first": lambda o: 1 - o[RATING],
    "compared with a constant first": lambda o: o[RATING] > 0,
    "time later": lambda o: o[BORN] + np.timedelta64(90, "m"),
    "span in minutes": lambda o: (np.datetime64("2026-03-01T12:00", "us") - o[BORN]) / MINUTE,
    "day": lambda o: o[BORN].astype("M8[D]"),
    "unknown time": lambda o: np.isnat(o[BORN]),
    "combined": lambda o: (o[RATING] > 1) & ~(o[POINTS] > 2) | (o[ORDERS] == 0),
    "clipped": lambda o: np.clip(o[RATING], 0, 1),
    "keywords": lambda o: np.nan_to_num(o[RATING], nan=-1.0),
    "array constant": lambda o: np.isin(o[POINTS], np.array([1, 2])),
}
MINUTE = np.timedelta64(1, "m")


@pytest.mark.parametrize("program", PROGRAMS.values(), ids=PROGRAMS)
@given(arrays=operands())
def test_null_has_numpys_meaning(program: Program, arrays: Operands) -> None:
    check_equal(*both(program, arrays))


def test_what_depends_on_the_guest_alone_is_computed_once() -> None:
    calls = []

    @resolver
    def doubled(rating: Annotated[Array, RATING]) -> Annotated[Array, float]:
        calls.append(rating.shape)
        return rating * 2

    class Twice(RequestFeatures):
        double = doubled
        near: float = doubled + ORDERS
        far: float = doubled - ORDERS

    calls.clear()
    values: dict[Expr, Any] = {RATING: np.array([1.5]), ORDERS: np.arange(CAFES)}
    for name in ("near", "far"):
        assert evaluate(Twice.features[name].expression, values).shape == (CAFES,)  # type: ignore[attr-defined]
    assert calls == [(1,)]


def test_a_resolver_gets_arrays_of_one_shape() -> None:
    @resolver
    def weighed(
        guest: Annotated[Array, RATING], cafe: Annotated[Array, ORDERS]
    ) -> Annotated[Array, float]:
        return np.stack([guest, cafe], axis=-1) @ np.array([10.0, 1.0])

    class Weighed(RequestFeatures):
        weight = weighed

    one, many = np.array([1.5]), np.arange(CAFES)
    assert evaluate(weighed, {RATING: one, ORDERS: many}).tolist() == [15, 16, 17]
    assert evaluate(weighed, {RATING: one, ORDERS: many[:1]}).tolist() == [15]
    assert Weighed.weight.kind is Kind.FLOAT


def test_a_resolver_cannot_change_what_others_read() -> None:
    @resolver
    def capped(rating: Annotated[Array, RATING]) -> Annotated[Array, float]:
        rating[rating > 5] = 5
        return rating

    with pytest.raises(DefinitionError, match=r"Wrong\.rate.*read-only"):

        class Wrong(RequestFeatures):
            rate = capped


def test_the_leaves_are_the_dependencies() -> None:
    expression = np.where(RATING > 1, ORDERS + RATING, (now() - BORN) / MINUTE)
    assert list(leaves(expression)) == [RATING, ORDERS, NOW, BORN]


def test_leaves_in_lists_and_keywords_are_found() -> None:
    expression = np.select([RATING > 1], [ORDERS], default=POINTS)
    assert set(leaves(expression)) == {RATING, ORDERS, POINTS}


@pytest.mark.parametrize(
    ("expression", "text"),
    [
        (RATING + 1, "guest_profile.rating + 1"),
        ((RATING + 1) * 2, "(guest_profile.rating + 1) * 2"),
        (RATING + 1 * 2, "guest_profile.rating + 2"),
        (1 - (RATING - POINTS), "1 - (guest_profile.rating - guest_profile.points)"),
        (~(RATING > 1), "np.invert(guest_profile.rating > 1)"),
        (np.log1p(GuestOrders.orders["1h"]), "np.log1p(guest_orders.orders_1h)"),
        (CITY == "it's", 'guest_profile.city == "it\'s"'),
        (np.where(RATING > 1, 0, 1), "np.where(guest_profile.rating > 1, 0, 1)"),
        (now() - BORN, "now() - guest_profile.born_at"),
    ],
)  # fmt: skip
def test_an_expression_reads_as_it_was_written(expression: Call, text: str) -> None:
    assert render(expression) == text


@given(
    first=st.sampled_from(TWO), second=st.sampled_from(TWO), parts=st.tuples(*[LEAVES] * 3),
    arrays=operands(),
)  # fmt: skip
def test_two_expressions_with_one_text_compute_one_value(
    first: Any, second: Any, parts: tuple[Program, Program, Program], arrays: Operands
) -> None:
    a, b, c = parts
    from_left = called(second, called(first, a, b), c)
    from_right = called(first, a, called(second, b, c))
    one, other = (program({leaf: leaf for leaf in arrays}) for program in (from_left, from_right))
    if render(one) == render(other):
        with np.errstate(all="ignore"):
            check_equal(evaluate(one, dict(arrays)), evaluate(other, dict(arrays)))


@pytest.mark.parametrize(
    ("one", "other"),
    [
        (np.array([0.123456789012]), np.array([0.123456789013])),
        (np.arange(2000), np.where(np.arange(2000) == 1000, 0, np.arange(2000))),
    ],
)
def test_array_constants_are_told_apart(one: Array, other: Array) -> None:
    assert render(np.isin(RATING, one)) != render(np.isin(RATING, other))
