"""Answers as they travel to Slate's own clients, which read them as NumPy's arrays.

An Arrow stream of one row. Numbers, truth values and times of all features lie in one list for each
kind, feature after feature, as arrays have them: null is NaN, or NaT's own number. What is the same
for all rows comes once, in lists of their own. So neither side touches each value. Texts and lists
have a column each. The schema's metadata says where which feature is, which is alike for most
answers of a service, and so made and read once; and what an answer tells beside its values (see
``slate.online.serving.answer_stream``).
"""

import json
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from functools import lru_cache
from typing import Any, Self

import numpy as np
import pyarrow as pa

from slate.encoded import Encoded, Operand, array
from slate.errors import StoreError
from slate.expressions import Array
from slate.kinds import Kind
from slate.online.rows.answer_errors import AnswerError
from slate.online.rows.instants import microseconds
from slate.online.rows.row_format import Words
from slate.online.serving.answer import Answer, Column
from slate.online.serving.answer_stream import in_one_buffer, told
from slate.online.serving.view_state import ViewState
from slate.states import State
from slate.value_types import ValueType
from slate.windows import SECOND

# What a client says in a request's address (`form=`) to be answered so.
FORM = "client"

_METADATA, _FEATURES = b"slate", b"features"
_KEY, _STATE, _EVENT_TS = "key:", "state", "event_ts"
_ONCE = ":once"
_MEND = "see that the address is one of `slate serve`, of the same version of Slate"
# In a list with the others of their kind.
_TOGETHER = (Kind.INTEGER, Kind.FLOAT, Kind.BOOLEAN, Kind.TIME)
# How many layouts are kept: a service has one, and another for answers of one row.
_LAYOUTS = 256


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


@dataclass(frozen=True, eq=False)
class _Layout:
    """Where the values of features lie in a stream.

    Attributes:
        columns: the features.
        once: which of them have one value for all rows.
        together: of each list of values which features it has, by their positions.
        apart: the positions of those that have a column each.
        told: all this as a stream says it.
    """

    columns: tuple[Column, ...]
    once: tuple[bool, ...]
    together: dict[tuple[Kind, bool], list[int]]
    apart: list[int]
    told: bytes

    @classmethod
    def of(cls, columns: tuple[Column, ...], once: tuple[bool, ...], told: bytes) -> Self:
        """The layout of some features."""
        together: dict[tuple[Kind, bool], list[int]] = {}
        apart = []
        for place, column in enumerate(columns):
            kind = column.value_type.kind
            if column.value_type.length is None and kind in _TOGETHER:
                together.setdefault((kind, once[place]), []).append(place)
            else:
                apart.append(place)
        return cls(columns, once, together, apart, told)


@lru_cache(_LAYOUTS)
def _written(columns: tuple[Column, ...], once: tuple[bool, ...]) -> _Layout:
    """How an answer with such features is written."""
    said: list[list[Any]] = []
    for column, alone in zip(columns, once, strict=True):
        kind, length = column.value_type.kind, column.value_type.length
        said.append([column.name, kind.value, alone])
        if length is not None:
            (pad,) = kind.to_arrow(kind.full(1, column.null)).to_pylist()
            said[-1] += [length, pad.isoformat() if isinstance(pad, datetime) else pad]
    return _Layout.of(columns, once, json.dumps(said).encode())


@lru_cache(_LAYOUTS)
def _read(told: bytes) -> _Layout:
    """How an answer that says this of its features is read."""
    said = json.loads(told)
    columns = tuple(_column(name, kind, *lengths) for name, kind, _, *lengths in said)
    return _Layout.of(columns, tuple(bool(once) for _, _, once, *_ in said), told)


def _column(name: str, kind: str, length: int | None = None, pad: Any = None) -> _ReadColumn:
    value_type = ValueType(Kind(kind), length)
    if value_type.kind is Kind.TIME and pad is not None:
        pad = datetime.fromisoformat(pad)
    return _ReadColumn(name, value_type, value_type.kind.scalar(pad))


def _named(name: str, once: bool) -> str:
    """What a list of values is called."""
    return name + _ONCE * once


def _listed(column: pa.Array) -> pa.Array:
    """A column as the one list of a column."""
    return pa.ListArray.from_arrays(pa.array([0, len(column)], pa.int32()), column)


def write(answer: Answer) -> pa.Buffer:
    """An answer as a stream."""
    values = list(answer.held.values())
    layout = _written(tuple(answer.held), tuple(len(one) == 1 for one in values))
    columns: dict[str, pa.Array] = {}
    for (kind, once), places in layout.together.items():
        numbers = np.concatenate([array(values[place]) for place in places])
        # Arrow would look through times for what is none.
        numbers = numbers.view(np.int64) if kind is Kind.TIME else numbers
        columns[_named(kind.value, once)] = pa.array(numbers)
    for place in layout.apart:
        columns[layout.columns[place].name] = _apart(layout.columns[place], values[place])
    views, states = _states(answer)
    columns |= states
    keys = {}
    for name, of_rows in answer.keys.items():
        if len(of_rows) == answer.rows:
            columns[_KEY + name] = pa.array(of_rows)
        else:
            keys[name] = of_rows
    beside = json.dumps(told(answer) | {"rows": answer.rows, "keys": keys, "views": views})
    lists = {name: _listed(column) for name, column in columns.items()}
    schema = pa.schema(
        [(name, column.type) for name, column in lists.items()],
        {_METADATA: beside, _FEATURES: layout.told},
    )
    return in_one_buffer(pa.record_batch(list(lists.values()), schema=schema))


def _apart(column: Column, values: Operand) -> pa.Array:
    """Texts or lists as they are sent."""
    if isinstance(values, Encoded) and column.value_type.length is None:
        texts = column.value_type.kind.to_arrow(values.values)
        return pa.DictionaryArray.from_arrays(pa.array(values.index.astype(np.int32)), texts)
    return column.value_type.to_arrow(values, len(values))


def _states(answer: Answer) -> tuple[list[tuple[str, bool]], dict[str, pa.Array]]:
    """Of each view whether all rows are of one state, and the states, view after view."""
    views, parts = [], dict[str, list[Array]]()
    for view, state in answer.states.items():
        # One row stands for all where the array repeats it.
        once = answer.rows > 0 and not (state.state.strides[0] or state.event_ts.strides[0])
        views.append((view, once))
        for name, words in ((_STATE, state.state), (_EVENT_TS, state.event_ts)):
            parts.setdefault(_named(name, once), []).append(words[:1] if once else words)
    return views, {name: pa.array(np.concatenate(some)) for name, some in parts.items()}


def read(stream: Any) -> Answer:
    """An answer from a stream.

    Args:
        stream: its bytes, which the answer keeps.

    Raises:
        StoreError: it is no such stream.
    """
    try:
        (batch,) = pa.ipc.open_stream(stream)
        metadata = batch.schema.metadata
        return _answer(batch, json.loads(metadata[_METADATA]), _read(metadata[_FEATURES]))
    except (pa.ArrowException, OSError, ValueError, KeyError, IndexError, TypeError) as error:
        raise StoreError(f"the server's answer cannot be read ({error}): {_MEND}") from error


def _answer(batch: pa.RecordBatch, said: Mapping[str, Any], layout: _Layout) -> Answer:
    rows, at = said["rows"], microseconds(datetime.fromisoformat(said["at"]))
    names = batch.schema.names
    lists = {name: column.values for name, column in zip(names, batch.columns, strict=True)}

    def parts(name: str, once: bool, number: int) -> Any:
        """The values of a list, of so many one after the other."""
        held = lists[_named(name, once)].to_numpy(zero_copy_only=False)
        return held.reshape(number, 1 if once else rows)

    values: list[Any] = [None] * len(layout.columns)
    for (kind, once), places in layout.together.items():
        found = parts(kind.value, once, len(places))
        found = found.view("M8[us]") if kind is Kind.TIME else found
        for place, one in zip(places, found, strict=True):
            values[place] = one
    for place in layout.apart:
        values[place] = _read_apart(layout.columns[place], lists[layout.columns[place].name])
    kinds = Counter(once for _, once in said["views"])
    of_views = {
        once: zip(parts(_STATE, once, number), parts(_EVENT_TS, once, number), strict=True)
        for once, number in kinds.items()
    }
    states = {
        view: _state(rows, at, said["states"][view], *next(of_views[once]))
        for view, once in said["views"]
    }

    def keys() -> dict[str, list[Any]]:
        by_row = (name for name in names if name.startswith(_KEY))
        listed = {name.removeprefix(_KEY): lists[name].to_pylist() for name in by_row}
        return {**said["keys"], **listed}

    held = dict(zip(layout.columns, values, strict=True))
    errors = tuple(map(AnswerError, said["errors"]))
    answer = Answer(said["service"], at, rows, held, states, errors, keys)
    answer.request_id = said["request_id"]
    return answer


def _state(
    rows: int, at: int, about: Mapping[str, Any], state: Array, event_ts: Words
) -> ViewState:
    """The states of a view's rows."""
    as_of, lag = about["as_of"], about["lag"]
    return ViewState(
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


def _read_apart(column: Column, values: pa.Array) -> Operand:
    """Texts or lists as they were sent."""
    if pa.types.is_dictionary(values.type):
        texts = column.value_type.kind.from_arrow(values.dictionary)
        return Encoded(texts, values.indices.to_numpy())
    return column.value_type.from_arrow(values, column.null)
