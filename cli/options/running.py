"""Commands that run: the chain, workers, servers, Dagster and the demonstration."""

import argparse
from pathlib import Path

from slate.cli.options.command import Add
from slate.cli.options.types import fixed_port, lease, number, port, seconds
from slate.limits import REQUEST_ROWS


def _run(add: Add) -> None:
    add(
        "run",
        "run the whole chain, from landing files to training sets and the online store",
        "Where the deployment has a demonstration (`demo` in slate.toml), its data are made first "
        "and its features are used at the end.",
    )


def _stream(add: Add) -> None:
    command = add(
        "stream",
        "apply the streams' events to the rows that are served, and archive them",
        "Runs until it is interrupted. Any number of workers share the work, on any number of "
        "machines; what one that dies has held, the others take over.",
    )
    command.add_argument(
        "--workers", metavar="N", type=number, default=1, help="how many processes (default: 1)"
    )
    command.add_argument(
        "--metrics",
        metavar="PORT",
        type=fixed_port,
        help="serve Prometheus metrics on this loopback port; further workers on the next ones",
    )
    command.add_argument(
        "--lease",
        metavar="SECONDS",
        type=lease,
        default=5.0,
        help="after how long others take over what a dead worker held (default: 5)",
    )
    command.add_argument("--quiet", action="store_true", help="tell nothing on the way")


def _serve(add: Add) -> None:
    command = add(
        "serve",
        "serve features over HTTP, in JSON and Arrow",
        "Runs until it is interrupted or terminated, and then answers what it was asked. "
        "docs/serving.md tells what may be asked, and how.",
    )
    command.add_argument(
        "--host", metavar="H", default="127.0.0.1", help="where to listen (default: 127.0.0.1)"
    )
    command.add_argument(
        "--port", metavar="N", type=port, default=8080, help="default: 8080; 0 for a free one"
    )
    command.add_argument(
        "--processes", metavar="N", type=number, default=1, help="how many serve (default: 1)"
    )
    command.add_argument(
        "--timeout",
        metavar="SECONDS",
        type=seconds,
        default=0.5,
        help="how long a request may wait for the store (default: 0.5)",
    )
    command.add_argument(
        "--max-rows",
        metavar="N",
        type=number,
        default=REQUEST_ROWS,
        help=f"how many rows a request may ask for (default: {REQUEST_ROWS})",
    )
    command.add_argument(
        "--max-body",
        metavar="BYTES",
        type=number,
        default=8 << 20,
        help="how large a request's body may be (default: 8388608)",
    )
    command.add_argument(
        "--keys", metavar="FILE", type=Path, help="the file of the keys that may ask, as hashes"
    )
    command.add_argument(
        "--insecure", action="store_true", help="let other machines ask, and without a key"
    )
    command.add_argument(
        "--new-key", metavar="NAME", help="make a key, print it once and add its hash to --keys"
    )
    command.add_argument(
        "--services",
        metavar="A,B",
        default="",
        help="the services that the new key is for (default: all)",
    )
    command.add_argument(
        "--pii", action="store_true", help="let the new key read what is tagged pii"
    )
    command.add_argument(
        "--near-folder",
        metavar="FOLDER",
        type=Path,
        help="where several processes share near views (default: /dev/shm, or the temporary "
        "folder)",
    )
    # Of the processes that are started.
    command.add_argument("--keep-near", type=Path, help=argparse.SUPPRESS)
    command.add_argument("--listening", type=int, help=argparse.SUPPRESS)
    command.add_argument("--watcher", type=int, help=argparse.SUPPRESS)


def _ui(add: Add) -> None:
    command = add("ui", "open Dagster's UI, with its daemon, until interrupted")
    command.add_argument(
        "--port",
        metavar="N",
        type=port,
        default=3000,
        help="where to listen (default: 3000); if it is taken, a free one is found",
    )


def _live(add: Add) -> None:
    command = add(
        "live",
        "let the demonstration act in real time, and watch its features follow",
        "Needs what `slate run` publishes. Ends by itself, when q is typed, or when interrupted.",
    )
    command.add_argument(
        "--seconds", metavar="N", type=number, default=60, help="for how long (default: 60)"
    )
    command.add_argument(
        "--rate",
        metavar="EVENTS_PER_SECOND",
        type=number,
        default=200,
        help="how many events are written (default: 200)",
    )
    command.add_argument(
        "--plain",
        action="store_true",
        help="a line of text each second, as where standard output is not a terminal",
    )


COMMANDS = (
    _run,
    _stream,
    _serve,
    _ui,
    _live,
)
