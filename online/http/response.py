"""What is answered to a request of HTTP."""

from collections.abc import Awaitable, Callable, MutableMapping
from dataclasses import dataclass, field
from typing import Any

import pyarrow as pa

from slate.online.http import codings
from slate.online.http.bodies import JSON
from slate.online.http.request import HttpRequest

Send = Callable[[MutableMapping[str, Any]], Awaitable[None]]


@dataclass(frozen=True)
class Response:
    """What is answered.

    Attributes:
        body: its bytes.
        content_type: what they are.
        status: HTTP's.
        headers: further ones.
    """

    body: bytes | pa.Buffer
    content_type: str = JSON
    status: int = 200
    headers: dict[str, str] = field(default_factory=dict)

    async def send(self, send: Send, *, last: bool) -> None:
        """Send it as ASGI has it.

        Args:
            send: what takes messages.
            last: whether the connection is to end with it.
        """
        headers = {
            "content-type": self.content_type,
            "content-length": str(len(memoryview(self.body))),
            **self.headers,
        }
        if last:
            headers["connection"] = "close"
        await send(
            {
                "type": "http.response.start",
                "status": self.status,
                "headers": [(name.encode(), value.encode()) for name, value in headers.items()],
            }
        )
        await send({"type": "http.response.body", "body": memoryview(self.body)})


async def packed(written: bytes | pa.Buffer, content_type: str, request: HttpRequest) -> Response:
    """A response, packed if the request lets it be."""
    accepted = request.headers.get("accept-encoding", "")
    content, coding = await codings.packed(written, accepted)
    more = {"content-encoding": coding, "vary": "accept-encoding"} if coding else {}
    return Response(content, content_type, headers=more)
