"""The decoded values of a windowed view, in tables for the hops that move them.

Features that are moved by the same hop are decoded together, for one *tick* of it: as long as no
hop passes, a window's tail stands still, and its values change with its rows alone.
"""

from collections.abc import Sequence

import numpy as np

from slate.encoded import Operand
from slate.expressions import Expr
from slate.features import Aggregated, Attribute, Feature
from slate.online.near.value_table import ValueTable
from slate.online.rows.decoded_rows import Decoded
from slate.online.rows.row_format import NO_TIME, Words
from slate.views import FeatureView
from slate.windows import ALL_OF_TIME


class TickTables:
    """The tables of a windowed view.

    Args:
        view: the view.

    Attributes:
        features: the features that each hop moves, by the hop in microseconds; there is one hop
            without features if there are no others.
        ticks: by the hop, of each tick that is held its table.
        event_ts: of each slot its latest event.
    """

    def __init__(self, view: type[FeatureView]) -> None:
        self.features: dict[int, list[Feature]] = {}
        for feature in view.features.values():
            if not is_bounded(view, feature):
                assert isinstance(feature, Aggregated)
                hop = ALL_OF_TIME if feature.window is None else feature.window.hop
                self.features.setdefault(hop, []).append(feature)
        self.features = self.features or {ALL_OF_TIME: []}
        self._hops: dict[Expr, int] = {
            feature: hop for hop, features in self.features.items() for feature in features
        }
        self.ticks: dict[int, dict[int, ValueTable]] = {hop: {} for hop in self.features}
        self.event_ts: Words = np.full(1, NO_TIME)
        self._asked: dict[tuple[Feature, ...], dict[int, tuple[Feature, ...]]] = {}

    def take(
        self, at: Words, instant: int, features: Sequence[Feature], leads: Sequence[Attribute] = ()
    ) -> Decoded | None:
        """The values of some slots as of an instant; None if there are none of its ticks.

        Args:
            at: the slots.
            instant: in microseconds.
            features: the features.
            leads: none, as windowed views lead nowhere.
        """
        values: dict[Expr, Operand] = {}
        for hop, some in self._by_hop(tuple(features)).items():
            table = self.ticks[hop].get(instant // hop)
            if table is None:
                return None
            values.update(table.take(at, some))
        return Decoded(values, {}, self.event_ts.take(at))

    def _by_hop(self, features: tuple[Feature, ...]) -> dict[int, tuple[Feature, ...]]:
        """Features by their hops: found once, as a service always asks for the same ones."""
        found = self._asked.get(features)
        if found is None:
            hops = dict.fromkeys(map(self._hops.__getitem__, features))
            found = {hop: tuple(f for f in features if self._hops[f] == hop) for hop in hops}
            self._asked[features] = found
        return found


def is_bounded(view: type[FeatureView], feature: Feature) -> bool:
    """Whether it is a last value that a ttl bounds, which changes with every instant."""
    return isinstance(feature, Aggregated) and feature.measure.lasting and view.ttl_us is not None
