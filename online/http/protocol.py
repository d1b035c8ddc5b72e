"""HTTP/1.1 as uvicorn speaks it with httptools, but for what clients would lose or take by it."""

from httptools import HttpParserError, HttpParserUpgrade
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

# So many bytes may come without any of a body among them: a request's line and headers.
HEAD_BYTES = 64 << 10


class Protocol(HttpToolsProtocol):
    """One connection.

    - An offer to go on in another protocol is passed over. Clients that know HTTP/2, such as
      Java's, make it with each request, and the parser would take it as accepted, and lose the
      body.
    - A head that does not end is refused, where it would be kept, and nobody was asked for a key.
    - Requests that are sent before others are answered are read no faster than these.
    """

    _headless = 0

    def data_received(self, data: bytes) -> None:
        """Read what has come."""
        self._unset_keepalive_if_required()
        self._headless += len(data)
        while data:
            try:
                self.parser.feed_data(data)
                break
            except HttpParserUpgrade as offer:
                data = self._without_offer() + data[offer.args[0] :]
            except HttpParserError:
                self.send_400_response("The request is not HTTP/1.1, or its head is damaged.")
                return
        if self._headless > HEAD_BYTES:
            self.send_400_response(f"The head of the request has more than {HEAD_BYTES:,} bytes.")

    def _without_offer(self) -> bytes:
        """The head that was read last as it is read again; empty if that would be no use."""
        if not self._offers():
            return b""
        line = b"%s %s HTTP/%s" % (
            self.parser.get_method(), self.url, self.parser.get_http_version().encode(),
        )  # fmt: skip
        kept = [b"%s: %s" % header for header in self.headers if header[0] != b"upgrade"]
        return b"\r\n".join([line, *kept, b"", b""])

    def _offers(self) -> bool:
        """Whether the parser takes what comes behind this head for another protocol."""
        return self.parser.should_upgrade() and any(name == b"upgrade" for name, _ in self.headers)

    def on_headers_complete(self) -> None:  # noqa: D102
        self._headless = 0
        if not self._offers():
            super().on_headers_complete()

    def on_body(self, body: bytes) -> None:  # noqa: D102
        self._headless = 0
        super().on_body(body)

    def on_message_complete(self) -> None:  # noqa: D102
        self._headless = 0
        if not self._offers():
            super().on_message_complete()

    def on_response_complete(self) -> None:  # noqa: D102
        super().on_response_complete()
        if self.pipeline:
            self.flow.pause_reading()
