"""The writers: how applications put events on a source's stream."""

from collections.abc import Callable
from typing import Self

from slate.deployment import Deployment, given_or_loaded
from slate.errors import DataError, UnknownNameError, nearest
from slate.online.store.addresses import ClusterAddress, SentinelAddress, parsed
from slate.online.store.async_cluster_connections import (
    AnyAsyncConnections,
    async_connections_to,
)
from slate.online.store.cluster_connections import AnyConnections, connections_to
from slate.online.store.embedded_server import EmbeddedServer
from slate.online.store.redis_client import open_store
from slate.online.store.stream_names import streamed_sources
from slate.online.stream.writing.write_flow import Loose, Writing, Written
from slate.registry import Registry
from slate.sources import Source

TIMEOUT = 5.0
LIMIT = 1_000_000


class EventWriter:
    """Puts events on a source's stream, from where workers fold them into features.

    ::

        with EventWriter.connect(source="clicks") as writer:
            result = writer.write([{"click_id": "c1", "clicked_at": now, "user_id": "u1"}])
            for refusal in result.refused:
                log.warning("%s: %s", refusal.event, refusal.reason)

    It can be shared by threads, and by more of them than it has connections. Events written again,
    as after a lost connection, are known by their ids and count once.

    Args:
        writing: how the source's events are written.
        connections: the connections to the store.
        server: a server that is closed with the writer.
    """

    def __init__(
        self, writing: Writing, connections: AnyConnections, server: EmbeddedServer | None = None
    ) -> None:
        self._writing = writing
        self._connections = connections
        self._server = server

    @classmethod
    def connect(
        cls,
        deployment: Deployment | None = None,
        source: str | type[Source] | None = None,
        *,
        limit: int = LIMIT,
        now: Callable[[], int] | None = None,
        timeout: float = TIMEOUT,
    ) -> Self:
        """A writer of a source's events.

        Args:
            deployment: by default the one of slate.toml.
            source: the source or its name; by default the only one that has a stream.
            limit: how many events of a stream may wait to be applied, before it is full.
            now: what tells the arrival in microseconds, in tests and where the past is played
                again; by default the store's clock.
            timeout: after how many seconds a part of a write is given up.

        Raises:
            ConfigurationError: the store's address is not one, or the timeout not a time.
            UnknownNameError: there is no such source.
            DataError: the source has no stream, or the limit lets nothing through.
            StoreError: the embedded server cannot be started.
        """
        deployment = given_or_loaded(deployment)
        writing = _writing(deployment, source, limit, now)
        address, server = open_store(deployment)
        return cls(writing, connections_to(address, timeout), server)

    def write(self, events: Loose, *, strict: bool = False, wait: float = 0) -> Written:
        """Write events; those that the source's definition refuses are returned with the reason.

        A mapping with a column that the source does not have is one of these; of a table, where all
        rows have it, it is an error.

        All good ones are written at once, those of more than 10,000 in several parts. The arrival
        is stamped by the store; what an event says of it is ignored.

        Args:
            events: mappings by the source's columns, or a table of them. Times may be ISO texts.
            strict: whether one event that is refused stops all of them.
            wait: for how many seconds to wait for room where a stream is full.

        Raises:
            StreamFullError: workers are too far behind; the events from some part on are not
                written.
            StoreError: the store cannot be reached, or refuses.
            DataError: a table has a column that the source does not have, or an event is refused
                and ``strict``; none is written.
            ClosedError: the writer is closed.
        """
        return self._connections.run(self._writing.write(events, strict, wait))

    def close(self) -> None:
        """Close the connections, and the embedded server if it was started for this writer."""
        self._connections.close()
        if self._server is not None:
            self._server.stop()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


class AsyncEventWriter:
    """An ``EventWriter`` for asynchronous applications, for the tasks of one event loop."""

    def __init__(
        self,
        writing: Writing,
        connections: AnyAsyncConnections,
        server: EmbeddedServer | None = None,
    ) -> None:
        self._writing = writing
        self._connections = connections
        self._server = server

    @classmethod
    def connect(
        cls,
        deployment: Deployment | None = None,
        source: str | type[Source] | None = None,
        *,
        limit: int = LIMIT,
        now: Callable[[], int] | None = None,
        timeout: float = TIMEOUT,
    ) -> Self:
        """A writer of a source's events; see ``EventWriter.connect``."""
        deployment = given_or_loaded(deployment)
        writing = _writing(deployment, source, limit, now)
        address, server = open_store(deployment)
        return cls(writing, async_connections_to(address, timeout), server)

    async def write(self, events: Loose, *, strict: bool = False, wait: float = 0) -> Written:
        """Write events; see ``EventWriter.write``."""
        return await self._connections.run(self._writing.write(events, strict, wait))

    async def close(self) -> None:
        """Close the connections, and the embedded server if it was started for this writer."""
        await self._connections.close()
        if self._server is not None:
            self._server.stop()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.close()


def streamed_source(registry: Registry, source: str | type[Source] | None) -> type[Source]:
    """The source that is meant, by its class, its name, or the name of its stream.

    Raises:
        UnknownNameError: there is none, or several could be meant.
        DataError: it has no stream.
    """
    known = {found.name: found for found in streamed_sources(registry)}
    if source is None:
        if len(known) != 1:
            raise UnknownNameError(f"name the source whose events they are; {nearest('', known)}")
        (source,) = known.values()
    if isinstance(source, str):
        by_name = {found.stream: found for found in known.values()} | registry.sources
        if source not in by_name:
            raise UnknownNameError(f"there is no source {source!r}: {nearest(source, known)}")
        source = by_name[source]
    if not source.stream:
        raise DataError(
            f"{source.__name__} has no stream: give its definition one, as in "
            f"stream = {source.name!r}"
        )
    return source


def _writing(
    deployment: Deployment,
    source: str | type[Source] | None,
    limit: int,
    now: Callable[[], int] | None,
) -> Writing:
    registry = deployment.registry
    address = parsed(deployment.redis) if deployment.redis else None
    return Writing(
        registry,
        deployment.name,
        streamed_source(registry, source),
        limit,
        now,
        saved=not isinstance(address, ClusterAddress),
        clustered=isinstance(address, ClusterAddress),
        replicated=isinstance(address, SentinelAddress),
    )
