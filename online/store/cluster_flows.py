"""Flows over a cluster: each command sent to the node that has its slot.

``routed`` makes of a flow of commands, as ``slate.online.store.flows`` has them, one whose steps
name nodes. It does no I/O of its own either::

    node, commands   to be sent to a node; it is sent None
    node, number     so many replies of a node are wanted; it is sent them, of which those that are
                     errors stand in their places
    float            a pause, as in other flows

The flow is given replies in the order of its commands, whichever nodes they come from. A command on
rows of many slots is sent row by row, and its reply put together. Where slots have moved, the map
is read anew, and what the wrong node refused is asked of the right one. A node that fails costs
what lies there, and nothing else: that is a ``NodeError``, thrown in for a command, or in the place
of a value.
"""

from collections import deque
from collections.abc import Generator, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, TypeAlias

import numpy as np
from redis.exceptions import AskError, MovedError, ResponseError, TryAgainError

from slate.online.rows.row_format import Words
from slate.online.store.addresses import Node
from slate.online.store.cluster_map import ClusterMap
from slate.online.store.cluster_questions import ClusterQuestion, question
from slate.online.store.cluster_slots import SlotMap
from slate.online.store.commands import Packed, command, together, values
from slate.online.store.flows import ExchangeError, Flow, NodeError, Replicated, T

NodeStep: TypeAlias = tuple[Node, Packed] | tuple[Node, int] | float
NodeFlow: TypeAlias = Generator[NodeStep, Any, T]

# How often a command is asked, as slots move.
ATTEMPTS = 5

_SLOTS = command("CLUSTER", "SLOTS")
_ASKING = command("ASKING")


def routed(flow: Flow[T], cluster: ClusterMap) -> NodeFlow[T]:
    """A flow as one over the nodes of a cluster.

    Args:
        flow: the flow.
        cluster: what is known of the cluster.
    """
    router = _Router(cluster)
    try:
        step = next(flow)
        while True:
            reply = None
            try:
                if isinstance(step, Packed):
                    yield from router.send(step.parts or (step,))
                elif step is None:
                    reply = yield from router.receive()
                elif isinstance(step, Replicated):
                    reply = yield from router.replicate(step)
                else:
                    yield step
            except (ExchangeError, ResponseError) as error:
                step = flow.throw(error)
            else:
                step = flow.send(reply)
    except StopIteration as end:
        result: T = end.value
        return result


def known_slots(cluster: ClusterMap) -> NodeFlow[SlotMap]:
    """The flow that tells which node has which slots."""
    return (yield from _Router(cluster).slots())


@dataclass(eq=False)
class _Sent:
    """Commands that a node was sent.

    Attributes:
        node: the node; None where none has the slot.
        packed: the commands.
        places: which things of a question they are about.
        replies: what it replied; None before.
        error: why it did not.
    """

    node: Node | None
    packed: Packed
    places: Words
    replies: list[Any] | None = None
    error: ExchangeError | None = None

    def about(self, width: int) -> Iterator[tuple[int, list[Any]]]:
        """The replies about each thing, by its place."""
        replies = [self.error] * self.packed.number if self.replies is None else self.replies
        # An ASKING has a reply of its own, before.
        start = len(replies) - width * len(self.places)
        for place in self.places.tolist():
            yield place, replies[start : start + width]
            start += width

    def errors(self, width: int) -> Iterator[tuple[int, Exception]]:
        """The first error about each thing that there is one about, by its place."""
        if self.replies is not None and not any(isinstance(r, Exception) for r in self.replies):
            return
        for place, replies in self.about(width):
            error = next((one for one in replies if isinstance(one, Exception)), None)
            if error is not None:
                yield place, error


class _Router:
    """What was sent to which node, and what has come back."""

    def __init__(self, cluster: ClusterMap) -> None:
        self._cluster = cluster
        self._open: dict[Node, deque[_Sent]] = {}
        self._asked: deque[tuple[ClusterQuestion, list[_Sent]]] = deque()
        self._replies: deque[Any] = deque()

    def send(self, commands: Sequence[Packed]) -> NodeFlow[None]:
        """Send commands, each to the nodes that it concerns."""
        known = yield from self.slots()
        asked = [(about, _by_node(about, known)) for about in map(question, commands)]
        yield from self._send([one for _, sent in asked for one in sent])
        self._asked.extend(asked)

    def receive(self) -> NodeFlow[Any]:
        """The next reply."""
        if not self._replies:
            about, sent = self._asked.popleft()
            replies = about.replies((yield from self._found(about, sent)))
            if about.behind:
                (before,) = replies
                (behind,) = yield from self._values(about.behind)
                replies = [before + behind]
            self._replies.extend(replies)
        reply = self._replies.popleft()
        if isinstance(reply, ExchangeError | ResponseError):
            raise reply
        return reply

    def replicate(self, step: Replicated) -> NodeFlow[list[Node]]:
        """Wait until replicas have what nodes were sent; gives the nodes of which none has."""
        wait = command("WAIT", "1", str(int(step.seconds * 1000)))
        known = yield from self.slots()
        sent = [
            _Sent(node, wait, np.empty(0, np.int64))
            for node in self._open
            if known.replicas.get(node)
        ]
        yield from self._send(sent)
        behind = []
        for one in sent:
            yield from self._wait(one)
            if not one.replies or not isinstance(one.replies[0], int) or not one.replies[0]:
                behind.append(one.node)
        if behind:
            # Those that failed are no replicas any more, once the cluster knows it.
            known = yield from self.slots(anew=True)
        return [node for node in behind if node is not None and known.replicas.get(node)]

    def _values(self, names: Sequence[str]) -> NodeFlow[Sequence[Any]]:
        """The reply to the question for the values of names, asked only now."""
        about = question(values(names))
        sent = _by_node(about, (yield from self.slots()))
        yield from self._send(sent)
        return about.replies((yield from self._found(about, sent)))

    def _found(
        self, about: ClusterQuestion, sent: list[_Sent]
    ) -> NodeFlow[Sequence[Sequence[Any]]]:
        """What nodes replied about each thing, asked again where its slot has moved."""
        found: list[Sequence[Any]] = [()] * len(about.slots)
        for _ in range(ATTEMPTS):
            moved: list[int] = []
            failed: list[tuple[int, Node | None]] = []
            on_their_way: list[_Sent] = []
            for one in sent:
                yield from self._wait(one)
                for place, replies in one.about(about.width):
                    found[place] = replies
                for place, error in one.errors(about.width):
                    match error:
                        case MovedError() | TryAgainError():
                            moved.append(place)
                        case AskError(host=host, port=port) if about.width == 1:
                            ((_, packed),) = about.commands(np.array([place]))
                            node = Node(host or _host(one), port)
                            asked = together([_ASKING, packed])
                            on_their_way.append(_Sent(node, asked, np.array([place])))
                        case NodeError(broken=False):
                            failed.append((place, one.node))
            if not (moved or failed or on_their_way):
                break
            known = yield from self.slots(anew=bool(moved or failed))
            # Of a node that failed another may have taken the place by now.
            moved += [at for at, node in failed if known.node(int(about.slots[at])) != node]
            sent = [*_by_node(about, known, sorted(moved)), *on_their_way]
            yield from self._send(sent)
        return found

    def _send(self, some: Sequence[_Sent]) -> NodeFlow[None]:
        """Send what goes to one node at once, each to its own."""
        by_node: dict[Node, list[_Sent]] = {}
        for one in some:
            if one.node is None:
                one.error = NodeError("no node of the online store has this slot", lost=False)
            elif (why := self._cluster.left_alone(one.node)) is not None:
                one.error = NodeError.of(*one.node, why)
            else:
                by_node.setdefault(one.node, []).append(one)
        for node, these in sorted(by_node.items()):
            try:
                yield node, together([one.packed for one in these])
            except ExchangeError as error:
                self._fail(node, error, these)
            else:
                self._open.setdefault(node, deque()).extend(these)

    def _wait(self, sent: _Sent) -> NodeFlow[None]:
        """Wait for the replies to what was sent, and so for all that was sent before it."""
        while sent.replies is None and sent.error is None:
            assert sent.node is not None
            open_ = self._open[sent.node]
            first = open_.popleft()
            try:
                first.replies = yield sent.node, first.packed.number
            except ExchangeError as error:
                self._fail(sent.node, error, [first, *open_])
                open_.clear()
            else:
                self._cluster.answered(sent.node)

    def _fail(self, node: Node, error: ExchangeError, some: Sequence[_Sent]) -> None:
        self._cluster.failed(node, error)
        for one in some:
            one.error = NodeError.of(*node, error)

    def slots(self, anew: bool = False) -> NodeFlow[SlotMap]:
        """Which node has which slots.

        Args:
            anew: whether it is asked for, also where it is known.

        Raises:
            ExchangeError: no node tells.
        """
        if not anew and not self._cluster.to_be_read:
            assert self._cluster.slots is not None
            return self._cluster.slots
        errors: list[ExchangeError] = []
        for node in self._cluster.tellers:
            sent = _Sent(node, _SLOTS, np.empty(0, np.int64))
            yield from self._send([sent])
            yield from self._wait(sent)
            if sent.error is not None:
                errors.append(sent.error)
            elif sent.replies is not None and isinstance(sent.replies[0], list):
                self._cluster.take(SlotMap.of(sent.replies[0], node))
                break
        if self._cluster.slots is None:
            raise _no_map(errors)
        return self._cluster.slots


def _by_node(
    about: ClusterQuestion, known: SlotMap, some: Sequence[int] | None = None
) -> list[_Sent]:
    """What is to be sent to the nodes that have the slots of things, by default of all."""
    places: Words = np.arange(len(about.slots)) if some is None else np.array(some, np.int64)
    owners = known.owner[about.slots[places]]
    return [
        _Sent(None if owner < 0 else known.nodes[owner], packed, its)
        for owner in np.unique(owners).tolist()
        for its, packed in about.commands(places[owners == owner])
    ]


def _host(sent: _Sent) -> str:
    """A node that names none means its own."""
    assert sent.node is not None
    return sent.node.host


def _no_map(errors: Sequence[ExchangeError]) -> ExchangeError:
    if not errors:
        return ExchangeError(
            "the online store is said to be a cluster (redis+cluster:// in its address), and none "
            "of the nodes that the address names tells of one: is cluster-enabled set?",
            lost=True,
        )
    return ExchangeError(f"no node of the online store answers ({errors[0]})", lost=True)
