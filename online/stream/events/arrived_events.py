"""Events with their arrival, as they are read: checked by their writer, or again."""

from collections.abc import Mapping

import numpy as np
import pyarrow as pa

from slate.online.rows.event_ids import hash_ids
from slate.online.rows.row_format import Words
from slate.online.stream.events.block_schemas import ID
from slate.online.stream.events.validation import coerce_batch, refusals
from slate.sources import Source


def trusted(source: type[Source], batch: pa.RecordBatch, arrivals: Words) -> pa.Table:
    """Events that were checked by this very definition, as they are read.

    Args:
        source: whose events they are.
        batch: their columns and the hashes of their ids.
        arrivals: when they arrived, in microseconds.
    """
    columns = dict(zip(batch.schema.names, batch.columns, strict=True))
    return _arrived(source, columns, columns[ID], arrivals)


def revalidated(
    source: type[Source], batch: pa.RecordBatch, arrivals: Words
) -> tuple[pa.Table, dict[int, str]]:
    """Events that were written under another definition, and why some of them are refused now.

    Args:
        source: whose events they are.
        batch: their columns, as they were once written.
        arrivals: when they arrived, in microseconds.

    Returns:
        The events as they are read, and by position the reasons to refuse them.
    """
    events = coerce_batch(source, batch)
    place = batch.schema.get_field_index(ID)
    ids = batch.column(place) if place >= 0 else None
    if ids is None or ids.type != pa.uint64() or ids.null_count:
        ids = hash_ids(events.columns[source.unique_id])
    return _arrived(source, events.columns, ids, arrivals), refusals(source, events)


def _arrived(
    source: type[Source], given: Mapping[str, pa.Array], ids: pa.Array, arrivals: Words
) -> pa.Table:
    columns = {}
    for name, column in source.columns.items():
        if name == source.arrival_time:
            columns[name] = pa.array(arrivals).cast(column.kind.arrow)
        elif name == source.event_time:
            # Where it is missing or wrong the event is refused.
            at = np.asarray(given[name].cast(pa.int64()).fill_null(0))
            columns[name] = pa.array(np.minimum(at, arrivals)).cast(column.kind.arrow)
        else:
            columns[name] = given[name]
    return pa.table({**columns, ID: ids})
