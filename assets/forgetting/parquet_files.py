"""Rows of subjects in Parquet files: which they are, and the files without them."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from uuid import uuid4

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from slate.errors import DataError
from slate.subjects import Subjects
from slate.times import Mask

_ROWS, _MAGIC = 100_000, b"PAR1"
_DAMAGED = (pa.ArrowException, OSError, ValueError)


def is_parquet(path: Path) -> bool:
    """Whether a file is one of Parquet, or was to be, by its name or its first bytes."""
    if path.suffix == ".parquet":
        return True
    with path.open("rb") as file:
        return file.read(len(_MAGIC)) == _MAGIC


def rows_of(table: pa.Table | pa.RecordBatch, subjects: Subjects) -> Mask:
    """Which rows are of a subject: a column of keys has its key, or a text has it as a word."""
    found = np.zeros(table.num_rows, np.bool_)
    for field, column in zip(table.schema, table.columns, strict=True):
        if isinstance(column, pa.ChunkedArray):
            column = column.combine_chunks()
        found |= _values_of(column, field.name, subjects)
    return found


def count(path: Path, subjects: Subjects) -> tuple[int, int]:
    """How many rows a file has, and how many of these are of a subject.

    Raises:
        DataError: it cannot be read.
    """
    with _open(path) as file:
        names = [
            field.name for field in file.schema_arrow if _may_have(field.type, field.name, subjects)
        ]
        if not names:
            return file.metadata.num_rows, 0
        found = sum(
            int(rows_of(b, subjects).sum()) for b in file.iter_batches(_ROWS, columns=names)
        )
        return file.metadata.num_rows, found


def column(path: Path, name: str) -> pa.ChunkedArray:
    """A column of a file; empty if it has none of that name.

    Raises:
        DataError: it cannot be read.
    """
    with _open(path) as file:
        if name not in file.schema_arrow.names:
            return pa.chunked_array([], pa.null())
        return file.read([name])[name]


def take_out(path: Path, subjects: Subjects) -> pa.Table | None:
    """Write a file anew without the rows of subjects: it takes the other's place at once and whole.

    Of a link it is the file that it leads to.

    Returns:
        The rows that were taken out; None where there were none, and the file is as it was.

    Raises:
        DataError: it cannot be read or written; it stays as it was.
    """
    _, number = count(path, subjects)
    if not number:
        return None
    out: list[pa.RecordBatch] = []
    path = path.resolve()
    unfinished = path.with_name(f".{path.stem}.{uuid4().hex}.tmp")
    try:
        with _open(path) as file, unfinished.open("xb") as written:
            schema = file.schema_arrow
            with pq.ParquetWriter(
                written, schema, compression="zstd", write_page_checksum=True
            ) as writer:
                for batch in file.iter_batches(_ROWS):
                    mask = pa.array(rows_of(batch, subjects))
                    out.append(batch.filter(mask))
                    writer.write_batch(batch.filter(pc.invert(mask)))
            written.flush()
            os.fsync(written.fileno())
        unfinished.chmod(path.stat().st_mode & 0o777)
        unfinished.replace(path)
    except OSError as error:
        raise DataError(f"{path} cannot be written without some rows: {error}") from error
    finally:
        unfinished.unlink(missing_ok=True)
    return pa.Table.from_batches(out, schema)


@contextmanager
def _open(path: Path) -> Iterator[pq.ParquetFile]:
    try:
        with pq.ParquetFile(path) as file:
            yield file
    except _DAMAGED as error:
        reason = " ".join(str(error).split())
        raise DataError(f"{path} cannot be read as Parquet ({reason})") from error


def _may_have(kind: pa.DataType, name: str, subjects: Subjects) -> bool:
    """Whether a column of this type and name can be of a subject."""
    plain = kind.storage_type if isinstance(kind, pa.BaseExtensionType) else kind
    if pa.types.is_dictionary(plain):
        plain = plain.value_type
    if _is_number(plain):
        return bool(subjects.numbers(name))
    return not (
        pa.types.is_boolean(plain) or pa.types.is_temporal(plain) or pa.types.is_null(plain)
    )


def _values_of(column: pa.Array, name: str, subjects: Subjects) -> Mask:
    nothing = np.zeros(len(column), np.bool_)
    if not _may_have(column.type, name, subjects):
        return nothing
    if isinstance(column, pa.ExtensionArray):
        column = column.storage
    if pa.types.is_dictionary(column.type):
        column = column.dictionary_decode()
    kind = column.type
    if _is_number(kind):
        wanted = [one for one in subjects.numbers(name) if _fits(one, kind)]
        found = pc.is_in(column, pa.array(wanted, kind)) if wanted else None
        return nothing if found is None else _mask(found)
    if pa.types.is_list(kind) or pa.types.is_large_list(kind):
        inner = _values_of(column.flatten(), name, subjects)
        nothing[np.asarray(pc.list_parent_indices(column))[inner]] = True
        return nothing
    if _is_text(kind):
        text = column.cast(pa.large_string())
        # Far sooner than what matches, it shows that nothing can.
        hinted = any(pc.any(pc.match_substring(text, hint)).as_py() for hint in subjects.hints)
        found = _mask(pc.match_substring_regex(text, subjects.pattern)) if hinted else nothing
        # A number may have landed as a text.
        if numbers := [str(one) for one in subjects.numbers(name)]:
            trimmed = pc.utf8_trim_whitespace(text)
            found |= _mask(pc.is_in(trimmed, pa.array(numbers, pa.large_string())))
        return found
    # What no definition takes, and may hold it all the same.
    return np.array([_within(value, name, subjects) for value in column], np.bool_)


def _within(value: "pa.Scalar[Any]", name: str, subjects: Subjects) -> bool:
    found = value.as_py()
    told = found if isinstance(found, bytes) else f"{name}: {found}".encode(errors="replace")
    return found is not None and subjects.in_bytes(told, anywhere=isinstance(found, bytes))


def _is_number(kind: pa.DataType) -> bool:
    kinds = (pa.types.is_integer, pa.types.is_floating, pa.types.is_decimal)
    return any(is_kind(kind) for is_kind in kinds)


def _is_text(kind: pa.DataType) -> bool:
    kinds = (pa.types.is_string, pa.types.is_large_string, pa.types.is_string_view)
    return any(is_kind(kind) for is_kind in kinds)


def _fits(number: int, kind: pa.DataType) -> bool:
    try:
        pa.scalar(number, kind)
    except (pa.ArrowException, OverflowError, TypeError):
        return False
    return True


def _mask(found: pa.Array) -> Mask:
    """Where it is true; a null is not."""
    mask: Mask = pc.fill_null(found, False).to_numpy(zero_copy_only=False)
    return mask
