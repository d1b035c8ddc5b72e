"""Times as people read them, in terminals and on pages."""

from datetime import datetime


def minute(at: datetime) -> str:
    """A time in UTC as tables have it, to the minute."""
    return f"{at:%Y-%m-%d %H:%M}"


def age(seconds: float) -> str:
    """A length of time as people read it: its two largest units.

    Examples:
        >>> age(4000)
        '1h 6m'
    """
    parts = []
    for unit, size in (("d", 86_400), ("h", 3_600), ("m", 60), ("s", 1)):
        number, seconds = divmod(seconds, size)
        if number:
            parts.append(f"{number:.0f}{unit}")
    return " ".join(parts[:2]) or "0s"
