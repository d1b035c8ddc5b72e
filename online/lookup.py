"""A lookup as a flow of commands and replies, without any I/O of its own.

A flow yields the bytes of a command to be sent, or None to be sent the next reply. Where the store
fails it is thrown a ``StoreError`` instead, and it returns the answer either way. The clients are
what runs it, synchronous or not.

What leads to other keys is asked for first, and what can be asked for is, before the first reply is
awaited: the store looks some rows up while others are decoded.
"""

from collections import deque
from collections.abc import Generator, Mapping, Sequence
from dataclasses import dataclass
from itertools import accumulate, pairwise
from typing import Any

import numpy as np

from online.answer import Answer, ViewState
from online.commands import fetch
from online.keys import Keys, KeySource
from online.requests import Request
from online.service_plan import ServicePlan, ViewRead
from slate.errors import StoreError
from slate.expressions import NOW, Array, Expr

Flow = Generator[bytes | None, Any, Answer]
Exchange = Generator[bytes | None, Any, None]

FEW = 4


@dataclass(frozen=True)
class Live:
    """A live generation: what its rows' names begin with, and up to when it knows all events."""

    prefix: str
    as_of: int


class Lookup:
    """One lookup.

    Args:
        plan: the service's plan.
        request: the checked request.
        at: the instant asked about, in microseconds.
        live: the live generation of each view that has one, by the view's name.

    Attributes:
        failure: why the store did not answer; None while it does.
    """

    def __init__(
        self, plan: ServicePlan, request: Request, at: int, live: Mapping[str, Live]
    ) -> None:
        self.failure: StoreError | None = None
        self._plan = plan
        self._request = request
        self._at = at
        self._live = live
        self._keys: dict[KeySource, Keys] = dict(request.keys)
        self._values: dict[Expr, Array] = {NOW: np.array([at], "M8[us]"), **request.inputs}
        self._states: dict[str, ViewState] = {}
        self._awaited: deque[dict[ViewRead, tuple[int, int]]] = deque()
        self._blobs: dict[ViewRead, list[bytes | None]] = {}

    def run(self, error: str | None = None) -> Flow:
        """The flow.

        Args:
            error: why there is nothing to be asked of the store; the answer tells it.
        """
        waiting: list[ViewRead] = []
        for leading, others, known in self._plan.rounds:
            # Those of few keys cost next to nothing: they come with the first, to be decoded while
            # the store is at the others.
            quick = [read for read in others if len(self._keys[read.keys[0]].values) <= FEW]
            rest = [read for read in others if read not in quick]
            yield from self._ask([*leading, *quick])
            yield from self._ask(rest)
            for read in known:
                yield from self._decode(read)
            waiting += [*quick, *rest]
        for read in waiting:
            yield from self._decode(read)
        if self.failure is not None:
            error = str(self.failure)
        return Answer(
            self._plan.plan.service.full_name,
            self._at,
            self._request.rows,
            self._plan.compute(self._values),
            {read.view.name: self._states[read.view.name] for read in self._plan.reads},
            (error,) if error else (),
        )

    def _ask(self, reads: Sequence[ViewRead]) -> Exchange:
        """Send for the values of the reads' first keys."""
        reads = [read for read in reads if read.view.name in self._live]
        rows = [(self._live[read.view.name].prefix, self._keys[read.keys[0]]) for read in reads]
        if self.failure is not None or not any(keys.values for _, keys in rows):
            return
        try:
            yield fetch(rows)
        except StoreError as error:
            self._fail(error)
        else:
            bounds = pairwise(accumulate((len(keys.values) for _, keys in rows), initial=0))
            self._awaited.append(dict(zip(reads, bounds, strict=True)))

    def _decode(self, read: ViewRead) -> Exchange:
        """Wait for a read's values, and decode its rows."""
        while self._awaited and read not in self._blobs:
            awaited = self._awaited.popleft()
            try:
                reply = yield None
            except StoreError as error:
                self._fail(error)
            else:
                self._blobs |= {one: reply[start:end] for one, (start, end) in awaited.items()}
        keys = [self._keys[source] for source in read.keys]
        decoded = read.decoded(self._blobs.get(read), keys, self._at)
        self._values.update(decoded.values)
        self._keys.update(decoded.keys)
        known = read in self._blobs
        self._states[read.view.name] = ViewState(
            self._request.rows,
            self._at,
            self._live[read.view.name].as_of if known else None,
            decoded.event_ts,
            decoded.stale,
            _missing(keys) if known else np.ones(1, np.bool_),
        )

    def _fail(self, error: StoreError) -> None:
        self.failure = error
        self._awaited.clear()


def _missing(keys: list[Keys]) -> Array:
    """The rows of which a key is null."""
    missing: Array = keys[0].index < 0
    for other in keys[1:]:
        missing = missing | (other.index < 0)
    return missing
