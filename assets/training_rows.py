"""The rows of a training set: those of the warehouse's table, with request features computed."""

from collections.abc import Iterable, Iterator
from datetime import date, datetime, timedelta
from itertools import pairwise

import duckdb
import pyarrow as pa

from slate.compile.model_names import training_model
from slate.compile.training import served_value, training_columns
from slate.errors import DataError
from slate.executor import served
from slate.features import Feature, Input
from slate.plans import Plan
from slate.quoting import literal
from slate.source_columns import Column

# What is computed at once, and one row group: as many rows as DuckDB hands over at once.
BATCH_ROWS = 122_880
SORTED_ROWS = 2 * BATCH_ROWS


def schema(plan: Plan) -> pa.Schema:
    """The columns of a training set: the spine's, then the service's features in their order.

    Features have the Arrow types of the service's answers: see ``docs/types.md``.
    """
    service = plan.service
    fields = [(c.name, c.kind.arrow) for c in service.spine.columns.values()]
    return pa.schema(fields + [(f.name, f.value_type.arrow) for f in service.features])


def hours_by_day(
    connection: duckdb.DuckDBPyConnection, plan: Plan
) -> dict[date, dict[datetime, int]]:
    """How many rows the warehouse's table holds of each hour of event time, by UTC day, in order.

    Raises:
        DataError: there is no such table, or it lacks a column.
    """
    table, event_time = training_model(plan.service), plan.service.spine.event_time
    try:
        present = connection.table(table).columns
    except duckdb.CatalogException:
        raise DataError(
            f"the warehouse has no table {table}: build it with dbt (dbt build --select +{table})"
        ) from None
    missing = [name for name in training_columns(plan) if name not in present]
    if missing:
        raise DataError(
            f"the table {table} has no column {', '.join(missing)}: it is older than the "
            f"definitions; build it again with dbt (dbt build --full-refresh --select +{table})"
        )
    days: dict[date, dict[datetime, int]] = {}
    counts = connection.execute(
        f"select date_trunc('hour', \"{event_time}\"), count(*) from {table} group by 1 order by 1"
    )
    for hour, count in counts.fetchall():
        days.setdefault(hour.date(), {})[hour] = count
    return days


def batches(
    connection: duckdb.DuckDBPyConnection, plan: Plan, hours: dict[datetime, int]
) -> Iterator[pa.RecordBatch]:
    """The rows of some hours, ordered by event time and unique id, a batch at a time.

    Args:
        connection: the warehouse.
        plan: the service's plan.
        hours: how many rows each hour has; hours between them have none.

    Raises:
        DataError: a feature is null that cannot be.
    """
    for start, end in _spans(hours):
        rows = connection.sql(_rows_sql(plan), params=[start, end])
        for batch in rows.to_arrow_reader(BATCH_ROWS):
            yield _with_request_features(plan, batch)


def _spans(hours: dict[datetime, int]) -> Iterable[tuple[datetime, datetime]]:
    """Whole hours that are sorted together: what is sorted at once has to fit into memory."""
    starts, rows = [], SORTED_ROWS
    for hour, count in hours.items():
        rows += count
        if rows > SORTED_ROWS:
            starts.append(hour)
            rows = count
    return pairwise([*starts, max(hours) + timedelta(hours=1)])


def _rows_sql(plan: Plan) -> str:
    """The rows of a span with all that request features are computed from; NaN is null."""
    spine = plan.service.spine
    columns = {name: _value(name, column) for name, column in spine.columns.items()}
    columns |= {f.name: _value(f.name, f) for read in plan.reads for f in read.features}
    columns |= {f.name: _input(f) for f in plan.inputs}
    values = ", ".join(f'{value} as "{name}"' for name, value in columns.items())
    instant = f'"{spine.event_time}"'
    return f"""
        select {values} from {training_model(plan.service)} as rows
        where rows.{instant} >= ? and rows.{instant} < ?
        order by rows.{instant}, rows."{spine.unique_id}"
    """


def _value(name: str, feature: Feature | Column) -> str:
    return served_value(f'rows."{name}"', feature)


def _input(feature: Input) -> str:
    value = _value(feature.column, feature)
    return value if feature.required else f"coalesce({value}, {literal(feature.default)})"


def _with_request_features(plan: Plan, rows: pa.RecordBatch) -> pa.RecordBatch:
    spine, table = plan.service.spine, f"the table {training_model(plan.service)}"
    by_name = dict(zip(rows.schema.names, rows.columns, strict=True))
    columns = [by_name[name].cast(column.kind.arrow) for name, column in spine.columns.items()]
    columns += served(plan, by_name, by_name[spine.event_time], table)
    return pa.RecordBatch.from_arrays(columns, schema=schema(plan))
