"""Rows as the tables that they are published from."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
import pyarrow as pa

from slate.errors import DataError
from slate.kinds import Kind
from slate.online.rows.arrow_columns import numbers


@dataclass(frozen=True)
class Rows:
    """Rows to be published.

    Attributes:
        heads: one row per key: the key columns, event_ts, and the attributes by name; of a windowed
            view, in place of attributes, for each last value ``<measure>__last``, a struct of
            (event_ts, received_at, id, value) or null; of the latest n values a list of these.
        tiles: of a windowed view, its partial aggregates: ``row`` (the position of the key in
            ``heads``, ascending), ``hop`` (seconds), ``tile`` and the partials by name.
    """

    heads: pa.Table
    tiles: pa.Table | None = None

    def split(self, bounds: Sequence[int]) -> Iterator["Rows"]:
        """Parts of the rows, from each bound to the next.

        Raises:
            DataError: the tiles are not ordered by row.
        """
        if self.tiles is None:
            yield from (Rows(self.heads.slice(a, b - a)) for a, b in pairwise(bounds))
            return
        row = numbers(self.tiles, "row", Kind.INTEGER, "tiles")
        if (row[1:] < row[:-1]).any():
            raise DataError("tiles: order them by `row`, the position of their key in the heads")
        position = self.tiles.column_names.index("row")
        firsts = np.searchsorted(row, bounds).tolist()
        for (a, b), (first, last) in zip(pairwise(bounds), pairwise(firsts), strict=True):
            tiles = self.tiles.slice(first, last - first)
            tiles = tiles.set_column(position, "row", pa.array(row[first:last] - a))
            yield Rows(self.heads.slice(a, b - a), tiles)
