"""What a request is refused with: a status of HTTP, and words."""


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
