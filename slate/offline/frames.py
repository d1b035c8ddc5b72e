"""Frames of pandas, Polars or Arrow: their columns, and the same frames with more of them."""

import sys
from abc import ABC, abstractmethod
from typing import Any

import pyarrow as pa

from slate.errors import RequestError, nearest


class FrameRows(ABC):
    """A frame's rows.

    Attributes:
        names: its columns.
        size: how many rows it has.
    """

    names: list[Any]
    size: int

    def column(self, name: str) -> pa.Array:
        """A column as Arrow has it, not a number as null.

        Raises:
            RequestError: there is no such column, or its values are not of one type.
        """
        if name not in self.names:
            hint = nearest(name, [n for n in self.names if isinstance(n, str)])
            raise RequestError(f"the frame has no column {name!r}: {hint}")
        try:
            column = self._column(name)
        except (pa.ArrowException, OverflowError, ValueError, TypeError) as error:
            raise RequestError(
                f"the frame's column {name} is not of one type ({error}): convert it first"
            ) from error
        return column.combine_chunks() if isinstance(column, pa.ChunkedArray) else column

    @abstractmethod
    def _column(self, name: str) -> pa.Array | pa.ChunkedArray: ...

    @abstractmethod
    def beside(self, features: pa.Table) -> Any:
        """The frame with features as further columns, in its own type; itself it stays as it is."""


class _Pandas(FrameRows):
    def __init__(self, frame: Any) -> None:
        self._frame, self.names, self.size = frame, list(frame.columns), len(frame)
        if frame.columns.nlevels > 1:
            raise RequestError("the frame's columns have several levels: give each column one name")

    def column(self, name: str) -> pa.Array:
        if name not in self.names and name in self._frame.index.names:
            raise RequestError(
                f"{name} is the frame's index, not a column: give frame.reset_index()"
            )
        return super().column(name)

    def _column(self, name: str) -> pa.Array | pa.ChunkedArray:
        return pa.Array.from_pandas(self._frame[name])

    def beside(self, features: pa.Table) -> Any:
        import pandas

        found = features.to_pandas()
        found.index = self._frame.index
        return pandas.concat([self._frame, found], axis=1)


class _Polars(FrameRows):
    def __init__(self, frame: Any) -> None:
        self._frame, self.names, self.size = frame, frame.columns, frame.height

    def _column(self, name: str) -> pa.Array | pa.ChunkedArray:
        return self._frame[name].to_arrow()

    def beside(self, features: pa.Table) -> Any:
        import polars

        return self._frame.hstack(polars.from_arrow(features))


class _Arrow(FrameRows):
    def __init__(self, table: pa.Table) -> None:
        self._table, self.names, self.size = table, table.schema.names, table.num_rows

    def _column(self, name: str) -> pa.Array | pa.ChunkedArray:
        return self._table[name]

    def beside(self, features: pa.Table) -> Any:
        table = self._table
        for name, column in zip(features.column_names, features.columns, strict=True):
            table = table.append_column(features.schema.field(name), column)
        return table


class _Batch(_Arrow):
    def __init__(self, batch: pa.RecordBatch) -> None:
        super().__init__(pa.Table.from_batches([batch]))

    def beside(self, features: pa.Table) -> Any:
        table = super().beside(features)
        columns = [_whole(column) for column in table.columns]
        return pa.RecordBatch.from_arrays(columns, schema=table.schema)


def _whole(column: pa.ChunkedArray) -> pa.Array:
    found = column.combine_chunks()
    return pa.concat_arrays(found.chunks) if isinstance(found, pa.ChunkedArray) else found


def rows_of(frame: Any) -> FrameRows:
    """The rows of a frame.

    Raises:
        RequestError: it is not a frame, or two of its columns have one name.
    """
    if isinstance(frame, pa.Table):
        rows: FrameRows = _Arrow(frame)
    elif isinstance(frame, pa.RecordBatch):
        rows = _Batch(frame)
    elif _is(frame, "pandas", "DataFrame"):
        rows = _Pandas(frame)
    elif _is(frame, "polars", "DataFrame"):
        rows = _Polars(frame)
    elif _is(frame, "polars", "LazyFrame"):
        raise RequestError("a LazyFrame has no rows yet: give frame.collect()")
    else:
        raise RequestError(
            f"a {type(frame).__name__} is not a frame: give a DataFrame of pandas or Polars, or a "
            "Table or RecordBatch of Arrow"
        )
    if len(set(rows.names)) < len(rows.names):
        twice = next(name for name in rows.names if rows.names.count(name) > 1)
        raise RequestError(f"the frame has several columns {twice!r}: rename all but one")
    return rows


def _is(value: object, library: str, name: str) -> bool:
    """Whether a value is of a library's class, which is not imported for that."""
    return library in sys.modules and isinstance(value, getattr(sys.modules[library], name))


def table_of(frame: Any) -> pa.Table:
    """A frame as Arrow's table.

    Raises:
        RequestError: it is not a frame, or Arrow cannot hold its columns.
    """
    rows = rows_of(frame)
    return pa.table({str(name): rows.column(name) for name in rows.names})
