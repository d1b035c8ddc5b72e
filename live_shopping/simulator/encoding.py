"""From columns of numbers to Arrow: ids are spelt, codes become words, sentinels become null."""

from collections.abc import Callable, Sequence

import numpy as np
import pyarrow as pa

from live_shopping.simulator.clock import NEVER
from live_shopping.simulator.rows import Array, Ints, Rows

Encoder = Callable[[Rows], pa.Array]

INSTANT = pa.timestamp("us", tz="UTC")

_FOUR_DIGITS = np.frombuffer(b"".join(b"%04d" % number for number in range(10_000)), np.uint8)


def identifier(column: str, prefix: str, digits: int) -> Encoder:
    """Return the encoder of ids: a prefix and a number of fixed width; -1 is null.

    Args:
        column: Name of the column of numbers.
        prefix: ASCII letters.
        digits: Width of the number, a multiple of four.
    """

    def encode(rows: Rows) -> pa.Array:
        return spell(rows[column], prefix, digits)

    return encode


def instant(column: str) -> Encoder:
    """Return the encoder of instants; NEVER is null."""

    def encode(rows: Rows) -> pa.Array:
        values = rows[column]
        return pa.array(values, pa.int64(), mask=values == NEVER).cast(INSTANT)

    return encode


def word(column: str, vocabulary: Sequence[str]) -> Encoder:
    """Return the encoder of codes into a vocabulary; -1 is null."""

    def encode(rows: Rows) -> pa.Array:
        codes = rows[column]
        return pa.array(vocabulary, pa.string()).take(pa.array(codes, mask=codes < 0))

    return encode


def number(column: str, kind: pa.DataType) -> Encoder:
    """Return the encoder of numbers and truths as they are."""

    def encode(rows: Rows) -> pa.Array:
        return pa.array(rows[column]).cast(kind)

    return encode


def number_or_null(column: str) -> Encoder:
    """Return the encoder of doubles in which NaN is null."""

    def encode(rows: Rows) -> pa.Array:
        return pa.array(rows[column], pa.float64(), from_pandas=True)

    return encode


def number_of_kinds(column: str, *kinds: int) -> Encoder:
    """Return the encoder of doubles that only rows of some kinds have; their NaN stays NaN."""

    def encode(rows: Rows) -> pa.Array:
        return pa.array(rows[column], pa.float64(), mask=~np.isin(rows["kind"], kinds))

    return encode


def spell(numbers: Ints, prefix: str, digits: int) -> pa.Array:
    """Return strings such as `v00000042`, null where the number is -1."""
    size, width = len(numbers), len(prefix) + digits
    letters = np.empty((size, width), np.uint8)
    letters[:, : len(prefix)] = np.frombuffer(prefix.encode("ascii"), np.uint8)
    rest: Array = np.maximum(numbers, 0)
    for end in range(width, len(prefix), -4):
        rest, last = np.divmod(rest, 10_000)
        letters[:, end - 4 : end] = _FOUR_DIGITS.reshape(-1, 4)[last]
    offsets = np.arange(0, (size + 1) * width, width, dtype=np.int32)
    missing = numbers < 0
    known = np.packbits(~missing, bitorder="little") if missing.any() else None
    return pa.StringArray.from_buffers(
        size,
        pa.py_buffer(offsets),
        pa.py_buffer(letters),
        None if known is None else pa.py_buffer(known),
    )
