"""A view's rows as the keys and values that the store is given, a part at a time."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from slate.errors import DataError
from slate.online.publishing.distinct_keys import repeated, require_distinct
from slate.online.rows.arrow_columns import column
from slate.online.rows.checksums import Sums, of_texts
from slate.online.rows.codecs import Codec, codec
from slate.online.rows.envelope import HEADER, Content, Envelope
from slate.online.rows.keys import Keys
from slate.online.rows.pair_bundles import bundle
from slate.online.rows.row_format import WORD, Blobs
from slate.online.rows.row_tables import Rows
from slate.online.store.commands import Packed, write
from slate.views import FeatureView

# Rows encoded at once, and how much one command writes.
CHUNK_ROWS = 20_000
COMMAND_ROWS = 1_000
COMMAND_BYTES = 1 << 20


@dataclass(frozen=True)
class Values:
    """What the store is given.

    Attributes:
        keys: the keys.
        rows: how many rows the values hold; more than keys where they are of pairs.
    """

    keys: list[str] | list[int]
    rows: int
    _sums: Sums
    _blobs: Blobs
    _envelope: Envelope

    @classmethod
    def of(cls, keys: pa.Array, blobs: Blobs, rows: int, envelope: Envelope) -> "Values":
        """The values of keys, in their order."""
        return cls(keys.to_pylist(), rows, of_texts(keys.cast(pa.string())), blobs, envelope)

    @property
    def size(self) -> int:
        """The bytes of all values."""
        return self._blobs.words.nbytes + len(self.keys) * HEADER * WORD

    def commands(self, prefix: str) -> Iterator[tuple[list[str] | list[int], Packed]]:
        """The commands that write the values, each as many as one command may, and their keys.

        Args:
            prefix: what their names in the store begin with.
        """
        values = self._envelope.seal(prefix, self._sums, self._blobs)
        size = max(self.size // max(len(self.keys), 1), 1)
        step = max(min(COMMAND_ROWS, COMMAND_BYTES // size), 1)
        for start in range(0, len(self.keys), step):
            keys = self.keys[start : start + step]
            distinct = Keys(list(keys), np.arange(len(keys)))
            yield keys, write(prefix, distinct, values[start : start + step])


def encode(view: type[FeatureView], batches: Iterable[Rows], as_of: int) -> Iterator[Values]:
    """Encode a view's rows.

    Rows of one key are noticed within a batch, and where one batch ends with the key that the next
    begins with, as those do that come in order. Of others, the last would be what is served.

    Args:
        view: the view.
        batches: its rows.
        as_of: the instant up to which they know all events, in microseconds.

    Raises:
        DataError: the rows are not what the view defines.
    """
    encoder = codec(view)
    if len(view.entity.keys) == 2:
        yield from _pairs(encoder, batches, as_of)
        return
    envelope, last = Envelope(view, Content.ROW), None
    for batch in batches:
        rows = batch.heads.num_rows
        if not rows:
            continue
        (keys,) = _keys(view, batch)
        require_distinct(view, [keys])
        if keys[0].as_py() == last:
            raise repeated(view, [last])
        last = keys[-1].as_py()
        bounds = range(0, rows, CHUNK_ROWS)
        for start, part in zip(bounds, batch.split([*bounds, rows]), strict=True):
            own = keys.slice(start, part.heads.num_rows)
            yield Values.of(own, encoder.encode(part, as_of), len(own), envelope)


def _pairs(encoder: Codec, batches: Iterable[Rows], as_of: int) -> Iterator[Values]:
    envelope, last = Envelope(encoder.view, Content.PAIRS), None
    for batch in batches:
        rows = batch.heads.num_rows
        if not rows:
            continue
        first, second = _keys(encoder.view, batch)
        before, after = first[:-1], first[1:]
        if pc.any(pc.less(after, before)).as_py() or (
            last is not None and first[0].as_py() <= last
        ):
            raise DataError(
                f"{encoder.view.name}: order its rows by {next(iter(encoder.view.entity.keys))}, "
                "so that those of one key are together"
            )
        require_distinct(encoder.view, [first, second])
        last = first[-1].as_py()
        changes = 1 + np.flatnonzero(pc.not_equal(after, before).to_numpy(zero_copy_only=False))
        firsts = np.concatenate([[0], changes, [rows]])
        # Where a chunk would end, it goes on to the end of the key.
        ends = np.searchsorted(firsts, [*range(CHUNK_ROWS, rows, CHUNK_ROWS), rows])
        bounds = [0, *dict.fromkeys(firsts[ends].tolist())]
        for start, part in zip(bounds, batch.split(bounds), strict=False):
            one, other = _keys(encoder.view, part)
            count = part.heads.num_rows
            inside = firsts[(firsts >= start) & (firsts <= start + count)] - start
            bundled = bundle(encoder.encode(part, as_of), inside, other)
            yield Values.of(one.take(pa.array(inside[:-1])), bundled, count, envelope)


def _keys(view: type[FeatureView], rows: Rows) -> list[pa.Array]:
    found = [column(rows.heads, name, kind, view.name) for name, kind in view.entity.keys.items()]
    for name, keys in zip(view.entity.keys, found, strict=True):
        if keys.null_count:
            raise DataError(f"{view.name}: {keys.null_count} rows have no {name}")
    return found
