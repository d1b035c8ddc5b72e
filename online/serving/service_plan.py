"""A service's plan, made ready: which keys to read in which round, and what decodes them."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property

import numpy as np

from slate.executor import compute
from slate.expressions import Array, Expr, leaves
from slate.features import Attribute, Feature
from slate.online.rows.codecs import Reader, codec
from slate.online.rows.damage_messages import MEND, STREAM_MEND, damage, past, unread
from slate.online.rows.decoded_rows import Decoded
from slate.online.rows.envelope import Content, Envelope
from slate.online.rows.hour_sections import Since, sections_envelope
from slate.online.rows.keys import Keys, KeySource
from slate.online.rows.pair_bundles import pick
from slate.online.rows.row_format import Words
from slate.online.rows.window_decode import Newer, WindowReader
from slate.online.serving.requests import RequestForm
from slate.plans import Plan, Read
from slate.views import FeatureView

# Where several starts do not fit into one number, rows are decoded as often as they are asked for.
_CODES = 1 << 62


@dataclass(frozen=True)
class Deltas:
    """What the stream adds to a view.

    Attributes:
        prefix: what the names of the hashes begin with that they are in.
        keys: the keys that it was asked for, those of pairs as ``PairKeys``.
        values: the value of each, None where it has none.
        since: the hour of arrival from which on the stream counts.
        unread: the keys, by position, whose node did not answer, and why.
    """

    prefix: str
    keys: Keys
    values: list[bytes | None]
    since: int
    unread: dict[int, str] = field(default_factory=dict)


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

    @property
    def view(self) -> type[FeatureView]:
        """The view."""
        return self.read.view

    def decoded(
        self,
        published: Published | None,
        keys: Sequence[Keys],
        at: int,
        deltas: Deltas | None = None,
    ) -> Decoded:
        """Decode the rows of a request; what of them cannot be known is as if it were not there.

        Args:
            published: the values of the first keys; None if none is known.
            keys: the keys, in the order of ``self.keys``.
            at: the instant asked about, in microseconds.
            deltas: what the stream adds.
        """
        words, starts, lost, errors = self._rows(published, keys)
        since = None
        if deltas is not None and deltas.unread:
            lost = lost | _among(deltas.keys, deltas.unread)
            errors += (unread(self.view, deltas.keys.texts, deltas.unread),)
        if deltas is not None and deltas.values.count(None) < len(deltas.values):
            since = self._since(deltas, at)
            if since.lost:
                lost = lost | _among(deltas.keys, since.lost)
                errors += (self._stream_error(deltas, since),)
            if since.later:
                lost = lost | _among(deltas.keys, since.later)
                errors += (past(self.view, deltas.keys.texts, since.later, at),)
        damaged = lost if errors else None
        if damaged is not None:
            starts = np.where(damaged, 0, starts)
        newer: list[Newer] = []
        if deltas is not None and since is not None:
            unknown = lost
            for one in keys:
                unknown = unknown | (one.index < 0)
            newer = list(_newer(deltas, since, unknown))
        # Of pairs most have no row, or the same one.
        spread = None
        if len(keys) == 2 or 2 * len(keys[0].values) < len(starts):
            starts, newer, spread = _each_once(starts, newer)
        with np.errstate(all="ignore"):
            if newer:
                assert isinstance(self.reader, WindowReader)
                decoded = self.reader.read(words, starts, at, newer)
            else:
                decoded = self.reader.read(words, starts, at)
        if spread is not None:
            decoded = decoded.spread(spread)
        if damaged is None:
            return decoded
        # Nor is it known what a damaged row leads to.
        leads = {
            source: Keys(led.values, np.where(damaged, -1, led.index))
            for source, led in decoded.keys.items()
        }
        return replace(decoded, keys=leads, damaged=damaged, errors=errors)

    def _rows(
        self, published: Published | None, keys: Sequence[Keys]
    ) -> tuple[Words, Words, Array, tuple[str, ...]]:
        """All rows laid end to end, the empty one first, and where that of each key starts.

        Besides, which of them cannot be read, and what is wrong with them.
        """
        lost = np.zeros(1, np.bool_)
        errors: tuple[str, ...] = ()
        if published is None:
            shape = np.broadcast_shapes(*(one.index.shape for one in keys))
            return np.frombuffer(self.empty, np.int64), np.zeros(shape, np.int64), lost, errors
        first = keys[0]
        opened = self.envelope.open(published.prefix, first.sums, published.values, self.empty)
        damaged = opened.damaged | dict.fromkeys(published.others, "it is not a string of bytes")
        if damaged:
            lost = _among(first, damaged)
            errors = (damage(self.view, "the published rows", first.values, damaged, MEND),)
        if published.unread:
            lost = lost | _among(first, published.unread)
            errors += (unread(self.view, first.values, published.unread),)
        if len(keys) == 1:
            return opened.words, first.spread(opened.starts, 0), lost, errors
        kind = list(self.view.entity.keys.values())[1]
        return opened.words, pick(opened, first, keys[1], kind), lost, errors

    def _since(self, deltas: Deltas, at: int) -> Since:
        opened = self._sections.open(deltas.prefix, deltas.keys.sums, deltas.values, self.empty)
        return Since(opened, deltas.since, at)

    def _stream_error(self, deltas: Deltas, since: Since) -> str:
        lost = {
            place: since.opened.damaged.get(place, "a worker found it damaged")
            for place in sorted(since.lost)
        }
        what = "what the stream added to the rows"
        return damage(self.view, what, deltas.keys.texts, lost, STREAM_MEND)

    @cached_property
    def _sections(self) -> Envelope:
        return sections_envelope(self.view)


def _among(keys: Keys, some: Iterable[int]) -> Array:
    """The rows whose key is one of some, given by position."""
    found = np.zeros(len(keys.values) + 1, np.bool_)
    found[list(some)] = True
    return found[keys.index]


def _newer(deltas: Deltas, since: Since, lost: Array) -> Iterator[Newer]:
    """What the stream adds to the rows of a request, section by section; to none that are lost."""
    for starts, of in since.sections:
        by_key = np.zeros(len(deltas.keys.values), np.int64)
        by_key[of] = starts
        found = np.where(lost, 0, deltas.keys.spread(by_key, 0))
        rows = np.flatnonzero(found)
        yield Newer(since.opened.words, found[rows], rows)


def _each_once(starts: Words, newer: Sequence[Newer]) -> tuple[Words, list[Newer], Words | None]:
    """Rows of a request that are the same row, once.

    Args:
        starts: where the row of each row of the request starts.
        newer: what the stream adds to them.

    Returns:
        Where each row starts, what is added to it, and for each row of the request its place among
        these; None if they are left as they are.
    """
    added = []
    for one in newer:
        found = np.zeros(len(starts), np.int64)
        found[one.index] = one.starts
        added.append(found)
    code, most = starts, int(starts.max(initial=0)) + 1
    for found in added:
        size = int(found.max(initial=0)) + 1
        most *= size
        if most >= _CODES:
            return starts, list(newer), None
        code = code * size + found
    _, first, spread = np.unique(code, return_index=True, return_inverse=True)
    if 2 * len(first) > len(starts):
        return starts, list(newer), None
    once = []
    for one, found in zip(newer, added, strict=True):
        has = np.flatnonzero(found[first])
        once.append(Newer(one.words, found[first][has], has))
    return starts[first], once, spread


@dataclass(frozen=True)
class Round:
    """What happens in one round of a request.

    Attributes:
        leading: the reads that lead to other keys, of which the first key is known from now on, so
            that their values can be asked for.
        others: such reads that lead nowhere.
        known: the reads of which all keys are known from now on.
        leads: those of them that lead to other keys: decoded before the next round.
    """

    leading: list[ViewRead]
    others: list[ViewRead]
    known: list[ViewRead]
    leads: list[ViewRead]


class ServicePlan:
    """A service made ready to be asked.

    Attributes:
        plan: the plan.
        form: what its requests bring.
        reads: its reads.
        rounds: what happens in each round.
    """

    def __init__(self, plan: Plan) -> None:
        self.plan = plan
        self.form = RequestForm(plan)
        self.reads = tuple(self._view_read(read) for read in plan.reads)
        lead = {read for read in self.reads if read.view in {one.view for one in self._leads}}
        self.rounds = [
            Round(
                [read for read in self.reads if read.fetch == number and read in lead],
                [read for read in self.reads if read.fetch == number and read not in lead],
                [read for read in self.reads if read.read.round == number],
                [read for read in self.reads if read.read.round == number and read in lead],
            )
            for number in range(len(plan.rounds))
        ]

    def _view_read(self, read: Read) -> ViewRead:
        features = tuple(feature for feature in read.features if feature in self._used)
        leads = tuple(lead for lead in self._leads if lead.view is read.view)
        return _view_read(read, self._known(next(iter(read.keys.values()))), features, leads)

    @cached_property
    def _used(self) -> set[Expr]:
        """The features whose values are asked for or computed with."""
        used: set[Expr] = set(self.plan.service.features)
        return used.union(*(leaves(feature.expression) for feature in self.plan.computed))

    @cached_property
    def _leads(self) -> set[Attribute]:
        """The features that lead to other entities."""
        ways = (way for read in self.plan.reads for way in read.keys.values())
        return {way for way in ways if isinstance(way, Attribute)}

    def _known(self, source: KeySource) -> int:
        """The round in which a key is known."""
        if isinstance(source, str):
            return 0
        return 1 + next(read.round for read in self.plan.reads if read.view is source.view)

    def compute(self, values: dict[Expr, Array]) -> dict[Feature, Array]:
        """Run the expressions, and take the service's features out.

        Args:
            values: the features that were read, the inputs and the instant asked about.
        """
        compute(self.plan, values)
        return {feature: values[feature] for feature in self.plan.service.features}


def view_read(view: type[FeatureView]) -> ViewRead:
    """All features of a view, by its own keys."""
    features = tuple(view.features.values())
    keys: dict[str, str | Attribute] = {key: key for key in view.entity.keys}
    return _view_read(Read(view, keys, 0, features, frozenset(keys)), 0, features, ())


def _view_read(
    read: Read, fetch: int, features: tuple[Feature, ...], leads: tuple[Attribute, ...]
) -> ViewRead:
    keys, row_codec = tuple(read.keys.values()), codec(read.view)
    return ViewRead(
        read,
        keys,
        fetch,
        row_codec.empty,
        Envelope(read.view, Content.PAIRS if len(keys) == 2 else Content.ROW),
        row_codec.reader(features, leads),
        features,
        leads,
    )
