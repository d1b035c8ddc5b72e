"""What a request is refused with: a status of HTTP, and words."""

from collections.abc import Iterator
from contextlib import contextmanager

from slate.errors import ClosedError, RequestError


class Refused(Exception):  # noqa: N818 - it never leaves the server
    """A request is refused.

    Args:
        status: HTTP's.
        message: what is wrong, where, and what to do.
        headers: of the answer.
    """

    def __init__(self, status: int, message: str, headers: dict[str, str] | None = None) -> None:
        super().__init__(message)
        self.status = status
        self.headers = headers or {}


@contextmanager
def refusing() -> Iterator[None]:
    """Refuse a request that a client cannot answer, in the client's words."""
    try:
        yield
    except RequestError as error:
        raise Refused(400, str(error)) from None
    except ClosedError:
        raise Refused(503, "the server is ending: ask another one, or again later") from None
