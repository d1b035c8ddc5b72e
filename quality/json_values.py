"""Values as JSON holds them, whatever library they come from."""

import math
from datetime import date, datetime
from typing import Any


def json_value(value: Any) -> Any:
    """A value, or a collection of such, as JSON holds it.

    NaN and every other null become None, infinities their names, times ISO strings.

    Examples:
        >>> json_value({"price": float("nan"), "bids": (1, float("inf"))})
        {'price': None, 'bids': [1, 'inf']}
    """
    if isinstance(value, dict):
        return {str(name): json_value(item) for name, item in value.items()}
    if isinstance(value, list | tuple | set | frozenset):
        return [json_value(item) for item in value]
    if isinstance(value, datetime | date):
        # A missing pandas time is a datetime too, and unequal to itself.
        return value.isoformat() if value == value else None
    if hasattr(value, "item"):
        return json_value(value.item())
    if isinstance(value, float) and not math.isfinite(value):
        return None if math.isnan(value) else str(value)
    if value is None or isinstance(value, bool | int | float | str):
        return value
    return str(value)
