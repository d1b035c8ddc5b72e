"""Rows of a view as the store holds them: opened, and what of them cannot be known."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from itertools import compress, repeat
from operator import is_not

import numpy as np

from slate.expressions import Array
from slate.online.rows.answer_errors import AnswerError
from slate.online.rows.codecs import codec
from slate.online.rows.damage_messages import MEND, STREAM_MEND, damage, past, unread
from slate.online.rows.envelope import Content, Envelope, Opened, Sealed, open_together
from slate.online.rows.hour_sections import Since, sections_envelope
from slate.online.rows.keys import Keys, PairKeys
from slate.online.rows.pair_bundles import pick
from slate.online.rows.row_format import Words
from slate.online.rows.window_decode import Newer
from slate.views import FeatureView


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
class OpenedRows:
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


class RowFormat:
    """How the rows of a view lie in the store.

    Args:
        view: the view.

    Attributes:
        view: the view.
        empty: the row of a key without one.
        envelope: what the published values are in.
    """

    def __init__(self, view: type[FeatureView]) -> None:
        self.view = view
        self.empty = codec(view).empty
        pairs = len(view.entity.keys) == 2
        self.envelope = Envelope(view, Content.PAIRS if pairs else Content.ROW)

    @cached_property
    def sections(self) -> Envelope:
        """What the stream's values are in."""
        return sections_envelope(self.view)


class FetchedRows:
    """What was fetched of the rows of some keys of a view.

    Args:
        format: how they lie in the store.
        wanted: the keys; of pairs, of which both are known, as ``PairKeys``.
        published: the values of the first keys; None if none is known.
        deltas: what the stream adds; None if none does, or it is not known.
    """

    def __init__(
        self, format: RowFormat, wanted: Keys, published: Published | None, deltas: Deltas | None
    ) -> None:
        self._format = format
        self._wanted = wanted
        self._first = wanted.first if isinstance(wanted, PairKeys) else wanted
        self._published = published
        self._deltas = deltas
        # Which of the keys the stream adds something to: of pairs most have nothing.
        self._there: list[int] = []
        if deltas is not None and deltas.values.count(None) < len(deltas.values):
            has = map(is_not, deltas.values, repeat(None))
            self._there = list(compress(range(len(deltas.values)), has))

    def _sealed(self) -> list[Sealed]:
        """The values in their envelopes."""
        sealed, published, deltas = [], self._published, self._deltas
        if published is not None:
            of_rows = self._format.envelope
            sealed.append(Sealed(of_rows, published.prefix, self._first.sums, published.values))
        if deltas is not None and self._there:
            wanted, values = self._wanted, deltas.values
            if len(self._there) < len(values):
                texts = wanted.texts
                wanted = Keys.of([texts[place] for place in self._there])
                values = [values[place] for place in self._there]
            sealed.append(Sealed(self._format.sections, deltas.prefix, wanted.sums, values))
        return sealed

    @staticmethod
    def opened(fetched: Sequence["FetchedRows"], at: int) -> list[OpenedRows]:
        """The rows, published and streamed, those of each view in the same words.

        Args:
            fetched: what was fetched of each view.
            at: the instant asked about, in microseconds.
        """
        groups = [(one._format.empty, one._sealed()) for one in fetched]
        both = zip(fetched, open_together(groups), strict=True)
        return [one._rows(opened, at) for one, opened in both]

    def _rows(self, opened: Sequence[Opened], at: int) -> OpenedRows:
        wanted, deltas = self._wanted, self._deltas
        number = len(wanted.ones) if isinstance(wanted, PairKeys) else len(wanted.values)
        rows = OpenedRows(
            opened[0].words if opened else np.frombuffer(self._format.empty, np.int64),
            np.zeros(number, np.int64),
            [],
            np.zeros(number, np.bool_),
        )
        if self._published is not None:
            self._publish(rows, self._published, opened[0])
        if deltas is not None and deltas.unread:
            rows.lost |= _some(number, deltas.unread)
            rows.errors += (unread(self._format.view, wanted.texts, deltas.unread),)
        if deltas is not None and self._there:
            self._add(rows, Since(opened[-1], deltas.since, at))
        return rows

    def _publish(self, rows: OpenedRows, published: Published, opened: Opened) -> None:
        """Find published rows, and what of them cannot be known."""
        view, wanted, first = self._format.view, self._wanted, self._first
        rows.starts = opened.starts
        if isinstance(wanted, PairKeys):
            rows.starts = pick(opened, wanted, list(view.entity.keys.values())[1])
        damaged = opened.damaged | dict.fromkeys(published.others, "it is not a string of bytes")
        if damaged or published.unread:
            lost = _some(len(first.values), [*damaged, *published.unread])
            rows.lost = lost[wanted.ones] if isinstance(wanted, PairKeys) else lost
        if damaged:
            rows.errors += (damage(view, "the published rows", first.values, damaged, MEND),)
        if published.unread:
            rows.errors += (unread(view, first.values, published.unread),)

    def _add(self, rows: OpenedRows, since: Since) -> None:
        """Add what the stream does, and what of it cannot be known."""
        view, texts, there = self._format.view, self._wanted.texts, self._there
        if since.lost:
            why = {
                there[place]: since.opened.damaged.get(place, "a worker found it damaged")
                for place in sorted(since.lost)
            }
            rows.lost |= _some(len(rows.lost), why)
            what = "what the stream added to the rows"
            rows.errors += (damage(view, what, texts, why, STREAM_MEND),)
        if since.later:
            later = {there[place]: known for place, known in since.later.items()}
            rows.lost |= _some(len(rows.lost), later)
            rows.later = max(later.values())
            rows.errors += (past(view, texts, later, since.at),)
        of = np.array(there)
        for starts, places in since.sections:
            index = of[places]
            if rows.errors:
                kept = ~rows.lost[index]
                starts, index = starts[kept], index[kept]
            rows.newer.append(Newer(starts, index))


def _some(number: int, places: Iterable[int]) -> Array:
    """Of so many which are some, given by position."""
    found = np.zeros(number, np.bool_)
    found[list(places)] = True
    return found
