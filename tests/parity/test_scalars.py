"""The oracle's scalar functions answer as NumPy does, null for null."""

import math
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.parity import functions
from tests.parity.functions import FUNCTIONS
from tests.parity.scalars import MICROSECONDS, Instant, Scalar, Span, UnsupportedError

UNHURRIED = settings(max_examples=60, deadline=None)  # on a busy machine too

TEXT = np.dtypes.StringDType(na_object=np.nan)

BOOLS = st.booleans()
INTS = st.integers(-(2**20), 2**20) | st.sampled_from([0, 1, -1])
FLOATS = (
    st.floats(-1e12, 1e12)
    | st.sampled_from([0.0, -0.0, 1.0, -1.0, 0.5, 1.5, 2.5, -2.5, math.nan, math.inf, -math.inf])
    | st.floats(-9, 9).map(lambda value: round(value, 1))
)
TEXTS = st.none() | st.sampled_from(["", "web", "ios", "é", "Web"])
UNITS = st.sampled_from(["us", "s", "m", "h", "D"])
COUNTS = st.none() | st.integers(-(10**6), 10**6) | st.sampled_from([0, 1, -1, 3, -3, 60])
INSTANTS = st.builds(Instant, COUNTS, UNITS)
SPANS = st.builds(Span, COUNTS, UNITS)
NUMBERS = BOOLS | INTS | FLOATS
ANYTHING = NUMBERS | TEXTS | INSTANTS | SPANS

WITHIN = 1e-12


def array(value: Scalar) -> Any:
    """A value as an array of one row, of the type that the platform holds it in."""
    match value:
        case Instant(count, unit) | Span(count, unit):
            kind = "M8" if isinstance(value, Instant) else "m8"
            return np.array(["NaT" if count is None else count], dtype=f"{kind}[{unit}]")
        case None | str():
            return np.array([np.nan if value is None else value], dtype=TEXT)
    return np.array([value])


def scalar(array: Any) -> Scalar:
    """The one value of an array."""
    if array.dtype.kind in "mM":
        count = None if np.isnat(array[0]) else int(array.astype(np.int64)[0])
        return (Instant if array.dtype.kind == "M" else Span)(
            count, np.datetime_data(array.dtype)[0]
        )
    value = array[0].item() if isinstance(array[0], np.generic) else array[0]
    return None if array.dtype.kind == "T" and not isinstance(value, str) else value


def same(ours: Scalar, numpys: Scalar) -> bool:
    if isinstance(ours, float) and isinstance(numpys, float):
        if math.isnan(ours) or math.isnan(numpys):
            return math.isnan(ours) and math.isnan(numpys)
        return ours == numpys or math.isclose(ours, numpys, rel_tol=WITHIN, abs_tol=1e-300)
    if isinstance(ours, Instant | Span) and type(ours) is type(numpys):
        assert isinstance(numpys, Instant | Span)
        if ours.count is None or numpys.count is None:
            return ours.count is numpys.count
        mine, its = MICROSECONDS[ours.unit], MICROSECONDS[numpys.unit]
        return ours.count * mine == numpys.count * its
    return type(ours) is type(numpys) and ours == numpys


def compare(function: Any, *values: Scalar, **options: Any) -> None:
    try:
        ours = FUNCTIONS[function](*values, **options)
    except UnsupportedError:
        return
    with np.errstate(all="ignore"):
        numpys = scalar(np.atleast_1d(function(*map(array, values), **options)))
    assert same(ours, numpys), f"{function.__name__}{values}: {ours!r}, but NumPy {numpys!r}"


ONE = [f for f in FUNCTIONS if isinstance(f, np.ufunc) and f.nin == 1 and f is not np.isnat]
TWO = [f for f in FUNCTIONS if isinstance(f, np.ufunc) and f.nin == 2]


@pytest.mark.parametrize("function", ONE, ids=lambda f: f.__name__)
@UNHURRIED
@given(value=NUMBERS)
def test_functions_of_one_number(function: Any, value: Scalar) -> None:
    compare(function, value)


@pytest.mark.parametrize("function", TWO, ids=lambda f: f.__name__)
@UNHURRIED
@given(a=NUMBERS, b=NUMBERS)
def test_functions_of_two_numbers(function: Any, a: Scalar, b: Scalar) -> None:
    compare(function, a, b)


COMPARISONS = [
    np.equal, np.not_equal, np.less, np.less_equal, np.greater, np.greater_equal,
]  # fmt: skip
EXTREMES = [np.maximum, np.minimum]


@pytest.mark.parametrize("function", [*COMPARISONS, *EXTREMES, np.add], ids=lambda f: f.__name__)
@UNHURRIED
@given(a=TEXTS, b=TEXTS)
def test_functions_of_texts(function: Any, a: Scalar, b: Scalar) -> None:
    compare(function, a, b)


@pytest.mark.parametrize(
    "function", [*COMPARISONS, *EXTREMES, np.fmax, np.fmin, np.subtract], ids=lambda f: f.__name__
)
@UNHURRIED
@given(a=INSTANTS, b=INSTANTS)
def test_functions_of_instants(function: Any, a: Scalar, b: Scalar) -> None:
    compare(function, a, b)


SPANNED = [
    np.add, np.subtract, np.true_divide, np.floor_divide, np.remainder, *EXTREMES, *COMPARISONS,
]  # fmt: skip


@pytest.mark.parametrize("function", SPANNED, ids=lambda f: f.__name__)
@UNHURRIED
@given(a=SPANS, b=SPANS)
def test_functions_of_spans(function: Any, a: Scalar, b: Scalar) -> None:
    compare(function, a, b)


@UNHURRIED
@given(a=INSTANTS, b=SPANS)
def test_an_instant_moves_by_a_span(a: Scalar, b: Scalar) -> None:
    compare(np.add, a, b)
    compare(np.add, b, a)
    compare(np.subtract, a, b)


@UNHURRIED
@given(a=SPANS, b=INTS | FLOATS.filter(lambda x: abs(x) < 1e6 or not math.isfinite(x)))
def test_a_span_is_scaled(a: Scalar, b: float) -> None:
    compare(np.multiply, a, b)
    compare(np.multiply, b, a)
    if not 0 < abs(b) < 1e-6:  # the quotient would leave int64
        compare(np.true_divide, a, b)


@UNHURRIED
@given(value=INSTANTS | SPANS)
def test_functions_of_one_time(value: Scalar) -> None:
    compare(np.isnat, value)
    compare(np.isnan, value)
    if isinstance(value, Span):
        compare(np.absolute, value)
        compare(np.negative, value)


@UNHURRIED
@given(value=INSTANTS, unit=UNITS)
def test_a_time_is_floored_by_astype(value: Scalar, unit: str) -> None:
    compare_astype(value, np.dtype(f"M8[{unit}]"))


@UNHURRIED
@given(value=NUMBERS, dtype=st.sampled_from([np.float64, np.int64, np.bool_]))
def test_numbers_are_cast(value: Scalar, dtype: Any) -> None:
    compare_astype(value, np.dtype(dtype))


def compare_astype(value: Scalar, dtype: np.dtype[Any]) -> None:
    try:
        ours = functions.astype(value, dtype)
    except UnsupportedError:
        return
    assert same(ours, scalar(np.astype(array(value), dtype)))


@UNHURRIED
@given(
    condition=NUMBERS,
    pair=st.tuples(NUMBERS, NUMBERS) | st.tuples(TEXTS, TEXTS) | st.tuples(INSTANTS, INSTANTS),
)
def test_where_chooses(condition: Scalar, pair: tuple[Scalar, Scalar]) -> None:
    compare(np.where, condition, *pair)


@UNHURRIED
@given(conditions=st.lists(BOOLS, min_size=1, max_size=3), data=st.data(), default=FLOATS)
def test_select_chooses_the_first(conditions: list[bool], data: Any, default: float) -> None:
    choices = data.draw(st.tuples(*[FLOATS for _ in conditions]))
    ours = functions.select(conditions, choices, default)
    numpys = np.select([array(c) for c in conditions], [array(c) for c in choices], array(default))
    assert same(ours, scalar(numpys))


@UNHURRIED
@given(
    case=st.tuples(TEXTS, st.lists(TEXTS.filter(bool), min_size=1, max_size=4))
    | st.tuples(INTS, st.lists(INTS, max_size=4))
    | st.tuples(FLOATS, st.lists(FLOATS, max_size=4)),
    invert=BOOLS,
)
def test_isin(case: tuple[Scalar, list[Any]], invert: bool) -> None:
    value, values = case
    numpys = np.isin(array(value), values, invert=invert)
    assert functions.isin(value, values, invert=invert) == bool(numpys[0])


@UNHURRIED
@given(value=INTS | FLOATS, low=st.integers(-5, 0), high=st.integers(1, 5))
def test_numbers_are_clipped_rounded_and_filled(value: Scalar, low: int, high: int) -> None:
    compare(np.clip, value, low, high)
    compare(np.round, value)
    compare(np.nan_to_num, value)
    compare(np.nan_to_num, value, nan=-1.0)
