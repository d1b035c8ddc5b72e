"""Reading features of a windowed view from rows."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import accumulate, pairwise

import numpy as np

from slate.aggregates import ValuesFunction
from slate.features import Aggregated, Feature
from slate.online.rows.counted_values import CountedValues
from slate.online.rows.decoded_rows import Decoded
from slate.online.rows.lasting_values import LastingValues
from slate.online.rows.row_format import Words
from slate.online.rows.tiled_values import TiledValues
from slate.online.rows.window_layout import WindowLayout
from slate.online.rows.window_rows import OpenRows
from slate.views import FeatureView
from slate.windows import Window


@dataclass(frozen=True)
class Newer:
    """Rows that hold what came after others, among the same words.

    Attributes:
        starts: the word at which each starts.
        index: which of the others each is for, ascending.
    """

    starts: Words
    index: Words


class WindowReader:
    """Reads features of one windowed view from rows."""

    def __init__(
        self, view: type[FeatureView], layout: WindowLayout, features: Iterable[Feature]
    ) -> None:
        self._layout = layout
        lasts: list[Aggregated] = []
        self._counted: dict[tuple[int, Window], list[Aggregated]] = {}
        tiled: list[Aggregated] = []
        for feature in features:
            assert isinstance(feature, Aggregated)
            if feature.measure.lasting:
                lasts.append(feature)
                continue
            assert feature.window is not None
            if isinstance(feature.measure.function, ValuesFunction):
                number = layout.counted_of(feature)
                self._counted.setdefault((number, feature.window), []).append(feature)
                continue
            tiled.append(feature)
        self._tiled, self._lasts = TiledValues(layout, tiled), LastingValues(view, layout, lasts)

    def read(self, words: Words, starts: Words, at: int, newer: Sequence[Newer] = ()) -> Decoded:
        """Decode rows.

        Args:
            words: all rows, the empty one first.
            starts: the word at which each row starts.
            at: the instant asked about, in microseconds.
            newer: what came after that, to be merged with it; each after those before it.
        """
        # All of them are opened, found and gathered as one.
        rows = OpenRows(
            self._layout, words, np.concatenate([starts, *(one.starts for one in newer)])
        )
        bounds = accumulate(len(some) for some in (starts, *(one.starts for one in newer)))
        later = [
            (slice(*both), one.index) for both, one in zip(pairwise(bounds), newer, strict=True)
        ]
        number, event_ts = len(starts), rows.head[0]
        decoded = Decoded({}, {}, event_ts[:number])
        for some, index in later:
            decoded.event_ts[index] = np.maximum(decoded.event_ts[index], event_ts[some])
        if self._tiled:
            decoded.values.update(self._tiled.read(rows, number, later, at))
        columns = {
            place: CountedValues(self._layout.counted[place], place, rows, number, later)
            for place, _ in self._counted
        }
        for (place, window), features in self._counted.items():
            for feature in features:
                decoded.values[feature] = columns[place].read(feature, window.start(at))
        if self._lasts:
            decoded.values.update(self._lasts.read(rows, number, later, at))
        return decoded
