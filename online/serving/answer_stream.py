"""Answers as Arrow streams, as they travel to other processes, and back.

A stream is a table: a column per feature by its name and of its exact type. Its schema's metadata
has JSON under ``slate``::

    {"service": "feed_ranking_v1", "at": "2026-11-01T20:00:45+00:00", "errors": [],
     "keys": {"viewer_id": ["v00000042"]},
     "states": {"show_activity": {
         "present": 1990, "default": 10, "stale": 0, "missing": 0,
         "as_of": "2026-11-01T20:00:00+00:00", "lag": 45.0, "behind": 0.0}}}

Keys of which there is one for each row are a column, ``key:show_id``. A column of lists says in its
field's metadata how long they may be, and what NumPy's arrays of them are padded with. Where states
are asked for row by row, each view has two more columns, ``show_activity:state`` (a ``State``) and
``show_activity:event_ts``, which is null without a row.
"""

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import numpy as np
import pyarrow as pa

from slate.errors import StoreError
from slate.expressions import Array
from slate.kinds import Kind
from slate.online.rows.instants import microseconds
from slate.online.serving.answer import Answer, Column, State, ViewState
from slate.value_types import ValueType
from slate.windows import SECOND

CONTENT_TYPE = "application/vnd.apache.arrow.stream"

_METADATA, _KEY = b"slate", "key:"
_LENGTH, _PAD = b"length", b"pad"
_STATE, _EVENT_TS = ":state", ":event_ts"
_MEND = "see that the address is one of `slate serve`, of the same version of Slate"
_KINDS = {kind.arrow: kind for kind in Kind}


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
            }
            for view, state in answer.states.items()
        },
        "errors": answer.errors,
    }


def write(answer: Answer, *, states_by_row: bool = False) -> pa.Buffer:
    """An answer as a stream.

    Args:
        answer: the answer.
        states_by_row: whether the state of each row is told too.
    """
    fields, columns = [], []
    for feature, values in answer.columns.items():
        column = feature.value_type.to_arrow(values, answer.rows)
        fields.append(pa.field(feature.name, column.type, metadata=_padding(feature)))
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
    stream = pa.BufferOutputStream()
    with pa.ipc.new_stream(stream, schema) as writer:
        writer.write_batch(batch)
    return stream.getvalue()


def _padding(feature: Column) -> dict[bytes, str] | None:
    """What a list's field says."""
    length, kind = feature.value_type.length, feature.value_type.kind
    if length is None:
        return None
    (pad,) = kind.to_arrow(kind.full(1, feature.null)).to_pylist()
    if isinstance(pad, datetime):
        pad = pad.isoformat()
    return {_LENGTH: str(length), _PAD: json.dumps(pad)}


def read(stream: Any) -> Answer:
    """An answer from a stream that tells states row by row.

    Args:
        stream: its bytes, which the answer keeps.

    Raises:
        StoreError: it is no such stream.
    """
    try:
        # It was written as one.
        batch = pa.ipc.open_stream(stream).read_next_batch()
        about = json.loads(batch.schema.metadata[_METADATA])
        at = microseconds(datetime.fromisoformat(about["at"]))
        states = {view: _state(view, batch, at, said) for view, said in about["states"].items()}
        keys = about["keys"]
        return _ReadAnswer(about["service"], at, batch, states, about["errors"], keys)
    except StopIteration:
        raise StoreError(f"the server's answer is empty: {_MEND}") from None
    except (pa.ArrowException, OSError, ValueError, KeyError, TypeError) as error:
        raise StoreError(f"the server's answer cannot be read ({error}): {_MEND}") from error


def _state(view: str, batch: pa.RecordBatch, at: int, said: Mapping[str, Any]) -> ViewState:
    state = batch[view + _STATE].to_numpy()
    times = Kind.TIME.from_arrow(batch[view + _EVENT_TS]).view(np.int64)
    as_of, lag = said["as_of"], said["lag"]
    return ViewState(
        batch.num_rows,
        at,
        None if as_of is None else microseconds(datetime.fromisoformat(as_of)),
        times,
        state == State.STALE,
        state == State.MISSING,
        None if lag is None else at - round(lag * SECOND),
        said["behind"],
    )


@dataclass(frozen=True, eq=False)
class _ReadColumn:
    """What a stream tells of a feature.

    Attributes:
        name: its full name.
        value_type: the type of its values.
        null: what lists are padded with.
    """

    name: str
    value_type: ValueType
    null: Any = None

    @classmethod
    def of(cls, field: pa.Field) -> "_ReadColumn":
        if not pa.types.is_list(field.type):
            return cls(field.name, ValueType(_KINDS[field.type]))
        kind, said = _KINDS[field.type.value_type], field.metadata
        pad = json.loads(said[_PAD])
        if kind is Kind.TIME and pad is not None:
            pad = datetime.fromisoformat(pad)
        return cls(field.name, ValueType(kind, int(said[_LENGTH])), kind.scalar(pad))


class _Values(Mapping[Column, Array]):
    """A batch's columns as NumPy's arrays, made when they are asked for."""

    def __init__(self, arrays: dict[_ReadColumn, pa.Array]) -> None:
        self._arrays = arrays
        self._made: dict[Column, Array] = {}

    def __getitem__(self, column: Column) -> Array:
        if column not in self._made:
            assert isinstance(column, _ReadColumn)
            values = column.value_type.from_arrow(self._arrays[column], column.null)
            self._made[column] = values
        return self._made[column]

    def __iter__(self) -> Iterator[Column]:
        return iter(self._arrays)

    def __len__(self) -> int:
        return len(self._arrays)


class _ReadAnswer(Answer):
    """An answer that came as a batch."""

    def __init__(
        self,
        service: str,
        at: int,
        batch: pa.RecordBatch,
        states: Mapping[str, ViewState],
        errors: list[str],
        keys: dict[str, list[Any]],
    ) -> None:
        fields = zip(batch.schema, batch.columns, strict=True)
        # Names of features have no colon.
        self._arrays = {
            _ReadColumn.of(field): array for field, array in fields if ":" not in field.name
        }
        values = _Values(self._arrays)

        def all_keys() -> dict[str, list[Any]]:
            by_row = (name for name in batch.schema.names if name.startswith(_KEY))
            return keys | {name.removeprefix(_KEY): batch[name].to_pylist() for name in by_row}

        super().__init__(service, at, batch.num_rows, values, states, tuple(errors), all_keys)

    def to_arrow(self) -> pa.Table:
        """The values as a table: a column per feature by its name and of its exact type."""
        return pa.table(list(self._arrays.values()), names=list(self.names))
