"""`slate serve` in processes of its own, for benchmarks."""

import os
import re
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import urllib3

STARTED, PATIENT = 120.0, 30.0
ROOT = Path(__file__).parents[1]
# A traceback with the line before it, and the line that ends it.
_FAILED = re.compile(r"^.*\nTraceback \(most recent call last\):\n(?: .*\n)*.*", re.MULTILINE)
_LISTENING = re.compile(r"listening: (http://[\d.:]+)")


@dataclass(frozen=True)
class Server:
    """A server that is ready.

    Attributes:
        address: where it listens.
        process: the process that all others of it belong to.
        log: what it writes on its standard error.
    """

    address: str
    process: "subprocess.Popen[bytes]"
    log: Path

    @property
    def failures(self) -> list[str]:
        """What it failed at, each from its message to the end of its traceback."""
        return _FAILED.findall(self.log.read_text())

    @property
    def processes(self) -> list[int]:
        """Those that serve, and the one that keeps near views for them (Linux)."""
        number = self.process.pid
        return [
            int(one) for one in Path(f"/proc/{number}/task/{number}/children").read_text().split()
        ]


@contextmanager
def serving(
    folder: Path, name: str, redis: str, processes: int, timeout: float, clock: str = ""
) -> Iterator[Server]:
    """Serve the marketplace's definitions.

    Args:
        folder: holds slate.toml, data and log; they are written.
        name: the deployment's, under which it was published.
        redis: the store's address.
        processes: how many serve.
        timeout: the seconds that a request waits for the store.
        clock: the instant of a virtual clock.
    """
    (folder / "slate.toml").write_text(
        f'name = "{name}"\ndefinitions = "live_shopping.definitions"\ndbt_project = "."\n'
        f'data = "data"\nredis = "{redis}"\n' + (f'clock = "{clock}"\n' if clock else "")
    )
    log = folder / "serve.log"
    ours = {"SLATE_CONFIG": str(folder / "slate.toml"), "PYTHONPATH": str(ROOT)}
    others = {"SLATE_DATA", "SLATE_REDIS", "SLATE_CLOCK"}
    environment = {key: value for key, value in os.environ.items() if key not in others} | ours
    options = ["--port", "0", "--processes", str(processes), "--timeout", str(timeout)]
    command = [sys.executable, "-m", "slate.cli", "serve", *options]
    with log.open("w") as file, subprocess.Popen(command, env=environment, stderr=file) as process:
        try:
            yield Server(_address(log, process), process, log)
        finally:
            process.terminate()
            process.wait()


def _address(log: Path, process: "subprocess.Popen[bytes]") -> str:
    """The server's address, once it is ready."""
    deadline = time.monotonic() + STARTED
    while time.monotonic() < deadline and process.poll() is None:
        found = _LISTENING.search(log.read_text())
        if found:
            ready = urllib3.request("GET", f"{found[1]}/readyz", retries=False, timeout=PATIENT)
            if ready.status == 200:
                return found[1]
        time.sleep(0.1)
    raise SystemExit(f"the server did not start:\n{log.read_text()}")
