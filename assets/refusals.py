"""What a source refuses: files that cannot be read, and rows that its definition does not allow."""

from collections.abc import Iterator
from datetime import datetime
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from slate.entities import Source
from slate.features import Column
from slate.filters import literal
from slate.kinds import Kind

# Outside of these years a time is a broken clock, not an event.
EARLIEST, LATEST = datetime(1970, 1, 1), datetime(2100, 1, 1)


def unreadable(source: type[Source], path: Path) -> str | None:
    """Why a file cannot be taken in at all; None if it can."""
    try:
        schema = pq.read_schema(path)
    except (pa.ArrowInvalid, OSError) as error:
        return f"the file is no readable Parquet: {error}"
    missing = [
        c.name for c in source.columns.values() if c.name not in schema.names and not c.nullable
    ]
    if missing:
        return f"the file has no column {', '.join(missing)}"
    return None


def typed(column: Column) -> str:
    """A landed column as its definition's type; null where it cannot be."""
    raw = f'landed."{column.name}"'
    if column.kind is Kind.TIME:
        # A text may name a zone, which a cast to a time without one would pass over.
        raw = f"try_cast({raw} as timestamptz)"
    return f"try_cast({raw} as {column.kind.sql})"


def absent(column: Column) -> str:
    """A column that no landed file has."""
    return f"cast(null as {column.kind.sql}) as {column.name}"


def reasons(source: type[Source], column: Column, present: bool) -> Iterator[str]:
    """SQL that gives, for each way in which a column can be wrong, a reason or null."""
    if not present:
        return
    name, value, constraints = column.name, typed(column), column.constraints
    raw = f'landed."{name}"'

    def when(condition: str, reason: str) -> str:
        text = literal(f"{name}: {reason}")
        return f"case when {condition} then {text} end"

    if not column.nullable:
        yield when(f"{raw} is null", "missing")
    # A cast to an integer rounds.
    rounded = f" or try_cast({raw} as double) <> {value}" if column.kind is Kind.INTEGER else ""
    yield when(
        f"{raw} is not null and ({value} is null{rounded})", f"not of type {column.kind.value}"
    )
    if column.kind is Kind.FLOAT:
        yield when(f"not isfinite({value})", "not a finite number")
    if column.kind is Kind.STRING and not column.nullable:
        yield when(f"{value} = ''", "empty")
    if constraints.least is not None:
        yield when(f"{value} < {literal(constraints.least)}", f"below {constraints.least}")
    if constraints.greatest is not None:
        yield when(f"{value} > {literal(constraints.greatest)}", f"above {constraints.greatest}")
    if constraints.one_of is not None:
        allowed = ", ".join(map(literal, constraints.one_of))
        yield when(f"{value} not in ({allowed})", f"not one of {allowed}")
    if name in (source.event_time, source.arrival_time):
        span = f"{literal(EARLIEST)} and {literal(LATEST)}"
        yield when(f"{value} not between {span}", f"not between {EARLIEST:%Y} and {LATEST:%Y}")
    if name == source.arrival_time:
        yield when(
            f"date_trunc('hour', {value}) <> paths.hour", "not in the hour that the file is for"
        )
