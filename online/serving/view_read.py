"""The rows of one view that a request needs: which keys they have, and what decodes them."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property

import numpy as np

from slate.expressions import Array
from slate.features import Attribute, Feature
from slate.online.rows.answer_errors import AnswerError
from slate.online.rows.codecs import Reader, codec
from slate.online.rows.damage_messages import MEND, STREAM_MEND, damage, past, unread
from slate.online.rows.decoded_rows import Decoded
from slate.online.rows.envelope import Content, Envelope, Opened, Sealed, open_together
from slate.online.rows.hour_sections import Since, sections_envelope
from slate.online.rows.keys import Keys, KeySource, PairKeys
from slate.online.rows.pair_bundles import pick
from slate.online.rows.row_format import Words
from slate.online.rows.window_decode import Newer, WindowReader
from slate.plans import Read
from slate.views import FeatureView

# Where the empty row starts.
_EMPTY = np.zeros(1, np.int64)


@dataclass(frozen=True)
class Published:
    """The published values of a read.

    Attributes:
        prefix: what their names begin with.
        values: the value of each first key, None where it has none.
        others: the keys, by position, under which there is something else than a value.
        unread: the keys, by position, whose node did not answer, and why.
    """

    prefix: str
    values: Sequence[bytes | None]
    others: Sequence[int] = ()
    unread: Mapping[int, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Deltas:
    """What the stream adds to the rows of a read.

    Attributes:
        prefix: what the names of the hashes begin with that it is in.
        values: the value of each key, None where it has none.
        since: the hour of arrival from which on the stream counts.
        unread: the keys, by position, whose node did not answer, and why.
    """

    prefix: str
    values: list[bytes | None]
    since: int
    unread: dict[int, str] = field(default_factory=dict)


@dataclass
class _Rows:
    """Rows of keys, and what of them cannot be known.

    Attributes:
        words: all of them, the empty one first.
        starts: the word at which the published one of each key starts.
        newer: what the stream adds to them, section by section.
        lost: the keys of which nothing can be known.
        errors: why.
        later: as in ``Decoded``.
    """

    words: Words
    starts: Words
    newer: list[Newer]
    lost: Array
    errors: tuple[AnswerError, ...] = ()
    later: int = 0


@dataclass(frozen=True, eq=False)
class ViewRead:
    """The rows of one view that a request needs.

    Attributes:
        read: what the plan says of it.
        keys: where each of the view's keys comes from.
        fetch: the round in which its first key is known, and so its values can be fetched; the
            rows are picked and decoded when all keys are known, in the round of the plan.
        empty: the row of a key without one.
        envelope: what the published values are in.
        reader: what decodes the rows.
        features: the features that are asked for or computed with.
        leads: those that lead to other entities.
    """

    read: Read
    keys: tuple[KeySource, ...]
    fetch: int
    empty: bytes
    envelope: Envelope
    reader: Reader
    features: tuple[Feature, ...]
    leads: tuple[Attribute, ...]

    @classmethod
    def of(
        cls, read: Read, fetch: int, features: tuple[Feature, ...], leads: tuple[Attribute, ...]
    ) -> "ViewRead":
        """A read made ready."""
        keys, row_codec = tuple(read.keys.values()), codec(read.view)
        return cls(
            read,
            keys,
            fetch,
            row_codec.empty,
            Envelope(read.view, Content.PAIRS if len(keys) == 2 else Content.ROW),
            row_codec.reader(features, leads),
            features,
            leads,
        )

    @property
    def view(self) -> type[FeatureView]:
        """The view."""
        return self.read.view

    def wanted(self, keys: Sequence[Keys]) -> Keys:
        """The keys of its rows; of pairs, of which both keys are given, as ``PairKeys``."""
        return keys[0] if len(keys) == 1 else PairKeys(*keys)

    def decoded(
        self, published: Published | None, wanted: Keys, at: int, deltas: Deltas | None = None
    ) -> Decoded:
        """Decode the rows of a request; what of them cannot be known is as if it were not there.

        Args:
            published: the values of the first keys; None if none is known.
            wanted: the keys, as ``wanted`` gives them.
            at: the instant asked about, in microseconds.
            deltas: what the stream adds.
        """
        rows = self._rows(published, wanted, deltas, at)
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

    def _rows(
        self, published: Published | None, wanted: Keys, deltas: Deltas | None, at: int
    ) -> _Rows:
        """The rows, published and streamed, all in the same words."""
        first = wanted.first if isinstance(wanted, PairKeys) else wanted
        sealed, there = [], list[int]()
        if published is not None:
            sealed.append(Sealed(self.envelope, published.prefix, first.sums, published.values))
        if deltas is not None and deltas.values.count(None) < len(deltas.values):
            # Of pairs most have nothing.
            there = [place for place, value in enumerate(deltas.values) if value is not None]
            texts = wanted.texts
            sums = Keys.of([texts[place] for place in there]).sums
            values = [deltas.values[place] for place in there]
            sealed.append(Sealed(self._sections, deltas.prefix, sums, values))
        (opened,) = open_together([(self.empty, sealed)])
        number = len(wanted.ones) if isinstance(wanted, PairKeys) else len(wanted.values)
        rows = _Rows(
            opened[0].words if opened else np.frombuffer(self.empty, np.int64),
            np.zeros(number, np.int64),
            [],
            np.zeros(number, np.bool_),
        )
        if published is not None:
            self._publish(rows, published, opened[0], wanted, first)
        if deltas is not None and deltas.unread:
            rows.lost |= _some(number, deltas.unread)
            rows.errors += (unread(self.view, wanted.texts, deltas.unread),)
        if deltas is not None and there:
            self._add(rows, Since(opened[-1], deltas.since, at), wanted, there)
        return rows

    def _publish(
        self, rows: _Rows, published: Published, opened: Opened, wanted: Keys, first: Keys
    ) -> None:
        """Find published rows, and what of them cannot be known."""
        rows.starts = opened.starts
        if isinstance(wanted, PairKeys):
            rows.starts = pick(opened, wanted, list(self.view.entity.keys.values())[1])
        damaged = opened.damaged | dict.fromkeys(published.others, "it is not a string of bytes")
        if damaged or published.unread:
            lost = _some(len(first.values), [*damaged, *published.unread])
            rows.lost = lost[wanted.ones] if isinstance(wanted, PairKeys) else lost
        if damaged:
            rows.errors += (damage(self.view, "the published rows", first.values, damaged, MEND),)
        if published.unread:
            rows.errors += (unread(self.view, first.values, published.unread),)

    def _add(self, rows: _Rows, since: Since, wanted: Keys, there: list[int]) -> None:
        """Add what the stream does, and what of it cannot be known.

        Args:
            rows: what it is added to.
            since: what it adds to some keys.
            wanted: the keys.
            there: which of them.
        """
        if since.lost:
            why = {
                there[place]: since.opened.damaged.get(place, "a worker found it damaged")
                for place in sorted(since.lost)
            }
            rows.lost |= _some(len(rows.lost), why)
            what = "what the stream added to the rows"
            rows.errors += (damage(self.view, what, wanted.texts, why, STREAM_MEND),)
        if since.later:
            later = {there[place]: known for place, known in since.later.items()}
            rows.lost |= _some(len(rows.lost), later)
            rows.later = max(later.values())
            rows.errors += (past(self.view, wanted.texts, later, since.at),)
        of = np.array(there)
        for starts, places in since.sections:
            index = of[places]
            if rows.errors:
                kept = ~rows.lost[index]
                starts, index = starts[kept], index[kept]
            rows.newer.append(Newer(starts, index))

    @cached_property
    def _sections(self) -> Envelope:
        return sections_envelope(self.view)


def _some(number: int, places: Iterable[int]) -> Array:
    """Of so many which are some, given by position."""
    found = np.zeros(number, np.bool_)
    found[list(places)] = True
    return found


def view_read(view: type[FeatureView]) -> ViewRead:
    """All features of a view, by its own keys."""
    features = tuple(view.features.values())
    keys: dict[str, str | Attribute] = {key: key for key in view.entity.keys}
    return ViewRead.of(Read(view, keys, 0, features, frozenset(keys)), 0, features, ())
