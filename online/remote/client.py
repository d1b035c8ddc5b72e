"""The clients of a server: what a service's features are asked for through, without a store."""

import asyncio
import json
import os
import re
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime
from decimal import Decimal
from functools import partial
from importlib import import_module
from typing import TYPE_CHECKING, Any, Self
from urllib.parse import quote

import numpy as np

from slate.errors import (
    ClosedError,
    ConfigurationError,
    MissingPackageError,
    RequestError,
    StoreError,
)
from slate.limits import RANKED_ROWS, check_timeout
from slate.online import spans
from slate.online.remote import ranked
from slate.online.remote.ranked import Ranked
from slate.online.rows.instants import instant
from slate.online.serving import answer_stream, client_stream, request_stream
from slate.online.serving.answer import Answer
from slate.online.serving.given_values import Moment, asked, given, is_null
from slate.online.serving.messages import shown
from slate.online.serving.requests import checked_request_id

if TYPE_CHECKING:
    import urllib3

TIMEOUT = 1.0
# Connections that are kept, and requests that an asynchronous client has under way at a time.
CONNECTIONS = 64
# What a header can hold.
_KEY = re.compile("[!-~]*")


class RemoteClient:
    """Asks a server for features: a ``FeatureClient`` that needs neither store nor definitions.

    ::

        with RemoteClient.connect("http://features:8080") as client:
            answer = client.get("ranking", user_id="u1", item_id=["i1", "i2"])
            scores = model.predict(answer.matrix())

    It can be shared by threads.

    Args:
        requests: what sends requests.
    """

    def __init__(self, requests: "_Requests") -> None:
        self._requests = requests

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
        return cls(_Requests(address, key, timeout))

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
        return self._requests.get(service, at, keys_and_inputs, request_id)

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
        return self._requests.rank(ranking, at, keys_and_inputs, request_id, limit)

    def within(self, timeout: float) -> "RemoteWithin":
        """Ask with another deadline than the server's: ``client.within(0.05).get(...)``.

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


class RemoteWithin:
    """A remote client's requests, with a deadline of their own."""

    def __init__(self, requests: "_Requests", timeout: float) -> None:
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
        """The values of a service's features; see ``RemoteClient.get``."""
        return self._requests.get(service, at, keys_and_inputs, request_id, self._timeout)


class AsyncRemoteClient:
    """A ``RemoteClient`` for asynchronous applications: threads of its own wait for the server."""

    def __init__(self, requests: "_Requests") -> None:
        self._requests = requests
        self._threads = ThreadPoolExecutor(CONNECTIONS, "slate remote")

    @classmethod
    def connect(cls, address: str, *, key: str | None = None, timeout: float = TIMEOUT) -> Self:
        """A client of a server; see ``RemoteClient.connect``."""
        return cls(_Requests(address, key, timeout))

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
        usual = AsyncRemoteWithin(self._requests, self._threads)
        return await usual.get(service, at, request_id=request_id, **keys_and_inputs)

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
        self._requests.require_open()
        ask = partial(self._requests.rank, ranking, at, keys_and_inputs, request_id, limit)
        return await asyncio.get_running_loop().run_in_executor(self._threads, ask)

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


class AsyncRemoteWithin:
    """The requests of a remote client for tasks, perhaps with a deadline of their own."""

    def __init__(
        self,
        requests: "_Requests",
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
        self._requests.require_open()
        given = (service, at, keys_and_inputs, request_id, self._timeout)
        ask = partial(self._requests.get, *given)
        return await asyncio.get_running_loop().run_in_executor(self._threads, ask)


class _Requests:
    """Sends requests over kept connections."""

    def __init__(self, address: str, key: str | None, timeout: float) -> None:
        check_timeout(timeout)
        if key is not None and not (isinstance(key, str) and _KEY.fullmatch(key)):
            # It is not shown: what is wrong with it may be a mere line break behind it.
            raise ConfigurationError(
                "key=... is not a key: give one as `slate serve --new-key` prints it, without the "
                "line break behind it"
            )
        http = _http()
        try:
            found = http.util.parse_url(address)
        except (http.exceptions.LocationParseError, AttributeError, TypeError):
            found = None
        if found is None or found.scheme not in ("http", "https") or not found.host:
            raise ConfigurationError(
                f"{shown(address)} is not a server's address: give one such as "
                "'http://127.0.0.1:8080'"
            )
        self._address = f"{found.scheme}://{found.netloc}"
        self._path = (found.path or "").rstrip("/")
        self._timeout = timeout
        self._pool = self._connect()
        self._headers = {
            "Accept": answer_stream.CONTENT_TYPE,
            "Accept-Encoding": "identity",
            **({"Authorization": f"Bearer {key}"} if key else {}),
        }
        self._closed = False

    def _connect(self) -> "urllib3.HTTPConnectionPool":
        http = _http()
        self._process = os.getpid()
        # Waits have one end, and what is asked is asked once: of its own accord it would try again.
        pool: urllib3.HTTPConnectionPool = http.connectionpool.connection_from_url(
            self._address,
            maxsize=CONNECTIONS,
            timeout=http.util.Timeout(self._timeout),
            retries=False,
        )
        return pool

    def require_open(self) -> None:
        if self._closed:
            raise ClosedError("it is closed: connect another one")

    def get(
        self,
        service: str,
        at: Moment | None,
        brought: Mapping[str, Any],
        request_id: str,
        timeout: float | None = None,
    ) -> Answer:
        path = f"services/{_quoted(service)}?form={client_stream.FORM}"
        span = f"slate.get {service}"
        return client_stream.read(self._post(path, span, service, at, brought, request_id, timeout))

    def rank(
        self,
        ranking: str,
        at: Moment | None,
        brought: Mapping[str, Any],
        request_id: str,
        limit: int,
    ) -> Ranked:
        path, span = f"rankings/{_quoted(ranking)}?limit={limit}", f"slate.rank {ranking}"
        accept = {"Accept": "application/json"}
        return ranked.read(self._post(path, span, ranking, at, brought, request_id, more=accept))

    def _post(
        self,
        path: str,
        span: str,
        name: str,
        at: Moment | None,
        brought: Mapping[str, Any],
        request_id: str,
        timeout: float | None = None,
        more: Mapping[str, str] | None = None,
    ) -> bytes:
        """What the server answers to a request.

        Args:
            path: where it is asked, behind the interface's version.
            span: what a span of it is called.
            name: what is asked for.
            at: the instant asked about.
            brought: keys and inputs.
            request_id: what the request is known by.
            timeout: how long the server may wait for the store.
            more: further headers.
        """
        self.require_open()
        when = None if at is None else instant(asked(at))
        kind, body = _body(name, brought, when)
        headers = {**self._headers, "Content-Type": kind, **(more or {})}
        if timeout is not None:
            headers["Slate-Timeout"] = f"{timeout:f}"
        if checked_request_id(request_id):
            headers["X-Request-Id"] = request_id
        with spans.asking(span, headers):
            return self._read(self._sent(f"{self._path}/v1/{path}", body, headers))

    def _sent(self, path: str, body: bytes, headers: dict[str, str]) -> "urllib3.BaseHTTPResponse":
        http = _http()
        if self._process != os.getpid():
            # Over connections from before a fork two processes would read each other's answers.
            self._pool = self._connect()
        try:
            try:
                return self._pool.request("POST", path, body=body, headers=headers)
            except http.exceptions.ProtocolError:
                # A kept connection may have been closed just then: what only reads is asked again.
                return self._pool.request("POST", path, body=body, headers=headers)
        except http.exceptions.HTTPError as error:
            self.require_open()
            # urllib3 has a refused connection among its timeouts.
            refused = isinstance(error, http.exceptions.NewConnectionError)
            if isinstance(error, http.exceptions.TimeoutError) and not refused:
                raise StoreError(
                    f"the server {self._address} has not answered within {self._timeout:g} s: ask "
                    "for less at once, or give more with timeout=..."
                ) from error
            raise StoreError(
                f"the server {self._address} cannot be reached ({error}): see that `slate serve` "
                "runs there"
            ) from error

    def _read(self, response: "urllib3.BaseHTTPResponse") -> bytes:
        if response.status == 200:
            return response.data
        try:
            message = str(json.loads(response.data)["error"])
        except (ValueError, TypeError, KeyError):
            message = f"{response.status} {response.reason}"
        if 400 <= response.status < 500:
            raise RequestError(message)
        raise StoreError(f"the server {self._address} does not answer: {message}")

    def close(self) -> None:
        self._closed = True
        self._pool.close()


def _quoted(name: str) -> str:
    """The name of a service or ranking as part of an address.

    Raises:
        RequestError: it is none.
    """
    if not isinstance(name, str):
        raise RequestError(f"{shown(name)} is not a name: give it as text")
    return quote(name, safe="")


def _http() -> Any:
    try:
        return import_module("urllib3")
    except ModuleNotFoundError as error:
        raise MissingPackageError(
            f"RemoteClient needs the package {error.name}, which is not installed: run "
            "`pip install slate[remote]`"
        ) from error


def _body(service: str, brought: Mapping[str, Any], at: datetime | None) -> tuple[str, bytes]:
    """What a request is sent as: its type, and its bytes."""
    try:
        stream = request_stream.write(brought, at)
        if stream is not None:
            return answer_stream.CONTENT_TYPE, stream.to_pybytes()
        return "application/json", _json(brought, at)
    except RequestError as error:
        raise RequestError(f"{service}: {error}") from error


def _json(brought: Mapping[str, Any], at: datetime | None) -> bytes:
    """A request as JSON: whatever Arrow has no type for, as lists of values of several types."""
    values = {}
    for name, value in brought.items():
        one = given(name, value)
        values[name] = one.values[0] if one.single else one.values
    if at is not None:
        values["at"] = at.isoformat()

    def plain(value: object) -> Any:
        if is_null(value):
            return None
        if isinstance(value, datetime):
            return value.isoformat()
        if isinstance(value, np.generic):
            return value.item()
        if isinstance(value, Decimal) and value.is_finite() and value % 1 == 0:
            # Databases have keys of it.
            return int(value)
        raise RequestError(
            f"{shown(value)} is a {type(value).__name__}, which cannot be sent: give texts, "
            "numbers, truth values or times"
        )

    try:
        return json.dumps(values, default=plain).encode()
    except (ValueError, RecursionError) as error:
        raise RequestError(f"the request cannot be sent ({error}): give plain values") from error
