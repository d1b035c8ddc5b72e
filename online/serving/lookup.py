"""A lookup as a flow of commands and replies, without any I/O of its own.

See ``slate.online.store.flows`` for what such a flow yields, and what is thrown into it where the
store fails. It returns the answer either way. The clients are what runs it, synchronous or not.

What leads to other keys is asked for first, and what can be asked for is, before the first reply is
awaited: the store looks some rows up while others are decoded.
"""

from collections import Counter, deque
from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import partial
from itertools import accumulate, pairwise
from typing import TypeAlias, cast

import numpy as np
from redis.exceptions import ResponseError

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
from slate.online.serving.view_read import Deltas, Published, ViewRead
from slate.online.serving.view_state import ViewState
from slate.online.store.commands import Packed, exists, fetch, fields, together
from slate.online.store.flows import ExchangeError, Flow, NodeError
from slate.online.store.live_generations import Live, LiveViews
from slate.online.store.stream_names import route, tag

# What takes in one reply, in which a node that did not answer stands for what it has.
Reply: TypeAlias = list[bytes | NodeError | None]
Take: TypeAlias = Callable[[Reply], None]

FEW = 4


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
        failure: why nothing more can be had of the store; None while it answers.
        vanished: why nothing is known of views whose generation was no longer there, by name.
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
        self.failure: ExchangeError | None = None
        self.vanished: dict[str, AnswerError] = {}
        self.later = 0
        self._plan = plan
        self._request = request
        self._at = at
        self._live = known.live
        self._unknown = known.unknown
        self._near = near
        self._mark = mark
        self._keys: dict[KeySource, Keys] = dict(request.keys)
        self._values: dict[Expr, Operand] = {NOW: np.array([at], "M8[us]"), **request.inputs}
        self._states: dict[str, ViewState] = {}
        self._missing: dict[str, Array] = {}
        self._awaited: deque[tuple[Take, list[ViewRead]]] = deque()
        self._open: Counter[ViewRead] = Counter()
        self._rows: dict[ViewRead, Published] = {}
        self._damaged: dict[ViewRead, tuple[AnswerError, ...]] = {}
        self._deltas: dict[ViewRead, Deltas] = {}
        self._errors: list[AnswerError] = []
        self._from_near: set[ViewRead] = set()
        self._wanted_keys: dict[ViewRead, Keys] = {}

    def run(self, error: str | None = None) -> Flow[Answer]:
        """The flow.

        Args:
            error: why there is nothing to be asked of the store; the answer tells it.
        """
        waiting: list[ViewRead] = []
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
            yield from self._ask(first, [read for read in known if read in first])
            yield from self._ask(rest, [read for read in known if read not in first])
            for read in one.leads:
                if read not in near:
                    yield from self._decode(read)
            waiting += [*quick, *rest]
        for read in waiting:
            yield from self._decode(read)
        yield from self._look_again()
        if self.failure is not None:
            error = str(self.failure)
        views = [read.view.name for read in self._plan.reads]
        unknown = self._unknown | self.vanished
        reasons = [unknown[view] for view in views if view in unknown]
        damaged = [one for read in self._plan.reads for one in self._damaged[read]]
        values, told, failed = self._plan.compute(self._values)
        errors = [
            *([AnswerError(error)] if error else ()),
            *self._errors,
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

    def _ask(self, reads: Sequence[ViewRead], known: Sequence[ViewRead]) -> Flow[None]:
        """Send for values by their first keys, and for what streams add, by all keys.

        Args:
            reads: those of which the first key is known.
            known: those of which all are.
        """
        if self.failure is not None:
            return
        packed: list[Packed] = []
        awaited: list[tuple[Take, list[ViewRead]]] = []
        added = [read for read in known if (live := self._live_of(read)) and live.deltas]
        for read in added:
            live = self._live[read.view.name]
            assert live.deltas is not None
            wanted = self._wanted(read)
            deltas = Deltas(live.deltas, [None] * len(wanted.texts), live.stream_from)
            self._deltas[read] = deltas
            for number, positions in wanted.partitions.items():
                texts = wanted.texts
                if len(positions) < len(texts):
                    texts = [texts[place] for place in positions]
                name = f"{live.deltas}{tag(route(read.view), number)}"
                packed.append(fields(name, texts, wanted.size))
                awaited.append((partial(_take_deltas, deltas, positions), [read]))
        keys = {read: self._keys[read.keys[0]] for read in reads}
        # Of no keys there is nothing to be known.
        self._open.update({read: 0 for read in reads if not keys[read].values})
        rows = [read for read in reads if keys[read].values and self._live_of(read)]
        # Behind all that is read of a generation comes its marker: is it there, then all was.
        marked = [*rows, *(read for read in added if read not in rows)]
        if marked:
            prefixes = [(self._live[read.view.name].prefix, keys[read]) for read in rows]
            markers = [self._live[read.view.name].marker for read in marked]
            packed.append(fetch(prefixes, markers))
            awaited.append((partial(self._take_rows, rows, marked), marked))
        if not packed:
            return
        asked = together(packed)
        self._mark(Stage.KEYS, [*reads, *known])
        try:
            yield asked
        except ExchangeError as error:
            self._fail(error)
        else:
            self._awaited.extend(awaited)
            self._open.update(read for _, some in awaited for read in some)
        self._mark(Stage.STORE, [*reads, *known])

    def _take_near(self, read: ViewRead) -> bool:
        """Take a read's rows from what this process keeps, if it can tell them."""
        live = self._live_of(read)
        kept = self._near.get(read.view.name) if self._near is not None else None
        if kept is None or live is None:
            return False
        keys = self._keys[read.keys[0]]
        taken = kept.take(live, keys, self._at, read.features, read.leads)
        if taken is not None:
            self._note(read, [keys], taken.decoded, taken.live, taken.behind)
        return taken is not None

    def _live_of(self, read: ViewRead) -> Live | None:
        return self._live.get(read.view.name)

    def _wanted(self, read: ViewRead) -> Keys:
        """The keys of a read, of pairs both as one."""
        if read not in self._wanted_keys:
            self._wanted_keys[read] = read.wanted([self._keys[source] for source in read.keys])
        return self._wanted_keys[read]

    def _take_rows(self, reads: list[ViewRead], marked: list[ViewRead], reply: Reply) -> None:
        for read, marker in zip(marked, reply[-len(marked) :], strict=True):
            view, name = read.view.name, self._live[read.view.name].name
            if isinstance(marker, NodeError):
                reason = f"whether {name} is whole is not known ({marker})"
                self._errors.append(AnswerError.of_views([view], reason))
                self._open[read] += 1
            elif marker != name.encode():
                self.vanished[view] = AnswerError.of_views(
                    [view],
                    f"its generation {name} is no longer in the store, though it is said to be "
                    "live: publish the view again, or run `slate rebuild`",
                )
        sizes = [len(self._keys[read.keys[0]].values) for read in reads]
        for read, (start, end) in zip(reads, pairwise(accumulate(sizes, initial=0)), strict=True):
            values, unread = _read(reply[start:end])
            self._rows[read] = Published(self._live[read.view.name].prefix, values, unread=unread)

    def _look_again(self) -> Flow[None]:
        """Find keys under which there is something else than a value.

        The store says of them what it says of keys without one, so these are asked for once more.
        """
        absent = {
            read: [
                place
                for place, value in enumerate(published.values)
                if value is None and place not in published.unread
            ]
            for read, published in self._rows.items()
            if not self._open[read] and None in published.values
        }
        absent = {read: places for read, places in absent.items() if places}
        if not absent or self.failure is not None:
            return
        asked = exists([self._names(read, places) for read, places in absent.items()])
        self._mark(Stage.KEYS, absent)
        try:
            yield asked
            found = yield None
            self._mark(Stage.STORE, absent)
            # Nearly always there is nothing.
            if not found:
                return
            for read, places in absent.items():
                yield together([exists([self._names(read, [place])]) for place in places])
                others = []
                for place in places:
                    if (yield None):
                        others.append(place)
                self._rows[read] = replace(self._rows[read], others=others)
        except ExchangeError as error:
            self._fail(error)
            self._open.update(absent.keys())
        except ResponseError as error:
            views = [read.view.name for read in absent]
            reason = f"the online store refuses to look again ({error})"
            self._errors.append(AnswerError.of_views(views, reason))
            self._open.update(absent.keys())
        self._mark(Stage.STORE, absent)
        for read in self._plan.reads:
            if read not in self._from_near or not self._take_near(read):
                self._take_in(read)

    def _names(self, read: ViewRead, places: list[int]) -> tuple[str, Keys]:
        """What the names of some rows begin with, and their keys."""
        values = self._keys[read.keys[0]].values
        return self._rows[read].prefix, Keys.of([values[place] for place in places])

    def _decode(self, read: ViewRead) -> Flow[None]:
        """Wait for a read's values, and decode its rows."""
        while self._awaited and self._open[read]:
            take, some = self._awaited.popleft()
            try:
                reply = yield None
            except NodeError as error:
                take([error])
                self._open.subtract(some)
            except ExchangeError as error:
                self._fail(error)
            except ResponseError as error:
                # What was asked with it stays open, and is missing; all else is served.
                views = [read.view.name for read in some]
                reason = f"the online store refuses to read it ({error})"
                self._errors.append(AnswerError.of_views(views, reason))
            else:
                take(reply)
                self._open.subtract(some)
            self._mark(Stage.STORE, some)
        self._take_in(read)

    def _take_in(self, read: ViewRead) -> None:
        """Decode a read's rows."""
        keys = [self._keys[source] for source in read.keys]
        live = self._live_of(read)
        # What came only in part is as good as none.
        whole = self._open.get(read) == 0 and read.view.name not in self.vanished
        known = live is not None and whole
        deltas = self._deltas.get(read) if known else None
        published = self._rows.get(read) if known else None
        decoded = read.decoded(published, self._wanted(read), self._at, deltas)
        self._note(read, keys, decoded, live if known else None)
        self._mark(Stage.DECODE, [read])

    def _note(
        self,
        read: ViewRead,
        keys: list[Keys],
        decoded: Decoded,
        live: Live | None,
        behind: float = 0.0,
    ) -> None:
        """Note what became of a read.

        Args:
            read: the read.
            keys: its keys.
            decoded: its rows.
            live: the generation that they are of; None if they cannot be known.
            behind: how many seconds ago they were in step with the store.
        """
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

    def _fail(self, error: ExchangeError) -> None:
        self.failure = error
        self._awaited.clear()


def _take_deltas(deltas: Deltas, positions: list[int], reply: Reply) -> None:
    # All of a partition lies on one node.
    if isinstance(reply[0], NodeError):
        deltas.unread.update(dict.fromkeys(positions, str(reply[0])))
    elif len(positions) == len(deltas.values):
        # Of all keys, in their order.
        deltas.values[:] = cast("list[bytes | None]", reply)
    else:
        _take_some(deltas, positions, reply)


def _take_some(deltas: Deltas, positions: list[int], reply: Reply) -> None:
    for place, value in zip(positions, reply, strict=True):
        assert not isinstance(value, NodeError)
        deltas.values[place] = value


def _read(reply: Reply) -> tuple[list[bytes | None], dict[int, str]]:
    """The values of a reply, and by place why some could not be read."""
    if NodeError not in map(type, reply):
        # As one server always answers.
        return cast("list[bytes | None]", reply), {}
    unread = {place: str(one) for place, one in enumerate(reply) if isinstance(one, NodeError)}
    return [None if isinstance(one, NodeError) else one for one in reply], unread


def _missing(keys: list[Keys]) -> Array:
    """The rows of which a key is null."""
    missing = keys[0].missing
    for other in keys[1:]:
        missing = missing | other.missing
    return missing
