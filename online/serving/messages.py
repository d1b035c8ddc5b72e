"""How values that were given are shown in messages."""

from reprlib import Repr

# A value that is shown in a message is cut to so many characters.
_SHOWN = 60

_repr = Repr()
_repr.maxstring = _repr.maxother = _SHOWN


def shown(value: object) -> str:
    """A value in a message; of one that cannot be shown what it is.

    Examples:
        >>> shown("a" * 100)
        "'aaaaaaaaaaaaaaaaaaaaaaaaaaa...aaaaaaaaaaaaaaaaaaaaaaaaaaaa'"
    """
    try:
        return _repr.repr(value)
    except Exception:  # whatever its own code raises, or a number of too many digits
        return f"a value of type {type(value).__name__}"
