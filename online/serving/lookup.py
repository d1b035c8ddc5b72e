"""A lookup as a flow of commands and replies, without any I/O of its own.

See ``slate.online.store.flows`` for what such a flow yields, and what is thrown into it where the
store fails. It returns the answer either way. The clients are what runs it, synchronous or not.

What leads to other keys is asked for first, and what can be asked for is, before the first reply is
awaited: the store looks some rows up while others are decoded.
"""

from collections.abc import Sequence

import numpy as np

from slate.encoded import Operand
from slate.expressions import NOW, Array, Expr
from slate.features import Attribute
from slate.online.near.near_views import NearViews
from slate.online.rows.answer_errors import AnswerError
from slate.online.rows.decoded_rows import Decoded
from slate.online.rows.keys import Keys, KeySource
from slate.online.serving.answer import Answer
from slate.online.serving.lookup_stages import Mark, Stage, unobserved
from slate.online.serving.requests import Request
from slate.online.serving.service_plan import ServicePlan
from slate.online.serving.store_reads import FEW, StoreReads
from slate.online.serving.view_read import ViewRead, decoded_together
from slate.online.serving.view_state import ViewState
from slate.online.store.flows import ExchangeError, Flow
from slate.online.store.live_generations import Live, LiveViews


class Lookup:
    """One lookup.

    Args:
        plan: the service's plan.
        request: the checked request.
        at: the instant asked about, in microseconds.
        known: what is known of views.
        near: the views that this process keeps.
        mark: notes its stages.

    Attributes:
        later: up to when some rows hold events that arrived at the instant asked about or after, in
            microseconds, so that they are not known; 0 if none do.
    """

    def __init__(
        self,
        plan: ServicePlan,
        request: Request,
        at: int,
        known: LiveViews,
        near: NearViews | None = None,
        mark: Mark = unobserved,
    ) -> None:
        self.later = 0
        self._plan = plan
        self._request = request
        self._at = at
        self._live = known.live
        self._unknown = known.unknown
        self._near = near
        self._mark = mark
        self._keys: dict[KeySource, Keys] = dict(request.keys)
        self._store = StoreReads(known.live, self._keys, mark)
        self._values: dict[Expr, Operand] = {NOW: np.array([at], "M8[us]"), **request.inputs}
        self._states: dict[str, ViewState] = {}
        self._missing: dict[str, Array] = {}
        self._damaged: dict[ViewRead, tuple[AnswerError, ...]] = {}
        self._from_near: set[ViewRead] = set()

    @property
    def failure(self) -> ExchangeError | None:
        """Why nothing more can be had of the store; None while it answers."""
        return self._store.failure

    @property
    def vanished(self) -> dict[str, AnswerError]:
        """Why nothing is known of views whose generation was no longer there, by name."""
        return self._store.vanished

    def run(self, error: str | None = None) -> Flow[Answer]:
        """The flow.

        Args:
            error: why there is nothing to be asked of the store; the answer tells it.
        """
        store, waiting = self._store, list[ViewRead]()
        for one in self._plan.rounds:
            near = {read for read in one.known if self._take_near(read)}
            if near:
                self._from_near |= near
                self._mark(Stage.NEAR, near)
            # Those of few keys cost next to nothing: they come with the first, to be decoded while
            # the store is at the others.
            others = [read for read in one.others if read not in near]
            known = [read for read in one.known if read not in near]
            quick = [read for read in others if len(self._keys[read.keys[0]].values) <= FEW]
            rest = [read for read in others if read not in quick]
            first = [*(read for read in one.leading if read not in near), *quick]
            yield from store.ask(first, [read for read in known if read in first])
            yield from store.ask(rest, [read for read in known if read not in first])
            for read in one.leads:
                if read not in near:
                    yield from store.wait(read)
                    self._take_in([read])
            waiting += [*quick, *rest]
        while waiting:
            yield from store.wait(waiting[0])
            # Others came with it: what is decoded together costs less.
            there = [read for read in waiting if read is waiting[0] or store.has(read)]
            self._take_in(there)
            waiting = [read for read in waiting if read not in there]
        if (yield from store.look_again()):
            for read in self._plan.reads:
                if read not in self._from_near or not self._take_near(read):
                    self._take_in([read])
        if store.failure is not None:
            error = str(store.failure)
        views = [read.view.name for read in self._plan.reads]
        unknown = self._unknown | store.vanished
        reasons = [unknown[view] for view in views if view in unknown]
        damaged = [one for read in self._plan.reads for one in self._damaged[read]]
        values, told, failed = self._plan.compute(self._values)
        errors = [
            *([AnswerError(error)] if error else ()),
            *store.errors,
            *reasons,
            *damaged,
            *told,
        ]
        self._mark(Stage.COMPUTE)
        return Answer(
            self._plan.plan.service.full_name,
            self._at,
            self._request.rows,
            values,
            {view: self._states[view] for view in views},
            tuple(dict.fromkeys(errors)),
            self._request.keys_by_row,
            failed,
        )

    def _take_near(self, read: ViewRead) -> bool:
        """Take a read's rows from what this process keeps, if it can tell them."""
        live = self._live.get(read.view.name)
        kept = self._near.get(read.view.name) if self._near is not None else None
        if kept is None or live is None:
            return False
        keys = self._keys[read.keys[0]]
        taken = kept.take(live, keys, self._at, read.features, read.leads)
        if taken is not None:
            self._note(read, taken.decoded, taken.live, taken.behind)
        return taken is not None

    def _take_in(self, reads: Sequence[ViewRead]) -> None:
        """Decode the rows of reads."""
        store = self._store
        some = [(read, store.wanted(read), store.fetched(read)) for read in reads]
        for read, decoded in zip(reads, decoded_together(some, self._at), strict=True):
            self._note(read, decoded, self._live.get(read.view.name) if store.has(read) else None)
        self._mark(Stage.DECODE, reads)

    def _note(
        self,
        read: ViewRead,
        decoded: Decoded,
        live: Live | None,
        behind: float = 0.0,
    ) -> None:
        """Note what became of a read.

        Args:
            read: the read.
            decoded: its rows.
            live: the generation that they are of; None if they cannot be known.
            behind: how many seconds ago they were in step with the store.
        """
        keys = [self._keys[source] for source in read.keys]
        self._values.update(decoded.values)
        self._keys.update(decoded.keys)
        self._damaged[read] = decoded.errors
        self.later = max(self.later, decoded.later)
        missing = _missing(keys) if live is not None else np.ones(1, np.bool_)
        if decoded.damaged is not None:
            missing = missing | decoded.damaged
        for source in read.keys:
            # Nor can be known what a row that cannot be known leads to.
            if isinstance(source, Attribute):
                missing = missing | self._missing[source.view.name]
        self._missing[read.view.name] = missing
        self._states[read.view.name] = ViewState(
            self._request.rows,
            self._at,
            live.as_of if live is not None else None,
            decoded.event_ts,
            decoded.stale,
            missing,
            live.known_until if live is not None else None,
            behind,
            live.name if live is not None else None,
        )


def _missing(keys: list[Keys]) -> Array:
    """The rows of which a key is null."""
    missing = keys[0].missing
    for other in keys[1:]:
        missing = missing | other.missing
    return missing
