"""Flows of commands and replies: their steps, what drives them, and how an exchange fails.

A flow is a generator that does no I/O of its own. It yields its steps::

    Packed   commands to be sent; it is sent None
    None     the next reply is wanted; it is sent the reply
    float    a pause of so many seconds: others may have the connection meanwhile, and what comes
             after it has a deadline of its own

Where a step fails an error is thrown in: a ``ResponseError`` of redis is the store's word on one
command, after which the next reply can be asked for; an ``ExchangeError`` is the end.
"""

from collections.abc import Awaitable, Callable, Generator
from typing import Any, TypeAlias, TypeVar

from redis.exceptions import ResponseError

from slate.errors import ClosedError, StoreError
from slate.online.store.commands import Packed

# How many connections of one client are at work at a time: more than one process can decode.
CONNECTIONS = 64

T = TypeVar("T")
Step: TypeAlias = Packed | float | None
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


def drive(flow: Flow[T], exchange: Callable[[Step], Any]) -> T:
    """Run a flow to its end, and return what it returns.

    Args:
        flow: the flow.
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


async def drive_async(flow: Flow[T], exchange: Callable[[Step], Awaitable[Any]]) -> T:
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
