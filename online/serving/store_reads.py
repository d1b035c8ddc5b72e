"""What a lookup asks of the store, and what comes back.

What is asked of few keys waits until something else is asked, or its reply is: then it is sent with
that. It costs next to nothing, and to send it by itself costs more.
"""

from collections import deque
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from itertools import accumulate, pairwise
from typing import TypeAlias, cast

from redis.exceptions import ResponseError

from slate.online.rows.answer_errors import AnswerError
from slate.online.rows.keys import Keys, KeySource
from slate.online.serving.lookup_stages import Mark, Stage
from slate.online.serving.view_read import ViewRead
from slate.online.serving.view_rows import Deltas, FetchedRows, Published
from slate.online.store.commands import Packed, exists, fetch, fields, together
from slate.online.store.flows import ExchangeError, Flow, NodeError
from slate.online.store.live_generations import Live
from slate.online.store.stream_names import route, tag

# What takes in one reply, in which a node that did not answer stands for what it has.
Reply: TypeAlias = list[bytes | NodeError | None]
Take: TypeAlias = Callable[[Reply], None]

FEW = 4


@dataclass
class _Question:
    """What is asked at once.

    Attributes:
        rows: the reads whose values are asked for by their first keys.
        added: those to which a stream adds, which is asked for by all keys.
        few: whether it is of few keys.
    """

    rows: list[ViewRead]
    added: list[ViewRead]
    few: bool


class StoreReads:
    """What one lookup asks of the store.

    Args:
        live: the live generations of views, by their names.
        keys: the keys that are known by now; more may be added.
        mark: notes the lookup's stages.

    Attributes:
        failure: why nothing more can be had of the store; None while it answers.
        vanished: why nothing is known of views whose generation was no longer there, by name.
        errors: what the store refused.
    """

    def __init__(
        self, live: Mapping[str, Live], keys: Mapping[KeySource, Keys], mark: Mark
    ) -> None:
        self.failure: ExchangeError | None = None
        self.vanished: dict[str, AnswerError] = {}
        self.errors: list[AnswerError] = []
        self._live = live
        self._keys = keys
        self._mark = mark
        self._questions: list[_Question] = []
        self._awaited: deque[tuple[Take, list[ViewRead]]] = deque()
        # Of each read how many replies are still to come.
        self._open: dict[ViewRead, int] = {}
        self._rows: dict[ViewRead, Published] = {}
        self._deltas: dict[ViewRead, Deltas] = {}
        self._wanted: dict[ViewRead, Keys] = {}

    def wanted(self, read: ViewRead) -> Keys:
        """The keys of a read, of pairs both as one."""
        found = self._wanted.get(read)
        if found is None:
            found = self._wanted[read] = read.wanted([self._keys[source] for source in read.keys])
        return found

    def ask(self, reads: Iterable[ViewRead], known: Iterable[ViewRead]) -> Flow[None]:
        """Ask for values by their first keys, and for what streams add, by all keys.

        Args:
            reads: those of which the first key is known.
            known: those of which all are.
        """
        rows, added = [], []
        few = True
        for read in reads:
            number = len(self._keys[read.keys[0]].values)
            if not number:
                # Of no keys there is nothing to be known.
                self._open[read] = 0
            elif read.view.name in self._live:
                rows.append(read)
                few = few and number <= FEW
        for read in known:
            live = self._live.get(read.view.name)
            if live is not None and live.deltas:
                added.append(read)
                few = few and len(self.wanted(read).texts) <= FEW
        if not rows and not added:
            return
        if few and self._questions and self._questions[-1].few:
            self._questions[-1].rows += rows
            self._questions[-1].added += added
        else:
            self._questions.append(_Question(rows, added, few))
        if not few:
            yield from self._send()

    def _send(self) -> Flow[None]:
        """Send what was asked and waits."""
        if not self._questions:
            return
        questions, self._questions = self._questions, []
        packed: list[Packed] = []
        awaited: list[tuple[Take, list[ViewRead]]] = []
        for one in questions:
            self._pack(one, packed, awaited)
        # Be it sent or not: what is not answered is not known.
        for _, some in awaited:
            for read in some:
                self._open[read] = self._open.get(read, 0) + 1
        if self.failure is not None:
            return
        asked = together(packed)
        reads = [read for one in questions for read in (*one.rows, *one.added)]
        self._mark(Stage.KEYS, reads)
        try:
            yield asked
        except ExchangeError as error:
            self._fail(error)
        else:
            self._awaited.extend(awaited)
        self._mark(Stage.STORE, reads)

    def _pack(
        self, asked: _Question, packed: list[Packed], awaited: list[tuple[Take, list[ViewRead]]]
    ) -> None:
        """Make commands of what is asked, and say what takes in their replies."""
        for read in asked.added:
            live, wanted = self._live[read.view.name], self.wanted(read)
            assert live.deltas is not None
            texts = wanted.texts
            deltas = Deltas(live.deltas, [None] * len(texts), live.stream_from)
            self._deltas[read] = deltas
            for number, positions in wanted.partitions.items():
                some = texts
                if len(positions) < len(texts):
                    some = [texts[place] for place in positions]
                name = f"{live.deltas}{tag(route(read.view), number)}"
                packed.append(fields(name, some, wanted.size))
                awaited.append((partial(_take_deltas, deltas, positions), [read]))
        # Behind all that is read of a generation comes its marker: is it there, then all was.
        rows = asked.rows
        marked = [*rows, *(read for read in asked.added if read not in rows)]
        live_rows = [(self._live[read.view.name].prefix, self._keys[read.keys[0]]) for read in rows]
        packed.append(fetch(live_rows, [self._live[read.view.name].marker for read in marked]))
        awaited.append((partial(self._take_rows, rows, marked), marked))

    def _take_rows(self, reads: list[ViewRead], marked: list[ViewRead], reply: Reply) -> None:
        for read, marker in zip(marked, reply[-len(marked) :], strict=True):
            view, name = read.view.name, self._live[read.view.name].name
            if isinstance(marker, NodeError):
                reason = f"whether {name} is whole is not known ({marker})"
                self.errors.append(AnswerError.of_views([view], reason))
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

    def wait(self, read: ViewRead) -> Flow[None]:
        """Wait for all replies about a read."""
        yield from self._send()
        while self._awaited and self._open.get(read):
            take, some = self._awaited.popleft()
            try:
                reply = yield None
            except NodeError as error:
                take([error])
                self._count_off(some)
            except ExchangeError as error:
                self._fail(error)
            except ResponseError as error:
                # What was asked with it stays open, and is missing; all else is served.
                views = [read.view.name for read in some]
                reason = f"the online store refuses to read it ({error})"
                self.errors.append(AnswerError.of_views(views, reason))
            else:
                take(reply)
                self._count_off(some)
            self._mark(Stage.STORE, some)

    def _count_off(self, some: list[ViewRead]) -> None:
        for read in some:
            self._open[read] -= 1

    def has(self, read: ViewRead) -> bool:
        """Whether all replies about a read are there; what came only in part is as good as none."""
        return self._open.get(read) == 0 and read.view.name not in self.vanished

    def fetched(self, read: ViewRead) -> FetchedRows:
        """What was fetched of a read's rows."""
        if not self.has(read):
            return read.fetched(self.wanted(read), None)
        return read.fetched(self.wanted(read), self._rows.get(read), self._deltas.get(read))

    def look_again(self) -> Flow[bool]:
        """Find keys under which there is something else than a value; tells whether any were asked.

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
            return False
        asked = exists([self._names(read, places) for read, places in absent.items()])
        self._mark(Stage.KEYS, absent)
        try:
            yield asked
            found = yield None
            self._mark(Stage.STORE, absent)
            # Nearly always there is nothing.
            if not found:
                return False
            for read, places in absent.items():
                yield together([exists([self._names(read, [place])]) for place in places])
                others = []
                for place in places:
                    if (yield None):
                        others.append(place)
                self._rows[read] = replace(self._rows[read], others=others)
        except ExchangeError as error:
            self._fail(error)
            self._leave_open(absent)
        except ResponseError as error:
            views = [read.view.name for read in absent]
            reason = f"the online store refuses to look again ({error})"
            self.errors.append(AnswerError.of_views(views, reason))
            self._leave_open(absent)
        self._mark(Stage.STORE, absent)
        return True

    def _leave_open(self, some: Iterable[ViewRead]) -> None:
        for read in some:
            self._open[read] += 1

    def _names(self, read: ViewRead, places: list[int]) -> tuple[str, Keys]:
        """What the names of some rows begin with, and their keys."""
        values = self._keys[read.keys[0]].values
        return self._rows[read].prefix, Keys.of([values[place] for place in places])

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


def _take_some(deltas: Deltas, positions: Sequence[int], reply: Reply) -> None:
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
