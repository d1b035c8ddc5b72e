"""The table that is checked: a view's current row of each key, in the warehouse."""

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from datetime import datetime
from typing import TYPE_CHECKING

import pyarrow as pa

from slate.compile.model_names import current_model
from slate.errors import DataError
from slate.kinds import Kind
from slate.quoting import quoted_name
from slate.value_types import ValueType
from slate.views import FeatureView

if TYPE_CHECKING:
    import duckdb

EVENT_TIME, AS_OF = "event_ts", "as_of"


def table_columns(view: type[FeatureView]) -> dict[str, ValueType]:
    """The columns of that table, in order: keys, times, features."""
    kinds = {**view.entity.keys, EVENT_TIME: Kind.TIME, AS_OF: Kind.TIME}
    return {
        **{column: ValueType(kind) for column, kind in kinds.items()},
        **{column: feature.value_type for column, feature in view.features.items()},
    }


def shape(view: type[FeatureView], connection: "duckdb.DuckDBPyConnection") -> pa.Table:
    """The table without its rows: all columns that it has, with the warehouse's types.

    Raises:
        DataError: there is no such table, or it lacks a column.
    """
    import duckdb

    table = current_model(view)
    try:
        empty: pa.Table = connection.sql(
            f"select * from {quoted_name(table)} limit 0"
        ).to_arrow_table()
    except duckdb.CatalogException as error:
        raise DataError(
            f"the warehouse has no table {table!r}: build the model {table} of the view "
            f"{view.__name__} first (`slate compile` writes it, where it is missing)"
        ) from error
    if missing := [name for name in table_columns(view) if name not in empty.column_names]:
        raise DataError(
            f"{table} lacks the columns {', '.join(missing)} of {view.__name__}: the model is "
            "older than the definition; run `slate compile` and build the view again"
        )
    return empty


@contextmanager
def computed_once(
    view: type[FeatureView], connection: "duckdb.DuckDBPyConnection"
) -> Iterator[None]:
    """While it is checked, keep the table's rows: it may be a view, computed anew by each query."""
    name = quoted_name(current_model(view))
    # Where a temporary table is of the same name, it is the one that is meant.
    connection.execute(f"create temp table {name} as from {name}")
    try:
        yield
    finally:
        connection.execute(f"drop table temp.{name}")


def length_of(column: str) -> str:
    """How many values each list of a column holds, as SQL."""
    return f"len({quoted_name(column)})"


def read(
    view: type[FeatureView],
    connection: "duckdb.DuckDBPyConnection",
    computed: Iterable[str],
) -> pa.Table:
    """The view's columns and the computed ones of all rows, in one snapshot; times are in UTC."""
    columns = [quoted_name(name) for name in table_columns(view)]
    columns += [f"{sql} as {quoted_name(sql)}" for sql in dict.fromkeys(computed)]
    query = f"select {', '.join(columns)} from {quoted_name(current_model(view))}"
    table: pa.Table = connection.sql(query).to_arrow_table()
    return table.cast(pa.schema([_in_utc(field) for field in table.schema]))


def newest_as_of(
    view: type[FeatureView], connection: "duckdb.DuckDBPyConnection"
) -> datetime | None:
    """The instant that the table says it was built as of; None of an empty table."""
    query = f"select max({AS_OF})::timestamp from {quoted_name(current_model(view))}"
    ((instant,),) = connection.sql(query).fetchall()
    found: datetime | None = instant
    return found


def _in_utc(field: pa.Field) -> pa.Field:
    if pa.types.is_timestamp(field.type) and field.type.tz is None:
        return field.with_type(pa.timestamp(field.type.unit, tz="UTC"))
    return field
