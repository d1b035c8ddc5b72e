"""A request of HTTP: what its head says, and its body."""

import math
from collections.abc import Awaitable, Callable, MutableMapping
from dataclasses import dataclass
from typing import Any, Self
from urllib.parse import parse_qs

from slate.online.http import codings
from slate.online.http.bodies import ARROW, JSON
from slate.online.http.refusals import Refused
from slate.online.serving.messages import shown

Scope = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[MutableMapping[str, Any]]]

TIMEOUT_HEADER, ID_HEADER = "slate-timeout", "x-request-id"


@dataclass(frozen=True)
class HttpRequest:
    """A request whose body may not have come yet.

    Attributes:
        method: HTTP's.
        path: the path asked for.
        query: its parameters, each with all the values that it is given.
        headers: by their names in lower case.
        receive: what brings its body, as ASGI has it.
    """

    method: str
    path: str
    query: dict[str, list[str]]
    headers: dict[str, str]
    receive: Receive

    @classmethod
    def of(cls, scope: Scope, receive: Receive) -> Self:
        """The request of an ASGI scope."""
        return cls(
            scope["method"],
            scope["path"],
            parse_qs(scope["query_string"].decode("latin-1")),
            {name.decode("latin-1"): value.decode("latin-1") for name, value in scope["headers"]},
            receive,
        )

    @property
    def request_id(self) -> str:
        """What the request is known by; empty if it has no id."""
        return self.headers.get(ID_HEADER, "")

    def sent(self) -> str:
        """JSON or Arrow, as the request says of its body.

        Raises:
            Refused: it says that it is anything else.
        """
        sent = self.headers.get("content-type", "").partition(";")[0].strip().lower()
        if sent not in (JSON, ARROW):
            raise Refused(
                415,
                f"the body is said to be {sent or 'nothing'}: send {JSON} or {ARROW}, and say "
                "which in the header Content-Type",
            )
        return sent

    def wanted(self) -> str:
        """JSON or Arrow, as the request wants its answer.

        Raises:
            Refused: it takes neither.
        """
        accept = self.headers.get("accept", "*/*")
        kinds = codings.named(accept)
        if ARROW in kinds:
            return ARROW
        if {JSON, "application/*", "*/*", ""}.intersection(kinds):
            return JSON
        raise Refused(406, f"{accept} cannot be answered: accept {JSON} or {ARROW}")

    def timeout(self, most: float) -> float:
        """How many seconds the request may wait, as it says, and no longer than any may.

        Args:
            most: the seconds that any request may wait.

        Raises:
            Refused: what it says is no time.
        """
        said = self.headers.get(TIMEOUT_HEADER)
        if said is None:
            return most
        try:
            seconds = float(said)
        except ValueError:
            seconds = 0.0
        if not 0 < seconds < math.inf:
            raise Refused(
                400,
                f"the header Slate-Timeout is {shown(said)}: give seconds, more than 0, as in 0.05",
            )
        return min(seconds, most)

    async def body(self, most: int) -> bytes:
        """The body as it was before it was packed.

        Args:
            most: how many bytes it may have, packed and unpacked.

        Raises:
            Refused: it is larger, does not end, or is not packed as the request says.
        """
        packed = await self._received(most)
        return codings.unpacked(packed, self.headers.get("content-encoding", ""), most)

    async def _received(self, most: int) -> bytes:
        length = self.headers.get("content-length", "")
        # One that says that it is too large is not even read.
        size, parts = 0, list[bytes]()
        while not (length.isdecimal() and int(length) > most):
            message = await self.receive()
            if message["type"] == "http.disconnect":
                raise Refused(400, "the request ended before its body did: send it again")
            parts.append(message.get("body", b""))
            size += len(parts[-1])
            if size > most:
                break
            if not message.get("more_body", False):
                return b"".join(parts)
        raise codings.too_large(most)
