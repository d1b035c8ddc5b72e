"""The clients: what a service's features are asked for through."""

import asyncio
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Self

from slate.deployment import Deployment, given_or_loaded
from slate.limits import REQUEST_ROWS, check_timeout
from slate.online.near.near_views import NearViews
from slate.online.serving.answer import Answer
from slate.online.serving.answer_log import AnswerLog
from slate.online.serving.explain import explain
from slate.online.serving.exposures import Exposure
from slate.online.serving.given_values import Moment
from slate.online.serving.live_services import Serving
from slate.online.store.async_cluster_connections import (
    AnyAsyncConnections,
    async_connections_to,
)
from slate.online.store.cluster_connections import AnyConnections, connections_to
from slate.online.store.embedded_server import EmbeddedServer
from slate.online.store.redis_client import connect, open_store

TIMEOUT = 0.5
REFRESH = 1.0
# After how many seconds the store is given up by who logs answers.
LOG_TIMEOUT = 5.0


def _opened(
    deployment: Deployment, refresh: float, max_rows: int, near: bool | Path
) -> tuple[str, EmbeddedServer | None, Serving]:
    """The store's address, what was started for it, and what a client of a deployment serves from.

    See ``FeatureClient.connect``.
    """
    # Wrong definitions are found before a server is started for them.
    registry, log, near_views = deployment.registry, None, None
    address, server = open_store(deployment)
    # What is ranked may be of an experiment, whose exposures are logged.
    if deployment.rankings or any(service.logged for service in registry.services.values()):
        log = AnswerLog(connect(address, LOG_TIMEOUT), deployment.name)
    if near:
        near_views = NearViews.of(deployment, address, near if isinstance(near, Path) else None)
    serving = Serving(
        registry, deployment.name, refresh, deployment.clock, max_rows, near_views, log
    )
    return address, server, serving


class FeatureClient:
    """Serves features, in process, from the online store.

    ::

        with FeatureClient.connect() as client:
            answer = client.get("ranking", user_id="u1", item_id=["i1", "i2"])
            scores = model.predict(answer.matrix())

    It can be shared by threads, and by more of them than it has connections: a request waits for
    one. Its deadline holds for all that it waits for. A store that does not answer in time costs a
    request values, never its answer: they are the declared defaults then, and ``Answer.errors`` and
    ``Answer.states`` say so. What has arrived by then is served.

    Args:
        serving: the definitions and what is live.
        connections: the connections to the store.
        server: a server that is closed with the client.
    """

    def __init__(
        self, serving: Serving, connections: AnyConnections, server: EmbeddedServer | None = None
    ) -> None:
        self._serving = serving
        self._connections = connections
        self._server = server

    @classmethod
    def connect(
        cls,
        deployment: Deployment | None = None,
        *,
        timeout: float = TIMEOUT,
        refresh: float = REFRESH,
        max_rows: int = REQUEST_ROWS,
        near: bool | Path = True,
    ) -> Self:
        """A client of a deployment.

        Args:
            deployment: by default the one of slate.toml.
            timeout: how many seconds a request may wait for the store, all in all.
            refresh: for how many seconds a generation is taken for live without asking again, and a
                store that failed is left alone.
            max_rows: how many rows a request may ask for.
            near: whether the views that are defined to be near are kept in this process. Requests
                read them from the store until they are loaded, see ``wait_until_near``. Or the
                folder in which another process of this machine shows those that can be shared
                (``near_views.keep``), as that of ``slate serve --processes`` does.

        Raises:
            ConfigurationError: the store's address is not one, or the timeout not a time.
            StoreError: the embedded server cannot be started.
        """
        deployment = given_or_loaded(deployment)
        check_timeout(timeout)
        address, server, serving = _opened(deployment, refresh, max_rows, near)
        return cls(serving, connections_to(address, timeout), server)

    def get(
        self,
        service: str,
        /,
        at: Moment | None = None,
        *,
        request_id: str = "",
        **keys_and_inputs: Any,
    ) -> Answer:
        """The values of a service's features.

        Args:
            service: the service's name, also with its version ("ranking_v1").
            at: the instant to ask about, UTC if it has no zone; None for now, by the deployment's
                clock. What lies beyond what is published and streamed, ``ViewState.lag`` tells.
                Of an instant in the past, rows to which the stream added nothing later in its hour
                are known exactly, and the others are ``State.MISSING``.
            request_id: what the request is known by, as in the log of answers; of a service whose
                answers are logged (``FeatureService(logged=...)``) the id says whether this one is;
                of one that freezes them (``frozen=...``) who asks again under an id is given the
                same answer, for so long.
            keys_and_inputs: the service's keys, and what its request features take in: one value
                for all rows, or a list, an array, a series or an Arrow column of a value per row.
                A key is taken as that of an event is: 42 for a text, "42" for a number.
                No candidates, as in an empty list, are an answer of no rows.

        Raises:
            RequestError: the id is that of another frozen request, the service or a keyword is
                unknown, a key is missing, of another type or too long, lengths differ, there are
                too many rows, or ``at`` lies before what is published.
            ClosedError: the client is closed.
        """
        usual = Within(self._serving, self._connections)
        return usual.get(service, at, request_id=request_id, **keys_and_inputs)

    def within(self, timeout: float) -> "Within":
        """Ask with another deadline than the client's: ``client.within(0.05).get(...)``.

        Args:
            timeout: how many seconds a request may wait for the store, all in all.

        Raises:
            ConfigurationError: it is not a time.
        """
        check_timeout(timeout)
        return Within(self._serving, self._connections, timeout)

    def wait_until_near(self, timeout: float = 60.0) -> bool:
        """Wait until the near views that are published are loaded; whether they are.

        Args:
            timeout: for how many seconds at most.
        """
        return self._serving.near is None or self._serving.near.wait(timeout)

    def warm_up(self) -> None:
        """Make all services ready, so that the first request of each is about as fast as others.

        Where the store does not answer, the rest is left to these.
        """
        for service in self._serving.services:
            if not self._connections.run(self._serving.warm_up(service)):
                return

    def why_not_ready(self) -> str | None:
        """Why requests should wait: the store does not answer, or near views are not loaded.

        None if all is well. It asks the store, within the timeout of a request.
        """
        return self._connections.run(self._serving.why_not_ready())

    def log_exposure(self, exposure: Exposure) -> None:
        """Log that a unit was shown what an arm of an experiment ranked; never waits.

        `slate serve` does so by itself. What there is no time or room for is not logged.
        """
        self._serving.log_exposure(exposure)

    @property
    def not_logged(self) -> Mapping[str, int]:
        """How many answers and exposures were to be logged and were not, by what they lacked."""
        log = self._serving.log
        return {} if log is None else dict(log.lost)

    def explain(self, service: str) -> str:
        """How a service's features are found, in words.

        Raises:
            RequestError: there is no such service.
        """
        return explain(self._serving.plan(service))

    def close(self) -> None:
        """Close the connections, and the embedded server if it was started for this client."""
        self._serving.close()
        self._connections.close()
        if self._server is not None:
            self._server.stop()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


class Within:
    """A client's requests, with a deadline of their own; without one, with the client's."""

    def __init__(
        self, serving: Serving, connections: AnyConnections, timeout: float | None = None
    ) -> None:
        self._serving = serving
        self._connections = connections
        self._timeout = timeout

    def get(
        self,
        service: str,
        /,
        at: Moment | None = None,
        *,
        request_id: str = "",
        **keys_and_inputs: Any,
    ) -> Answer:
        """The values of a service's features; see ``FeatureClient.get``."""
        lookup = self._serving.lookup(service, at, keys_and_inputs, request_id)
        return self._connections.run(lookup, self._timeout)


class AsyncWithin:
    """The requests of a client for tasks, as ``Within`` has them."""

    def __init__(
        self, serving: Serving, connections: AnyAsyncConnections, timeout: float | None = None
    ) -> None:
        self._serving = serving
        self._connections = connections
        self._timeout = timeout

    async def get(
        self,
        service: str,
        /,
        at: Moment | None = None,
        *,
        request_id: str = "",
        **keys_and_inputs: Any,
    ) -> Answer:
        """The values of a service's features; see ``FeatureClient.get``."""
        lookup = self._serving.lookup(service, at, keys_and_inputs, request_id)
        return await self._connections.run(lookup, self._timeout)


class AsyncFeatureClient:
    """A ``FeatureClient`` for asynchronous applications, for the tasks of one event loop."""

    def __init__(
        self,
        serving: Serving,
        connections: AnyAsyncConnections,
        server: EmbeddedServer | None = None,
    ) -> None:
        self._serving = serving
        self._connections = connections
        self._server = server

    @classmethod
    def connect(
        cls,
        deployment: Deployment | None = None,
        *,
        timeout: float = TIMEOUT,
        refresh: float = REFRESH,
        max_rows: int = REQUEST_ROWS,
        near: bool | Path = True,
    ) -> Self:
        """A client of a deployment; see ``FeatureClient.connect``."""
        deployment = given_or_loaded(deployment)
        check_timeout(timeout)
        address, server, serving = _opened(deployment, refresh, max_rows, near)
        return cls(serving, async_connections_to(address, timeout), server)

    async def get(
        self,
        service: str,
        /,
        at: Moment | None = None,
        *,
        request_id: str = "",
        **keys_and_inputs: Any,
    ) -> Answer:
        """The values of a service's features; see ``FeatureClient.get``."""
        usual = AsyncWithin(self._serving, self._connections)
        return await usual.get(service, at, request_id=request_id, **keys_and_inputs)

    def within(self, timeout: float) -> "AsyncWithin":
        """Ask with another deadline than the client's; see ``FeatureClient.within``."""
        check_timeout(timeout)
        return AsyncWithin(self._serving, self._connections, timeout)

    async def wait_until_near(self, timeout: float = 60.0) -> bool:
        """Wait until near views are loaded; see ``FeatureClient.wait_until_near``."""
        near = self._serving.near
        return near is None or await asyncio.to_thread(near.wait, timeout)

    async def warm_up(self) -> None:
        """Make all services ready; see ``FeatureClient.warm_up``."""
        for service in self._serving.services:
            if not await self._connections.run(self._serving.warm_up(service)):
                return

    async def why_not_ready(self) -> str | None:
        """Why requests should wait; see ``FeatureClient.why_not_ready``."""
        return await self._connections.run(self._serving.why_not_ready())

    def log_exposure(self, exposure: Exposure) -> None:
        """Log an exposure; see ``FeatureClient.log_exposure``."""
        self._serving.log_exposure(exposure)

    def explain(self, service: str) -> str:
        """How a service's features are found; see ``FeatureClient.explain``."""
        return explain(self._serving.plan(service))

    @property
    def not_logged(self) -> Mapping[str, int]:
        """How many answers and exposures were to be logged and were not, by what they lacked."""
        log = self._serving.log
        return {} if log is None else dict(log.lost)

    async def close(self) -> None:
        """Close the connections, and the embedded server if it was started for this client."""
        await asyncio.to_thread(self._serving.close)
        await self._connections.close()
        if self._server is not None:
            self._server.stop()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.close()
