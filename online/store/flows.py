"""Flows of commands and replies: their steps, what drives them, and how an exchange fails.

A flow is a generator that does no I/O of its own. It yields its steps::

    Packed       commands to be sent; it is sent None
    None         the next reply is wanted; it is sent the reply
    float        a pause of so many seconds: others may have the connection meanwhile, and what
                 comes after it has a deadline of its own
    Replicated   what was written to a cluster is to be on replicas; it is sent the nodes that have
                 some, and of which none has it

Where a step fails an error is thrown in: a ``ResponseError`` of redis is the store's word on one
command, after which the next reply can be asked for; an ``ExchangeError`` is the end.
"""

from collections.abc import Awaitable, Callable, Generator, Sequence
from dataclasses import dataclass
from typing import Any, TypeAlias, TypeVar

from redis.exceptions import ResponseError

from slate.errors import ClosedError, StoreError
from slate.online.store.commands import Packed

# How many connections of one client are at work at a time: more than one process can decode.
CONNECTIONS = 64

T = TypeVar("T")
S = TypeVar("S")


@dataclass(frozen=True)
class Replicated:
    """A step of a flow: what it has written to a cluster is to be on replicas too.

    Attributes:
        seconds: for how long to wait for that.
    """

    seconds: float = 1.0


Step: TypeAlias = Packed | Replicated | float | None
Flow: TypeAlias = Generator[Step, Any, T]


class ExchangeError(StoreError):
    """An exchange with the store came to nothing.

    Args:
        message: what happened.
        lost: whether the store is to be taken for lost; if not, others need not fear the same.
        broken: whether it was the connection that failed: what only reads may be asked once more,
            over another one.
    """

    def __init__(self, message: str, lost: bool, broken: bool = False) -> None:
        super().__init__(message)
        self.lost = lost
        self.broken = broken


class NodeError(ExchangeError):
    """One node of a cluster did not answer, while others may.

    In a flow it is thrown in for a command of which all lies there; where a command is about names
    on many nodes, it stands in its reply in the place of what that node did not tell.
    """

    @classmethod
    def of(cls, host: str, port: int, error: ExchangeError) -> "NodeError":
        """The error of a node."""
        return cls(f"{host}:{port}: {error}", lost=False, broken=error.broken)


def not_replicated(nodes: Sequence[tuple[str, int]]) -> ExchangeError:
    """The error where no replica of a node has what was written to it."""
    named = ", ".join(f"{host}:{port}" for host, port in nodes)
    return ExchangeError(
        f"no replica of {named} has confirmed what was written, which would be lost with that "
        "node: see that its replicas are connected",
        lost=False,
    )


def unreachable(error: Exception) -> ExchangeError:
    """The error where no connection can be made."""
    return ExchangeError(f"the online store cannot be reached ({error})", lost=True)


def cut(error: Exception) -> ExchangeError:
    """The error where a connection breaks; the next one tells whether the store is there."""
    return ExchangeError(
        f"the connection to the online store broke ({error})", lost=False, broken=True
    )


def late(timeout: float, lost: bool) -> ExchangeError:
    """The error where the store has not answered in time; it is lost if nobody was answered."""
    return ExchangeError(f"the online store has not answered within {timeout:g} s", lost)


def busy(timeout: float, most: int) -> ExchangeError:
    """The error where all connections were at work for too long."""
    return ExchangeError(
        f"no connection to the online store became free within {timeout:g} s, all {most} being at "
        "work: ask for less at once, from more processes, or with a longer timeout",
        lost=False,
    )


def closed() -> ClosedError:
    """The error where a client is used after its end."""
    return ClosedError("it is closed: connect another one")


def drive(flow: Generator[S, Any, T], exchange: Callable[[S], Any]) -> T:
    """Run a flow to its end, and return what it returns.

    Args:
        flow: the flow, of such steps or of a cluster's.
        exchange: takes a step, and gives what the flow is sent for it, or raises what is thrown in.
    """
    try:
        step = next(flow)
        while True:
            try:
                reply = exchange(step)
            except (ExchangeError, ResponseError) as error:
                step = flow.throw(error)
            else:
                step = flow.send(reply)
    except StopIteration as end:
        result: T = end.value
        return result


async def drive_async(flow: Generator[S, Any, T], exchange: Callable[[S], Awaitable[Any]]) -> T:
    """Run a flow to its end in a task; see ``drive``."""
    try:
        step = next(flow)
        while True:
            try:
                reply = await exchange(step)
            except (ExchangeError, ResponseError) as error:
                step = flow.throw(error)
            else:
                step = flow.send(reply)
    except StopIteration as end:
        result: T = end.value
        return result


def again_if_broken(flow: Callable[[], Flow[T]]) -> Flow[T]:
    """Run a flow that only reads, and once more over another connection if the first one breaks."""
    try:
        return (yield from flow())
    except ExchangeError as error:
        if not error.broken:
            raise
    return (yield from flow())
