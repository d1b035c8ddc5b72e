"""Requests of a server, sent over kept connections, and what it answers."""

import json
import os
import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from importlib import import_module
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

import numpy as np

from slate.errors import (
    ClosedError,
    ConfigurationError,
    MissingPackageError,
    RequestError,
    StoreError,
)
from slate.limits import check_timeout
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

# Connections that are kept.
CONNECTIONS = 64
# What a header can hold.
_KEY = re.compile("[!-~]*")


@dataclass(frozen=True)
class RemoteRequest:
    """What a server is asked.

    Attributes:
        name: the service's, or the ranking's.
        at: the instant asked about; None for now, by the server's clock.
        given: keys and inputs.
        request_id: what the request is known by; empty if by nothing.
        timeout: how many seconds the server may wait for the store; None for as long as it does.
    """

    name: str
    at: Moment | None
    given: Mapping[str, Any]
    request_id: str
    timeout: float | None = None


class Requests:
    """Sends requests over kept connections.

    Args:
        address: the server's.
        key: an API key; None for none.
        timeout: how many seconds a connection, and then an answer, may be waited for.

    Raises:
        ConfigurationError: the address is not one, the key none, or the timeout not a time.
        MissingPackageError: urllib3 is not installed.
    """

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
        """Refuse to send anything once it is closed.

        Raises:
            ClosedError: it is.
        """
        if self._closed:
            raise ClosedError("it is closed: connect another one")

    def get(self, request: RemoteRequest) -> Answer:
        """The values of a service's features; see ``RemoteClient.get``."""
        path = f"services/{_quoted(request.name)}?form={client_stream.FORM}"
        return client_stream.read(self._post(path, f"slate.get {request.name}", request, {}))

    def rank(self, request: RemoteRequest, limit: int) -> Ranked:
        """The best candidates of a request; see ``RemoteClient.rank``."""
        path = f"rankings/{_quoted(request.name)}?limit={limit}"
        accept = {"Accept": "application/json"}
        return ranked.read(self._post(path, f"slate.rank {request.name}", request, accept))

    def _post(self, path: str, span: str, request: RemoteRequest, more: Mapping[str, str]) -> bytes:
        """What the server answers to a request.

        Args:
            path: where it is asked, behind the interface's version.
            span: what a span of it is called.
            request: the request.
            more: further headers.
        """
        self.require_open()
        kind, body = _body(request)
        headers = {**self._headers, "Content-Type": kind, **more}
        if request.timeout is not None:
            headers["Slate-Timeout"] = f"{request.timeout:f}"
        if checked_request_id(request.request_id):
            headers["X-Request-Id"] = request.request_id
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
        """Close the connections; nothing is sent any more."""
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


def _body(request: RemoteRequest) -> tuple[str, bytes]:
    """What a request is sent as: its type, and its bytes."""
    at = None if request.at is None else instant(asked(request.at))
    try:
        stream = request_stream.write(request.given, at)
        if stream is not None:
            return answer_stream.CONTENT_TYPE, stream.to_pybytes()
        return "application/json", _json(request.given, at)
    except RequestError as error:
        raise RequestError(f"{request.name}: {error}") from error


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
