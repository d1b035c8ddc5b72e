"""`slate`: what it takes, and how it ends.

Each command is a module of its name, loaded when it is asked for, whose ``run`` is given the
options and returns the exit code: 0 if all is well, 1 for what is wrong with definitions, data or
the store, 2 for a wrong command line, 130 when interrupted. Data go to standard output, everything
else to standard error.
"""

import argparse
import atexit
import importlib
import os
import sys
from collections.abc import Sequence
from datetime import datetime
from typing import NoReturn

INTERRUPTED = 130
# As the shell tells of a process that its closed pipe has ended.
PIPE_CLOSED = 141


def main() -> NoReturn:
    """Run the command that was given to this process, and end it."""
    options = _parser().parse_args()
    code = 1

    def leave() -> None:
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(code)

    # Registered first, it is called last, when all else has been closed. To take down what Dagster
    # and dbt loaded would take seconds, and DuckDB would tell of each reference they still hold.
    atexit.register(leave)
    code = _ended(options)
    sys.exit(code)


def command(arguments: Sequence[str]) -> int:
    """Run a command; return its exit code."""
    return _ended(_parser().parse_args(arguments))


def _ended(options: argparse.Namespace) -> int:
    try:
        code = _run(options)
        sys.stdout.flush()
    except BrokenPipeError:
        # What is still buffered has no reader either.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return PIPE_CLOSED
    except KeyboardInterrupt:
        print("interrupted", file=sys.stderr)
        return INTERRUPTED
    return code


def _run(options: argparse.Namespace) -> int:
    # Only now, as it takes longer than all else that `slate --help` does.
    from slate.errors import SlateError

    try:
        code: int = importlib.import_module(f"cli.{options.command}").run(options)
    except SlateError as error:
        print(f"slate: {error}", file=sys.stderr)
        return 1
    return code


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="slate",
        description="Features, defined once: check, look up, build and serve those of the "
        "deployment in slate.toml.",
        epilog="SLATE_CONFIG names another slate.toml, SLATE_DATA another data folder, SLATE_REDIS "
        "another online store. Exit codes: 0 done, 1 failed, 2 wrong usage, 130 interrupted.",
    )
    commands = parser.add_subparsers(dest="command", metavar="COMMAND", required=True)

    def add(name: str, text: str, details: str = "") -> argparse.ArgumentParser:
        description = f"{text[0].upper()}{text[1:]}. {details}"
        return commands.add_parser(name, help=text, description=description)

    add("check", "check definitions, and that the generated SQL is up to date")

    compile_ = add("compile", "write the SQL that the definitions stand for")
    compile_.add_argument(
        "--check", action="store_true", help="only tell whether it is up to date; exit 1 if not"
    )

    list_ = add("list", "list entities, sources, views and services")
    list_.add_argument("--json", action="store_true", help="as one JSON object")

    describe = add("describe", "tell all about one definition")
    describe.add_argument(
        "name", metavar="NAME", help="of a feature (view.feature), view, source, entity or service"
    )

    explain = add("explain", "tell how a service's features are come by")
    explain.add_argument("service", metavar="SERVICE")

    query = add(
        "query",
        "ask the online store for a service's features",
        "For several rows, give a key several values: show=a,b or show=a show=b.",
    )
    query.add_argument("service", metavar="SERVICE")
    query.add_argument(
        "given",
        metavar="KEY=VALUE",
        nargs="+",
        type=_key_value,
        help="a key or a request input; several values are separated by commas",
    )
    query.add_argument(
        "--at", metavar="T", type=_instant, help="the instant to ask about, UTC (default: now)"
    )
    query.add_argument("--json", action="store_true", help="as JSON, one object per row and line")

    training = add("training", "tell where a service's training set is, and what it holds")
    training.add_argument("service", metavar="SERVICE")

    add(
        "run",
        "run the whole chain, from landing files to training sets and the online store",
        "Where the deployment has a demonstration (`demo` in slate.toml), its data are made first "
        "and its features are used at the end.",
    )

    ui = add("ui", "open Dagster's UI, with its daemon, until interrupted")
    ui.add_argument(
        "--port",
        metavar="N",
        type=_port,
        default=3000,
        help="where to listen (default: 3000); if it is taken, a free one is found",
    )
    return parser


def _key_value(text: str) -> tuple[str, list[str]]:
    name, equals, values = text.partition("=")
    if not (name and equals):
        raise argparse.ArgumentTypeError(f"{text!r} is no key=value")
    return name, values.split(",")


def _port(text: str) -> int:
    if not (text.isdecimal() and int(text) < 1 << 16):
        raise argparse.ArgumentTypeError(f"{text!r} is no port: give 0 to 65535")
    return int(text)


def _instant(text: str) -> datetime:
    try:
        return datetime.fromisoformat(text)
    except ValueError:
        raise argparse.ArgumentTypeError(
            f"{text!r} is no time such as 2026-11-22T09:30 or 2026-11-22T09:30:00+01:00"
        ) from None


if __name__ == "__main__":
    main()
