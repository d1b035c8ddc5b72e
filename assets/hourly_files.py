"""Staged events, written as landing files: those of each hour of arrival in a file of their own."""

from collections.abc import Iterator
from datetime import datetime
from pathlib import Path

import duckdb
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from slate.assets.event_files import LINE, ROW
from slate.assets.staged_events import GIVEN, HOUR, REASON, STAGED
from slate.errors import DataError
from slate.sources import Source

_BATCH = 65_536


def write_rows(
    connection: duckdb.DuckDBPyConnection, source: type[Source], aside: Path, stem: str
) -> None:
    """Write the rows that are taken, a file for each hour; one hour's at a time are in memory.

    Args:
        connection: where they are staged.
        source: whose events they are.
        aside: the folder, in which each day has one of its own.
        stem: what the names of files end with, behind their hour.
    """
    schema = pa.schema([(c.name, c.kind.arrow) for c in source.columns.values()])
    rows = connection.sql(
        f"""select {HOUR}, {", ".join(source.columns)} from {STAGED}
        where {REASON} is null order by {HOUR}, {ROW}"""
    )
    _write_hours(rows.to_arrow_reader(_BATCH), schema, aside, stem)


def write_refused(
    connection: duckdb.DuckDBPyConnection,
    given: dict[str, pa.DataType],
    aside: Path,
    stem: str,
) -> None:
    """Write the rows that are refused, as they were given.

    Where a row has no arrival, its hour is that of the last row which has.

    Args:
        connection: where they are staged.
        given: the columns that the file has, with the types in which they are given.
        aside: the folder, as of ``write_rows``.
        stem: what their names end with, as of ``write_rows``.

    Raises:
        DataError: no row has an arrival.
    """
    columns = ", ".join(f"{GIVEN}{column} as {column}" for column in given)
    ((last, rows),) = connection.execute(f"select max({HOUR}), count(*) from {STAGED}").fetchall()
    if last is None:
        if rows:
            raise DataError(
                f"none of {rows:,} rows has an arrival that can be read: see --arrival and "
                "--time-format; nothing has landed"
            )
        return
    rows = connection.sql(
        f"""select coalesce({HOUR}, timestamp '{last}') as hour, {columns} from {STAGED}
        where {REASON} is not null and {LINE} is null order by hour, {ROW}"""
    )
    reader = rows.to_arrow_reader(_BATCH)
    schema = pa.schema([field for field in reader.schema if field.name != "hour"])
    _write_hours(reader, schema, aside, f"{stem}-refused")


def _write_hours(batches: pa.RecordBatchReader, schema: pa.Schema, aside: Path, stem: str) -> None:
    """Write rows, sorted by the hour that is their first column, into files of their hours."""
    writer: pq.ParquetWriter | None = None
    writing: datetime | None = None
    try:
        for batch in batches:
            for hour, part in _by_hour(batch):
                if hour != writing:
                    if writer is not None:
                        writer.close()
                    path = aside / f"{hour:%Y-%m-%d}" / f"{hour:%H}{stem}.parquet"
                    path.parent.mkdir(exist_ok=True)
                    writer = pq.ParquetWriter(
                        path, schema, compression="zstd", write_page_checksum=True
                    )
                    writing = hour
                assert writer is not None
                writer.write_table(part.cast(schema))
    finally:
        if writer is not None:
            writer.close()


def _by_hour(batch: pa.RecordBatch) -> Iterator[tuple[datetime, pa.Table]]:
    hours, rows = (
        batch.column(0),
        pa.Table.from_batches([batch]).drop_columns(batch.schema.names[0]),
    )
    runs = pc.run_end_encode(hours)
    start = 0
    for end, hour in zip(runs.run_ends.to_pylist(), runs.values.to_pylist(), strict=True):
        yield hour, rows.slice(start, end - start)
        start = end
