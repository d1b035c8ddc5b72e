"""Commands about definitions: checking them, telling of them, and making changes live."""

from slate.cli.options.command import Add
from slate.cli.options.files import reading
from slate.cli.options.types import count, port


def _init(add: Add) -> None:
    command = add(
        "init",
        "make a deployment in this folder, from a file of events",
        "Looks at the file's values, writes slate.toml, the definitions and the dbt project, and "
        "tells the command that loads the file. What is guessed is marked so.",
    )
    command.add_argument("name", metavar="NAME", help="of the deployment and its package: my_shop")
    command.add_argument(
        "--from",
        dest="from_",
        metavar="FILE",
        required=True,
        help="CSV, JSON lines, Parquet, or a DuckDB file",
    )
    command.add_argument("--source", metavar="NAME", default="", help="default: the file's name")
    roles = {
        "--id": "that is different in each row",
        "--time": "that tells when an event happened",
        "--arrival": "that tells when it could be known",
        "--key": "that tells whose it is",
    }
    for role, text in roles.items():
        command.add_argument(role, metavar="COLUMN", default="", help=f"the column {text}")
    reading(command)


def _check(add: Add) -> None:
    add(
        "check",
        "check definitions, that generated SQL is up to date, and that locked versions are kept",
        "A version of a service that is locked gives its models the same features, in the same "
        "order and with the same meaning; what changed is told in words. One that is not locked "
        "fails once any other is.",
    )


def _compile(add: Add) -> None:
    command = add("compile", "write the SQL that the definitions stand for")
    command.add_argument(
        "--check", action="store_true", help="only tell whether it is up to date; exit 1 if not"
    )


def _lock(add: Add) -> None:
    command = add(
        "lock",
        "lock what each version of a service gives to models, in files to commit",
        "Writes locks/SERVICE_vN.toml for versions that are new. A change of one that is locked is "
        "told, and taken with --accept alone.",
    )
    command.add_argument(
        "--accept",
        metavar="SERVICE_vN",
        nargs="+",
        default=[],
        help="take the changes of these, or remove their locks where they are no longer defined",
    )


def _plan(add: Add) -> None:
    command = add(
        "plan",
        "tell what a change of definitions will do, before anything runs",
        "Compares the definitions with what is locked, with what the online store serves and with "
        "what the warehouse was built of. Without a store or a warehouse it tells what it could "
        "not look at.",
    )
    form = command.add_mutually_exclusive_group()
    form.add_argument("--markdown", action="store_true", help="as a comment for a review")
    form.add_argument("--json", action="store_true", help="as one JSON object")
    command.add_argument(
        "--sample",
        metavar="N",
        type=count,
        default=100,
        help="of how many rows old and new values are compared; 0 for none (default: 100)",
    )
    command.add_argument(
        "--server",
        metavar="URL",
        help="take old values from this server, which has the old definitions (default: from the "
        "training set)",
    )
    command.add_argument("--key", metavar="KEY", help="an API key for it")
    command.add_argument(
        "--detailed-exitcode",
        action="store_true",
        help="exit 3 where there is something to do, 0 where there is nothing",
    )


def _apply(add: Add) -> None:
    command = add(
        "apply",
        "do what `slate plan` shows, and make it live in one step",
        "Shows the plan and asks; then builds what changed beside what is served, checks it, "
        "publishes all of it together or none, makes what streamed for it, and locks new versions. "
        "Stopped half-way, it goes on when it is run again.",
    )
    command.add_argument("--yes", action="store_true", help="do not ask, as in CI")
    command.add_argument(
        "--sample",
        metavar="N",
        type=count,
        default=100,
        help="of how many rows the plan compares old and new values; 0 for none (default: 100)",
    )


def _env(add: Add) -> None:
    command = add(
        "env",
        "list previews, or remove one",
        "A preview is a deployment of these definitions beside production, with its own data and "
        "online keys: `slate run --env NAME` makes it from production's data.",
    )
    actions = command.add_subparsers(dest="action", metavar="ACTION", required=True)
    listing = actions.add_parser("list", help="list previews, with the room that they take")
    listing.add_argument("--json", action="store_true", help="as one JSON array")
    removal = actions.add_parser("remove", help="remove all of a preview: its keys and its files")
    removal.add_argument("name", metavar="NAME")


def _list(add: Add) -> None:
    command = add("list", "list entities, sources, views and services")
    command.add_argument("--json", action="store_true", help="as one JSON object")


def _describe(add: Add) -> None:
    command = add("describe", "tell all about one definition")
    command.add_argument(
        "name", metavar="NAME", help="of a feature (view.feature), view, source, entity or service"
    )


def _explain(add: Add) -> None:
    command = add("explain", "tell how a service's features are come by")
    command.add_argument("service", metavar="SERVICE")


def _docs(add: Add) -> None:
    command = add(
        "docs",
        "write the catalogue: a site of all definitions, and of what is known of them",
        "Open its index.html in a browser; it needs no server and no network. Before anything was "
        "run it tells of the definitions alone.",
    )
    command.add_argument(
        "--out", metavar="DIR", help="where to write it (default: catalogue, in the data folder)"
    )
    command.add_argument(
        "--serve",
        metavar="PORT",
        type=port,
        nargs="?",
        const=0,
        help="serve it then, to this machine alone, until interrupted (default: the port of "
        "catalogue_url in slate.toml where that is of this machine, else a free one)",
    )


def _stubs(add: Add) -> None:
    command = add(
        "stubs",
        "write a module of the services with their types, for editors and type checkers",
        "Its classes ask a client: Features(client).my_service(key=...) knows the keys, the inputs "
        "and the features.",
    )
    command.add_argument("--out", metavar="FILE", help="write it there (default: print it)")
    command.add_argument("--check", action="store_true", help="fail where the file is out of date")


COMMANDS = (
    _init,
    _check,
    _compile,
    _lock,
    _plan,
    _apply,
    _env,
    _list,
    _describe,
    _explain,
    _docs,
    _stubs,
)
