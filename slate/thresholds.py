"""What a definition allows before a view is held back, or somebody is told."""

from typing import Any

from slate.errors import DefinitionError
from slate.windows import duration


def age_limit(text: str, where: str) -> int | None:
    """How old data may be, in microseconds; None where nothing is said of it.

    Examples:
        >>> age_limit("1m", "here")
        60000000

    Raises:
        DefinitionError: it is not a duration.
    """
    return duration(text, where) if text else None


def share_limit(value: Any, where: str) -> float:
    """A greatest share of rows.

    Examples:
        >>> share_limit(1, "here")
        1.0

    Raises:
        DefinitionError: it is not a number from 0 to 1.
    """
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0 <= value <= 1:
        raise DefinitionError(
            f"{where} = {value!r}: write a share of the rows, from 0 (none) to 1 (all of them)"
        )
    return float(value)
