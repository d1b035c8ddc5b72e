"""Hype: now and then much goes on in a show, for some minutes.

Nobody is told of it. It draws in those who swipe on, and lifts how much a show is liked, so what
happened there in the last minutes reveals it, and what happened yesterday does not.
"""

import numpy as np

from live_shopping.simulator.clock import MINUTE
from live_shopping.simulator.randomness import hashed
from live_shopping.simulator.rows import Floats, Ints

SLOT = 10 * MINUTE
"""At most once in such a time it breaks out, at an instant of it."""
SHARE_OF_SLOTS = 0.1
HEIGHT = 1.6
"""Log-odds of being liked, at the outbreak."""
FADES = 12 * MINUTE
SLOTS_BACK = 4


def hype(key: Ints, instant: Ints) -> Floats:
    """How hyped each show is at its instant, as log-odds of its being liked; 0 is as usual.

    Args:
        key: what a show's outbreaks follow from (``Shows.hype_key``).
        instant: when, one per show.
    """
    slot = instant // SLOT
    highest = np.zeros(np.broadcast_shapes(key.shape, instant.shape))
    for back in range(SLOTS_BACK):
        drawn = hashed(key, slot - back)
        # Given that it breaks out, the number says when in the slot.
        began = (slot - back) * SLOT + drawn / SHARE_OF_SLOTS * SLOT
        since = instant - began
        breaks_out = (drawn < SHARE_OF_SLOTS) & (since >= 0)
        height = HEIGHT * np.exp(-np.maximum(since, 0) / FADES)
        np.maximum(highest, np.where(breaks_out, height, 0.0), out=highest)
    return highest
