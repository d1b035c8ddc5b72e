"""The rows of one view that a request needs: which keys they have, and what decodes them."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from slate.features import Attribute, Feature
from slate.online.rows.codecs import Reader, codec
from slate.online.rows.decoded_rows import Decoded
from slate.online.rows.keys import Keys, KeySource, PairKeys
from slate.online.rows.row_format import Words
from slate.online.rows.window_decode import Newer, WindowReader
from slate.online.serving.view_rows import Deltas, FetchedRows, OpenedRows, Published, RowFormat
from slate.plans import Read
from slate.views import FeatureView

# Where the empty row starts.
_EMPTY = np.zeros(1, np.int64)


@dataclass(frozen=True, eq=False)
class ViewRead:
    """The rows of one view that a request needs.

    Attributes:
        view: the view.
        read: what the plan says of it.
        keys: where each of the view's keys comes from.
        fetch: the round in which its first key is known, and so its values can be fetched; the
            rows are picked and decoded when all keys are known, in the round of the plan.
        format: how its rows lie in the store.
        reader: what decodes the rows.
        features: the features that are asked for or computed with.
        leads: those that lead to other entities.
    """

    view: type[FeatureView]
    read: Read
    keys: tuple[KeySource, ...]
    fetch: int
    format: RowFormat
    reader: Reader
    features: tuple[Feature, ...]
    leads: tuple[Attribute, ...]

    @classmethod
    def of(
        cls, read: Read, fetch: int, features: tuple[Feature, ...], leads: tuple[Attribute, ...]
    ) -> "ViewRead":
        """A read made ready."""
        view, keys = read.view, tuple(read.keys.values())
        reader = codec(view).reader(features, leads)
        return cls(view, read, keys, fetch, RowFormat(view), reader, features, leads)

    def wanted(self, keys: Sequence[Keys]) -> Keys:
        """The keys of its rows; of pairs, of which both keys are given, as ``PairKeys``."""
        return keys[0] if len(keys) == 1 else PairKeys(*keys)

    def fetched(
        self, wanted: Keys, published: Published | None, deltas: Deltas | None = None
    ) -> FetchedRows:
        """What was fetched of its rows; see ``FetchedRows``."""
        return FetchedRows(self.format, wanted, published, deltas)

    def decoded(self, rows: OpenedRows, wanted: Keys, at: int) -> Decoded:
        """Decode the rows of a request; what of them cannot be known is as if it were not there.

        Args:
            rows: the rows of the keys.
            wanted: the keys, as ``wanted`` gives them.
            at: the instant asked about, in microseconds.
        """
        if rows.errors:
            rows.starts = np.where(rows.lost, 0, rows.starts)
        has = rows.starts > 0
        with np.errstate(all="ignore"):
            if wanted.in_order and 2 * np.count_nonzero(has) > len(has):
                decoded = self._read(rows.words, rows.starts, at, rows.newer)
            else:
                # Each row once, and one for all that have none: of pairs these are most. Those that
                # a stream adds to lie together.
                added = np.zeros(len(has), np.bool_)
                for one in rows.newer:
                    added[one.index] = True
                used = np.concatenate([np.flatnonzero(added), np.flatnonzero(has & ~added)])
                place = np.zeros(len(has) + 1, np.int64)
                place[used] = np.arange(1, len(used) + 1)
                starts = np.concatenate([_EMPTY, rows.starts[used]])
                newer = [Newer(one.starts, place[one.index]) for one in rows.newer]
                decoded = self._read(rows.words, starts, at, newer).spread(place.take(wanted.index))
        if not rows.errors:
            return decoded
        damaged = np.append(rows.lost, False).take(wanted.index)
        # Nor is it known what a damaged row leads to.
        leads = {
            source: Keys(led.values, np.where(damaged, -1, led.index))
            for source, led in decoded.keys.items()
        }
        return replace(decoded, keys=leads, damaged=damaged, errors=rows.errors, later=rows.later)

    def _read(self, words: Words, starts: Words, at: int, newer: Sequence[Newer]) -> Decoded:
        if not newer:
            return self.reader.read(words, starts, at)
        assert isinstance(self.reader, WindowReader)
        return self.reader.read(words, starts, at, newer)


def decoded_together(some: Sequence[tuple[ViewRead, Keys, FetchedRows]], at: int) -> list[Decoded]:
    """Decode the rows of several reads, which are opened at once.

    Args:
        some: the reads, the keys of each, and what was fetched of it.
        at: the instant asked about, in microseconds.
    """
    opened = FetchedRows.opened([fetched for _, _, fetched in some], at)
    both = zip(some, opened, strict=True)
    return [read.decoded(rows, wanted, at) for (read, wanted, _), rows in both]


def view_read(view: type[FeatureView]) -> ViewRead:
    """All features of a view, by its own keys."""
    features = tuple(view.features.values())
    keys: dict[str, str | Attribute] = {key: key for key in view.entity.keys}
    return ViewRead.of(Read(view, keys, 0, features, frozenset(keys)), 0, features, ())
