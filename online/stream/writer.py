"""The writers: how applications put events on a source's stream."""

import asyncio
import time
from collections.abc import Callable
from typing import Any, Self

from redis import Redis
from redis.asyncio import Redis as AsyncRedis
from redis.exceptions import RedisError

from online.embedded import EmbeddedServer
from online.store import connect, connect_async, open_store
from online.stream.names import streamed_sources
from online.stream.writing import Command, Flow, Loose, Writing, Written
from slate.deployment import Deployment, load
from slate.entities import Source
from slate.errors import DataError, UnknownNameError, nearest
from slate.registry import Registry

TIMEOUT = 5.0
LIMIT = 1_000_000


class EventWriter:
    """Puts events on a source's stream, from where workers fold them into features.

    ::

        with EventWriter.connect(source="clicks") as writer:
            result = writer.write([{"click_id": "c1", "clicked_at": now, "user_id": "u1"}])
            for refusal in result.refused:
                log.warning("%s: %s", refusal.event, refusal.reason)

    It can be shared by threads. Events written again, as after a lost connection, are known by
    their ids and count once.

    Args:
        writing: how the source's events are written.
        redis: a client of the store.
        server: a server that is closed with the writer.
    """

    def __init__(
        self, writing: Writing, redis: Redis, server: EmbeddedServer | None = None
    ) -> None:
        self._writing = writing
        self._redis = redis
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
            timeout: after how many seconds a command is given up.

        Raises:
            UnknownNameError: there is no such source.
            DataError: the source has no stream, or the limit lets nothing through.
            StoreError: the embedded server cannot be started.
        """
        deployment = deployment or load()
        writing = _writing(deployment, source, limit, now)
        address, server = open_store(deployment)
        return cls(writing, connect(address, timeout), server)

    def write(self, events: Loose, *, strict: bool = False, wait: float = 0) -> Written:
        """Write events; those that the source's definition refuses are returned with the reason.

        All good ones are written at once, those of more than 10,000 in several parts. The arrival
        is stamped by the store; what an event says of it is passed over.

        Args:
            events: mappings by the source's columns, or a table of them. Times may be ISO texts.
            strict: whether one event that is refused stops all of them.
            wait: for how many seconds to wait for room where a stream is full.

        Raises:
            StreamFullError: workers are too far behind; the events from some part on are not
                written.
            StoreError: the store cannot be reached, or refuses.
            DataError: an event has a column that the source does not have, or, if ``strict``, is
                refused; none is written.
        """
        flow = self._writing.write(events, strict, wait)
        try:
            step = next(flow)
            while True:
                try:
                    reply = self._take(step)
                except (RedisError, OSError) as error:
                    step = flow.throw(error)
                else:
                    step = flow.send(reply)
        except StopIteration as end:
            written: Written = end.value
            return written

    def _take(self, step: Command | float) -> Any:
        if isinstance(step, float):
            return time.sleep(step)
        return self._redis.execute_command(*step)  # type: ignore[no-untyped-call]

    def close(self) -> None:
        """Close the connections, and the embedded server if it was started for this writer."""
        self._redis.close()
        if self._server is not None:
            self._server.stop()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


class AsyncEventWriter:
    """An ``EventWriter`` for asynchronous applications."""

    def __init__(
        self, writing: Writing, redis: AsyncRedis, server: EmbeddedServer | None = None
    ) -> None:
        self._writing = writing
        self._redis = redis
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
        deployment = deployment or load()
        writing = _writing(deployment, source, limit, now)
        address, server = open_store(deployment)
        return cls(writing, connect_async(address, timeout), server)

    async def write(self, events: Loose, *, strict: bool = False, wait: float = 0) -> Written:
        """Write events; see ``EventWriter.write``."""
        flow: Flow = self._writing.write(events, strict, wait)
        try:
            step = next(flow)
            while True:
                try:
                    reply = await self._take(step)
                except (RedisError, OSError) as error:
                    step = flow.throw(error)
                else:
                    step = flow.send(reply)
        except StopIteration as end:
            written: Written = end.value
            return written

    async def _take(self, step: Command | float) -> Any:
        if isinstance(step, float):
            return await asyncio.sleep(step)
        return await self._redis.execute_command(*step)  # type: ignore[no-untyped-call]

    async def close(self) -> None:
        """Close the connections, and the embedded server if it was started for this writer."""
        await self._redis.aclose()
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
    return Writing(
        registry,
        deployment.name,
        streamed_source(registry, source),
        limit,
        now,
        saved=not deployment.redis,
    )
