"""A server in a thread of this process."""

import socket
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager

from uvicorn import Config, Server

from slate.online.http.application import Application


@contextmanager
def serving(application: Application) -> Iterator[str]:
    """Serve an application on a free port of the loopback; gives its address."""
    with socket.create_server(("127.0.0.1", 0)) as listening:
        server = Server(Config(application, lifespan="on", log_config=None, access_log=False))
        thread = threading.Thread(target=server.run, args=([listening],), daemon=True)
        thread.start()
        deadline = time.monotonic() + 20
        while not server.started:
            assert time.monotonic() < deadline
            time.sleep(0.01)
        yield f"http://127.0.0.1:{listening.getsockname()[1]}"
        server.should_exit = True
        thread.join(20)
