"""The rows of landing files: what their definition declares of them, read one file after another.

Columns are known by their exact names. What else a file has, whatever it is called, is passed over
unread. Parquet ends with its footer, so a file that is cut short or still being written cannot be
read; where that shows only on the way, as of damaged pages, it costs no other file its rows.
"""

import json
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from slate.coercion import UNREADABLE, Form, form_of_type
from slate.errors import DataError, close
from slate.kinds import Kind
from slate.sources import Source
from slate.times import Mask, instants, is_time

Columns = Mapping[str, pa.DataType]

# What each row has beside the source's columns: its file's number, its place in it, and what is
# wrong with its bytes, if anything.
FILE, ROW, FAULT = "_file", "_row", "_fault"
_ADDED = [(FILE, pa.int64()), (ROW, pa.int64()), (FAULT, pa.string())]
_BATCH = 65_536
# Raised for files that are damaged; names that are not text are ValueErrors.
_DAMAGED = (pa.ArrowException, OSError, ValueError)
_OPTIONS: dict[str, Any] = {
    # As nanoseconds they would wrap around in the year 2262.
    "coerce_int96_timestamp_unit": "us",
    "page_checksum_verification": True,
}
_MOST_DECIMALS = 38
# Of any length, as a column of such texts may be longer than a plain one reaches.
_SHOWN = pa.large_string()


def shape(source: type[Source], path: Path) -> tuple[Columns, int]:
    """What a landing file has of a source's columns, with their types, and how many rows.

    The types are those by which values are judged: of an extension type, what it is stored as.

    Raises:
        DataError: the file cannot be read, or lacks a column; the message is the reason.
    """
    try:
        with pq.ParquetFile(path, **_OPTIONS) as file:
            schema, rows = file.schema_arrow, file.metadata.num_rows
    except _DAMAGED as error:
        raise DataError(_reason(error)) from error
    names = schema.names
    if twice := [name for name in source.columns if names.count(name) > 1]:
        raise DataError(f"the file has the column {', '.join(twice)} more than once")
    absent = [c.name for c in source.columns.values() if c.name not in names and not c.nullable]
    if absent:
        raise DataError(f"the file has no column {', '.join(absent)}")
    present = [name for name in source.columns if name in names]
    return {name: _taken_as(schema.field(name).type) for name in present}, int(rows)


def misspelt(source: type[Source], path: Path) -> dict[str, str]:
    """The nullable columns that a landing file lacks, with its own that seem to be meant for them.

    Of a file that cannot be read, nothing: that is told elsewhere.
    """
    try:
        names = pq.read_schema(path).names
    except _DAMAGED:
        return {}
    others = [name for name in names if name not in source.columns]
    near = {c: close(c, others) for c in source.columns if c not in names}
    return {column: name for column, name in near.items() if name is not None}


def read(
    files: Sequence[tuple[int, Path]],
    columns: Columns,
    unread: dict[int, str],
    stopped: list[BaseException],
) -> pa.RecordBatchReader:
    """The rows of landing files that have the same columns, in order.

    Args:
        files: their numbers and where they are.
        columns: the columns that they have.
        unread: is given the number of each file that turns out to be damaged, with the reason;
            rows of it may have come before that shows.
        stopped: is given what else stopped the reading, such as an interrupt; whoever reads the
            rows is told of it as an error of its own.
    """
    schema = pa.schema([*((name, _held_as(of)) for name, of in columns.items()), *_ADDED])
    return pa.RecordBatchReader.from_batches(schema, _batches(files, schema, unread, stopped))


def _batches(
    files: Sequence[tuple[int, Path]],
    schema: pa.Schema,
    unread: dict[int, str],
    stopped: list[BaseException],
) -> Iterator[pa.RecordBatch]:
    names = schema.names[: -len(_ADDED)]
    for number, path in files:
        row = 0
        try:
            with pq.ParquetFile(path, **_OPTIONS) as file:
                for batch in file.iter_batches(_BATCH, columns=names):
                    yield _taken(batch, schema, number, row)
                    row += batch.num_rows
        except _DAMAGED as error:
            unread[number] = _reason(error)
        except GeneratorExit:
            raise
        except BaseException as error:
            stopped.append(error)
            raise


def _reason(error: Exception) -> str:
    return f"the file is not readable as Parquet: {str(error).splitlines()[0].strip()}"


def _taken_as(given: pa.DataType) -> pa.DataType:
    """The type as which a column of some type is judged."""
    if isinstance(given, pa.BaseExtensionType) and form_of_type(given) is not Form.OTHER:
        return _taken_as(given.storage_type)
    if pa.types.is_dictionary(given):
        return _taken_as(given.value_type)
    if is_time(given):
        return Kind.TIME.arrow
    if pa.types.is_float16(given):
        return pa.float32()
    if pa.types.is_decimal256(given):
        return pa.decimal128(_MOST_DECIMALS, min(given.scale, _MOST_DECIMALS))
    return given


def _held_as(judged: pa.DataType) -> pa.DataType:
    """The type as which DuckDB is given a column that is judged as some type."""
    return _SHOWN if _is_shown(judged) else judged


def _is_shown(given: pa.DataType) -> bool:
    """Whether values are refused whatever they are, and are of no use but to be shown.

    They may hold, however deep, what DuckDB has no type for, or breaks off at.
    """
    return pa.types.is_nested(given) or isinstance(given, pa.BaseExtensionType)


def _taken(batch: pa.RecordBatch, schema: pa.Schema, number: int, start: int) -> pa.RecordBatch:
    rows, columns, faults = batch.num_rows, [], list[tuple[str, Mask]]()
    for field in list(schema)[: -len(_ADDED)]:
        column, fault = _column(field, batch.column(batch.schema.get_field_index(field.name)))
        columns.append(column)
        faults += [fault] if fault else []
    columns += [
        pa.repeat(pa.scalar(number, pa.int64()), rows),
        pa.array(np.arange(start, start + rows)),
        _told(rows, faults),
    ]
    return pa.RecordBatch.from_arrays(columns, schema=schema)


def _column(field: pa.Field, column: pa.Array) -> tuple[pa.Array, tuple[str, Mask] | None]:
    """A column as DuckDB is given it, and which rows of it are beyond that, with the reason."""
    if pa.types.is_dictionary(column.type):
        column = column.dictionary_decode()
    if isinstance(column, pa.ExtensionArray) and not _is_shown(_taken_as(column.type)):
        column = column.storage
    if is_time(column.type):
        column, wrong = instants(column)
        return column, None if wrong is None else (f"{field.name}: not of type datetime", wrong)
    if _is_text(column.type):
        column, wrong = _texts(column)
        column = column if column.type == field.type else column.cast(field.type)
        return column, None if wrong is None else (f"{field.name}: not a text in UTF-8", wrong)
    column.validate(full=True)
    if _is_shown(column.type):
        return pa.array(map(_shown, column), _SHOWN), None
    return column if column.type == field.type else column.cast(field.type), None


def _shown(value: "pa.Scalar[Any]") -> str | None:
    """A value that no column takes, to be read by people: what is nested as JSON."""
    if not value.is_valid:
        return None
    try:
        found = value.as_py()
        if isinstance(found, list | dict):
            return json.dumps(found, default=str, ensure_ascii=False)
        return str(found)
    except (*UNREADABLE, RecursionError):
        return f"a value of type {value.type}"


def _is_text(given: pa.DataType) -> bool:
    kinds = (pa.types.is_string, pa.types.is_large_string, pa.types.is_string_view)
    return any(is_kind(given) for is_kind in kinds)


def _texts(column: pa.Array) -> tuple[pa.Array, Mask | None]:
    """Texts, and which of them are not, made such as can be shown."""
    try:
        column.validate(full=True)
    except pa.ArrowInvalid:
        column.validate()
    else:
        return column, None
    wrong, texts = np.zeros(len(column), np.bool_), list[str | None]()
    for position, value in enumerate(column.cast(pa.large_binary()).to_pylist()):
        try:
            texts.append(value and value.decode())
        except UnicodeDecodeError:
            wrong[position] = True
            texts.append(value.decode(errors="replace"))
    return pa.array(texts, column.type), wrong


def _told(rows: int, faults: Sequence[tuple[str, Mask]]) -> pa.Array:
    """Of each row, what is wrong with its bytes."""
    if not faults:
        return pa.nulls(rows, pa.string())
    told: list[str | None] = [None] * rows
    for reason, wrong in faults:
        for position in np.flatnonzero(wrong):
            told[position] = "; ".join(filter(None, (told[position], reason)))
    return pa.array(told, pa.string())
