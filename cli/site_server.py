"""The catalogue served to browsers of this machine, for as long as somebody wants it."""

import os
import signal
import sys
import threading
import time
from collections.abc import Callable
from functools import partial
from http import HTTPStatus
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import BinaryIO

from slate.errors import ConfigurationError

HOST = "127.0.0.1"
PAUSE = 0.1


def serve(folder: Path, port: int, say: Callable[[str], None]) -> None:
    """Serve the files of a folder on loopback, until this process is interrupted or terminated.

    Args:
        folder: the folder.
        port: the port; 0 for a free one.
        say: is told the address, once it answers.

    Raises:
        ConfigurationError: the port cannot be listened on.
    """
    try:
        server = _Server((HOST, port), partial(_Files, directory=str(folder)))
    except OSError as error:
        raise ConfigurationError(
            f"port {port} of {HOST} cannot be listened on ({error.strerror}): give --serve another "
            "one, or none for a free one"
        ) from error
    ended: list[int] = []
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda number, _: ended.append(number))
    with server:
        thread = threading.Thread(target=server.serve_forever, daemon=True)
        thread.start()
        try:
            say(f"http://{HOST}:{server.server_port}")
            # A signal that another thread is given wakes nobody who waits without an end.
            while not ended:
                time.sleep(PAUSE)
        finally:
            server.shutdown()


class _Server(ThreadingHTTPServer):
    def handle_error(self, request: object, client_address: object) -> None:
        """Say nothing of browsers that go away amid an answer."""
        if not isinstance(sys.exception(), ConnectionError):
            super().handle_error(request, client_address)  # type: ignore[arg-type]


class _Files(SimpleHTTPRequestHandler):
    """Files of the folder, and nothing else: no listing, and nothing that a link leads out to."""

    def send_head(self) -> BinaryIO | None:
        """Begin the answer to GET or HEAD."""
        # A page of another site may have its own name lead here, and would read what is answered.
        if self.headers.get("Host", "").partition(":")[0] not in (HOST, "localhost"):
            self.send_error(HTTPStatus.FORBIDDEN, "ask by the address that was told")
            return None
        if not self._is_inside():
            self.send_error(HTTPStatus.NOT_FOUND)
            return None
        return super().send_head()

    def _is_inside(self) -> bool:
        root = Path(self.directory).resolve()
        try:
            return Path(self.translate_path(self.path)).resolve().is_relative_to(root)
        except (OSError, ValueError):
            # No file can be called so.
            return False

    def list_directory(self, path: str | os.PathLike[str]) -> None:
        """Tell nobody what else there is."""
        self.send_error(HTTPStatus.NOT_FOUND)

    def log_message(self, format: str, *args: object) -> None:
        """Say nothing of requests."""
