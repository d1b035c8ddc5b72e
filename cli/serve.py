"""`slate serve`: features over HTTP, until it is told to stop; and keys for those who ask."""

import ipaddress
import logging
import os
import shutil
import signal
import sys
import tempfile
import threading
from argparse import Namespace
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path

from slate.cli import processes
from slate.cli.text import Clock, Say
from slate.deployment import Deployment, load
from slate.errors import ConfigurationError
from slate.locks.standing import standing
from slate.online.store.redis_client import open_store
from slate.processes import is_there

# The seconds between looks at whether the process that watches is still there.
WATCH = 0.2
_FOLDER = "slate-near-"


def run(options: Namespace) -> int:
    """Serve, or make a key."""
    deployment = load()
    if options.new_key:
        return _new_key(options, deployment)
    if options.services:
        raise ConfigurationError("--services says what a key is for: give --new-key NAME too")
    if options.pii:
        raise ConfigurationError("--pii says what a key may read: give --new-key NAME too")
    _require_safe(options)
    logging.basicConfig(format="%(message)s", level=logging.WARNING, stream=sys.stderr)
    if options.keep_near is not None:
        return _keep_near(options.keep_near, options.watcher, deployment)
    if options.listening is not None:
        _serve(options, deployment, lambda _: None)
        return 0
    if deployment.dbt_project.exists():
        # Without it, hand-written SQL cannot be told from another.
        standing(deployment).require_kept()
    processes.prepare(deployment)
    with processes.store(deployment) as store, tempfile.TemporaryDirectory() as numbers:
        # The library reads it when it is imported, here and in the processes that are started.
        os.environ["PROMETHEUS_MULTIPROC_DIR"] = numbers
        say = Clock()
        names = ", ".join(service.full_name for service in deployment.registry.services.values())
        say(f"serving {names or 'no service'} from {store}")
        try:
            return _serve(options, deployment, say)
        finally:
            del os.environ["PROMETHEUS_MULTIPROC_DIR"]


def _serve(options: Namespace, deployment: Deployment, say: Say) -> int:
    # Only now: where metrics go is read when these are imported.
    from slate.online import spans
    from slate.online.http import metrics, server
    from slate.online.http.access import Access
    from slate.online.http.application import Application
    from slate.online.http.settings import Settings
    from slate.online.near.sharing import can_be_shared

    access = Access(options.keys) if options.keys else None
    if options.listening is not None:
        listening = server.inherited(options.listening)
    else:
        listening = server.listen(options.host, options.port)
    host, port = listening.getsockname()[:2]
    address = f"http://{f'[{host}]' if ':' in host else host}:{port}"
    if options.processes > 1 and options.listening is None:
        say(f"listening: {address}, {options.processes} processes")
        with _folder(options.near_folder) as folder:
            serving = [*_command(options), "--near-folder", str(folder)]
            serving += ["--listening", str(listening.fileno())]
            commands = [serving] * options.processes
            if any(can_be_shared(view) for view in deployment.registry.views.values()):
                commands.append([*_command(options), "--keep-near", str(folder)])
            code = server.watch(commands, listening, metrics.forget)
    else:
        settings = Settings(
            timeout=options.timeout,
            max_rows=options.max_rows,
            max_body=options.max_body,
            # One that serves alone has nobody to share with.
            near=options.near_folder if options.listening is not None else True,
        )
        spans.send_where_configured("slate-serve")
        application = Application(deployment, access, settings)
        started = partial(say, f"listening: {address}")
        server.serve(application, listening, started, options.watcher)
        code = 0
    say("stopped")
    return code


def _command(options: Namespace) -> list[str]:
    """What starts one of several processes."""
    given = {
        "--host": options.host,
        "--timeout": options.timeout,
        "--max-rows": options.max_rows,
        "--max-body": options.max_body,
        "--watcher": os.getpid(),
    }
    return [
        sys.executable,
        "-m",
        "slate.cli",
        "serve",
        *(text for name, value in given.items() for text in (name, str(value))),
        *(["--keys", str(options.keys)] if options.keys else []),
        *(["--insecure"] if options.insecure else []),
    ]


@contextmanager
def _folder(given: Path | None) -> Iterator[Path]:
    """A new folder for what processes share, in memory where there is one."""
    memory = Path("/dev/shm")
    if given is None and os.access(memory, os.W_OK):
        given = memory
    parent = given or Path(tempfile.gettempdir())
    for left in parent.glob(f"{_FOLDER}*"):
        # Of a server that was killed, with all of its processes.
        process = left.name.removeprefix(_FOLDER).partition("-")[0]
        if process.isdecimal() and not is_there(int(process)):
            shutil.rmtree(left, ignore_errors=True)
    prefix = f"{_FOLDER}{os.getpid()}-"
    with tempfile.TemporaryDirectory(prefix=prefix, dir=parent, ignore_cleanup_errors=True) as one:
        yield Path(one)


def _keep_near(folder: Path, watcher: int, deployment: Deployment) -> int:
    """Keep near views for the serving processes, for as long as who started this one is there."""
    from slate.online.near.near_views import keep

    stop = threading.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: stop.set())
    address, _ = open_store(deployment)
    keeper = keep(deployment, address, folder)
    while not stop.wait(WATCH) and os.getppid() == watcher:
        pass
    keeper.close()
    if os.getppid() != watcher:
        # Nobody else would remove what is in memory.
        shutil.rmtree(folder, ignore_errors=True)
    return 0


def _require_safe(options: Namespace) -> None:
    """Refuse to let other machines in where nobody is asked for a key.

    Raises:
        ConfigurationError: so it would be.
    """
    if not (options.keys or options.insecure or _is_loopback(options.host)):
        raise ConfigurationError(
            f"--host {options.host} lets other machines ask, and no key is asked for: give --keys "
            "FILE (--new-key NAME makes a key), or --insecure if something else keeps others out"
        )


def _is_loopback(host: str) -> bool:
    try:
        return host == "localhost" or ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def _new_key(options: Namespace, deployment: Deployment) -> int:
    from slate.online.http.access import new_key

    if not options.keys:
        raise ConfigurationError("--new-key needs --keys FILE: where the key's hash is kept")
    services = [name for name in options.services.split(",") if name]
    path: Path = options.keys
    registry = deployment.registry
    print(new_key(path, options.new_key, services, registry, personal=options.pii))
    told = ", ".join(services) or "all services"
    print(
        f"slate: the key {options.new_key!r} is for {told}. It is shown this once: {path} holds "
        "its hash",
        file=sys.stderr,
    )
    return 0
