"""When what a server answered is the answer that a client in the same process has, exactly.

Values are compared as texts: so null is equal to null, -0.0 is another than 0.0, an integer another
than a float, and floats that are the same text are the same to the bit.
"""

import json
import math
from datetime import datetime
from typing import Any

import numpy as np
import pandas
import pyarrow as pa

from slate.online import Answer


def assert_same(found: Answer, wanted: Answer) -> None:
    """An answer of a remote client, in every form that it has."""
    assert_same_values(found, wanted)
    for name in wanted.names:
        assert found[name].dtype == wanted[name].dtype
        assert found[name].shape == wanted[name].shape
        assert repr(found[name].tolist()) == repr(wanted[name].tolist()), name
    assert np.array_equal(found.matrix(np.float64), wanted.matrix(np.float64), equal_nan=True)
    table = found.to_arrow()
    assert table.equals(wanted.to_arrow(), check_metadata=True)
    pandas.testing.assert_frame_equal(found.to_pandas(), wanted.to_pandas())
    assert found.to_polars().equals(wanted.to_polars())
    assert repr(found) == repr(wanted)


def assert_same_values(found: Answer, wanted: Answer) -> None:
    """An answer of a remote client: its values and states."""
    for name in ("service", "at", "rows", "names", "matrix_names", "errors", "keys"):
        assert getattr(found, name) == getattr(wanted, name), name
    tables = found.to_arrow(), wanted.to_arrow()
    for name, one, other in zip(wanted.names, *tables, strict=True):
        assert one.type == other.type, name
        assert repr(one.to_pylist()) == repr(other.to_pylist()), name
    assert list(found.states) == list(wanted.states)
    for view, state in wanted.states.items():
        assert found.states[view].state.tolist() == state.state.tolist()
        assert found.states[view].state.dtype == state.state.dtype
        assert np.array_equal(found.states[view].age, state.age, equal_nan=True)
        assert str(found.states[view]) == str(state)
        assert (found.states[view].as_of, found.states[view].lag) == (state.as_of, state.lag)


def assert_same_json(found: dict[str, Any], wanted: Answer) -> None:
    """A body of JSON, with states row by row."""
    table = wanted.to_arrow()
    assert list(found["values"]) == table.column_names
    for name, column in zip(table.column_names, table, strict=True):
        assert repr(found["values"][name]) == repr(in_json(column.to_pylist())), name
    assert found["rows"] == wanted.rows
    assert found["keys"] == wanted.keys
    by_row = {
        view: {"state": state.state.tolist(), "age": in_json(state.age.tolist())}
        for view, state in wanted.states.items()
    }
    _assert_same_told(found, wanted, by_row)


def assert_same_stream(body: bytes, wanted: Answer) -> None:
    """A body of Arrow, with states row by row."""
    found = pa.ipc.open_stream(body).read_all()
    table = wanted.to_arrow()
    for name in table.column_names:
        assert found[name].type == table[name].type
        assert repr(found[name].to_pylist()) == repr(table[name].to_pylist()), name
    told = json.loads(found.schema.metadata[b"slate"])
    by_row = {name: found[f"key:{name}"].to_pylist() for name in wanted.keys.keys() - told["keys"]}
    assert told["keys"] | by_row == wanted.keys
    for view, state in wanted.states.items():
        assert found[f"{view}:state"].to_pylist() == state.state.tolist()
        times = found[f"{view}:event_ts"].cast(pa.int64()).to_numpy()
        event_ts = np.where(np.isnan(state.age), np.nan, state.event_ts)
        assert np.array_equal(times, event_ts, equal_nan=True)
    _assert_same_told(told, wanted, {view: {} for view in wanted.states})


def _assert_same_told(
    found: dict[str, Any], wanted: Answer, by_row: dict[str, dict[str, Any]]
) -> None:
    """What is told beside the values."""
    assert (found["service"], found["errors"]) == (wanted.service, list(wanted.errors))
    assert datetime.fromisoformat(found["at"]) == wanted.at
    assert found["states"] == {
        view: {
            **state.counts,
            "as_of": None if state.as_of is None else state.as_of.isoformat(),
            "lag": state.lag,
            "behind": state.behind,
            "generation": state.generation,
            **by_row[view],
        }
        for view, state in wanted.states.items()
    }


def in_json(value: Any) -> Any:
    """A value as JSON has it: a number that is not finite is null."""
    match value:
        case datetime():
            return value.isoformat()
        case float() if not math.isfinite(value):
            return None
        case list():
            return [in_json(one) for one in value]
    return value
