"""Commands about events and rows: taking them in, training on them, tracing, forgetting."""

from slate.cli.options.command import Add
from slate.cli.options.files import reading
from slate.cli.options.types import count, instant, number, subject, wait


def _load(add: Add) -> None:
    command = add(
        "load",
        "take a source's history from files, years of it at once",
        "Each row becomes part of the landing file of the hour in which it arrived; `slate run` "
        "takes these in. Refused rows are told of with the reason, and lie in raw.quarantine "
        "after the next run; then the exit code is 1. A file that was loaded is passed over.",
    )
    command.add_argument("source", metavar="SOURCE")
    command.add_argument(
        "files", metavar="FILE", nargs="+", help="CSV, JSON lines, Parquet, or a DuckDB file"
    )
    command.add_argument(
        "--arrival",
        metavar="RULE",
        default="",
        help="when rows arrived, where no column tells it: 'placed_at + 5m'",
    )
    command.add_argument(
        "--id",
        choices=["content"],
        default="",
        help="make the ids of the rows' content, where no column has them",
    )
    reading(command)


def _ingest(add: Add) -> None:
    command = add(
        "ingest",
        "put events on a source's stream",
        "Refused events are told of with the reason, and the exit code is 1; all others are "
        "written. Ids make it harmless to ingest a file again.",
    )
    command.add_argument("source", metavar="SOURCE")
    command.add_argument(
        "file",
        metavar="FILE",
        help="JSON lines (.jsonl, .ndjson, .json), .parquet or Arrow (.arrow, .feather, .ipc); - "
        "for JSON lines from standard input",
    )
    command.add_argument(
        "--wait",
        metavar="SECONDS",
        type=wait,
        default=60.0,
        help="for how long to wait for room where the stream is full (default: 60)",
    )
    command.add_argument(
        "--pii", action="store_true", help="show what is tagged pii of refused events too"
    )


def _deadletters(add: Add) -> None:
    command = add(
        "deadletters",
        "list what was refused on its way through the streams, or write it again",
        "Late events are not written again: they have reached the warehouse.",
    )
    command.add_argument(
        "source", metavar="SOURCE", nargs="?", help="default: all that have a stream"
    )
    command.add_argument("--json", action="store_true", help="as JSON, one object per line")
    command.add_argument("--pii", action="store_true", help="show what is tagged pii too")
    what = command.add_mutually_exclusive_group()
    what.add_argument(
        "--replay",
        action="store_true",
        help="write refused events again; tell of those that cannot be, or are refused again",
    )
    what.add_argument(
        "--forget",
        action="store_true",
        help="delete what is listed; late events have reached the warehouse",
    )
    command.add_argument(
        "--limit",
        metavar="N",
        type=number,
        help="of each source the N oldest (default: 100 in a list, else all)",
    )


def _training(add: Add) -> None:
    command = add(
        "training",
        "tell where a service's training set is, or make one of rows of your own",
        "With --spine: the rows of a file, with the service's features as of each row's instant, "
        "read from the warehouse as it is. With --from log: the rows that were served and logged, "
        "as they were served.",
    )
    command.add_argument("service", metavar="SERVICE")
    command.add_argument(
        "--spine",
        metavar="FILE",
        help="rows with the service's keys, an instant and any other columns: .parquet, .csv, JSON "
        "lines (.jsonl, .ndjson, .json), or a folder of Parquet files",
    )
    command.add_argument(
        "--out", metavar="DIR", help="where the rows are written with their features, as Parquet"
    )
    command.add_argument(
        "--at",
        metavar="COLUMN",
        help="the spine's column of instants (default: as the service's own spine calls it)",
    )
    command.add_argument(
        "--from",
        dest="from_",
        choices=["log"],
        help="what was served, in place of a spine; with --out",
    )
    command.add_argument(
        "--since", metavar="T", type=instant, help="from the log: asked about this or later, UTC"
    )
    command.add_argument(
        "--until", metavar="T", type=instant, help="from the log: asked about before this, UTC"
    )


def _trace(add: Add) -> None:
    command = add(
        "trace",
        "tell of a value that was served what it is made of, down to its events",
        "Of answers that were logged (logged=... of a service) and taken in (the job "
        "take_in_log), and of instants that the warehouse knows.",
    )
    command.add_argument("service", metavar="SERVICE")
    command.add_argument("request", metavar="REQUEST_ID")
    command.add_argument("feature", metavar="FEATURE")
    command.add_argument(
        "--row", metavar="N", type=count, default=0, help="which row of the answer (default: 0)"
    )
    command.add_argument("--json", action="store_true", help="print it as JSON")


def _experiments(add: Add) -> None:
    command = add(
        "experiments",
        "compare the arms of experiments by what came of their exposures",
        "As the last run left the warehouse, and of exposures that were taken in (the job "
        "take_in_log).",
    )
    command.add_argument("name", metavar="NAME", nargs="?", default="", help="default: all")


def _forget(add: Add) -> None:
    command = add(
        "forget",
        "delete all that Slate keeps of an entity, such as a person, and show that nothing is left",
        "Its rows go, in whatever they are; everything is built and published anew without them, "
        "and then all files, tables and values of the store are searched. Takes as long as a "
        "first `slate run`. Exit code 1 where something is left. End `slate stream` before.",
    )
    command.add_argument(
        "subjects",
        metavar="KEY=VALUE",
        nargs="+",
        type=subject,
        help="a key column of an entity, and the key: customer_id=c17; several are forgotten "
        "together",
    )
    command.add_argument(
        "--dry-run", action="store_true", help="delete nothing: tell what is found, and where"
    )
    command.add_argument("--json", action="store_true", help="as one JSON object")


COMMANDS = (
    _load,
    _ingest,
    _deadletters,
    _training,
    _trace,
    _experiments,
    _forget,
)
