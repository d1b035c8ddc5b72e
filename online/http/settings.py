"""How features are served over HTTP."""

from dataclasses import dataclass
from pathlib import Path

from slate.limits import REQUEST_ROWS
from slate.online.serving.client import REFRESH, TIMEOUT

BODY_BYTES = 8 << 20


@dataclass(frozen=True)
class Settings:
    """How features are served.

    Attributes:
        timeout: how many seconds a request may wait for the store.
        queue: for how many seconds a request may wait for its turn.
        max_rows: how many rows a request may ask for.
        max_body: how many bytes a body may have, also unpacked.
        near: whether near views are kept in this process, or where another shows them.
        refresh: for how many seconds a generation is taken for live without asking again.
    """

    timeout: float = TIMEOUT
    queue: float = 2.0
    max_rows: int = REQUEST_ROWS
    max_body: int = BODY_BYTES
    near: bool | Path = True
    refresh: float = REFRESH
