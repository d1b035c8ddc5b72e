"""A service's plan, made ready: which keys to read in which round, and what decodes them."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from online.codecs import Reader, codec
from online.keys import Keys, KeySource
from online.pairs import pick
from online.reading import Decoded
from online.requests import RequestForm
from online.rows import Words, join
from online.stream.sections import opened
from online.window_decode import Newer, WindowReader
from slate.executor import compute
from slate.expressions import Array, Expr, leaves
from slate.features import Attribute, Feature
from slate.plans import Plan, Read
from slate.views import FeatureView


@dataclass(frozen=True)
class Deltas:
    """What the stream adds to a view.

    Attributes:
        keys: the keys that it was asked for, those of pairs as ``PairKeys``.
        values: the value of each, None where it has none.
        since: the hour of arrival from which on the stream counts.
    """

    keys: Keys
    values: list[bytes | None]
    since: int


@dataclass(frozen=True, eq=False)
class ViewRead:
    """The rows of one view that a request needs.

    Attributes:
        read: what the plan says of it.
        keys: where each of the view's keys comes from.
        fetch: the round in which its first key is known, and so its values can be fetched; the
            rows are picked and decoded when all keys are known, in the round of the plan.
        empty: the row of a key without one.
        reader: what decodes the rows.
    """

    read: Read
    keys: tuple[KeySource, ...]
    fetch: int
    empty: bytes
    reader: Reader

    @property
    def view(self) -> type[FeatureView]:
        """The view."""
        return self.read.view

    def decoded(
        self,
        blobs: Sequence[bytes | None] | None,
        keys: Sequence[Keys],
        at: int,
        deltas: Deltas | None = None,
    ) -> Decoded:
        """Decode the rows of a request.

        Args:
            blobs: the values of the first keys, None where there is none; None if none is known.
            keys: the keys, in the order of ``self.keys``.
            at: the instant asked about, in microseconds.
            deltas: what the stream adds.
        """
        words, starts = self._rows(blobs, keys)
        with np.errstate(all="ignore"):
            if deltas is None or not any(deltas.values):
                return self.reader.read(words, starts, at)
            assert isinstance(self.reader, WindowReader)
            return self.reader.read(words, starts, at, list(self._newer(deltas)))

    def _newer(self, deltas: Deltas) -> Iterator[Newer]:
        """What the stream adds to the rows of a request, section by section."""
        for words, starts, of in opened(deltas.values, deltas.since, self.empty):
            by_key = np.zeros(len(deltas.keys.values), np.int64)
            by_key[of] = starts
            found = deltas.keys.spread(by_key, 0)
            rows = np.flatnonzero(found)
            yield Newer(words, found[rows], rows)

    def _rows(
        self, blobs: Sequence[bytes | None] | None, keys: Sequence[Keys]
    ) -> tuple[Words, Words]:
        """All rows laid end to end, the empty one first, and where that of each key starts."""
        if blobs is None:
            shape = np.broadcast_shapes(*(one.index.shape for one in keys))
            return join([self.empty])[0], np.zeros(shape, np.int64)
        if len(keys) == 2:
            kind = list(self.view.entity.keys.values())[1]
            return pick(blobs, self.empty, keys[0], keys[1], kind)
        words, begins = join([self.empty, *[blob or self.empty for blob in blobs]])
        return words, keys[0].spread(begins[1:], 0)


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
        keys = tuple(read.keys.values())
        row_codec = codec(read.view)
        return ViewRead(
            read,
            keys,
            self._known(keys[0]),
            row_codec.empty,
            row_codec.reader(
                [feature for feature in read.features if feature in self._used],
                [lead for lead in self._leads if lead.view is read.view],
            ),
        )

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
