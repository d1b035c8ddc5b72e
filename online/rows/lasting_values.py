"""Reading features of the latest events, which rows keep as pairs (value, event_ts).

Those of all aggregates are merged side by side, and all their texts are read at once.
"""

from collections.abc import Iterable
from itertools import pairwise

import numpy as np

from slate.aggregates import OverLast
from slate.expressions import Array, Expr
from slate.features import Aggregated
from slate.kinds import Kind
from slate.online.rows.latest_values import merge_latest
from slate.online.rows.row_format import NO_TIME, Words, from_words
from slate.online.rows.window_finish import finish_latest
from slate.online.rows.window_layout import WindowLayout
from slate.online.rows.window_rows import Later, OpenRows
from slate.views import FeatureView


class LastingValues:
    """Some features of one view that are of the latest events.

    Args:
        view: the view.
        layout: where things lie in its rows.
        features: the features.
    """

    def __init__(
        self, view: type[FeatureView], layout: WindowLayout, features: Iterable[Aggregated]
    ) -> None:
        self._ttl = view.ttl_us
        self._features = tuple(features)
        measures = {feature.measure.name: feature.measure for feature in self._features}
        lengths = {name: layout.lengths[name] for name in measures}
        texts = [name for name, one in measures.items() if one.column_kind is Kind.STRING]
        others = [name for name in measures if name not in texts]
        # Texts lie together, and those of one event do.
        ordered = [
            *sorted(texts, key=lambda name: lengths[name] == 1),
            *sorted(others, key=lambda name: lengths[name] > 1),
        ]
        bounds = np.cumsum([0, *(lengths[name] for name in ordered)]).tolist()
        self._rows = {
            name: slice(*both) for name, both in zip(ordered, pairwise(bounds), strict=True)
        }
        places = [
            layout.lasts[name] + 2 * position
            for name in ordered
            for position in range(lengths[name])
        ]
        self._values_at = np.array(places, np.int64)
        self._times_at = self._values_at + 1
        self._texts = sum(lengths[name] for name in texts)
        self._lists = [self._rows[name] for name in ordered if lengths[name] > 1]
        singles = [self._rows[name].start for name in ordered if lengths[name] == 1]
        self._singles = slice(singles[0], singles[-1] + 1) if singles else slice(0, 0)

    def __bool__(self) -> bool:
        return bool(self._features)

    def read(self, rows: OpenRows, number: int, later: Later, at: int) -> dict[Expr, Array]:
        """The features as of an instant; of many values as masked arrays.

        Args:
            rows: the rows, and behind them those that are merged into them.
            number: how many they are without those.
            later: those, in order of time.
            at: the instant, in microseconds.
        """
        # Of shape (latest events, all rows).
        words, times = (
            rows.head.take(where, axis=0) for where in (self._values_at, self._times_at)
        )
        held = words[: self._texts]
        references = held.flatten()
        # Until all is merged, texts are told apart by where the words lie that stand for them.
        held[:] = np.arange(references.size).reshape(held.shape)
        for some, index in later:
            self._merge(words, times, index, words[:, some], times[:, some])
        words, times = words[:, :number], times[:, :number]
        texts = None
        if self._texts:
            wanted = words[: self._texts].ravel()
            of_row = wanted % len(rows.head[0])
            texts = rows.texts_of(of_row, references[wanted], np.nan).reshape(self._texts, number)
        values: dict[Expr, Array] = {}
        for feature in self._features:
            place = self._rows[feature.measure.name]
            of_kind = words if feature.measure.column_kind is not Kind.STRING else texts
            assert of_kind is not None
            values[feature] = self._in_time(feature, of_kind[place].T, times[place].T, at)
        return values

    def _merge(
        self, words: Words, times: Words, index: Words, more: Words, more_times: Words
    ) -> None:
        """Merge later events into those of some rows, in place."""
        for place in self._lists:
            held, when = words[place, index].T, times[place, index].T
            merged, when = merge_latest(held, when, more[place].T, more_times[place].T)
            words[place, index], times[place, index] = merged.T, when.T
        single = self._singles
        # Of one time, what arrived later.
        later = more_times[single] >= times[single, index]
        words[single, index] = np.where(later, more[single], words[single, index])
        times[single, index] = np.where(later, more_times[single], times[single, index])

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
            values = from_words(values, kind)
        if known.all():
            # Whole numbers may be floats, as they might be null.
            values = values.astype(feature.kind.dtype, copy=False)
        else:
            values = feature.where(known, values)
        if feature.measure.length is None:
            return values[:, 0]
        return np.ma.MaskedArray(values, ~known)
