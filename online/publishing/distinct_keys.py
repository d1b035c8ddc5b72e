"""Rows that are published have a key of their own each; of two with one key, one would be lost."""

from collections.abc import Sequence

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from slate.errors import DataError
from slate.expressions import Array
from slate.online.rows.row_format import Words
from slate.views import FeatureView


def require_distinct(view: type[FeatureView], keys: Sequence[pa.Array]) -> None:
    """Refuse rows that share a key.

    Rows in order of their keys cost next to nothing, as each is compared with the next alone.

    Args:
        view: the view.
        keys: the key columns of its rows, without nulls.

    Raises:
        DataError: naming one key that several rows have.
    """
    same = np.ones(max(len(keys[0]) - 1, 0), np.bool_)
    ascending = np.zeros_like(same)
    for column in keys:
        before, after = column[:-1], column[1:]
        ascending |= same & _truths_as_numpy(pc.less(before, after))
        same &= _truths_as_numpy(pc.equal(before, after))
    if ascending.all():
        return
    rows = np.flatnonzero(same) if same.any() else _repeated(keys)
    if len(rows):
        raise repeated(view, [column[int(rows[0])].as_py() for column in keys])


def repeated(view: type[FeatureView], key: Sequence[object]) -> DataError:
    """The error for a key that several rows have."""
    named = ", ".join(
        f"{name}={value!r}" for name, value in zip(view.entity.keys, key, strict=True)
    )
    return DataError(f"{view.name}: several rows have {named}: give one row of each key")


def _repeated(keys: Sequence[pa.Array]) -> Words:
    """Rows whose key another has as well, one of each such key."""
    codes = np.zeros(len(keys[0]), np.int64)
    for column in keys:
        encoded = column.dictionary_encode()
        codes = codes * len(encoded.dictionary) + encoded.indices.to_numpy()
    _, first, count = np.unique(codes, return_index=True, return_counts=True)
    return first[count > 1]


def _truths_as_numpy(truths: pa.Array) -> Array:
    return np.asarray(truths.to_numpy(zero_copy_only=False))
