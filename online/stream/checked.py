"""Columns of events, as they were once written, as they are read now."""

import numpy as np
import pyarrow as pa

from online.rows import Words
from online.stream.checks import refusals
from online.stream.schemas import ID, hash_ids
from online.stream.typed import typed_batch
from slate.entities import Source


def checked(
    source: type[Source], batch: pa.RecordBatch, arrivals: Words
) -> tuple[pa.Table, dict[int, str]]:
    """Events as they are read, and why some of them, by their position, are refused.

    Args:
        source: whose events they are.
        batch: their columns, as they were once written.
        arrivals: when they arrived, in microseconds.
    """
    events = typed_batch(source, batch)
    columns = {}
    for name, column in source.columns.items():
        if name == source.arrival_time:
            columns[name] = pa.array(arrivals).cast(column.kind.arrow)
        elif name == source.event_time:
            # Where it is missing or wrong the event is refused.
            at = np.asarray(events.columns[name].cast(pa.int64()).fill_null(0))
            columns[name] = pa.array(np.minimum(at, arrivals)).cast(column.kind.arrow)
        else:
            columns[name] = events.columns[name]
    place = batch.schema.get_field_index(ID)
    ids = batch.column(place) if place >= 0 else None
    if ids is None or ids.type != pa.uint64() or ids.null_count:
        ids = hash_ids(events.columns[source.unique_id])
    return pa.table({**columns, ID: ids}), refusals(source, events)
