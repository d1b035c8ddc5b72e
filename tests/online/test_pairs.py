from typing import Any

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from slate.kinds import Kind
from slate.online.rows.envelope import Opened
from slate.online.rows.keys import Keys, PairKeys, key_texts, pair_text
from slate.online.rows.pair_bundles import bundle, pick
from slate.online.rows.row_format import Blobs, starts_of
from tests.depth import either

EMPTY = np.array([-1], np.int64).tobytes()


def opened(blobs: list[bytes | None]) -> Opened:
    laid = Blobs.of([EMPTY, *(blob or b"" for blob in blobs)])
    there = np.array([blob is not None for blob in blobs])
    starts, ends = laid.starts[1:-1] * there, laid.starts[2:] * there
    return Opened(laid.words, starts, ends, {})


seconds = {
    Kind.STRING: st.text(st.characters(codec="utf-8"), max_size=20),
    Kind.INTEGER: st.integers(-(2**63), 2**63 - 1),
}


@settings(max_examples=either(30, 100), deadline=None)
@given(st.sampled_from(list(seconds)).flatmap(lambda kind: st.tuples(st.just(kind), st.data())))
def test_every_pair_finds_its_row(drawn: tuple[Kind, Any]) -> None:
    kind, data = drawn
    sizes = st.integers(1, 4)
    held: dict[int, dict[Any, int]] = data.draw(
        st.dictionaries(
            st.integers(0, 5), st.dictionaries(seconds[kind], sizes, min_size=1, max_size=6)
        )
    )
    blobs: dict[int, bytes] = {}
    numbers: dict[tuple[int, Any], int] = {}
    if held:
        pairs = [(first, second) for first, inner in held.items() for second in inner]
        numbers = {pair: number for number, pair in enumerate(pairs)}
        lengths = np.array([held[first][second] for first, second in pairs], np.int64)
        rows = Blobs(np.repeat(np.arange(len(pairs)), lengths), starts_of(lengths))
        firsts = starts_of(np.array([len(inner) for inner in held.values()]))
        column = pa.array([second for _, second in pairs], kind.arrow)
        blobs = dict(zip(held, bundle(rows, firsts, column).split(), strict=True))
    known = [second for inner in held.values() for second in inner]
    one = st.none() | st.integers(0, 6)
    other = st.none() | seconds[kind] | (st.sampled_from(known) if known else st.none())
    rows_asked = data.draw(st.integers(1, 12))
    first = data.draw(st.lists(one, min_size=rows_asked, max_size=rows_asked))
    if data.draw(st.booleans()):
        first = first[:1]
    second = data.draw(st.lists(other, min_size=rows_asked, max_size=rows_asked))
    one_keys, other_keys = Keys.of(first), Keys.of(second)
    held = opened([blobs.get(key) for key in one_keys.values])
    pairs = PairKeys(one_keys, other_keys)
    words, starts = held.words, pairs.spread(pick(held, pairs, kind), 0)
    asked = zip(first * (rows_asked if len(first) == 1 else 1), second, strict=True)
    assert words[starts].tolist() == [numbers.get(pair, -1) for pair in asked]


def test_a_null_first_key_has_no_row() -> None:
    rows = Blobs(np.array([5, 6]), np.array([0, 1, 2]))
    blobs = bundle(rows, np.array([0, 2]), pa.array(["a", "b"])).split()
    first, second = Keys.of([1, None, 1]), Keys.of(["a", "a", "b"])
    held = opened(list(blobs))
    pairs = PairKeys(first, second)
    starts = pairs.spread(pick(held, pairs, Kind.STRING), 0)
    assert held.words[starts].tolist() == [5, -1, 6]


@pytest.mark.parametrize("column", [["a", "b", "a"], [None, 1, 1], [1, 2, 3], [None], [7]])
def test_keys_are_told_apart_once(column: list[Any]) -> None:
    keys = Keys.of(column)
    assert len(set(keys.values)) == len(keys.values)
    assert None not in keys.values
    assert [keys.values[at] if at >= 0 else None for at in keys.index.tolist()] == column
    values = np.arange(len(keys.values)) * 10
    spread = keys.spread(values, -5).tolist()
    assert spread == [-5 if key is None else keys.values.index(key) * 10 for key in column]


@settings(max_examples=either(30, 100), deadline=None)
@given(st.lists(st.tuples(seconds[Kind.STRING], seconds[Kind.INTEGER] | st.none()), min_size=1))
def test_pairs_have_one_text_each_wherever_it_is_made(rows: list[tuple[str, int | None]]) -> None:
    first, second = (list(column) for column in zip(*rows, strict=True))
    for one, other in ((first, second), (second, first), (first[:1], second), (second[:1], first)):
        keys = PairKeys(Keys.of(one), Keys.of(other))
        pairs = (
            [(a, b) for a in one for b in other]
            if len(one) == 1
            else list(zip(one, other, strict=True))
        )
        known = [None if None in pair else pair_text(*map(str, pair)) for pair in pairs]
        found = [None if place < 0 else keys.texts[place] for place in keys.index.tolist()]
        assert found == known
        assert set(keys.texts) == set(known) - {None}
        assert [
            pair_text(a, text.split(":", 1)[1][len(a) + 1 :])
            for one, text in zip(keys.ones.tolist(), keys.texts, strict=True)
            for a in [keys.first.texts[one]]
        ] == keys.texts
        columns = [pa.array([str(a) for a, _ in pairs]), pa.array([b for _, b in pairs])]
        made = key_texts(columns)
        assert [None if text is None else text.decode() for text in made] == [
            None if b is None else pair_text(str(a), str(b)) for a, b in pairs
        ]


def test_pairs_that_look_alike_have_texts_of_their_own() -> None:
    pairs = [("a", "b:c"), ("a:b", "c"), ("1:a", "b"), ("", "1:ab"), ("é", "b"), ("e", "́b")]
    assert len({pair_text(*pair) for pair in pairs}) == len(pairs)
