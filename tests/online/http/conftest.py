import json
import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pytest
import urllib3

from slate.deployment import Deployment
from slate.online.http import bodies

ROOT = Path(__file__).parents[3]
STARTED = 30.0
LISTENING = re.compile(r"listening: (http://[\d.:]+)")


@dataclass(frozen=True)
class Response:
    """A server's answer."""

    status: int
    headers: Any
    body: bytes

    @property
    def json(self) -> Any:
        return json.loads(self.body)

    @property
    def error(self) -> str:
        """The message of an error, which is all that its JSON holds."""
        (message,) = self.json.values()
        assert "Traceback" not in message
        return str(message)


class Served:
    """A server in a process of its own."""

    def __init__(self, process: "subprocess.Popen[str]", log: Path, address: str) -> None:
        self.process = process
        self._log = log
        self.address = address
        self._pool = urllib3.connectionpool.connection_from_url(address, retries=False, timeout=20)

    def ask(
        self, path: str, body: Any = None, method: str | None = None, **headers: str
    ) -> Response:
        """Ask for a path, with a JSON object or with bytes."""
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        if body is not None and not isinstance(body, bytes):
            body = json.dumps(body).encode()
            named = {"content-type": bodies.JSON} | named
        method = method or ("GET" if body is None else "POST")
        found = self._pool.request(method, path, body=body, headers=named)
        return Response(found.status, found.headers, found.data)

    def service(self, name: str, **given: Any) -> Response:
        return self.ask(f"/v1/services/{name}", given)

    def stop(self, number: int = signal.SIGTERM) -> int:
        self.process.send_signal(number)
        return self.process.wait(30)

    @property
    def told(self) -> str:
        """What it has written on its standard error."""
        return self._log.read_text()

    def await_ready(self) -> None:
        deadline = time.monotonic() + STARTED
        while self.ask("/readyz").status != 200:
            assert time.monotonic() < deadline, self.told
            time.sleep(0.05)


@contextmanager
def serving(folder: Path, redis: str, *options: str) -> Iterator[Served]:
    """Serve the arcade by `slate serve`, on a free port."""
    (folder / "slate.toml").write_text(
        f'name = "arcade"\ndefinitions = "tests.online.http.kinds"\ndbt_project = "."\n'
        f'data = "data"\nredis = "{redis}"\n'
    )
    command = [sys.executable, "-m", "slate.cli", "serve", "--port", "0", *options]
    environment = {"SLATE_CONFIG": str(folder / "slate.toml"), "PYTHONPATH": str(ROOT)}
    log = folder / "serve.log"
    with (
        log.open("w") as file,
        subprocess.Popen(
            command, env=os.environ | environment, stderr=file, text=True, cwd=ROOT
        ) as process,
    ):
        try:
            deadline = time.monotonic() + STARTED
            while not (found := LISTENING.search(log.read_text())):
                assert process.poll() is None, log.read_text()
                assert time.monotonic() < deadline
                time.sleep(0.02)
            yield Served(process, log, found[1])
        finally:
            if process.poll() is None:
                process.kill()


Serve = Callable[..., Served]


@pytest.fixture
def deployment(deployment: Deployment) -> Deployment:
    return replace(deployment, definitions="tests.online.http.kinds")


@pytest.fixture
def serve(deployment: Deployment, tmp_path: Path) -> Iterator[Serve]:
    """Starts servers that end with the test."""
    with ExitStack() as stack:

        def start(*options: str, redis: str = deployment.redis) -> Served:
            return stack.enter_context(serving(tmp_path, redis, *options))

        yield start


@pytest.fixture(scope="session")
def served(server: Any, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    """A server that tests share."""
    folder = tmp_path_factory.mktemp("served")
    options = ("--timeout", "5", "--max-rows", "3000", "--max-body", "1000000")
    with serving(folder, server.address, *options) as found:
        yield found
