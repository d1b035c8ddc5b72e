"""Deltas: what the stream adds to a windowed view's published rows, by first key."""

from dataclasses import dataclass

import numpy as np
import pyarrow as pa

from online.codecs import WindowRows
from online.pairs import bundle, open_bundles
from online.rows import Blobs, Words, starts_of
from online.stream.columns import EventColumns
from online.stream.extend import extend
from online.stream.fold import Folded, fold
from online.stream.sections import HourSections
from slate.views import FeatureView


@dataclass(frozen=True)
class Batch:
    """What a micro-batch says of a view, by first key.

    Attributes:
        folded: its rows.
        firsts: the row at which each first key begins, and the number of rows.
        keys: the first keys, as texts in UTF-8.
    """

    folded: Folded
    firsts: Words
    keys: list[bytes]

    @property
    def events(self) -> Words:
        """For each first key one of its events."""
        return self.folded.event[self.firsts[:-1]]


class ViewDeltas:
    """Folds micro-batches into one view's deltas.

    Args:
        view: a windowed view.

    Attributes:
        view: the view.
        empty: its empty row.
    """

    def __init__(self, view: type[FeatureView]) -> None:
        self.view = view
        self._codec = WindowRows(view)
        self.empty = self._codec.empty
        self._second = list(view.entity.keys.values())[1:]

    def fold(self, events: EventColumns) -> Batch:
        """What events say of the view."""
        folded = fold(self.view, self._codec.layout, events)
        if not self._second:
            return Batch(folded, np.arange(folded.rows + 1), _texts(folded.keys[0]))
        code = np.asarray(folded.keys[0].dictionary_encode().indices)
        firsts = np.flatnonzero(np.diff(code, prepend=-1))
        keys = folded.keys[0].take(pa.array(firsts))
        return Batch(folded, np.append(firsts, folded.rows), _texts(keys))

    def extended(self, batch: Batch, old: HourSections) -> list[bytes]:
        """The new section of each first key, from its old one."""
        if not batch.keys:
            return []
        if self._second:
            return self._pairs(batch, old)
        return self._extend(batch, old.words, old.starts).split()

    def _extend(self, batch: Batch, words: Words, starts: Words) -> Blobs:
        return extend(self.view, self._codec.layout, batch.folded, words, starts)

    def _pairs(self, batch: Batch, sections: HourSections) -> list[bytes]:
        (kind,) = self._second
        words = sections.words
        old = open_bundles(words, sections.starts, sections.ends, kind)
        codes, second = _coded(old.second, batch.folded.keys[1])
        group = np.repeat(np.arange(len(batch.keys)), np.diff(batch.firsts))
        # A row is known by its first and its second key.
        width = max(len(second), 1)
        held, new = old.group * width + old.code, group * width + codes
        at, found = _matched(held, new)
        starts = np.zeros(len(new), np.int64)
        starts[at] = old.starts[found]
        rows = self._extend(batch, words, starts)
        untouched = np.ones(len(held), np.bool_)
        untouched[found] = False
        rest = np.flatnonzero(untouched)
        # Those that changed and those that did not, by first key.
        owner = np.concatenate([group, old.group[rest]])
        by_key = np.argsort(owner, kind="stable")
        laid = _laid(
            np.concatenate([rows.words, words]),
            np.concatenate([rows.starts[:-1], old.starts[rest] + len(rows.words)])[by_key],
            np.concatenate([np.diff(rows.starts), old.sizes[rest]])[by_key],
        )
        keys = second.take(pa.array(np.concatenate([codes, old.code[rest]])[by_key]))
        firsts = np.searchsorted(owner[by_key], np.arange(len(batch.keys) + 1))
        return bundle(laid, firsts, keys).split()


def _texts(keys: pa.Array) -> list[bytes]:
    """Keys as texts in UTF-8."""
    texts: list[bytes] = keys.cast(pa.string()).cast(pa.binary()).to_pylist()
    return texts


def _matched(held: Words, wanted: Words) -> tuple[Words, Words]:
    """The positions of those wanted that are held, and where they are held."""
    if not len(held):
        return held, held
    order = np.argsort(held)
    found = order[np.minimum(np.searchsorted(held[order], wanted), len(held) - 1)]
    at = np.flatnonzero(held[found] == wanted)
    return at, found[at]


def _coded(known: list[str] | list[int], more: pa.Array) -> tuple[Words, pa.Array]:
    """Second keys as positions among those known and these, and all of them."""
    encoded = more.dictionary_encode()
    values = {value: code for code, value in enumerate(known)}
    codes = [values.setdefault(one, len(values)) for one in encoded.dictionary.to_pylist()]
    all_values = pa.array(list(values), more.type)
    return np.array(codes, np.int64)[encoded.indices.to_numpy(zero_copy_only=False)], all_values


def _laid(words: Words, starts: Words, sizes: Words) -> Blobs:
    """Rows laid end to end, of these sizes, that start at these words."""
    ends = starts_of(sizes)
    return Blobs(words[np.repeat(starts - ends[:-1], sizes) + np.arange(ends[-1])], ends)
