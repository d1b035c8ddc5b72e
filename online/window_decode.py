"""Reading features of a windowed view from rows: for each window, one record of each row."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any

import numpy as np

from online.reading import Decoded
from online.rows import NO_TEXT, NO_TIME, Words, from_words
from online.texts import read_texts
from online.window_layout import BITS, Level, WindowLayout
from slate.aggregates import COUNT, LAST, MEAN, STD, SUM
from slate.expressions import Array
from slate.features import Aggregated, Feature
from slate.kinds import Kind
from slate.views import FeatureView
from slate.windows import Window

# The bits below the n-th, for n up to a whole word.
BELOW = np.array([(1 << bits) - 1 for bits in range(BITS + 1)], np.uint64)


@dataclass(frozen=True)
class Record:
    """One record of each row.

    Attributes:
        floats, integers: the partials of a word each, of shape (partials, N), as either type.
        counts: the numbers of events, of shape (partials, N).
    """

    floats: Array
    integers: Array
    counts: Array


Finish = Callable[[Record], Array]


class WindowReader:
    """Reads features of one windowed view from rows."""

    def __init__(
        self, view: type[FeatureView], layout: WindowLayout, features: Iterable[Feature]
    ) -> None:
        self._layout = layout
        self._ttl = view.ttl_us
        self._lasts: list[Aggregated] = []
        self._windows: dict[tuple[int, Window], list[tuple[Feature, Finish]]] = {}
        for feature in features:
            assert isinstance(feature, Aggregated)
            if feature.measure.function is LAST:
                self._lasts.append(feature)
                continue
            assert feature.window is not None
            number = layout.level(feature)
            group = self._windows.setdefault((number, feature.window), [])
            group.append((feature, _finish(feature, layout.levels[number])))
        # Where the records over no event lie in the empty row, which lies first of all.
        widths = [level.width for level in layout.levels]
        self._neutral = [layout.fixed + sum(widths[:number]) for number in range(len(widths))]

    def read(self, words: Words, starts: Words, at: int) -> Decoded:
        """Decode rows.

        Args:
            words: all rows, the empty one first.
            starts: the word at which each row starts.
            at: the instant asked about, in microseconds.
        """
        head = words[starts + np.arange(self._layout.fixed)[:, None]]
        decoded = Decoded({}, {}, head[0])
        bitmaps, counts, begins = [], [], []
        behind = starts + self._layout.fixed
        for level, place in zip(self._layout.levels, self._layout.bitmaps, strict=True):
            bitmaps.append(head[place : place + level.bitmaps].view(np.uint64))
            counts.append(_ones(bitmaps[-1]))
            begins.append(behind)
            behind = behind + counts[-1] * level.width
        for (number, window), features in self._windows.items():
            level = self._layout.levels[number]
            older = window.start(at) // level.hop - level.first(head[1])
            passed = _ones(bitmaps[number] & _below(older, level))
            records = np.where(
                passed < counts[number],
                begins[number] + passed * level.width,
                self._neutral[number],
            )
            found = _gather(words, records, level)
            for feature, finish in features:
                decoded.values[feature] = finish(found)
        for feature in self._lasts:
            decoded.values[feature] = self._last(feature, words, starts, head, at)
        return decoded

    def _last(
        self, feature: Aggregated, words: Words, starts: Words, head: Words, at: int
    ) -> Array:
        place = self._layout.lasts[feature.measure.name]
        found, event_ts = head[place], head[place + 1]
        since = NO_TIME + 1
        if feature.window is not None:
            since = max(since, feature.window.start(at))
        if self._ttl is not None:
            since = max(since, at - self._ttl)
        known = event_ts >= since
        kind = feature.measure.column_kind
        assert kind is not None
        if kind is Kind.STRING:
            return read_texts(words, starts, np.where(known, found, NO_TEXT)).values(_null(feature))
        return _where(known, from_words(found, kind), feature)


def _null(feature: Feature) -> Any:
    """What the feature is where it has no value."""
    if feature.default is None:
        return feature.kind.null
    return feature.kind.scalar(feature.default)


def _where(known: Array, values: Array, feature: Feature) -> Array:
    values = np.where(known, values, _null(feature))
    return values.astype(feature.kind.dtype, copy=False)


def _ones(bitmap: Words) -> Words:
    """The number of set bits of each row's bitmap."""
    ones: Words = np.bitwise_count(bitmap).sum(axis=0, dtype=np.int64)
    return ones


def _below(bits: Words, level: Level) -> Words:
    """Bitmaps of which the lowest bits are set, so many for each row."""
    words = np.arange(level.bitmaps)[:, None] * BITS
    below: Words = BELOW[np.clip(bits - words, 0, BITS)]
    return below


def _gather(words: Words, records: Words, level: Level) -> Record:
    block = words[records + np.arange(level.width)[:, None]]
    wide, rows = len(level.wide), len(records)
    halves = block[wide:].view(np.uint32).reshape(-1, rows, 2)
    counts = halves.transpose(0, 2, 1).astype(np.int64, order="C").reshape(-1, rows)
    return Record(block[:wide].view(np.float64), block[:wide], counts)


def _finish(feature: Aggregated, level: Level) -> Finish:
    """What makes the feature of a record."""
    measure = feature.measure
    function, kind = measure.function, measure.column_kind
    place = {p.suffix: level.places[measure.name, p.suffix] for p in measure.partials}
    if function is COUNT:
        return lambda record: record.counts[place["n"]]
    if function is STD:
        return lambda record: _defaulted(
            np.sqrt(record.floats[place["m2"]] / record.counts[place["n"]]), feature
        )
    if function is MEAN:
        return lambda record: _defaulted(
            _wide(record, place["sum"], kind) / record.counts[place["n"]], feature
        )
    if function is SUM:
        return lambda record: _wide(record, place["sum"], kind)
    extreme = place[function.name]
    if kind is Kind.FLOAT:
        return lambda record: _defaulted(record.floats[extreme], feature)
    assert kind is not None
    none = level.wide[extreme].none
    return lambda record: _where(
        record.integers[extreme] != none, from_words(record.integers[extreme], kind), feature
    )


def _wide(record: Record, place: int, kind: Kind | None) -> Array:
    partials = record.floats if kind is Kind.FLOAT else record.integers
    return partials[place]  # type: ignore[no-any-return]


def _defaulted(values: Array, feature: Feature) -> Array:
    """Floats with the declared default in place of NaN."""
    if feature.default is None:
        return values
    return np.where(np.isnan(values), feature.default, values)
