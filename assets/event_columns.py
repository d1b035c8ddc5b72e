"""The columns of other people's files, by the names that they have in definitions."""

import inspect
import keyword
import re
import unicodedata
from collections.abc import Iterable

from slate.base import snake_case
from slate.identifiers import ASKED_AT, SQL_WORDS, TRAINING_DAY, is_portable, longer
from slate.sources import Source

# What a source and its class body have already; a column of that name would be taken for it.
TAKEN = frozenset(
    name for base in Source.__mro__ for name in (*inspect.get_annotations(base), *vars(base))
) | {"str", "int", "float", "bool", "datetime", "column", TRAINING_DAY, ASKED_AT}


def column_name(text: str) -> str:
    """A text as a name of definitions: lower case, with underscores.

    Examples:
        >>> column_name("Order ID"), column_name("orderDate"), column_name("2nd price (USD)")
        ('order_id', 'order_date', 'x2nd_price_usd')
    """
    # Letters with marks as those without.
    letters = (
        unicodedata.normalize("NFKD", text.replace("ß", "ss")).encode("ascii", "ignore").decode()
    )
    name = re.sub("[^a-z0-9]+", "_", snake_case(letters.strip())).strip("_")
    return name if is_portable(name) else f"x{name}"


def column_names(source: str, headers: Iterable[str]) -> dict[str, str]:
    """The names that columns of a file have in definitions, by their names in the file.

    Args:
        source: the source's name.
        headers: the names in the file.
    """
    names: dict[str, str] = {}
    for header in headers:
        name = header if is_portable(header) else column_name(header)
        if name in TAKEN | SQL_WORDS or keyword.iskeyword(name) or name in names.values():
            name = longer(source, name)
        while name in names.values():
            name = f"{name}_2"
        names[header] = name
    return names
