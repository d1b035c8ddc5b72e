"""The clients of a server: what a service's features are asked for through, without a store."""

import asyncio
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any, Self, TypeVar

from slate.limits import RANKED_ROWS, check_timeout
from slate.online.remote.ranked import Ranked
from slate.online.remote.requests import CONNECTIONS, RemoteRequest, Requests
from slate.online.serving.answer import Answer
from slate.online.serving.given_values import Moment

TIMEOUT = 1.0
T = TypeVar("T")


class RemoteWithin:
    """What a server is asked, perhaps with a deadline other than its own.

    Args:
        requests: what sends requests.
        timeout: how many seconds the server may wait for the store; None for as long as it does.
    """

    def __init__(self, requests: Requests, timeout: float | None = None) -> None:
        self._requests = requests
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
        """The values of a service's features; see ``FeatureClient.get``.

        Args:
            service: the service's name, also with its version ("ranking_v1").
            at: the instant asked about, UTC if it has no zone; None for now, by the server's clock.
            request_id: what the request is known by, see ``FeatureClient.get``.
            keys_and_inputs: the service's keys, and what its request features take in: one value
                for all rows, or a list, an array, a series or an Arrow column of a value per row.

        Raises:
            RequestError: the server refuses the request, and says why.
            StoreError: the server cannot be reached, does not answer in time, or fails.
            ClosedError: the client is closed.
        """
        request = RemoteRequest(service, at, keys_and_inputs, request_id, self._timeout)
        return self._requests.get(request)

    def rank(
        self,
        ranking: str,
        /,
        at: Moment | None = None,
        *,
        limit: int = RANKED_ROWS,
        request_id: str = "",
        **keys_and_inputs: Any,
    ) -> Ranked:
        """The best candidates of a request, in the order of a ranking that the server has.

        Args:
            ranking: its name ("feed").
            at: the instant asked about, see ``get``.
            limit: how many of the best are wanted.
            request_id: what the request is known by, see ``get``; what is explored follows from it.
            keys_and_inputs: as for the service that it ranks; without the candidates' keys, all
                candidates of the service are ranked.

        Raises:
            RequestError: the server refuses the request, and says why.
            StoreError: the server cannot be reached, fails, or has no model to rank by.
            ClosedError: the client is closed.
        """
        request = RemoteRequest(ranking, at, keys_and_inputs, request_id, self._timeout)
        return self._requests.rank(request, limit)


class RemoteClient(RemoteWithin):
    """Asks a server for features: a ``FeatureClient`` that needs neither store nor definitions.

    ::

        with RemoteClient.connect("http://features:8080") as client:
            answer = client.get("ranking", user_id="u1", item_id=["i1", "i2"])
            scores = model.predict(answer.matrix())

    It can be shared by threads.
    """

    @classmethod
    def connect(cls, address: str, *, key: str | None = None, timeout: float = TIMEOUT) -> Self:
        """A client of a server; it connects with its first request.

        Args:
            address: the server's, as ``slate serve`` prints it: ``http://features:8080``.
            key: an API key, where the server asks for one.
            timeout: how many seconds a connection, and then an answer, may be waited for.

        Raises:
            ConfigurationError: the address is not one, the key none, or the timeout not a time.
            MissingPackageError: urllib3 is not installed.
        """
        return cls(Requests(address, key, timeout))

    def within(self, timeout: float) -> "RemoteWithin":
        """Ask with another deadline than the server's: ``client.within(0.05).get(...)``, or rank.

        What the server has not read from the store by then are flagged defaults, as with
        ``FeatureClient.within``; no longer than its own `--timeout` does it wait.

        Args:
            timeout: how many seconds the server may wait for the store, all in all.

        Raises:
            ConfigurationError: it is not a time.
        """
        check_timeout(timeout)
        return RemoteWithin(self._requests, timeout)

    def close(self) -> None:
        """Close the connections."""
        self._requests.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


class AsyncRemoteWithin:
    """What tasks ask a server, perhaps with a deadline other than its own: as ``RemoteWithin``."""

    def __init__(
        self,
        requests: Requests,
        threads: ThreadPoolExecutor,
        timeout: float | None = None,
    ) -> None:
        self._requests = requests
        self._threads = threads
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
        """The values of a service's features; see ``RemoteClient.get``."""
        request = RemoteRequest(service, at, keys_and_inputs, request_id, self._timeout)
        return await self._run(self._requests.get, request)

    async def rank(
        self,
        ranking: str,
        /,
        at: Moment | None = None,
        *,
        limit: int = RANKED_ROWS,
        request_id: str = "",
        **keys_and_inputs: Any,
    ) -> Ranked:
        """The best candidates of a request; see ``RemoteClient.rank``."""
        request = RemoteRequest(ranking, at, keys_and_inputs, request_id, self._timeout)
        return await self._run(self._requests.rank, request, limit)

    async def _run(self, ask: Callable[..., T], *given: Any) -> T:
        """Have a thread wait for the server."""
        self._requests.require_open()
        return await asyncio.get_running_loop().run_in_executor(self._threads, ask, *given)


class AsyncRemoteClient(AsyncRemoteWithin):
    """A ``RemoteClient`` for asynchronous applications: threads of its own wait for the server."""

    def __init__(self, requests: Requests) -> None:
        super().__init__(requests, ThreadPoolExecutor(CONNECTIONS, "slate remote"))

    @classmethod
    def connect(cls, address: str, *, key: str | None = None, timeout: float = TIMEOUT) -> Self:
        """A client of a server; see ``RemoteClient.connect``."""
        return cls(Requests(address, key, timeout))

    def within(self, timeout: float) -> "AsyncRemoteWithin":
        """Ask with another deadline than the server's; see ``RemoteClient.within``."""
        check_timeout(timeout)
        return AsyncRemoteWithin(self._requests, self._threads, timeout)

    async def close(self) -> None:
        """Close the connections, once what is under way has come."""
        self._requests.close()
        await asyncio.to_thread(self._threads.shutdown)

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.close()
