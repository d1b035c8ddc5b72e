"""Encoded arrays: a function of them gives what it gives of the arrays that they stand for."""

from typing import Any

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from slate.encoded import Encoded, array, call
from slate.kinds import Kind

TEXTS = st.sampled_from([None, "", "en", "de", "pt-BR"])
NUMBERS = st.sampled_from([np.nan, -1.5, 0.0, 2.0])
ROWS = 12


@st.composite
def encoded(draw: st.DrawFn, members: st.SearchStrategy[Any], kind: Kind) -> Encoded:
    few = draw(st.lists(members, min_size=1, max_size=5))
    index = draw(st.lists(st.integers(0, len(few) - 1), min_size=ROWS, max_size=ROWS))
    return Encoded(kind.array(few), np.array(index))


def text_columns() -> st.SearchStrategy[Encoded]:
    return encoded(TEXTS, Kind.STRING)


def number_columns() -> st.SearchStrategy[Encoded]:
    return encoded(NUMBERS, Kind.FLOAT)


def same(function: Any, *args: Any) -> Any:
    found = call(function, function, list(args), {})
    wanted = function(*map(array, args))
    assert repr(array(found).tolist()) == repr(wanted.tolist())
    return found


@given(text_columns(), text_columns())
def test_two_columns_of_texts_are_compared_by_members(one: Encoded, other: Encoded) -> None:
    for function in (np.equal, np.not_equal, np.less):
        found = same(function, one, other)
        few = len(one.values) * len(other.values) < ROWS
        assert isinstance(found, Encoded) == few


@given(number_columns(), number_columns())
def test_two_columns_of_numbers(one: Encoded, other: Encoded) -> None:
    with np.errstate(all="ignore"):
        for function in (np.add, np.true_divide, np.maximum, np.greater):
            same(function, one, other)
            same(function, one, one)
            same(function, one, np.array([2.0]))
            same(function, one, np.arange(float(ROWS)))
            same(function, np.arange(float(ROWS)), other)


@given(number_columns())
def test_one_row_beside_many(many: Encoded) -> None:
    one = Encoded(np.array([1.0, 3.0]), np.array([1]))
    same(np.add, one, many)
    same(np.add, many, one)


def test_what_is_no_function_by_member_is_called_on_rows() -> None:
    one = Encoded(np.array([1.0, 3.0]), np.array([0, 1, 1, 0, 0]))
    other = Encoded(np.array([2.0]), np.zeros(5, np.int64))
    for function in (lambda a, b: a[::-1] + b, lambda a, b: np.cumsum(a) + b):
        same(function, one, other)
    same(np.cumsum, one)


def test_lists_stay_lists() -> None:
    lists = np.ma.MaskedArray([[1, 2], [3, 0]], [[False, False], [False, True]])
    column = Encoded(lists, np.array([1, 0, 1, 1, 0]))
    assert column.array.tolist() == [[3, None], [1, 2], [3, None], [3, None], [1, 2]]
    same(np.add, column, np.array([1]))
    assert column.take(np.array([1, 4])).array.tolist() == [[1, 2], [1, 2]]
