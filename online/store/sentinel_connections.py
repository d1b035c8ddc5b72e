"""Connections to the primary that sentinels tell of, whichever server that is by now.

A connection of redis that sentinels manage asks its pool for the primary when it is made. The pool
here gives each sentinel a share of the time that there is, asks those first that told last, and
takes for the primary only what says that it is one. Who was the primary may go on for seconds as
if it were, so the pool looks again now and then.
"""

import time
from collections.abc import Sequence
from contextlib import suppress
from typing import Any, NamedTuple
from weakref import proxy

from redis import ConnectionPool, Redis
from redis.backoff import NoBackoff
from redis.connection import Connection, SSLConnection
from redis.exceptions import ConnectionError, RedisError
from redis.retry import Retry
from redis.sentinel import SentinelManagedConnection

from slate.online.store.addresses import Node, SentinelAddress
from slate.online.store.channel import READ_SIZE
from slate.online.store.connections import TIMED, Connections, Timed, left, until
from slate.online.store.flows import CONNECTIONS

# For how long sentinels are asked by whom no timeout holds.
PATIENCE = 10.0
# Once more, for a pooled connection that the server has closed meanwhile.
RETRIES = 1
# How often sentinels are asked, also while connections hold.
EVERY = 1.0


class Told(NamedTuple):
    """What a sentinel tells.

    Attributes:
        epoch: how often there has been another primary; who tells less lags behind.
        primary: where the primary is.
    """

    epoch: int
    primary: Node


class PrimaryChangedError(RedisError):
    """Another server is the primary than before, and may lack what that one was last told."""


class PrimaryPool(ConnectionPool):
    """Connections to the primary.

    Args:
        address: what the address says.
        kinds: what connections are made of, with TLS or without.
        timeout: how many seconds sentinels have where there is no deadline.
        strict: whether it is told once, as an error, that another server is the primary: so that
            whoever takes several steps begins anew, and does not build on what is lost.
        options: what else connections are made with.
    """

    # Redis' connections ask for these.
    is_master, check_connection = True, False

    def __init__(
        self,
        address: SentinelAddress,
        kinds: dict[type, type["_ToPrimary"]],
        timeout: float,
        strict: bool = False,
        **options: Any,
    ) -> None:
        given = {**options, **address.options}
        kind = kinds[given.pop("connection_class", Connection)]
        super().__init__(kind, given.pop("max_connections", CONNECTIONS), **given)
        # Not itself: it would never be let go.
        self.connection_kwargs["connection_pool"] = proxy(self)
        self.primary: Node | None = None
        self._service = address.service
        self._timeout = timeout
        self._strict = strict
        self._epoch, self._next_look = 0, 0.0
        self._sentinels: list[tuple[Node, Any]] = [
            (node, Connections.of({**address.sentinel_options, **node._asdict()}, timeout).redis)
            for node in address.sentinels
        ]

    def get_connection(self, command_name: Any = None, *keys: Any, **options: Any) -> Connection:
        """A connection to the primary."""
        if self.primary is not None and time.monotonic() >= self._next_look:
            self._next_look = time.monotonic() + EVERY
            # What is connected goes on if this one does not tell; the next look is another's.
            with suppress(RedisError, OSError):
                told = self._told_by(self._sentinels[:1])
                if told.epoch >= self._epoch and told.primary != self.primary:
                    self.disconnect(inuse_connections=False)
        return super().get_connection()

    def get_master_address(self) -> Node:
        """Where the primary is.

        Raises:
            ConnectionError: no sentinel tells.
        """
        self._epoch, primary = self._told_by(self._sentinels)
        return primary

    def _told_by(self, sentinels: Sequence[tuple[Node, Any]]) -> Told:
        """The first thing that some sentinels tell that is not out of date; or else the newest."""
        allowed, errors, told = left(), list[tuple[Node, Exception]](), list[Told]()
        share = share_of(self._timeout if allowed is None else allowed, len(self._sentinels))
        for node, sentinel in sentinels:
            try:
                with (
                    until(time.monotonic() + share),
                    sentinel.pipeline(transaction=False) as asked,
                ):
                    told.append(read(asking(asked, self._service).execute()))
            except (RedisError, OSError) as error:
                errors.append((node, error))
            else:
                if told[-1].epoch >= self._epoch:
                    break
            self.doubt()
        return newest(told, self._service, errors)

    def doubt(self) -> None:
        """Ask the sentinel last from now on that was asked first."""
        first, *others = self._sentinels
        self._sentinels = [*others, first]

    def reached(self, primary: Node) -> None:
        """Note that a server said that it is the primary.

        Raises:
            PrimaryChangedError: another one was until now, and that is to be told.
        """
        before, self.primary = self.primary, primary
        self._next_look = time.monotonic() + EVERY
        if before is None or before == primary:
            return
        self.disconnect(inuse_connections=False)
        if self._strict:
            raise PrimaryChangedError(
                f"the primary of {self._service!r} is {primary.host}:{primary.port} by now, and no "
                f"longer {before.host}:{before.port}, whose last changes it may lack: try again"
            )

    def disconnect(self, inuse_connections: bool = True) -> None:
        """Cut connections; if all of them, those to sentinels too."""
        super().disconnect(inuse_connections)
        if inuse_connections:
            for _, sentinel in self._sentinels:
                sentinel.close()

    def __repr__(self) -> str:
        return f"<{type(self).__name__} {self._service}>"


def share_of(seconds: float, sentinels: int) -> float:
    """How many seconds each sentinel has, so that as many are left for the primary."""
    return seconds / (sentinels + 1)


def asking(pipeline: Any, service: str) -> Any:
    """What asks a sentinel: first how new it is what it tells, then where the primary is."""
    pipeline.execute_command("SENTINEL MASTER", service)
    return pipeline.execute_command("SENTINEL GET-MASTER-ADDR-BY-NAME", service)


def read(replies: Sequence[Any]) -> Told:
    """What a sentinel has told."""
    state, (host, port) = replies
    return Told(state["config-epoch"], Node(host.decode(), port))


def newest(told: Sequence[Told], service: str, errors: Sequence[tuple[Node, Exception]]) -> Told:
    """The newest of what sentinels told.

    Args:
        told: what they did.
        service: what they were asked about.
        errors: why others did not.

    Raises:
        ConnectionError: none told anything.
    """
    if told:
        return max(told)
    why = "; ".join(f"{host}:{port}: {error}" for (host, port), error in errors)
    raise ConnectionError(f"no sentinel tells where the primary of {service!r} is: {why}")


def require_primary(role: Any, address: Node) -> None:
    """Refuse a server that does not say that it is a primary.

    Raises:
        ConnectionError: so it is; sentinels learn of it later than its replicas do.
    """
    if role[0] != b"master":
        host, port = address
        raise ConnectionError(f"{host}:{port} is no primary, as sentinels will know soon")


class _ToPrimary(SentinelManagedConnection):
    """A connection to the primary."""

    def connect_to(self, address: Node) -> None:
        super().connect_to(address)  # type: ignore[no-untyped-call]
        try:
            self.send_command("ROLE")  # type: ignore[no-untyped-call]
            require_primary(self.read_response(), address)
        except BaseException:
            self.disconnect()  # type: ignore[no-untyped-call]
            self.connection_pool.doubt()
            raise
        self.connection_pool.reached(address)


class _ToPrimaryTLS(_ToPrimary, SSLConnection): ...


class _TimedToPrimary(Timed, _ToPrimary): ...


class _TimedToPrimaryTLS(Timed, _ToPrimaryTLS): ...


_KINDS: dict[type, type[_ToPrimary]] = {Connection: _ToPrimary, SSLConnection: _ToPrimaryTLS}
_TIMED_KINDS: dict[type, type[_ToPrimary]] = {
    Connection: _TimedToPrimary,
    SSLConnection: _TimedToPrimaryTLS,
}


def sentinel_connections(address: SentinelAddress, timeout: float) -> Connections:
    """Connections to the primary that sentinels tell of; see ``Connections``."""
    pool = PrimaryPool(address, _TIMED_KINDS, timeout, **TIMED)
    return Connections(Redis.from_pool(pool), timeout, pool.max_connections)


def primary_client(address: SentinelAddress, timeout: float | None) -> Redis:
    """A client of the primary that sentinels tell of, for whoever asks one thing at a time.

    It raises ``PrimaryChangedError``, once, where another server is the primary than before: so
    whoever takes several steps has a client to itself.

    Args:
        address: what the address says.
        timeout: after how many seconds a command fails; None waits for ever.
    """
    waits = {"socket_timeout": timeout, "socket_connect_timeout": timeout}
    given: dict[str, Any] = {"socket_read_size": READ_SIZE, "retry": Retry(NoBackoff(), RETRIES)}
    return Redis.from_pool(
        PrimaryPool(address, _KINDS, timeout or PATIENCE, strict=True, **waits, **given)
    )


def servers_of(client: Redis) -> list[Node]:
    """The primary that a ``primary_client`` is one of, and the replicas that are connected to it.

    Raises:
        RedisError: the primary cannot be reached.
    """
    _, _, replicas = client.role()
    pool: Any = client.connection_pool
    return [pool.primary, *[Node(host.decode(), int(port)) for host, port, _ in replicas]]
