"""Checksums of rows: made one by one, verified all at once.

A row's checksum is a polynomial in an odd base ``x``, modulo 2**64 (Karp and Rabin's fingerprint;
a multilinear hash as Lemire and Kaser's "Strongly universal string hashing is fast", whose
multipliers are the powers of ``x``)::

    sum of x**k * mixed[k]     mixed[k] = (h[2k] ^ h[2k+1]) | (h[2k+1] ^ h[2k+2]) << 32

``h`` are the row's halves of words, with the first half of a header behind the last one. A product
modulo 2**64 forgets the high bits of what it multiplies: two changed signs would cancel. Each half
word therefore also stands in the lower half of some mixed word, where more than 32 bits of the
product tell of it.

Moving a row by ``s`` words multiplies its checksum by ``x**s``. So the sum over all rows of a read,
laid end to end, is known from their checksums: a read that is sound costs one sum over all words
(0.7 ns a word), and only one that is not asks each row.

Eight random bytes anywhere, also over a checksum, go unnoticed once in 2**64; zeroed pages, moved
or swapped words, and other changes that know nothing of ``x``, at most about once in 2**32. Against
somebody who means harm it is no help.
"""

from typing import Any

import numpy as np
import pyarrow as pa

from slate.online.rows.row_format import Words, within

Sums = np.ndarray[Any, np.dtype[np.uint64]]

# Odd, of the longest period modulo 2**64 (5 modulo 8), and else without a pattern.
_BASE = 0x9E37_79B9_7F4A_7C15
# Words that are multiplied by one row of powers, and that are mixed at once: these fit the cache.
_BITS = 10
_BLOCK, _AT_ONCE = 1 << _BITS, 1 << 16
_ONE, _SHIFT, _SPREAD = np.uint64(1), np.uint64(31), np.uint64(0xBF58_476D_1CE4_E5B9)


def _accumulated(base: int, number: int) -> Sums:
    """The powers of a base from 0 on."""
    powers = np.full(number, base, np.uint64)
    powers[:1] = 1
    found: Sums = np.multiply.accumulate(powers)
    return found


_POWERS, _STEP = _accumulated(_BASE, _BLOCK), pow(_BASE, _BLOCK, 1 << 64)
_INVERSE = pow(_BASE, -1, 1 << 64)
_BACK, _STEP_BACK = _accumulated(_INVERSE, _BLOCK), pow(_INVERSE, _BLOCK, 1 << 64)


def moved(sums: Sums, by: Words) -> Sums:
    """The checksums of rows, each as if it began so many words later."""
    found: Sums = sums * _POWERS[by & _BLOCK - 1]
    blocks = int(by.max(initial=0)) >> _BITS
    return found * _accumulated(_STEP, blocks + 1)[by >> _BITS] if blocks else found


def moved_back(sums: Sums, by: Words) -> Sums:
    """The checksums of rows, each as if it began so many words earlier."""
    steps = _accumulated(_STEP_BACK, (int(by.max(initial=0)) >> _BITS) + 1)
    found: Sums = sums * _BACK[by & _BLOCK - 1] * steps[by >> _BITS]
    return found


def of_all(words: Words) -> int:
    """The checksum of rows laid end to end, as one.

    Args:
        words: their words, and the header's word that comes behind the last one.
    """
    halves, number = words.view(np.uint32), len(words) - 1
    if number <= _BLOCK:
        few = halves[: 2 * number] ^ halves[1 : 2 * number + 1]
        return int(few.view(np.uint64).dot(_POWERS[:number]))
    blocks = -(-number // _BLOCK)
    sums = np.empty(blocks, np.uint64)
    mixed = np.empty((min(blocks, _AT_ONCE // _BLOCK), 2 * _BLOCK), np.uint32)
    for start in range(0, number, _AT_ONCE):
        first, size = 2 * start, 2 * min(number - start, _AT_ONCE)
        flat = mixed.reshape(-1)
        np.bitwise_xor(
            halves[first : first + size], halves[first + 1 : first + size + 1], out=flat[:size]
        )
        filled = -(-size // (2 * _BLOCK))
        flat[size : 2 * filled * _BLOCK] = 0
        begin = start // _BLOCK
        sums[begin : begin + filled] = np.einsum("ij,j->i", mixed[:filled].view(np.uint64), _POWERS)
    return int(np.dot(sums, _accumulated(_STEP, blocks)))


def of_each(words: Words, starts: Words) -> Sums:
    """The checksum of each of some rows laid end to end.

    Args:
        words: as of ``of_all``.
        starts: the word that each row starts at; all have one at least.
    """
    halves, number = words.view(np.uint32), len(words) - 1
    blocks = -(-number // _BLOCK)
    mixed = np.zeros((blocks, 2 * _BLOCK), np.uint32)
    np.bitwise_xor(
        halves[: 2 * number], halves[1 : 2 * number + 1], mixed.reshape(-1)[: 2 * number]
    )
    terms = mixed.view(np.uint64)
    terms *= _POWERS
    terms *= _accumulated(_STEP, blocks)[:, None]
    return moved_back(np.add.reduceat(terms.reshape(-1), starts), starts)


def of_texts(texts: pa.Array) -> Sums:
    """A checksum of each of some texts (strings, or binary), none of them null."""
    if not len(texts):
        return np.empty(0, np.uint64)
    _, offsets, data = texts.buffers()
    bounds = np.frombuffer(offsets, np.int32)[texts.offset : texts.offset + len(texts) + 1]
    held = np.frombuffer(data, np.uint8)[bounds[0] : bounds[-1]] if data else np.empty(0, np.uint8)
    bounds = bounds.astype(np.int64) - bounds[0]
    lengths = np.diff(bounds)
    terms = moved(held.astype(np.uint64) + _ONE, within(lengths))
    sums = np.add.reduceat(np.append(terms, np.uint64(0)), bounds[:-1])
    return spread(np.where(lengths, sums, np.uint64(0)))


def of_texts_alike(texts: bytes, size: int) -> Sums:
    """As ``of_texts``, of texts laid end to end that have so many bytes each."""
    held = np.frombuffer(texts, np.uint8).reshape(-1, size)
    if size > _BLOCK:
        return of_texts(pa.array([row.tobytes() for row in held], pa.binary()))
    terms = held.astype(np.uint64) + _ONE
    return spread(np.einsum("ij,j->i", terms, _POWERS[:size]))


def spread(sums: Sums) -> Sums:
    """Checksums of which each bit depends on all that were summed (the steps of splitmix64)."""
    sums = (sums ^ (sums >> _SHIFT)) * _SPREAD
    return sums ^ (sums >> _SHIFT)
