"""Random numbers that depend on the seed and on what they are for, never on what ran before."""

from enum import IntEnum

import numpy as np
from numpy.typing import NDArray

from live_shopping.simulator.rows import Floats, Ints


class Stream(IntEnum):
    """What random numbers are drawn for; each purpose has its own."""

    VIEWERS = 1
    SELLERS = 2
    SHOWS = 3
    SESSIONS = 4
    DIRT = 5
    ORDERS = 6


def generator(seed: int, stream: Stream, *numbers: int) -> np.random.Generator:
    """Return the generator of one hour or day (`numbers`) of a stream."""
    return np.random.Generator(np.random.PCG64([seed, stream, *numbers]))


def hashed(*keys: Ints) -> Floats:
    """Numbers in [0, 1) that are as good as random, and always the same for the same keys.

    Args:
        keys: integers, of shapes that go together.
    """
    # Of an array, as what overflows in one wraps without a warning.
    mixed: NDArray[np.uint64] = np.full(1, 0x9E3779B97F4A7C15, np.uint64)
    for key in keys:
        mixed = (mixed ^ key.astype(np.uint64)) * np.uint64(0xBF58476D1CE4E5B9)
        mixed = (mixed ^ (mixed >> np.uint64(29))) * np.uint64(0x94D049BB133111EB)
        mixed = mixed ^ (mixed >> np.uint64(32))
    drawn: Floats = np.divide(mixed >> np.uint64(11), 2.0**53, dtype=np.float64)
    return drawn


def pick(rng: np.random.Generator, shares: Floats, size: int) -> Ints:
    """Draw `size` indices into `shares`, each as often as its share of the sum."""
    bounds = np.cumsum(shares)
    drawn: Ints = np.searchsorted(bounds, rng.random(size) * bounds[-1], side="right")
    return drawn


def uniform(rng: np.random.Generator, low: float, high: float, size: int) -> Ints:
    """Draw spans between `low` and `high` microseconds."""
    return (low + rng.random(size) * (high - low)).astype(np.int64)


def log_uniform(rng: np.random.Generator, low: float, high: float, size: int) -> Ints:
    """Draw spans between `low` and `high` microseconds, as many per factor of two."""
    return (low * (high / low) ** rng.random(size)).astype(np.int64)
