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
from datetime import datetime
from pathlib import Path
from typing import NoReturn

from slate.deployment import ENV, load
from slate.errors import SlateError
from slate.limits import LONGEST, REQUEST_ROWS

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
    except BrokenPipeError:
        # What is still buffered has no reader either.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return PIPE_CLOSED
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
    parser.add_argument("--env", metavar="NAME", default="", help=_ENV)
    commands = parser.add_subparsers(dest="command", metavar="COMMAND", required=True)

    # Before the command, and after it.
    env = argparse.ArgumentParser(add_help=False)
    env.add_argument("--env", metavar="NAME", default=argparse.SUPPRESS, help=_ENV)

    def add(name: str, text: str, details: str = "") -> argparse.ArgumentParser:
        description = f"{text[0].upper()}{text[1:]}. {details}"
        return commands.add_parser(name, help=text, description=description, parents=[env])

    init = add(
        "init",
        "make a deployment in this folder, from a file of events",
        "Looks at the file's values, writes slate.toml, the definitions and the dbt project, and "
        "tells the command that loads the file. What is guessed is marked so.",
    )
    init.add_argument("name", metavar="NAME", help="of the deployment and its package: my_shop")
    init.add_argument(
        "--from",
        dest="from_",
        metavar="FILE",
        required=True,
        help="CSV, JSON lines, Parquet, or a DuckDB file",
    )
    init.add_argument("--source", metavar="NAME", default="", help="default: the file's name")
    roles = {
        "--id": "that is different in each row",
        "--time": "that tells when an event happened",
        "--arrival": "that tells when it could be known",
        "--key": "that tells whose it is",
    }
    for role, text in roles.items():
        init.add_argument(role, metavar="COLUMN", default="", help=f"the column {text}")
    _reading(init)

    load_ = add(
        "load",
        "take a source's history from files, years of it at once",
        "Each row becomes part of the landing file of the hour in which it arrived; `slate run` "
        "takes these in. Refused rows are told of with the reason, and lie in raw.quarantine "
        "after the next run; then the exit code is 1. A file that was loaded is passed over.",
    )
    load_.add_argument("source", metavar="SOURCE")
    load_.add_argument(
        "files", metavar="FILE", nargs="+", help="CSV, JSON lines, Parquet, or a DuckDB file"
    )
    load_.add_argument(
        "--arrival",
        metavar="RULE",
        default="",
        help="when rows arrived, where no column tells it: 'placed_at + 5m'",
    )
    load_.add_argument(
        "--id",
        choices=["content"],
        default="",
        help="make the ids of the rows' content, where no column has them",
    )
    _reading(load_)

    add(
        "check",
        "check definitions, that generated SQL is up to date, and that locked versions are kept",
        "A version of a service that is locked gives its models the same features, in the same "
        "order and with the same meaning; what changed is told in words. One that is not locked "
        "fails once any other is.",
    )

    compile_ = add("compile", "write the SQL that the definitions stand for")
    compile_.add_argument(
        "--check", action="store_true", help="only tell whether it is up to date; exit 1 if not"
    )

    lock = add(
        "lock",
        "lock what each version of a service gives to models, in files to commit",
        "Writes locks/SERVICE_vN.toml for versions that are new. A change of one that is locked is "
        "told, and taken with --accept alone.",
    )
    lock.add_argument(
        "--accept",
        metavar="SERVICE_vN",
        nargs="+",
        default=[],
        help="take the changes of these, or remove their locks where they are no longer defined",
    )

    plan = add(
        "plan",
        "tell what a change of definitions will do, before anything runs",
        "Compares the definitions with what is locked, with what the online store serves and with "
        "what the warehouse was built of. Without a store or a warehouse it tells what it could "
        "not look at.",
    )
    form = plan.add_mutually_exclusive_group()
    form.add_argument("--markdown", action="store_true", help="as a comment for a review")
    form.add_argument("--json", action="store_true", help="as one JSON object")
    plan.add_argument(
        "--sample",
        metavar="N",
        type=_count,
        default=100,
        help="of how many rows old and new values are compared; 0 for none (default: 100)",
    )
    plan.add_argument(
        "--server",
        metavar="URL",
        help="take old values from this server, which has the old definitions (default: from the "
        "training set)",
    )
    plan.add_argument("--key", metavar="KEY", help="an API key for it")
    plan.add_argument(
        "--detailed-exitcode",
        action="store_true",
        help="exit 3 where there is something to do, 0 where there is nothing",
    )

    apply = add(
        "apply",
        "do what `slate plan` shows, and make it live in one step",
        "Shows the plan and asks; then builds what changed beside what is served, checks it, "
        "publishes all of it together or none, makes what streamed for it, and locks new versions. "
        "Stopped half-way, it goes on when it is run again.",
    )
    apply.add_argument("--yes", action="store_true", help="do not ask, as in CI")
    apply.add_argument(
        "--sample",
        metavar="N",
        type=_count,
        default=100,
        help="of how many rows the plan compares old and new values; 0 for none (default: 100)",
    )

    env_ = add(
        "env",
        "list previews, or remove one",
        "A preview is a deployment of these definitions beside production, with its own data and "
        "online keys: `slate run --env NAME` makes it from production's data.",
    )
    actions = env_.add_subparsers(dest="action", metavar="ACTION", required=True)
    listing = actions.add_parser("list", help="list previews, with the room that they take")
    listing.add_argument("--json", action="store_true", help="as one JSON array")
    removal = actions.add_parser("remove", help="remove all of a preview: its keys and its files")
    removal.add_argument("name", metavar="NAME")

    list_ = add("list", "list entities, sources, views and services")
    list_.add_argument("--json", action="store_true", help="as one JSON object")

    describe = add("describe", "tell all about one definition")
    describe.add_argument(
        "name", metavar="NAME", help="of a feature (view.feature), view, source, entity or service"
    )

    docs = add(
        "docs",
        "write the catalogue: a site of all definitions, and of what is known of them",
        "Open its index.html in a browser; it needs no server and no network. Before anything was "
        "run it tells of the definitions alone.",
    )
    docs.add_argument(
        "--out", metavar="DIR", help="where to write it (default: catalogue, in the data folder)"
    )

    explain = add("explain", "tell how a service's features are come by")
    explain.add_argument("service", metavar="SERVICE")

    query = add(
        "query",
        "ask the online store for a service's features",
        "For several rows, give a key several values: show=a,b or show=a show=b. Where the service "
        "has candidates, their key may be left out.",
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
    query.add_argument("--pii", action="store_true", help="show what is tagged pii too")

    keys = add(
        "keys",
        "tell what the online store holds under one key of a view",
        "Where it lies and how large it is, and of each feature the value without what the stream "
        "adds, and with it.",
    )
    keys.add_argument("view", metavar="VIEW")
    keys.add_argument("key", metavar="KEY", nargs="+", help="the key; of a pair both, in order")
    keys.add_argument(
        "--at", metavar="T", type=_instant, help="the instant to ask about, UTC (default: now)"
    )
    keys.add_argument("--pii", action="store_true", help="show what is tagged pii too")

    generations = add(
        "generations",
        "list what the online store has of each view, and what can be gone back to",
        "Which generation is live, since when and of which publish, and the command that makes "
        "another one live, or why none does.",
    )
    generations.add_argument("view", metavar="VIEW", nargs="?", help="default: all")
    generations.add_argument("--json", action="store_true", help="as a JSON list")
    generations.add_argument(
        "--clean",
        action="store_true",
        help="delete what is kept beyond --keep, and what is left over",
    )
    generations.add_argument(
        "--keep",
        metavar="N",
        type=_count,
        help="how many stay besides the live one (default: kept_generations of slate.toml)",
    )

    status = add(
        "status",
        "tell how what is served stands, what is wrong, and what to do",
        "Which generation of each view is live and up to when it knows what happened, how far "
        "behind streams are, and with --server how fast one answers, and with what. Exit code 1 "
        "where something is wrong.",
    )
    status.add_argument(
        "--server", metavar="URL", default="", help="of a `slate serve`, whose metrics are read"
    )
    status.add_argument(
        "--key", metavar="KEY", default="", help="for that server (default: SLATE_KEY, if set)"
    )
    status.add_argument(
        "--watch", metavar="SECONDS", type=_seconds, help="look again and again, this far apart"
    )
    status.add_argument("--json", action="store_true", help="as a line of JSON for each look")

    rollback = add(
        "rollback",
        "make older generations of views live again, at once and together",
        "By default, of those that were published before the live one the one that was live last. "
        "What streamed since is added to them. What was live stays, and can be gone forward to.",
    )
    rollback.add_argument("views", metavar="VIEW", nargs="*")
    rollback.add_argument(
        "--publish",
        metavar="ID",
        default="",
        help="all views of which this publish (the id of its run, or how it begins) is live",
    )
    rollback.add_argument(
        "--to", metavar="GENERATION", help="the generation, by its name or how its publish begins"
    )
    rollback.add_argument(
        "--rebuild",
        action="store_true",
        help="also where workers have to make anew what streamed: the view is MISSING until then",
    )
    rollback.add_argument(
        "--pin", action="store_true", help="let no publish take their place until `slate unpin`"
    )

    unpin = add("unpin", "let the next publish of views go live again, after `rollback --pin`")
    unpin.add_argument("views", metavar="VIEW", nargs="+")

    accept = add(
        "accept",
        "let the next run of views pass though they are far from their last good run",
        "What the definitions promise of values holds all the same.",
    )
    accept.add_argument("views", metavar="VIEW", nargs="+")
    accept.add_argument(
        "--because", metavar="REASON", required=True, help="why the change is meant; it is kept"
    )

    forget = add(
        "forget",
        "delete all that Slate keeps of an entity, such as a person, and show that nothing is left",
        "Its rows go, in whatever they are; everything is built and published anew without them, "
        "and then all files, tables and values of the store are searched. Takes as long as a "
        "first `slate run`. Exit code 1 where something is left. End `slate stream` before.",
    )
    forget.add_argument(
        "subjects",
        metavar="KEY=VALUE",
        nargs="+",
        type=_subject,
        help="a key column of an entity, and the key: customer_id=c17; several are forgotten "
        "together",
    )
    forget.add_argument(
        "--dry-run", action="store_true", help="delete nothing: tell what is found, and where"
    )
    forget.add_argument("--json", action="store_true", help="as one JSON object")

    typed = add(
        "stubs",
        "write a module of the services with their types, for editors and type checkers",
        "Its classes ask a client: Features(client).my_service(key=...) knows the keys, the inputs "
        "and the features.",
    )
    typed.add_argument("--out", metavar="FILE", help="write it there (default: print it)")
    typed.add_argument("--check", action="store_true", help="fail where the file is out of date")

    acl = add(
        "acl",
        "tell what the store's users may do, or make one of them",
        "Without --set: a line for each role as files of ACL users have it, without passwords. "
        "With it: makes the role's user, or changes it, with the password on standard input.",
    )
    acl.add_argument(
        "--set",
        dest="role",
        metavar="ROLE",
        help="reader, writer (of events), worker, publisher, or operator (all of them)",
    )
    acl.add_argument("--user", metavar="NAME", help="its user (default: DEPLOYMENT-ROLE)")

    training = add(
        "training",
        "tell where a service's training set is, or make one of rows of your own",
        "With --spine: the rows of a file, with the service's features as of each row's instant, "
        "read from the warehouse as it is. With --from log: the rows that were served and logged, "
        "as they were served.",
    )
    training.add_argument("service", metavar="SERVICE")
    training.add_argument(
        "--spine",
        metavar="FILE",
        help="rows with the service's keys, an instant and any other columns: .parquet, .csv, JSON "
        "lines (.jsonl, .ndjson, .json), or a folder of Parquet files",
    )
    training.add_argument(
        "--out", metavar="DIR", help="where the rows are written with their features, as Parquet"
    )
    training.add_argument(
        "--at",
        metavar="COLUMN",
        help="the spine's column of instants (default: as the service's own spine calls it)",
    )
    training.add_argument(
        "--from",
        dest="from_",
        choices=["log"],
        help="what was served, in place of a spine; with --out",
    )
    training.add_argument(
        "--since", metavar="T", type=_instant, help="from the log: asked about this or later, UTC"
    )
    training.add_argument(
        "--until", metavar="T", type=_instant, help="from the log: asked about before this, UTC"
    )

    trace = add(
        "trace",
        "tell of a value that was served what it is made of, down to its events",
        "Of answers that were logged (logged=... of a service) and taken in (the job "
        "take_in_log), and of instants that the warehouse knows.",
    )
    trace.add_argument("service", metavar="SERVICE")
    trace.add_argument("request", metavar="REQUEST_ID")
    trace.add_argument("feature", metavar="FEATURE")
    trace.add_argument(
        "--row", metavar="N", type=int, default=0, help="which row of the answer (default: 0)"
    )
    trace.add_argument("--json", action="store_true", help="print it as JSON")

    ingest = add(
        "ingest",
        "put events on a source's stream",
        "Refused events are told of with the reason, and the exit code is 1; all others are "
        "written. Ids make it harmless to ingest a file again.",
    )
    ingest.add_argument("source", metavar="SOURCE")
    ingest.add_argument(
        "file",
        metavar="FILE",
        help="JSON lines (.jsonl, .ndjson, .json), .parquet or Arrow (.arrow, .feather, .ipc); - "
        "for JSON lines from standard input",
    )
    ingest.add_argument(
        "--wait",
        metavar="SECONDS",
        type=float,
        default=60.0,
        help="for how long to wait for room where the stream is full (default: 60)",
    )

    stream = add(
        "stream",
        "apply the streams' events to the rows that are served, and archive them",
        "Runs until it is interrupted. Any number of workers share the work, on any number of "
        "machines; what one that dies has held, the others take over.",
    )
    stream.add_argument(
        "--workers", metavar="N", type=_number, default=1, help="how many processes (default: 1)"
    )
    stream.add_argument(
        "--metrics",
        metavar="PORT",
        type=_number,
        help="serve Prometheus metrics on this loopback port; further workers on the next ones",
    )
    stream.add_argument(
        "--lease",
        metavar="SECONDS",
        type=float,
        default=5.0,
        help="after how long others take over what a dead worker held (default: 5)",
    )
    stream.add_argument("--quiet", action="store_true", help="tell nothing on the way")

    serve = add(
        "serve",
        "serve features over HTTP, in JSON and Arrow",
        "Runs until it is interrupted or terminated, and then answers what it was asked. "
        "docs/serving.md tells what may be asked, and how.",
    )
    serve.add_argument(
        "--host", metavar="H", default="127.0.0.1", help="where to listen (default: 127.0.0.1)"
    )
    serve.add_argument(
        "--port", metavar="N", type=_port, default=8080, help="default: 8080; 0 for a free one"
    )
    serve.add_argument(
        "--processes", metavar="N", type=_number, default=1, help="how many serve (default: 1)"
    )
    serve.add_argument(
        "--timeout",
        metavar="SECONDS",
        type=_seconds,
        default=0.5,
        help="how long a request may wait for the store (default: 0.5)",
    )
    serve.add_argument(
        "--max-rows",
        metavar="N",
        type=_number,
        default=REQUEST_ROWS,
        help=f"how many rows a request may ask for (default: {REQUEST_ROWS})",
    )
    serve.add_argument(
        "--max-body",
        metavar="BYTES",
        type=_number,
        default=8 << 20,
        help="how large a request's body may be (default: 8388608)",
    )
    serve.add_argument(
        "--keys", metavar="FILE", type=Path, help="the file of the keys that may ask, as hashes"
    )
    serve.add_argument(
        "--insecure", action="store_true", help="let other machines ask, and without a key"
    )
    serve.add_argument(
        "--new-key", metavar="NAME", help="make a key, print it once and add its hash to --keys"
    )
    serve.add_argument(
        "--services",
        metavar="A,B",
        default="",
        help="the services that the new key is for (default: all)",
    )
    serve.add_argument("--pii", action="store_true", help="let the new key read what is tagged pii")
    serve.add_argument(
        "--near-folder",
        metavar="FOLDER",
        type=Path,
        help="where several processes share near views (default: /dev/shm, or the temporary "
        "folder)",
    )
    # Of the processes that are started.
    serve.add_argument("--keep-near", type=Path, help=argparse.SUPPRESS)
    serve.add_argument("--listening", type=int, help=argparse.SUPPRESS)
    serve.add_argument("--watcher", type=int, help=argparse.SUPPRESS)

    add(
        "rebuild",
        "fill an empty online store: from the warehouse, the archive and the streams",
        "For a store that lost its data. Runs the whole chain first, so that only what passes its "
        "checks is published; then replays what the streams' archives hold since.",
    )

    deadletters = add(
        "deadletters",
        "list what was refused on its way through the streams, or write it again",
        "Late events are not written again: they have reached the warehouse.",
    )
    deadletters.add_argument(
        "source", metavar="SOURCE", nargs="?", help="default: all that have a stream"
    )
    deadletters.add_argument("--json", action="store_true", help="as JSON, one object per line")
    deadletters.add_argument("--pii", action="store_true", help="show what is tagged pii too")
    deadletters.add_argument(
        "--replay",
        action="store_true",
        help="write refused events again; tell of those that cannot be, or are refused again",
    )
    deadletters.add_argument(
        "--forget",
        action="store_true",
        help="delete what is listed; late events have reached the warehouse",
    )
    deadletters.add_argument(
        "--limit",
        metavar="N",
        type=_number,
        help="of each source the N oldest (default: 100 in a list, else all)",
    )

    add(
        "run",
        "run the whole chain, from landing files to training sets and the online store",
        "Where the deployment has a demonstration (`demo` in slate.toml), its data are made first "
        "and its features are used at the end.",
    )

    live = add(
        "live",
        "let the demonstration act in real time, and watch its features follow",
        "Needs what `slate run` publishes. Ends by itself, when q is typed, or when interrupted.",
    )
    live.add_argument(
        "--seconds", metavar="N", type=_number, default=60, help="for how long (default: 60)"
    )
    live.add_argument(
        "--rate",
        metavar="EVENTS_PER_SECOND",
        type=_number,
        default=200,
        help="how many events are written (default: 200)",
    )
    live.add_argument(
        "--plain",
        action="store_true",
        help="a line of text each second, as where standard output is not a terminal",
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


def _reading(parser: argparse.ArgumentParser) -> None:
    """What is said of how a file is written."""
    parser.add_argument("--table", metavar="NAME", default="", help="of a DuckDB file")
    parser.add_argument(
        "--null",
        metavar="WORD",
        action="append",
        default=[],
        help="a word that stands for no value, such as NA; may be repeated",
    )
    parser.add_argument(
        "--time-format",
        metavar="FORMAT",
        action="append",
        default=[],
        help="of times that are not in ISO 8601: epoch_s, epoch_ms, epoch_us, or one such as "
        "'%%d/%%m/%%Y %%H:%%M'; may be repeated",
    )


def _key_value(text: str) -> tuple[str, list[str]]:
    name, equals, values = text.partition("=")
    if not (name and equals):
        raise argparse.ArgumentTypeError(f"{text!r} is not key=value")
    return name, values.split(",")


def _subject(text: str) -> tuple[str, list[str]]:
    """A key with its value, which may have commas."""
    name, _ = _key_value(text)
    return name, [text.partition("=")[2]]


def _number(text: str) -> int:
    if not (text.isdecimal() and int(text)):
        raise argparse.ArgumentTypeError(f"{text!r} is not a number: give 1 or more")
    return int(text)


def _count(text: str) -> int:
    if not text.isdecimal():
        raise argparse.ArgumentTypeError(f"{text!r} is not a number: give 0 or more")
    return int(text)


def _port(text: str) -> int:
    if not (text.isdecimal() and int(text) < 1 << 16):
        raise argparse.ArgumentTypeError(f"{text!r} is not a port: give 0 to 65535")
    return int(text)


def _seconds(text: str) -> float:
    try:
        seconds = float(text)
    except ValueError:
        seconds = 0.0
    if not 0 < seconds <= LONGEST:
        raise argparse.ArgumentTypeError(
            f"{text!r} is not a number of seconds: give more than 0, and {LONGEST:,} at most"
        )
    return seconds


def _instant(text: str) -> datetime:
    try:
        return datetime.fromisoformat(text)
    except ValueError:
        raise argparse.ArgumentTypeError(
            f"{text!r} is not a time such as 2026-11-22T09:30 or 2026-11-22T09:30:00+01:00"
        ) from None


if __name__ == "__main__":
    main()
