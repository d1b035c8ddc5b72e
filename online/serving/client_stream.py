"""Answers as they travel to Slate's own clients, which read them as NumPy's arrays.

An Arrow stream of one row. Numbers, truth values and times of all features lie in one list for each
kind, feature after feature, as arrays have them: null is NaN, or NaT's own number. What is the same
for all rows comes once, in lists of their own. So neither side touches each value or each feature.
Texts and lists have a column each. The schema's metadata says what an answer tells beside its
values (see ``slate.online.serving.answer_stream``), and of each feature where it is.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from functools import lru_cache
from typing import Any

import numpy as np
import pyarrow as pa

from slate.encoded import Encoded, Operand
from slate.errors import StoreError
from slate.kinds import Kind
from slate.online.rows.instants import microseconds
from slate.online.serving.answer import Answer, Column, ViewState
from slate.online.serving.answer_stream import told
from slate.states import State
from slate.value_types import ValueType
from slate.windows import SECOND

# What a client says in a request's address (`form=`) to be answered so.
FORM = "client"

_METADATA = b"slate"
_KEY, _STATE, _EVENT_TS = "key:", "state", "event_ts"
_ONCE = ":once"
_MEND = "see that the address is one of `slate serve`, of the same version of Slate"
# In a list with the others of their kind.
_TOGETHER = (Kind.INTEGER, Kind.FLOAT, Kind.BOOLEAN, Kind.TIME)


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


class _Lists:
    """The columns of a stream, each a single list."""

    def __init__(self) -> None:
        self._together: dict[str, list[Any]] = {}
        self._columns: dict[str, pa.Array] = {}

    def add(self, name: str, values: Any) -> None:
        """Add values to a list of such."""
        self._together.setdefault(name, []).append(values)

    def put(self, name: str, column: pa.Array) -> None:
        """Add a list."""
        self._columns[name] = pa.ListArray.from_arrays(
            pa.array([0, len(column)], pa.int32()), column
        )

    def write(self, metadata: str) -> pa.Buffer:
        """All of them as a stream."""
        for name, parts in self._together.items():
            self.put(name, pa.array(np.concatenate(parts)))
        schema = pa.schema(
            [(name, column.type) for name, column in self._columns.items()], {_METADATA: metadata}
        )
        sink = pa.BufferOutputStream()
        with pa.ipc.new_stream(sink, schema) as writer:
            writer.write_batch(pa.record_batch(list(self._columns.values()), schema=schema))
        return sink.getvalue()


def write(answer: Answer) -> pa.Buffer:
    """An answer as a stream."""
    lists, features = _Lists(), list[list[Any]]()
    for feature, values in answer.held.items():
        kind, length = feature.value_type.kind, feature.value_type.length
        once = len(values) == 1
        said: list[Any] = [feature.name, kind.value, once]
        if length is not None:
            (pad,) = kind.to_arrow(kind.full(1, feature.null)).to_pylist()
            said += [length, pad.isoformat() if isinstance(pad, datetime) else pad]
        features.append(said)
        if _is_together(feature.value_type):
            plain = values.array if isinstance(values, Encoded) else values
            # Arrow would look through times for what is none.
            numbers = plain.view(np.int64) if kind is Kind.TIME else plain
            lists.add(kind.value + _ONCE * once, numbers)
        elif isinstance(values, Encoded):
            index = pa.array(values.index.astype(np.int32))
            texts = kind.to_arrow(values.values)
            lists.put(feature.name, pa.DictionaryArray.from_arrays(index, texts))
        else:
            lists.put(feature.name, feature.value_type.to_arrow(values, len(values)))
    views = []
    for view, state in answer.states.items():
        # One row stands for all where the array repeats it.
        once = answer.rows > 0 and not (state.state.strides[0] or state.event_ts.strides[0])
        views.append([view, once])
        for name, words in ((_STATE, state.state), (_EVENT_TS, state.event_ts)):
            lists.add(name + _ONCE * once, words[:1] if once else words)
    keys = {}
    for name, column in answer.keys.items():
        if len(column) == answer.rows:
            lists.put(_KEY + name, pa.array(column))
        else:
            keys[name] = column
    beside = {"rows": answer.rows, "keys": keys, "features": features, "views": views}
    return lists.write(json.dumps(told(answer) | beside))


def _is_together(value_type: ValueType) -> bool:
    return value_type.length is None and value_type.kind in _TOGETHER


def read(stream: Any) -> Answer:
    """An answer from a stream.

    Args:
        stream: its bytes, which the answer keeps.

    Raises:
        StoreError: it is no such stream.
    """
    try:
        (batch,) = pa.ipc.open_stream(stream)
        return _answer(batch, json.loads(batch.schema.metadata[_METADATA]))
    except (pa.ArrowException, OSError, ValueError, KeyError, IndexError, TypeError) as error:
        raise StoreError(f"the server's answer cannot be read ({error}): {_MEND}") from error


def _answer(batch: pa.RecordBatch, said: Mapping[str, Any]) -> Answer:
    rows, at = said["rows"], microseconds(datetime.fromisoformat(said["at"]))
    names = batch.schema.names
    together = {name: column.values for name, column in zip(names, batch.columns, strict=True)}
    values: dict[Column, Operand] = {}
    places: dict[str, int] = {}

    def take(name: str, once: bool) -> Any:
        """The next values of a list of such."""
        where, size = name + _ONCE * once, 1 if once else rows
        begin = places.get(where, 0)
        places[where] = begin + size
        return arrays[where][begin : begin + size]

    kinds = (kind.value for kind in _TOGETHER)
    arrays = {
        name: together[name].to_numpy(zero_copy_only=False)
        for kind in (*kinds, _STATE, _EVENT_TS)
        for name in (kind, kind + _ONCE)
        if name in together
    }
    for name, kind, once, *lengths in said["features"]:
        column = _column(name, kind, *lengths)
        if _is_together(column.value_type):
            found = take(kind, once)
            values[column] = found.view("M8[us]") if column.value_type.kind is Kind.TIME else found
        else:
            values[column] = _apart(column, together[name])
    states = {}
    for view, once in said["views"]:
        state, event_ts = take(_STATE, once), take(_EVENT_TS, once)
        about = said["states"][view]
        as_of, lag = about["as_of"], about["lag"]
        states[view] = ViewState(
            rows,
            at,
            None if as_of is None else microseconds(datetime.fromisoformat(as_of)),
            event_ts,
            state == State.STALE,
            state == State.MISSING,
            None if lag is None else at - round(lag * SECOND),
            about["behind"],
            about["generation"],
        )

    def keys() -> dict[str, list[Any]]:
        by_row = (name for name in names if name.startswith(_KEY))
        lists = {name.removeprefix(_KEY): together[name].to_pylist() for name in by_row}
        return {**said["keys"], **lists}

    answer = Answer(said["service"], at, rows, values, states, tuple(said["errors"]), keys)
    answer.request_id = said["request_id"]
    return answer


def _column(name: str, kind: str, length: int | None = None, pad: Any = None) -> _ReadColumn:
    value_type = _value_type(kind, length)
    if value_type.kind is Kind.TIME and pad is not None:
        pad = datetime.fromisoformat(pad)
    return _ReadColumn(name, value_type, value_type.kind.scalar(pad))


@lru_cache(1_024)
def _value_type(kind: str, length: int | None) -> ValueType:
    return ValueType(Kind(kind), length)


def _apart(column: _ReadColumn, values: pa.Array) -> Operand:
    """Texts or lists as they were sent."""
    if pa.types.is_dictionary(values.type):
        texts = column.value_type.kind.from_arrow(values.dictionary)
        return Encoded(texts, values.indices.to_numpy())
    return column.value_type.from_arrow(values, column.null)
