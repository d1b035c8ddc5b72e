"""Unique ids of events as they are compared: 64-bit hashes, alone or with their arrival."""

from hashlib import blake2b

import numpy as np
import pyarrow as pa

Ids = np.ndarray[tuple[int], np.dtype[np.uint64]]
# An id and its arrival in microseconds, as they lie in the store.
SEEN = np.dtype([("id", "<u8"), ("arrival", "<i8")])
_BYTES = 8


def hash_ids(ids: pa.Array) -> pa.Array:
    """The hashes of unique ids: those of their texts, so that whoever writes an id gets the same.

    Examples:
        >>> hash_ids(pa.array([17])) == hash_ids(pa.array(["17"]))
        True
    """
    hashes = b"".join(
        [blake2b(str(value).encode(), digest_size=_BYTES).digest() for value in ids.to_pylist()]
    )
    return pa.array(np.frombuffer(hashes, np.dtype("<u8")))
