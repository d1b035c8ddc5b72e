"""Sums of whole numbers, exact while they are summed, and no larger than 64 bits in the end.

A sum is kept as two: of the upper halves of its numbers, and of the lower. Neither leaves 64 bits
in four billion events, so that sums can be merged in any order, offline and online alike. Only the
finished value is put into a column of 64 bits: where it does not fit, it is the nearest that does.
In SQL the same is written in the macros of generated models.
"""

from typing import Any, TypeAlias

import numpy as np

Words: TypeAlias = np.ndarray[Any, np.dtype[np.int64]]
Floats: TypeAlias = np.ndarray[Any, np.dtype[np.float64]]

_BITS = 32
_LOWER = (1 << _BITS) - 1
_LIMITS = np.iinfo(np.int64)


def upper(values: Words) -> Words:
    """The upper halves of numbers, which have their signs."""
    return values >> _BITS


def lower(values: Words) -> Words:
    """The lower halves of numbers, without a sign."""
    return values & _LOWER


def total(uppers: Words, lowers: Words) -> Words:
    """The sums of numbers from those of their halves, at the ends of 64 bits where they leave them.

    Examples:
        >>> numbers = np.array([2**63 - 1, 2**63 - 1, -5])
        >>> total(upper(numbers).cumsum(), lower(numbers).cumsum()) == 2**63 - 1
        array([ True,  True,  True])
        >>> total(upper(numbers[2:]), lower(numbers[2:]))
        array([-5])
    """
    # Of four billion events, a sum of lower halves takes the bit of the sign.
    carried = uppers + (lowers.view(np.uint64) >> np.uint64(_BITS)).view(np.int64)
    sums = carried << _BITS | lower(lowers)
    sums = np.where(carried > _LIMITS.max >> _BITS, _LIMITS.max, sums)
    return np.where(carried < _LIMITS.min >> _BITS, _LIMITS.min, sums)


def nearest_float(uppers: Words, lowers: Words) -> Floats:
    """The sums of numbers from those of their halves, as floats."""
    scale = float(1 << _BITS)
    return uppers.astype(np.float64) * scale + lowers.view(np.uint64).astype(np.float64)
