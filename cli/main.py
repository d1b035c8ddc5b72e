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
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import NoReturn

from slate.cli.options import data, definitions, running, store
from slate.cli.outputs import has_no_reader, let_go, require_outputs, why_not_written, write_out
from slate.deployment import ENV, load
from slate.errors import SlateError

_ENV = "the preview of that name: its own data and online keys, beside production (SLATE_ENV)"
# Which commands make a preview, and which need nothing of its data.
_MAKES = {"run", "apply"}
_NEEDS_NONE = {"env", "init", "check", "compile", "lock", "plan", "list", "describe", "explain"}
_NEEDS_NONE |= {"stubs", "acl"}
INTERRUPTED = 130
# As the shell tells of a process that its closed pipe has ended.
PIPE_CLOSED = 141


def main() -> NoReturn:
    """Run the command that was given to this process, and end it."""
    require_outputs()
    options = _parsed()
    code = 1

    def leave() -> None:
        write_out()
        os._exit(code)

    # Registered first, it is called last, when all else has been closed. To take down what Dagster
    # and dbt loaded would take seconds, and DuckDB would tell of each reference they still hold.
    atexit.register(leave)
    code = _ended(options)
    sys.exit(code)


def _parsed() -> argparse.Namespace:
    try:
        return _parser().parse_args()
    except SystemExit:
        # It has told help, or what is wrong.
        if why := why_not_written():
            sys.exit(_not_written(why))
        raise


def _not_written(why: str) -> int:
    """Tell that what was printed is lost; the exit code."""
    let_go(sys.stdout)
    print(
        f"slate: standard output cannot be written ({why}), so not all of it is there: make room, "
        "or let it go elsewhere",
        file=sys.stderr,
    )
    return 1


def command(arguments: Sequence[str]) -> int:
    """Run a command; return its exit code."""
    return _ended(_parser().parse_args(arguments))


@contextmanager
def _preview_of(options: argparse.Namespace) -> Iterator[None]:
    """Let all that a command does, and starts, be about the preview that is named."""
    before = os.environ.get(ENV)
    if options.env:
        os.environ[ENV] = options.env
    try:
        yield
    finally:
        os.environ.pop(ENV, None)
        if before is not None:
            os.environ[ENV] = before


def _ended(options: argparse.Namespace) -> int:
    try:
        with _preview_of(options):
            code = _run(options)
        sys.stdout.flush()
    except BrokenPipeError as error:
        closed = [output for output in (sys.stdout, sys.stderr) if has_no_reader(output)]
        for output in closed:
            # What is still buffered has no reader either.
            let_go(output)
        if closed:
            return PIPE_CLOSED
        print(
            f"slate: another process that this command writes to has closed the connection "
            f"({error}): see that it runs, and run the command again",
            file=sys.stderr,
        )
        return 1
    except OSError:
        if (why := why_not_written()) is None:
            raise
        return _not_written(why)
    except KeyboardInterrupt:
        print("interrupted", file=sys.stderr)
        return INTERRUPTED
    return code


def _run(options: argparse.Namespace) -> int:
    try:
        if os.environ.get(ENV) and options.command not in _MAKES | _NEEDS_NONE:
            load().require_made()
        code: int = importlib.import_module(f"slate.cli.{options.command}").run(options)
    except SlateError as error:
        print(f"slate: {error}", file=sys.stderr)
        return 1
    except ModuleNotFoundError as error:
        # A bare installation is the client, without what the warehouse and its runs need.
        package = (error.name or "").partition(".")[0]
        extra = "server" if options.command == "serve" else "platform"
        if package in {"", "slate"}:
            raise
        print(
            f"slate: `slate {options.command}` needs {package}, which is not installed: install "
            f"slate[{extra}], not slate alone",
            file=sys.stderr,
        )
        return 1
    except Exception as error:
        from redis.exceptions import RedisError

        if not isinstance(error, RedisError):
            raise
        print(
            f"slate: the online store fails ({error}): see that it runs, and to its address "
            "(redis in slate.toml, or SLATE_REDIS)",
            file=sys.stderr,
        )
        return 1
    return code


def _named(text: str) -> str:
    """The name of a preview: a variable of a script that is not set is none, nor production."""
    if not text:
        raise argparse.ArgumentTypeError("'' names no preview: leave --env out for production")
    return text


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="slate",
        description="Features, defined once: check, look up, build and serve those of the "
        "deployment in slate.toml.",
        epilog="SLATE_CONFIG names another slate.toml, SLATE_DATA another data folder, SLATE_REDIS "
        "another online store, SLATE_CLOCK the instant of a virtual clock, SLATE_MEMORY the "
        "memory that DuckDB may take, SLATE_ENV a preview. Exit codes: 0 done, 1 failed, 2 wrong "
        "usage, 130 interrupted.",
    )
    parser.add_argument("--env", metavar="NAME", type=_named, help=_ENV)
    commands = parser.add_subparsers(dest="command", metavar="COMMAND", required=True)

    # Before the command, and after it.
    env = argparse.ArgumentParser(add_help=False)
    env.add_argument("--env", metavar="NAME", type=_named, default=argparse.SUPPRESS, help=_ENV)

    def add(name: str, text: str, details: str = "") -> argparse.ArgumentParser:
        description = f"{text[0].upper()}{text[1:]}. {details}"
        return commands.add_parser(name, help=text, description=description, parents=[env])

    for group in (definitions, data, store, running):
        for add_command in group.COMMANDS:
            add_command(add)
    return parser


if __name__ == "__main__":
    main()
