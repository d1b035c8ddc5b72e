"""Connections for threads: each flow has one of its own, and one deadline for all its waits."""

import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from threading import BoundedSemaphore
from typing import TYPE_CHECKING, Any, Self

from redis import ConnectionPool, Redis
from redis.backoff import NoBackoff
from redis.connection import (
    Connection,
    DefaultParser,
    SSLConnection,
    UnixDomainSocketConnection,
)
from redis.exceptions import RedisError, ResponseError, TimeoutError
from redis.retry import Retry

from slate.limits import check_timeout
from slate.online.store.addresses import options
from slate.online.store.channel import READ_SIZE, Channel
from slate.online.store.flows import (
    CONNECTIONS,
    ExchangeError,
    Flow,
    Replicated,
    Step,
    T,
    busy,
    closed,
    cut,
    drive,
    late,
    unreachable,
)

# When what the thread does has to be over, by the monotonic clock.
_deadline: ContextVar[float | None] = ContextVar("deadline", default=None)
# A socket that is given no time does not even begin.
_LEAST = 0.001


class Connections:
    """As many connections to the store as are at work at a time. They can be shared by threads.

    Args:
        redis: a client of the store, whose connections know of deadlines.
        timeout: how many seconds a flow has.
        most: how many connections there may be; who needs another one waits.

    Attributes:
        heard: when the store last said anything to anyone, by the monotonic clock.
    """

    def __init__(self, redis: Redis, timeout: float, most: int) -> None:
        self.redis = redis
        self.timeout = timeout
        self.most = most
        self.gate = BoundedSemaphore(most)
        self.heard = 0.0
        self.closed = False

    @classmethod
    def to(cls, address: str, timeout: float) -> Self:
        """Connections to an address; each is made when it is needed.

        Raises:
            ConfigurationError: the address is not one, or the timeout not a time.
        """
        check_timeout(timeout)
        return cls.of(options(address), timeout)

    @classmethod
    def of(cls, address: Mapping[str, Any], timeout: float) -> Self:
        """Connections to an address that is read already; see ``options``."""
        given = dict(address)
        most = given.pop("max_connections", CONNECTIONS)
        kind = _TIMED[given.pop("connection_class", Connection)]
        return cls(Redis.from_pool(ConnectionPool(kind, most, **TIMED, **given)), timeout, most)

    def run(self, flow: Flow[T], timeout: float | None = None) -> T:
        """Run a flow, and return what it returns.

        Its deadline holds for whatever it waits for: a connection, the replies. What has arrived by
        then it is still given. Only the look-up of a host's name is the system's to bound.

        Args:
            flow: the flow.
            timeout: how many seconds it has; None for as many as any.

        Raises:
            ClosedError: the connections are closed.
        """
        if self.closed:
            raise closed()
        timeout = self.timeout if timeout is None else timeout
        with until(time.monotonic() + timeout), Exchange(self, timeout) as exchange:
            return drive(flow, exchange)

    def close(self) -> None:
        """Cut all connections; who asks from now on is told."""
        self.closed = True
        self.redis.close()


class Exchange:
    """A flow's exchange with the store, over a connection that it holds from the first command."""

    def __init__(self, connections: Connections, timeout: float) -> None:
        self.timeout = timeout
        self._connections = connections
        self._channel: Channel | None = None
        self._began = time.monotonic()

    def __call__(self, step: Step) -> Any:
        """What a flow is sent for a step, or raises what is thrown in."""
        try:
            return self._exchanged(step)
        except (ExchangeError, ResponseError):
            if self._connections.closed:
                raise closed() from None
            raise

    def _exchanged(self, step: Step) -> Any:
        if isinstance(step, float):
            return self._pause(step)
        if isinstance(step, Replicated):
            return []
        all_ = self._connections
        try:
            reply = (self._channel or self._open()).exchange(step)
        except ResponseError:
            all_.heard = time.monotonic()
            raise
        except TimeoutError:
            # One that had less time than others tells nothing about what these may expect.
            lost = all_.heard < self._began and self.timeout >= all_.timeout
            raise late(self.timeout, lost) from None
        except (RedisError, OSError) as error:
            # What comes after it, if anything, has another connection.
            self.end()
            raise cut(error) from error
        if step is None:
            all_.heard = time.monotonic()
        return reply

    def _open(self) -> Channel:
        all_ = self._connections
        if not all_.gate.acquire(timeout=left() or 0):
            raise busy(self.timeout, all_.most)
        self._channel = Channel(all_.redis)
        if all_.closed:
            raise closed()
        try:
            self._channel.connect()
        except TimeoutError:
            raise
        except (RedisError, OSError) as error:
            raise unreachable(error) from error
        return self._channel

    def _pause(self, seconds: float) -> None:
        self.end()
        time.sleep(seconds)
        self._began = time.monotonic()
        set_deadline(self._began + self.timeout)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.end()

    def end(self) -> None:
        """Give the connection back."""
        if self._channel is not None:
            channel, self._channel = self._channel, None
            try:
                channel.close()
            finally:
                self._connections.gate.release()


@contextmanager
def until(deadline: float) -> Iterator[None]:
    """Have all that this thread waits for be over at a deadline of the monotonic clock."""
    token = _deadline.set(deadline)
    try:
        yield
    finally:
        _deadline.reset(token)


def set_deadline(deadline: float) -> None:
    """Have all that this thread waits for be over at another deadline than until now."""
    _deadline.set(deadline)


def left() -> float | None:
    """How many seconds are left until the deadline; None without one."""
    deadline = _deadline.get()
    return None if deadline is None else max(deadline - time.monotonic(), 0.0)


if TYPE_CHECKING:
    from redis.connection import AbstractConnection as _Base
else:
    _Base = object


class Timed(_Base):
    """What makes a connection of redis wait no longer than the deadline allows."""

    @property
    def socket_timeout(self) -> float | None:
        """How many seconds are left."""
        seconds = left()
        return None if seconds is None else max(seconds, _LEAST)

    @socket_timeout.setter
    def socket_timeout(self, value: float | None) -> None:
        """Passed over: the deadline says it."""

    @property
    def socket_connect_timeout(self) -> float | None:
        """The same."""
        return self.socket_timeout

    @socket_connect_timeout.setter
    def socket_connect_timeout(self, value: float | None) -> None:
        """Passed over as well."""

    def send_packed_command(self, command: Any, check_health: bool = True) -> None:
        """Send a command, within that time."""
        self.update_current_socket_timeout(self.socket_timeout)
        super().send_packed_command(command, check_health)  # type: ignore[no-untyped-call]


class _TimedConnection(Timed, Connection): ...


class _TimedSSLConnection(Timed, SSLConnection): ...


class _TimedUnixConnection(Timed, UnixDomainSocketConnection): ...


_TIMED = {
    Connection: _TimedConnection,
    SSLConnection: _TimedSSLConnection,
    UnixDomainSocketConnection: _TimedUnixConnection,
}


class _Parser(DefaultParser):  # type: ignore[misc, valid-type]
    """Reads no longer than the deadline allows, but whatever has arrived by then."""

    def read_from_socket(self, timeout: Any = None, raise_on_timeout: bool = True) -> bool:
        read: bool = super().read_from_socket(left(), raise_on_timeout)
        return read


# What else such connections are made with.
TIMED: dict[str, Any] = {
    "parser_class": _Parser,
    "socket_read_size": READ_SIZE,
    "retry": Retry(NoBackoff(), 0),
}
