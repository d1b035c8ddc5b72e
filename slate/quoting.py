"""Names and texts as SQL takes them, whatever is in them."""


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
