"""Raw rows as they land, and as the models of attribute views make them of it."""

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from slate import FeatureView, Registry, Source
from tests.parity.answers import EPOCH

Row = Mapping[str, Any]


def moment(microseconds: int) -> datetime:
    """Microseconds since the epoch as a time in UTC."""
    return EPOCH + timedelta(microseconds=microseconds)


def landing_table(source: type[Source], rows: Sequence[Row]) -> pa.Table:
    """Rows as they land: times are timestamp[us, tz=UTC]."""
    schema = pa.schema([(c.name, c.kind.arrow) for c in source.columns.values()])
    return pa.Table.from_pylist([dict(row) for row in rows], schema=schema)


def write_landing(landing: Path, source: type[Source], rows: Sequence[Row]) -> set[datetime]:
    """Write a source's landing files, one for each hour of arrival; gives the hours."""
    by_hour: dict[datetime, list[Row]] = {}
    for row in rows:
        hour = row[source.arrival_time].replace(minute=0, second=0, microsecond=0)
        by_hour.setdefault(hour, []).append(row)
    for hour, its in by_hour.items():
        file = landing / source.landing / f"{hour:%Y-%m-%d}" / f"{hour:%H}.parquet"
        file.parent.mkdir(parents=True, exist_ok=True)
        pq.write_table(landing_table(source, its), file)
    return set(by_hour)


def origin(registry: Registry, view: type[FeatureView]) -> type[Source]:
    """The source that an attribute view's model only renames: the one with all its columns."""
    wanted = {**view.entity.keys, **{f.column: f.kind for f in view.features.values()}}
    (source,) = (
        source
        for source in registry.sources.values()
        if all(
            name in source.columns and source.columns[name].kind is kind
            for name, kind in wanted.items()
        )
    )
    return source


def model_rows(
    view: type[FeatureView], source: type[Source], sources: Mapping[str, Sequence[Row]]
) -> list[dict[str, Any]]:
    """A model's rows: the source's, each id once, under the names of the contract."""
    first: dict[Any, Row] = {}
    for row in sources[source.name]:
        first.setdefault(row[source.unique_id], row)
    names = (*view.entity.keys, *view.features)
    return [
        {name: row[name] for name in names}
        | {
            "event_ts": min(row[source.event_time], row[source.arrival_time]),
            "received_at": row[source.arrival_time],
            "row_id": row[source.unique_id],
        }
        for row in first.values()
    ]
