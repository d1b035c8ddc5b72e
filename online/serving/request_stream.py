"""Requests as Arrow streams, as they travel to other processes, and back.

A stream is a table with a column per key or input, in one of two forms. With a row for each of the
request's rows, each column has a value per row. With a single row, a column of lists has the values
of all rows, and any other column one value for them: so one viewer and two thousand shows take no
more than they are. The schema's metadata may have under ``at`` the instant asked about (ISO 8601).
"""

import struct
from collections.abc import Mapping
from datetime import datetime
from typing import Any

import pyarrow as pa

from slate.errors import RequestError
from slate.online.serving.given_values import given
from slate.online.serving.messages import shown

_AT = b"at"


def write(brought: Mapping[str, Any], at: datetime | None) -> pa.Buffer | None:
    """A request as a stream; None if Arrow has no type for some of its values.

    Args:
        brought: the keys and inputs.
        at: the instant asked about; None for now.

    Raises:
        RequestError: something is neither a value nor a column of them.
    """
    columns = []
    for name, value in brought.items():
        one = given(name, value)
        try:
            values = pa.array(one.values)
        except (pa.ArrowException, OverflowError, TypeError, ValueError):
            return None
        if not _is_plain(values.type):
            return None
        if not one.single:
            offsets = pa.array([0, len(values)], pa.int32())
            values = pa.ListArray.from_arrays(offsets, values)
        columns.append(values)
    if not columns:
        return None
    metadata = None if at is None else {_AT: at.isoformat()}
    fields = [pa.field(name, one.type) for name, one in zip(brought, columns, strict=True)]
    schema = pa.schema(fields, metadata)
    stream = pa.BufferOutputStream()
    with pa.ipc.new_stream(stream, schema) as writer:
        writer.write_batch(pa.record_batch(columns, schema=schema))
    return stream.getvalue()


def read(stream: Any, max_rows: int) -> tuple[dict[str, Any], str | None]:
    """The keys and inputs of a request, and the instant asked about, from a stream.

    Args:
        stream: its bytes.
        max_rows: how many rows may be asked for.

    Raises:
        RequestError: it is no Arrow stream, has columns of other types, or too many rows.
    """
    try:
        _require_unpacked(stream)
        reader = pa.ipc.open_stream(stream)
        _check_columns(reader.schema)
        batches = list(reader)
        # Batches of nulls may be of any length: the sum that Arrow makes of them overflows.
        rows = sum(batch.num_rows for batch in batches)
        require_few(rows, max_rows)
        table = pa.Table.from_batches(batches, reader.schema)
        # It comes from anybody: its offsets may lead anywhere.
        table.validate(full=True)
        at = (table.schema.metadata or {}).get(_AT)
        if rows == 1:
            return {name: _one(table[name], max_rows) for name in table.column_names}, _text(at)
        if any(_is_list(field.type) for field in table.schema):
            raise RequestError(
                f"a table of {rows:,} rows has a column of lists: send a single row with them, or "
                "plain columns with a value per row"
            )
        return {name: table[name] for name in table.column_names}, _text(at)
    except (pa.ArrowException, OSError, ValueError, struct.error) as error:
        raise RequestError(
            f"the body is no Arrow stream that can be read ({error}): send one as "
            "pyarrow.ipc.new_stream writes it"
        ) from error


def _check_columns(schema: pa.Schema) -> None:
    """Refuse columns that no request has.

    Raises:
        RequestError: there is such a one, or two of one name.
    """
    seen = set[str]()
    for field in schema:
        if not _is_plain(field.type) and not _is_list(field.type):
            raise RequestError(
                f"the column {shown(field.name)} is of Arrow's type {field.type}: send texts, "
                "whole numbers, floats, truth values or timestamps, or in a single row lists of "
                "them"
            )
        if field.name in seen:
            raise RequestError(f"there are two columns {shown(field.name)}: send one of each name")
        seen.add(field.name)


def _require_unpacked(stream: Any) -> None:
    """Refuse batches that are packed: a few bytes of those become any number.

    Raises:
        RequestError: there is such a one.
    """
    for message in pa.ipc.MessageReader.open_stream(stream):
        if message.type not in ("schema", "record batch") or (
            message.type == "record batch" and _is_packed(message.metadata)
        ):
            raise RequestError(
                "the body is an Arrow stream with dictionaries or packed buffers: send plain "
                "columns, and pack the body as a whole where that is wanted (Content-Encoding)"
            )


def _is_packed(message: Any) -> bool:
    """Whether a batch says how it is packed: the fourth field of a message's third one."""
    batch = _field(message, struct.unpack_from("<I", message)[0], 2)
    return batch is not None and _field(message, batch, 3) is not None


def _field(data: Any, table: int, number: int) -> int | None:
    """Where a table's field leads to, in a flatbuffer; None if it is not there."""
    fields = table - struct.unpack_from("<i", data, table)[0]
    (size,) = struct.unpack_from("<H", data, fields)
    at = 4 + 2 * number
    offset = struct.unpack_from("<H", data, fields + at)[0] if at < size else 0
    if not offset:
        return None
    place: int = table + offset
    place += struct.unpack_from("<I", data, place)[0]
    return place


def _one(column: pa.ChunkedArray, max_rows: int) -> Any:
    """What a column of a single row gives."""
    (value,) = [value for chunk in column.chunks for value in chunk]
    if not _is_list(column.type):
        return value
    if not value.is_valid:
        return []
    require_few(len(value.values), max_rows)
    return value.values


def require_few(rows: int, max_rows: int) -> None:
    """Refuse more rows than a server may be asked for.

    Raises:
        RequestError: there are more.
    """
    if rows > max_rows:
        raise RequestError(
            f"{rows:,} rows in one request, and {max_rows:,} may be: ask for fewer at once, or "
            "start `slate serve` with --max-rows"
        )


def _text(at: bytes | None) -> str | None:
    return None if at is None else at.decode(errors="replace")


def _is_list(type_: pa.DataType) -> bool:
    return (pa.types.is_list(type_) or pa.types.is_large_list(type_)) and _is_plain(
        type_.value_type
    )


def _is_plain(type_: pa.DataType) -> bool:
    """Whether its values take as much memory as they do in the stream, and no more."""
    kinds = pa.types
    return bool(
        kinds.is_string(type_)
        or kinds.is_large_string(type_)
        or kinds.is_integer(type_)
        or kinds.is_floating(type_)
        or kinds.is_boolean(type_)
        or kinds.is_timestamp(type_)
        or kinds.is_null(type_)
    )
