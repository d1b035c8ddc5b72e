"""The codec of a view: how its rows are written, and read back."""

from collections.abc import Collection, Iterable
from typing import Protocol

import numpy as np

from slate.features import Attribute, Feature
from slate.online.rows.attribute_rows import AttributeRows
from slate.online.rows.decoded_rows import Decoded
from slate.online.rows.row_format import NO_TIME, Blobs, Words
from slate.online.rows.row_tables import Rows
from slate.online.rows.window_decode import WindowReader
from slate.online.rows.window_encode import encode_windows
from slate.online.rows.window_layout import WindowLayout
from slate.views import FeatureView


class Reader(Protocol):
    """Reads features of one view from rows."""

    def read(self, words: Words, starts: Words, at: int) -> Decoded:
        """Decode rows.

        Args:
            words: all rows, the empty one first.
            starts: the word at which each row starts.
            at: the instant asked about, in microseconds.
        """


class Codec(Protocol):
    """How the rows of one view are written, and read back.

    Attributes:
        view: the view.
        empty: the row of a key without one.
    """

    view: type[FeatureView]
    empty: bytes

    def encode(self, rows: Rows, as_of: int) -> Blobs:
        """Encode rows that know all events up to ``as_of`` (microseconds).

        Raises:
            DataError: a column is missing, of another type, or null where it may not be.
        """

    def reader(self, features: Iterable[Feature], leads: Collection[Attribute] = ()) -> Reader:
        """What reads these features, and as keys those that lead to other entities."""


class WindowRows:
    """How the rows of one windowed view are written, and read back."""

    def __init__(self, view: type[FeatureView]) -> None:
        self.view = view
        self.layout = WindowLayout.of(view)
        head = np.zeros(self.layout.fixed, np.int64)
        head[0] = NO_TIME
        head[self.layout.times] = NO_TIME
        # Its bitmaps are empty, but a record over no event stands behind them for each level.
        neutral = [level.neutral() for level in self.layout.levels]
        self.empty = np.concatenate([head, *neutral]).tobytes()

    def encode(self, rows: Rows, as_of: int) -> Blobs:
        """Encode the heads and tiles of a windowed view."""
        return encode_windows(self.view, self.layout, rows, as_of)

    def reader(
        self, features: Iterable[Feature], leads: Collection[Attribute] = ()
    ) -> WindowReader:
        """What reads these features; none of them leads anywhere."""
        return WindowReader(self.view, self.layout, features)


def codec(view: type[FeatureView]) -> Codec:
    """The codec of a view."""
    return WindowRows(view) if view.windowed else AttributeRows(view)
