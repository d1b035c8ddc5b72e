"""`slate serve`: features over HTTP, until it is told to stop; and keys for those who ask."""

import ipaddress
import logging
import os
import sys
import tempfile
from argparse import Namespace
from pathlib import Path

from slate.cli import processes
from slate.cli.text import Say, clock
from slate.deployment import Deployment, load
from slate.errors import ConfigurationError
from slate.locks.standing import standing


def run(options: Namespace) -> int:
    """Serve, or make a key."""
    deployment = load()
    if options.new_key:
        return _new_key(options, deployment)
    if options.services:
        raise ConfigurationError("--services says what a key is for: give --new-key NAME too")
    _require_safe(options)
    logging.basicConfig(format="%(message)s", level=logging.WARNING, stream=sys.stderr)
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
        say = clock()
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
    from slate.online.http.application import Application, Settings

    access = Access(options.keys) if options.keys else None
    if options.listening is not None:
        listening = server.inherited(options.listening)
    else:
        listening = server.listen(options.host, options.port)
    host, port = listening.getsockname()[:2]
    address = f"http://{f'[{host}]' if ':' in host else host}:{port}"
    if options.processes > 1 and options.listening is None:
        say(f"listening: {address}, {options.processes} processes")
        code = server.watch(_command(options), options.processes, listening, metrics.forget)
    else:
        settings = Settings(
            timeout=options.timeout, max_rows=options.max_rows, max_body=options.max_body
        )
        spans.send_where_configured("slate-serve")
        application = Application(deployment, access, settings)
        watched = options.listening is not None
        server.serve(application, listening, lambda: say(f"listening: {address}"), watched)
        code = 0
    say("stopped")
    return code


def _command(options: Namespace) -> list[str]:
    """What starts one of several processes; the socket's descriptor comes last."""
    given = {
        "--host": options.host,
        "--timeout": options.timeout,
        "--max-rows": options.max_rows,
        "--max-body": options.max_body,
    }
    return [
        sys.executable,
        "-m",
        "slate.cli",
        "serve",
        *(text for name, value in given.items() for text in (name, str(value))),
        *(["--keys", str(options.keys)] if options.keys else []),
        *(["--insecure"] if options.insecure else []),
        "--listening",
    ]


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
    print(new_key(path, options.new_key, services, deployment.registry))
    told = ", ".join(services) or "all services"
    print(
        f"slate: the key {options.new_key!r} is for {told}. It is shown this once: {path} holds "
        "its hash",
        file=sys.stderr,
    )
    return 0
