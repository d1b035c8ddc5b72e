"""Reading features of a windowed view from rows: for each window, one record of each row."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from online.reading import Decoded
from online.rows import NO_TIME, Words, from_words
from online.sequences import merge_latest
from online.window_layout import Level, WindowLayout
from online.window_merge import merge_into
from online.window_rows import OpenRows, Record
from slate import whole_sums
from slate.aggregates import COUNT, MEAN, STD, SUM
from slate.expressions import Array
from slate.features import Aggregated, Feature
from slate.kinds import Kind
from slate.views import FeatureView
from slate.windows import Window


@dataclass(frozen=True)
class Newer:
    """Rows that hold what came after others.

    Attributes:
        words: all of them, the empty row first.
        starts: the word at which each starts.
        index: which of the others each is for.
    """

    words: Words
    starts: Words
    index: Words


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
            if feature.measure.function.lasting:
                self._lasts.append(feature)
                continue
            assert feature.window is not None
            number = layout.level(feature)
            group = self._windows.setdefault((number, feature.window), [])
            group.append((feature, _finish(feature, layout.levels[number])))

    def read(self, words: Words, starts: Words, at: int, newer: Sequence[Newer] = ()) -> Decoded:
        """Decode rows.

        Args:
            words: all rows, the empty one first.
            starts: the word at which each row starts.
            at: the instant asked about, in microseconds.
            newer: what came after that, to be merged with it; each after those before it.
        """
        rows = OpenRows(self._layout, words, starts)
        others = [(one.index, OpenRows(self._layout, one.words, one.starts)) for one in newer]
        decoded = Decoded({}, {}, rows.head[0])
        for index, other in others:
            decoded.event_ts[index] = np.maximum(decoded.event_ts[index], other.head[0])
        for (number, window), features in self._windows.items():
            level = self._layout.levels[number]
            found = rows.since(number, window.start(at))
            for index, other in others:
                more = other.since(number, window.start(at)).partials(level)
                merge_into(level, found.partials(level), index, more, np.arange(len(index)))
            for feature, finish in features:
                decoded.values[feature] = finish(found)
        for feature in self._lasts:
            values, event_ts = self._latest(rows, feature)
            for index, other in others:
                merged = merge_latest(values[index], event_ts[index], *self._latest(other, feature))
                values[index], event_ts[index] = merged
            decoded.values[feature] = self._in_time(feature, values, event_ts, at)
        return decoded

    def _latest(self, rows: OpenRows, feature: Aggregated) -> tuple[Array, Words]:
        """Latest values, texts as such and others as words, and their times."""
        name = feature.measure.name
        words, event_ts = rows.latest(self._layout.lasts[name], self._layout.lengths[name])
        if feature.measure.column_kind is Kind.STRING:
            return rows.texts(words, _null(feature)), event_ts
        return words, event_ts

    def _in_time(self, feature: Aggregated, values: Array, event_ts: Words, at: int) -> Array:
        """Last values of which the event is not too old; many as a masked array."""
        since = NO_TIME + 1
        if feature.window is not None:
            since = max(since, feature.window.start(at))
        if self._ttl is not None:
            since = max(since, at - self._ttl)
        known = event_ts >= since
        kind = feature.measure.column_kind
        assert kind is not None
        if kind is not Kind.STRING:
            values = _where(known, from_words(values, kind), feature)
        elif not known.all():
            values[~known] = _null(feature)
        if feature.measure.length is None:
            return values[:, 0]
        return np.ma.MaskedArray(values, ~known)


def _null(feature: Feature) -> Any:
    """What the feature is where it has no value."""
    if feature.default is None:
        return feature.kind.null
    return feature.kind.scalar(feature.default)


def _where(known: Array, values: Array, feature: Feature) -> Array:
    values = np.where(known, values, _null(feature))
    return values.astype(feature.kind.dtype, copy=False)


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
    if function in (SUM, MEAN):
        total = _total(place, kind, whole=function is SUM)
        if function is SUM:
            return total
        return lambda record: _defaulted(total(record) / record.counts[place["n"]], feature)
    extreme = place[function.name]
    if kind is Kind.FLOAT:
        return lambda record: _defaulted(record.floats[extreme], feature)
    if kind is Kind.INTEGER:
        n = place["n"]
        return lambda record: _where(record.counts[n] > 0, record.integers[extreme], feature)
    assert kind is not None
    none = level.wide[extreme].none
    return lambda record: _where(
        record.integers[extreme] != none, from_words(record.integers[extreme], kind), feature
    )


def _total(place: dict[str, int], kind: Kind | None, *, whole: bool) -> Finish:
    """What makes the sum of a record: as a whole number, or as a float."""
    if kind is Kind.FLOAT:
        number = place["sum"]
        return lambda record: record.floats[number]
    upper, lower = place["upper"], place["lower"]
    join = whole_sums.total if whole else whole_sums.nearest_float
    return lambda record: join(record.integers[upper], record.integers[lower])


def _defaulted(values: Array, feature: Feature) -> Array:
    """Floats with the declared default in place of NaN."""
    if feature.default is None:
        return values
    return np.where(np.isnan(values), feature.default, values)
