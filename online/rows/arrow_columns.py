"""Columns of the Arrow tables that rows are made from."""

from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from slate.errors import DataError, nearest
from slate.expressions import Array
from slate.kinds import Kind


def column(table: pa.Table, name: str, kind: Kind, where: str) -> pa.Array:
    """A table's column in the Arrow type of its kind (times without a zone).

    Raises:
        DataError: there is none of that name, or it holds values of another type.
    """
    return _of_kind(named(table, name, where), kind, f"{where}: column {name!r}")


def numbers(table: pa.Table, name: str, kind: Kind, where: str, null: Any = None) -> Array:
    """A table's column as NumPy values other than texts, times as microseconds.

    Args:
        table: the table.
        name: the column.
        kind: the kind of its values.
        where: what to call the table in an error.
        null: what to put in place of a null.

    Raises:
        DataError: the column is missing, of another type, or holds nulls that it may not hold.
    """
    return as_numpy(column(table, name, kind, where), kind, f"{where}: column {name!r}", null)


def fields(table: pa.Table, name: str, kinds: dict[str, Kind], where: str) -> list[pa.Array]:
    """The fields of a table's column of structs, null where the struct is.

    Raises:
        DataError: the column is missing, is not such a struct, or a field is of another type.
    """
    return _fields(named(table, name, where), kinds, f"{where}: column {name!r}")


def listed(
    table: pa.Table, name: str, kinds: dict[str, Kind], where: str, most: int
) -> tuple[list[pa.Array], Array]:
    """The fields of a table's column of lists of structs, and how many structs each list has.

    Args:
        table: the table.
        name: the column.
        kinds: the kinds of the fields wanted.
        where: what to call the table in an error.
        most: how many structs a list may have.

    Returns:
        Each field of all lists, laid end to end, and the lists' lengths; null is an empty list.

    Raises:
        DataError: the column is missing, holds no such lists, or one that is too long.
    """
    lists, place = named(table, name, where), f"{where}: column {name!r}"
    if not pa.types.is_list(lists.type):
        raise DataError(
            f"{place} is a {lists.type}, where a list of structs of {', '.join(kinds)} is wanted"
        )
    lengths = as_numpy(pc.list_value_length(lists), Kind.INTEGER, place, 0).astype(np.int64)
    if lengths.max(initial=0) > most:
        raise DataError(f"{place} has a list of {lengths.max()} values, and may have {most}")
    return _fields(lists.flatten(), kinds, place), lengths


def _fields(struct: pa.Array, kinds: dict[str, Kind], place: str) -> list[pa.Array]:
    if not pa.types.is_struct(struct.type) or not kinds.keys() <= {f.name for f in struct.type}:
        raise DataError(
            f"{place} is a {struct.type}, where a struct of {', '.join(kinds)} is wanted"
        )
    return [_of_kind(pc.struct_field(struct, f), kind, place) for f, kind in kinds.items()]


def as_numpy(values: pa.Array, kind: Kind, where: str, null: Any = None) -> Array:
    """An Arrow column as ``numbers`` gives it."""
    if kind is Kind.TIME:
        values = values.cast(pa.int64())
    if values.null_count:
        if null is None:
            raise DataError(f"{where} holds {values.null_count} nulls, and may hold none")
        values = values.fill_null(pa.scalar(null).cast(values.type))
    return np.asarray(values.to_numpy(zero_copy_only=False))


def named(table: pa.Table, name: str, where: str) -> pa.Array:
    """A table's column, whatever its type.

    Raises:
        DataError: there is none of that name.
    """
    if name not in table.column_names:
        raise DataError(f"{where}: no column {name!r}, {nearest(name, table.column_names)}")
    chunks = table.column(name).chunks or [pa.nulls(0, table.field(name).type)]
    return chunks[0] if len(chunks) == 1 else pa.concat_arrays(chunks)


def _of_kind(values: pa.Array, kind: Kind, where: str) -> pa.Array:
    try:
        found = values.cast(pa.timestamp("us") if kind is Kind.TIME else kind.arrow)
        if kind is Kind.STRING:
            found.validate(full=True)  # that it is UTF-8
        return found
    except pa.ArrowException as error:
        raise DataError(f"{where} is a {values.type}, no {kind.value}: {error}") from error
