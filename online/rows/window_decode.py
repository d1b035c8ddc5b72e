"""Reading features of a windowed view from rows: for each window, one record of each row."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from slate.aggregates import OverLast, TileFunction, ValuesFunction
from slate.expressions import Array
from slate.features import Aggregated, Feature
from slate.kinds import Kind
from slate.online.rows.counted_values import CountedValues
from slate.online.rows.decoded_rows import Decoded
from slate.online.rows.latest_values import merge_latest
from slate.online.rows.row_format import NO_TIME, Words, from_words
from slate.online.rows.window_finish import finish_latest, finish_partials
from slate.online.rows.window_layout import WindowLayout
from slate.online.rows.window_merge import merge_into
from slate.online.rows.window_rows import OpenRows
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


class _Finished(NamedTuple):
    """A feature, what finishes it, and the places of its partial results in a level's records."""

    feature: Aggregated
    function: TileFunction
    places: dict[str, int]


class WindowReader:
    """Reads features of one windowed view from rows."""

    def __init__(
        self, view: type[FeatureView], layout: WindowLayout, features: Iterable[Feature]
    ) -> None:
        self._layout = layout
        self._ttl = view.ttl_us
        self._lasts: list[Aggregated] = []
        self._counted: dict[tuple[int, Window], list[Aggregated]] = {}
        self._windows: dict[tuple[int, Window], list[_Finished]] = {}
        for feature in features:
            assert isinstance(feature, Aggregated)
            if feature.measure.lasting:
                self._lasts.append(feature)
                continue
            assert feature.window is not None
            if isinstance(feature.measure.function, ValuesFunction):
                number = layout.counted_of(feature)
                self._counted.setdefault((number, feature.window), []).append(feature)
                continue
            number = layout.level(feature)
            assert isinstance(feature.measure.function, TileFunction)
            places = layout.levels[number].places[feature.measure.name]
            finished = _Finished(feature, feature.measure.function, places)
            self._windows.setdefault((number, feature.window), []).append(finished)

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
        for (number, window), all_ in self._windows.items():
            level = self._layout.levels[number]
            found = rows.since(number, window.start(at))
            for index, other in others:
                more = other.since(number, window.start(at))
                merge_into(level, found, index, more, np.arange(len(index)))
            for one in all_:
                partials = {suffix: found[place] for suffix, place in one.places.items()}
                values = finish_partials(one.feature, one.function, partials)
                decoded.values[one.feature] = values
        columns = {
            number: CountedValues(self._layout.counted[number], number, rows, others)
            for number, _ in self._counted
        }
        for (number, window), features in self._counted.items():
            for feature in features:
                decoded.values[feature] = columns[number].read(feature, window.start(at))
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
            return rows.texts(words, feature.null), event_ts
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
        if isinstance(feature.measure.function, OverLast):
            values = values if kind is Kind.STRING else from_words(values, kind)
            return finish_latest(feature, values, event_ts, known)
        if kind is not Kind.STRING:
            values = feature.where(known, from_words(values, kind))
        elif not known.all():
            values[~known] = feature.null
        if feature.measure.length is None:
            return values[:, 0]
        return np.ma.MaskedArray(values, ~known)
