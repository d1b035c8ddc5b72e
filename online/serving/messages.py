"""What messages have in common: values that were given, and views that the same is said of."""

from collections.abc import Iterable
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


def gathered(errors: Iterable[tuple[str, str]]) -> list[str]:
    """What is said of several views, each thing once: ``a, b: nothing is published``.

    Args:
        errors: a view's name, and what is said of it, which begins with its name and a colon.
    """
    views: dict[str, list[str]] = {}
    for view, error in errors:
        views.setdefault(error.removeprefix(f"{view}: "), []).append(view)
    return [f"{', '.join(names)}: {reason}" for reason, names in views.items()]
