"""Commands about the online store: what it holds and serves, and going back."""

from slate.cli.options.command import Add
from slate.cli.options.types import count, instant, key_value, seconds


def _query(add: Add) -> None:
    command = add(
        "query",
        "ask the online store for a service's features",
        "For several rows, give a key several values: show=a,b or show=a show=b. Where the service "
        "has candidates, their key may be left out.",
    )
    command.add_argument("service", metavar="SERVICE")
    command.add_argument(
        "given",
        metavar="KEY=VALUE",
        nargs="+",
        type=key_value,
        help="a key or a request input; several values are separated by commas",
    )
    command.add_argument(
        "--at", metavar="T", type=instant, help="the instant to ask about, UTC (default: now)"
    )
    command.add_argument("--json", action="store_true", help="as JSON, one object per row and line")
    command.add_argument("--pii", action="store_true", help="show what is tagged pii too")


def _keys(add: Add) -> None:
    command = add(
        "keys",
        "tell what the online store holds under one key of a view",
        "Where it lies and how large it is, and of each feature the value without what the stream "
        "adds, and with it.",
    )
    command.add_argument("view", metavar="VIEW")
    command.add_argument("key", metavar="KEY", nargs="+", help="the key; of a pair both, in order")
    command.add_argument(
        "--at", metavar="T", type=instant, help="the instant to ask about, UTC (default: now)"
    )
    command.add_argument("--pii", action="store_true", help="show what is tagged pii too")


def _status(add: Add) -> None:
    command = add(
        "status",
        "tell how what is served stands, what is wrong, and what to do",
        "Which generation of each view is live and up to when it knows what happened, how far "
        "behind streams are, and with --server how fast one answers, and with what. Exit code 1 "
        "where something is wrong.",
    )
    command.add_argument(
        "--server", metavar="URL", default="", help="of a `slate serve`, whose metrics are read"
    )
    command.add_argument(
        "--key", metavar="KEY", default="", help="for that server (default: SLATE_KEY, if set)"
    )
    command.add_argument(
        "--watch", metavar="SECONDS", type=seconds, help="look again and again, this far apart"
    )
    command.add_argument("--json", action="store_true", help="as a line of JSON for each look")


def _generations(add: Add) -> None:
    command = add(
        "generations",
        "list what the online store has of each view, and what can be gone back to",
        "Which generation is live, since when and of which publish, and the command that makes "
        "another one live, or why none does.",
    )
    command.add_argument("view", metavar="VIEW", nargs="?", help="default: all")
    form = command.add_mutually_exclusive_group()
    form.add_argument("--json", action="store_true", help="as a JSON list")
    form.add_argument(
        "--clean",
        action="store_true",
        help="delete what is kept beyond --keep, and what is left over",
    )
    command.add_argument(
        "--keep",
        metavar="N",
        type=count,
        help="with --clean: how many stay besides the live one (default: kept_generations of "
        "slate.toml)",
    )


def _rollback(add: Add) -> None:
    command = add(
        "rollback",
        "make older generations of views live again, at once and together",
        "By default, of those that were published before the live one the one that was live last. "
        "What streamed since is added to them. What was live stays, and can be gone forward to.",
    )
    command.add_argument("views", metavar="VIEW", nargs="*")
    command.add_argument(
        "--publish",
        metavar="ID",
        default="",
        help="all views of which this publish (the id of its run, or how it begins) is live",
    )
    command.add_argument(
        "--to", metavar="GENERATION", help="the generation, by its name or how its publish begins"
    )
    command.add_argument(
        "--rebuild",
        action="store_true",
        help="also where workers have to make anew what streamed: the view is MISSING until then",
    )
    command.add_argument(
        "--pin", action="store_true", help="let no publish take their place until `slate unpin`"
    )


def _unpin(add: Add) -> None:
    command = add("unpin", "let the next publish of views go live again, after `rollback --pin`")
    command.add_argument("views", metavar="VIEW", nargs="+")


def _accept(add: Add) -> None:
    command = add(
        "accept",
        "let the next run of views pass though they are far from their last good run",
        "What the definitions promise of values holds all the same.",
    )
    command.add_argument("views", metavar="VIEW", nargs="+")
    command.add_argument(
        "--because", metavar="REASON", required=True, help="why the change is meant; it is kept"
    )


def _rebuild(add: Add) -> None:
    add(
        "rebuild",
        "fill an empty online store: from the warehouse, the archive and the streams",
        "For a store that lost its data. Runs the whole chain first, so that only what passes its "
        "checks is published; then replays what the streams' archives hold since.",
    )


def _acl(add: Add) -> None:
    command = add(
        "acl",
        "tell what the store's users may do, or make one of them",
        "Without --set: a line for each role as files of ACL users have it, without passwords. "
        "With it: makes the role's user, or changes it, with the password on standard input.",
    )
    command.add_argument(
        "--set",
        dest="role",
        metavar="ROLE",
        help="reader, writer (of events), worker, publisher, or operator (all of them)",
    )
    command.add_argument("--user", metavar="NAME", help="its user (default: DEPLOYMENT-ROLE)")


COMMANDS = (
    _query,
    _keys,
    _status,
    _generations,
    _rollback,
    _unpin,
    _accept,
    _rebuild,
    _acl,
)
