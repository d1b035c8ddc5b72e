"""Conditions on keys."""

from collections.abc import Sequence


def of_asked(keys: Sequence[str]) -> str:
    """Whether a row is of keys that are asked about (SQL).

    Put before whatever costs something for each row, it makes a few rows of a spine cost as little.

    Args:
        keys: the key columns.

    Examples:
        >>> of_asked(["viewer_id", "seller_id"])
        '(viewer_id, seller_id) in (select viewer_id, seller_id from asked)'
    """
    names = ", ".join(keys)
    return f"{f'({names})' if len(keys) > 1 else names} in (select {names} from asked)"
