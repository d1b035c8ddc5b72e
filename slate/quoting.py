"""Names and texts as SQL takes them, whatever is in them."""

import re
from datetime import datetime

from slate.kinds import naive_utc


def quoted_name(name: str) -> str:
    """A column's or table's name, whatever word it is.

    Examples:
        >>> quoted_name("order")
        '"order"'
    """
    return '"' + name.replace('"', '""') + '"'


def quoted_text(text: object) -> str:
    """A text, or what has one.

    Examples:
        >>> quoted_text("it's")
        "'it''s'"
    """
    return "'" + str(text).replace("'", "''") + "'"


# Where dbt would take a text for its own, this comes in two.
_OF_DBT = re.compile(r"\{(?=[{%#])")


def literal(value: object) -> str:
    """A constant as SQL."""
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, datetime):
        return f"timestamp '{naive_utc(value).isoformat(sep=' ')}'"
    if isinstance(value, int | float):
        return str(value)
    text = "'" + str(value).replace("'", "''") + "'"
    parts = _OF_DBT.sub("{' || '", text)
    return text if parts == text else f"({parts})"
