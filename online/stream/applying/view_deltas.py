"""Deltas: what the stream adds to a windowed view's published rows, by key."""

from dataclasses import dataclass

from online.rows.codecs import WindowRows
from online.rows.hour_sections import HourSections, sections_envelope
from online.rows.keys import key_texts
from online.stream.applying.batch_columns import EventColumns
from online.stream.applying.extend import extend
from online.stream.applying.fold import Folded, fold
from slate.views import FeatureView


@dataclass(frozen=True)
class Batch:
    """What a micro-batch says of a view.

    Attributes:
        folded: its rows.
        keys: their keys, as texts in UTF-8; of pairs as ``pair_text`` has them.
    """

    folded: Folded
    keys: list[bytes]


class ViewDeltas:
    """Folds micro-batches into one view's deltas.

    Args:
        view: a windowed view.

    Attributes:
        view: the view.
        empty: its empty row.
        envelope: what its values are in.
    """

    def __init__(self, view: type[FeatureView]) -> None:
        self.view = view
        self._codec = WindowRows(view)
        self.empty = self._codec.empty
        self.envelope = sections_envelope(view)

    def fold(self, events: EventColumns) -> Batch:
        """What events say of the view."""
        folded = fold(self.view, self._codec.layout, events)
        return Batch(folded, key_texts(folded.keys))

    def extended(self, batch: Batch, old: HourSections) -> list[bytes]:
        """The new section of each key, from its old one."""
        if not batch.keys:
            return []
        layout = self._codec.layout
        return extend(self.view, layout, batch.folded, old.words, old.starts).split()
