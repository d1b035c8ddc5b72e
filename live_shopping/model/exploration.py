"""Exploration: one of the first places of a feed is for a show of a seller of a few days.

Nothing can be known of such a seller yet. Where one of their shows is among the first places by
its worth, there is no need, and none is moved. Which one is follows from the request's id alone, so
a request that is asked again is answered with the same.
"""

from hashlib import blake2b

import numpy as np

from slate import Array
from slate.rankings import Features

EXPLORED_PLACE = 4
"""The place of exploration, counted from 0."""
NEW_SELLER_DAYS = 3.0
LIVE, SELLER_DAYS = "feed_request.is_live", "feed_request.seller_days"


def explored(answer: Features, order: Array, request_id: str) -> tuple[Array, int | None]:
    """An order with a show of a new seller among its first places.

    Args:
        answer: the features of the candidates.
        order: the rows of the answer, the best first.
        request_id: what the request is known by; without one nothing is explored.

    Returns:
        The order, and the row that was moved to the place of exploration; None where none was.
    """
    if not request_id:
        return order, None
    days = answer[SELLER_DAYS].astype(np.float64)
    new = np.flatnonzero(answer[LIVE].astype(np.bool_) & (days < NEW_SELLER_DAYS))
    if not len(new) or np.isin(order[: EXPLORED_PLACE + 1], new).any():
        return order, None
    drawn = int.from_bytes(blake2b(request_id.encode(), digest_size=8).digest(), "big")
    row = int(new[drawn % len(new)])
    rest = order[order != row]
    return np.insert(rest, EXPLORED_PLACE, row), row
