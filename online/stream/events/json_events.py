"""Events as JSON has them, whatever they hold."""

import math
from collections.abc import Mapping
from datetime import date
from typing import Any

import pyarrow as pa

from slate.coercion import UNREADABLE


def json_event(event: Mapping[Any, Any]) -> dict[str, Any]:
    """An event as JSON has it; values that JSON does not know are written out."""
    return {str(name): _json_value(value) for name, value in event.items()}


def json_rows(table: pa.Table | pa.RecordBatch) -> list[dict[str, Any]]:
    """The rows of a table as JSON has them."""
    columns = {name: _values(table.column(name)) for name in table.schema.names}
    return [{name: values[row] for name, values in columns.items()} for row in range(len(table))]


def _values(column: pa.Array | pa.ChunkedArray) -> list[Any]:
    try:
        return [_json_value(value) for value in column.to_pylist()]
    except UNREADABLE:  # as times that Python does not know
        return list(column.cast(pa.string()).to_pylist())


def _json_value(value: Any) -> Any:
    if isinstance(value, date):
        return value.isoformat()
    if isinstance(value, float) and not math.isfinite(value):
        return str(value)
    return value if isinstance(value, str | int | float | None) else str(value)
