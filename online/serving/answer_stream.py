"""Answers as Arrow streams, for whoever reads such.

A stream is a table: a column per feature by its name and of its exact type. Its schema's metadata
has JSON under ``slate``::

    {"service": "feed_ranking_v1", "at": "2026-11-01T20:00:45+00:00", "errors": [],
     "request_id": "7c2e",
     "keys": {"viewer_id": ["v00000042"]},
     "states": {"show_activity": {
         "present": 1990, "default": 10, "stale": 0, "missing": 0,
         "as_of": "2026-11-01T20:00:00+00:00", "lag": 45.0, "behind": 0.0,
         "generation": "9a1c0f27-20261101T200000000000Z-3f60d1"}}}

Keys of which there is one for each row are a column, ``key:show_id``. A column of lists says in its
field's metadata how long they may be, and what NumPy's arrays of them are padded with. Where states
are asked for row by row, each view has two more columns, ``show_activity:state`` (a ``State``) and
``show_activity:event_ts``, which is null without a row.
"""

import json
from datetime import datetime
from typing import Any

import pyarrow as pa

from slate.kinds import Kind
from slate.online.serving.answer import Answer, Column

CONTENT_TYPE = "application/vnd.apache.arrow.stream"

_METADATA, _KEY = b"slate", "key:"
LENGTH, PAD = b"length", b"pad"
_STATE, _EVENT_TS = ":state", ":event_ts"


def told(answer: Answer) -> dict[str, Any]:
    """What an answer tells beside its values, as JSON has it."""
    return {
        "service": answer.service,
        "at": answer.at.isoformat(),
        "states": {
            view: {
                **state.counts,
                "as_of": state.as_of and state.as_of.isoformat(),
                "lag": state.lag,
                "behind": state.behind,
                "generation": state.generation,
            }
            for view, state in answer.states.items()
        },
        "errors": answer.errors,
        "request_id": answer.request_id,
    }


def write(answer: Answer, *, states_by_row: bool = False) -> pa.Buffer:
    """An answer as a stream.

    Args:
        answer: the answer.
        states_by_row: whether the state of each row is told too.
    """
    fields, columns = [], []
    for feature, values in answer.held.items():
        column = feature.value_type.to_arrow(values, answer.rows)
        fields.append(pa.field(feature.name, column.type, metadata=padding(feature)))
        columns.append(column)
    if states_by_row:
        for view, state in answer.states.items():
            # NumPy's NaT is the number that stands for no time.
            times = Kind.TIME.to_arrow(state.event_ts.view("M8[us]"))
            fields += [pa.field(view + _STATE, pa.uint8()), pa.field(view + _EVENT_TS, times.type)]
            columns += [pa.array(state.state), times]
    by_row = {name for name, keys in answer.keys.items() if len(keys) == answer.rows}
    for name in by_row:
        columns.append(pa.array(answer.keys[name]))
        fields.append(pa.field(_KEY + name, columns[-1].type))
    keys = {name: keys for name, keys in answer.keys.items() if name not in by_row}
    schema = pa.schema(fields, {_METADATA: json.dumps(told(answer) | {"keys": keys})})
    batch = pa.record_batch(columns, schema=schema)
    return in_one_buffer(batch)


def in_one_buffer(batch: pa.RecordBatch) -> pa.Buffer:
    """A stream of one batch, in a buffer that has its whole size at once.

    One that grows would be copied as often as it does.
    """
    size = pa.MockOutputStream()
    _write(size, batch)
    buffer = pa.allocate_buffer(size.size())
    _write(pa.FixedSizeBufferWriter(buffer), batch)
    return buffer


def _write(sink: pa.NativeFile, batch: pa.RecordBatch) -> None:
    with pa.ipc.new_stream(sink, batch.schema) as writer:
        writer.write_batch(batch)


def padding(feature: Column) -> dict[bytes, str] | None:
    """What the field of a list says: how long it may be, and what arrays of it are padded with."""
    length, kind = feature.value_type.length, feature.value_type.kind
    if length is None:
        return None
    (pad,) = kind.to_arrow(kind.full(1, feature.null)).to_pylist()
    if isinstance(pad, datetime):
        pad = pad.isoformat()
    return {LENGTH: str(length), PAD: json.dumps(pad)}
