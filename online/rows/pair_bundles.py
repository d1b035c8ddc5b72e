"""Rows of pairs: one value holds, for a first key, the rows of all its second keys.

::

    number | for each second key the word its row starts at | the second keys | texts | rows

A second key is a word of its own if it is an integer, else one that stands for a text.
"""

from itertools import repeat

import numpy as np
import pyarrow as pa

from slate.kinds import Kind
from slate.online.rows.envelope import Opened
from slate.online.rows.keys import PairKeys
from slate.online.rows.row_format import Blobs, Words, starts_of, within
from slate.online.rows.texts import TextWriter, read_texts


def bundle(rows: Blobs, firsts: Words, second: pa.Array) -> Blobs:
    """Put the rows of each first key into one value.

    Args:
        rows: the rows, those of one first key next to each other.
        firsts: the row at which each first key begins, and behind the last the number of rows.
        second: the second key of each row.
    """
    number = np.diff(firsts)
    owner = np.repeat(np.arange(len(number)), number)
    is_text = pa.types.is_string(second.type)
    texts = TextWriter([second] if is_text else [], len(owner))
    texts_before = starts_of(texts.sizes)
    index = 1 + 2 * number + np.diff(texts_before[firsts])
    sizes = index + np.diff(rows.starts[firsts])
    starts = starts_of(sizes)
    words = np.zeros(starts[-1], np.int64)
    words[starts[:-1]] = number
    entry = starts[owner] + 1 + within(number)
    words[entry] = index[owner] + rows.starts[:-1] - rows.starts[firsts[owner]]
    if is_text:
        behind = 1 + 2 * number[owner] + texts_before[:-1] - texts_before[firsts[owner]]
        (words[entry + number[owner]],) = texts.references(behind)
        texts.write(words, starts[owner] + behind)
    else:
        words[entry + number[owner]] = second.to_numpy()
    shift = starts[:-1] + index - rows.starts[firsts[:-1]]
    words[np.repeat(shift, sizes - index) + np.arange(len(rows.words))] = rows.words
    return Blobs(words, starts)


def pick(opened: Opened, pairs: PairKeys, kind: Kind) -> Words:
    """Find the row of each pair.

    Args:
        opened: the value of each first key, the row of a pair without one in front of them.
        pairs: the pairs.
        kind: the kind of the second key.

    Returns:
        The word at which each pair's row starts; 0 where it has none.
    """
    places = {key: place for place, key in enumerate(pairs.second.values)}
    starts = np.zeros(len(pairs.ones), np.int64)
    bounds = zip(opened.starts.tolist(), opened.ends.tolist(), strict=True)
    for first, (begin, end) in enumerate(bounds):
        if end:
            second, rows = _index(opened.words, begin, end, kind)
            asked = np.fromiter(map(places.get, second, repeat(-1)), np.int64, len(second))
            at, found = pairs.find(first, asked)
            starts[at] = rows[found]
    return starts


def _index(words: Words, begin: int, end: int, kind: Kind) -> tuple[list[str | int], Words]:
    """The second keys, and where the row of each starts."""
    number = min(max(int(words[begin]), 0), (end - begin - 1) // 2)
    at = begin + 1 + number
    rows, second = words[begin + 1 : at] + begin, words[at : at + number]
    if kind is Kind.STRING:
        return read_texts(words, np.full(number, begin), second).strings(), rows
    return second.tolist(), rows
