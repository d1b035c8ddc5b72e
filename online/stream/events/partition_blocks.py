"""Events of a block as blocks for each partition that they belong to."""

from collections.abc import Iterator
from itertools import pairwise

import numpy as np
import pyarrow as pa

from slate.online.rows.partitioning import PARTITIONS, partitions


def partition_blocks(
    batch: pa.RecordBatch, route: str, whole: bytes
) -> Iterator[tuple[int, int, bytes]]:
    """Each partition of a route that events belong to, how many they are there, and their block.

    Args:
        batch: the events.
        route: the key column.
        whole: the block of all.
    """
    numbers = partitions(batch.column(route))
    order = np.argsort(numbers, kind="stable")
    bounds = np.searchsorted(numbers, np.arange(PARTITIONS + 1), sorter=order)
    ordered = None
    for number, (start, end) in enumerate(pairwise(bounds.tolist())):
        if end - start == batch.num_rows:
            yield number, batch.num_rows, whole
        elif end > start:
            ordered = batch.take(pa.array(order)) if ordered is None else ordered
            part = ordered.slice(start, end - start)
            yield number, part.num_rows, part.serialize().to_pybytes()
