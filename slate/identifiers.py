"""What columns, features and keys may be called: what every warehouse takes as it is written."""

import re
import unicodedata

from slate.errors import DefinitionError

# Two underscores join a feature's name to what is kept of it in a tile.
_PORTABLE = re.compile(r"[a-z](_?[a-z0-9])*")

# Who answers for a definition, as Dagster takes it.
_EMAIL = re.compile(r"[A-Za-z0-9_][A-Za-z0-9._%+-]*@[A-Za-z0-9.-]+\.[A-Za-z]{2,7}")
_TEAM = re.compile(r"team:\S.*")

# The words that DuckDB takes for no column without quotes; quoting them everywhere would make all
# generated SQL harder to read.
_SQL_WORDS = """
    all analyse analyze and anti any array as asc asof asymmetric at authorization binary both by
    case cast check collate collation column concurrently constraint create cross default
    deferrable desc describe distinct do else end except false fetch for foreign freeze from full
    glob group having ilike in initially inner intersect into is isnull join lambda lateral leading
    left like limit natural not notnull null offset on only or order outer overlaps pivot
    pivot_longer pivot_wider placing positional primary qualify references returning right select
    semi show similar some summarize symmetric table tablesample then to trailing true union unique
    unpack unpivot using variadic verbose when where window with
"""
SQL_WORDS = frozenset(_SQL_WORDS.split())

# What the tables of a view have besides keys and features: of a hand-written model, when a row
# holds from, when the platform could know it, and what breaks a tie of both ...
MODEL_TIMES = ("event_ts", "received_at")
ROW_ID = "row_id"
# ... of what is asked about, and of tiles.
ASKED_AT = "asked_at"
_TILES = ("hop", "tile", "arrived", "arrived_hour", "latest_event_ts")
VIEW_COLUMNS = frozenset([*MODEL_TIMES, ROW_ID, ASKED_AT, "as_of", "latest", "row", *_TILES])
# What the folders of a training set are named by, beside its columns.
TRAINING_DAY = "day"
# Of the tables that landing files are taken into, those that are of no source.
_RAW_TABLES = """
    builds built_models built_views clock files forgotten generated_models held judged_by
    ledger_time published quarantine unbuilt verdicts
"""
RAW_TABLES = frozenset(_RAW_TABLES.split())


def is_portable(name: object) -> bool:
    """Whether a name can stand in SQL, and nothing else differs from it by its case alone."""
    return isinstance(name, str) and _PORTABLE.fullmatch(name) is not None


def check_name(where: str, name: str, owner: str) -> None:
    """Refuse a name that generated SQL could not hold as it is.

    Args:
        where: what has the name.
        name: the name.
        owner: whose it is, for a better name.

    Raises:
        DefinitionError: no plain lower-case name, or a word of SQL.
    """
    if not is_portable(name):
        raise DefinitionError(
            f"{where}: {name!r} is not a plain name: use lower-case letters, digits and "
            f"underscores, one at a time, as in {longer(owner, name)!r}"
        )
    if name in SQL_WORDS:
        raise DefinitionError(
            f"{where}: {name!r} is a word of SQL: rename it, as in {longer(owner, name)!r}"
        )


def check_owner(where: str, owner: str) -> None:
    """Refuse an owner that Dagster does not take.

    Raises:
        DefinitionError: neither an e-mail address nor a team.
    """
    if owner and not (
        isinstance(owner, str) and (_EMAIL.fullmatch(owner) or _TEAM.fullmatch(owner))
    ):
        raise DefinitionError(
            f"{where} = {owner!r}: give an e-mail address, as in 'ann@example.com', or a team, as "
            f"in 'team:{re.sub(r'[^a-z0-9]+', '_', str(owner).lower()).strip('_') or 'data'}'"
        )


def longer(owner: str, name: str) -> str:
    """A name to propose in place of one that cannot be: with its owner's, and itself one that can.

    Letters lose what stands above or below them; of what is no letter then, nothing is kept.

    Examples:
        >>> longer("show_catalog", "Order")
        'show_catalog_order'
        >>> longer("orders", "größe")
        'orders_grosse'
        >>> longer("orders", "数量")
        'orders_value'
    """
    plain = re.sub("[^a-z0-9]+", "_", _unaccented(name)).strip("_") or "value"
    begin = re.sub("[^a-z0-9]+", "_", _unaccented(owner)).strip("_").lstrip("0123456789_")
    return f"{begin or 'of'}_{plain}"


def _unaccented(text: str) -> str:
    """A text in small letters, as far as it has letters of ASCII."""
    apart = unicodedata.normalize("NFKD", text.casefold())
    return "".join(one for one in apart if not unicodedata.combining(one))
