"""Reading from the warehouse what is published of a view, in batches of whole keys."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

import duckdb
import pyarrow as pa

from slate.compile.model_names import (
    AS_OF,
    RAW,
    STREAMED_UNTIL,
    current_model,
    online_keys_model,
    online_tiles_model,
)
from slate.deployment import Deployment
from slate.errors import DataError
from slate.online import Rows
from slate.online.rows.instants import instant
from slate.online.store.landed_ids import LandedFile, LandedFiles
from slate.online.stream.archive.log_archive import archive_files
from slate.quoting import quoted_name
from slate.sources import Source
from slate.stream_files import stream_file_sql
from slate.views import FeatureView

ROWS_AT_ONCE = 100_000


def view_as_of(connection: duckdb.DuckDBPyConnection, view: type[FeatureView]) -> datetime:
    """The instant up to which what a view is made of is known.

    Raises:
        DataError: nothing was taken in yet.
    """
    found = connection.execute(
        f"select as_of from {AS_OF} where model = ?", [current_model(view)]
    ).fetchall()
    if not found or found[0][0] is None:
        raise DataError("the warehouse knows no arrivals yet: take in landing files first")
    instant: datetime = found[0][0]
    return instant


def known_since(connection: duckdb.DuckDBPyConnection, view: type[FeatureView]) -> datetime | None:
    """When the first of the events arrived that a view aggregates; None without any."""
    if not view.windowed:
        return None
    arrival, model = quoted_name(view.source.arrival_time), quoted_name(view.source.model)
    ((first,),) = connection.execute(f"select min({arrival})::timestamp from {model}").fetchall()
    found: datetime | None = first
    return found


def published_tables(view: type[FeatureView]) -> tuple[str, ...]:
    """The tables that a view's published rows are read from: its keys first."""
    if view.windowed:
        return online_keys_model(view), online_tiles_model(view)
    return (current_model(view),)


def digest(
    connection: duckdb.DuckDBPyConnection, view: type[FeatureView], *, rounded: bool = False
) -> str:
    """What a view's published tables hold, in any order, as a text that tells it apart.

    Args:
        connection: the warehouse.
        view: the view.
        rounded: whether floats count by their first seven digits, so that it is the same of tables
            whose sums were added up in another order.
    """
    held = []
    for table in published_tables(view):
        rows = table
        if rounded:
            columns = connection.execute(f"describe {table}").fetchall()
            names = [quoted_name(name) for name, kind, *_ in columns if kind == "DOUBLE"]
            floats = ", ".join(f"{_seven_digits(name)} as {name}" for name in names)
            rows = f"(select * {f'replace ({floats})' if floats else ''} from {table})"
        held += connection.execute(
            f"select count(*), sum(hash(published)::hugeint) from {rows} as published"
        ).fetchall()
    return str(held)


def _seven_digits(column: str) -> str:
    """A float's first seven digits, as SQL: as a float of half the size.

    What is beyond their range, as the parts of a deviation may be, which are squares, is what it is
    a power of two of, rounded, and the power.
    """
    power = f"floor(log2(nullif(abs({column}), 0)))"
    return (
        f"case when abs({column}) between 1e-37 and 3e38 then {column}::real::double "
        f"when isfinite({column}) and {column} <> 0 "
        # In two steps, as such a power may be none that a float can be.
        f"then ({column} / pow(2, {power} / 2) / pow(2, {power} / 2))::real::double + 4 * {power} "
        f"else {column} end"
    )


def newest_event(connection: duckdb.DuckDBPyConnection, view: type[FeatureView]) -> datetime | None:
    """When the newest of what is published of a view happened (UTC); None where nothing is."""
    heads = published_tables(view)[0]
    ((newest,),) = connection.execute(f"select max(event_ts) from {heads}").fetchall()
    found: datetime | None = newest and newest.replace(tzinfo=UTC)
    return found


def stream_from(
    connection: duckdb.DuckDBPyConnection, view: type[FeatureView], first: datetime | None
) -> datetime | None:
    """The hour of arrival from which on a view's stream adds what the warehouse does not know.

    Args:
        connection: the warehouse.
        view: the view.
        first: the first arrival that its stream's archive has seen; None if it never was one.

    Returns:
        The end of the last hour that the archive landed, or up to when the view is known if that
        is earlier; before the first one, the hour in which the stream began; None of a view without
        a stream, or where it has not begun.

    Raises:
        DataError: the warehouse cannot tell, as the source is not taken in from landing files.
    """
    if not view.windowed or not view.source.stream:
        return None
    if not view.source.landing:
        if first is None:
            return None
        raise DataError(
            f"{view.name}: {view.source.__name__} has a stream, but its history comes from tables "
            "that do not tell which of its events they hold: give it `landing = ...`, where the "
            "stream's archive writes"
        )
    found = connection.execute(
        f"select until from {STREAMED_UNTIL} where source = ?", [view.source.name]
    ).fetchone()
    if found is not None and found[0] is not None:
        until: datetime = found[0]
        return min(until, view_as_of(connection, view))
    return first and first.replace(minute=0, second=0, microsecond=0)


def landed_files(
    connection: duckdb.DuckDBPyConnection,
    view: type[FeatureView],
    as_of: datetime,
    kept_since: datetime | None = None,
) -> LandedFiles | None:
    """What a view's rows know of landing files that its stream's archive did not write.

    Args:
        connection: the warehouse.
        view: the view.
        as_of: the instant up to which the rows know all events.
        kept_since: the least such instant of any generation of its source's views that is kept, as
            the store holds the ids for all of them.

    Returns:
        The files whose events the stream may bring again; None of a view without a stream.
    """
    if not view.windowed or not view.source.stream or not view.source.landing:
        return None
    source = view.source
    known = connection.execute(
        f"select taken_in from {STREAMED_UNTIL} where source = ?", [source.name]
    ).fetchone()
    if known is None or known[0] is None:
        return LandedFiles(None, [])
    files = connection.execute(
        f"""select file, taken_in_at, rows from {RAW}.files
        where source = ? and rows > 0 and not {stream_file_sql("name")}
            and hour + interval 1 hour > ?
        order by file""",
        [
            source.name,
            min(as_of, kept_since or as_of) - timedelta(microseconds=source.horizon),
        ],
    ).fetchall()
    return LandedFiles(known[0], [_landed_file(connection, source, *file) for file in files])


def _landed_file(
    connection: duckdb.DuckDBPyConnection,
    source: type[Source],
    number: int,
    taken_in: datetime,
    rows: int,
) -> LandedFile:
    def read(at_once: int) -> Iterator[pa.Table]:
        found = connection.sql(
            f"""select {source.unique_id}, {source.arrival_time} from {RAW}.{source.landing}
            where _file = {number}"""
        ).to_arrow_table()
        for start in range(0, found.num_rows, at_once):
            yield found.slice(start, at_once)

    return LandedFile(number, taken_in, rows, read)


def archived_since(deployment: Deployment, view: type[FeatureView]) -> datetime | None:
    """The first arrival that a view's stream has archived (UTC, without a zone).

    The store tells it too, until it loses its data. Where the file that has it is damaged, it is
    the beginning of its hour.
    """
    if not view.windowed or not view.source.stream or not view.source.landing:
        return None
    span = archive_files(deployment, view.source).span()
    return span and instant(span[0]).replace(tzinfo=None)


def online_rows(
    connection: duckdb.DuckDBPyConnection, view: type[FeatureView], at_once: int = ROWS_AT_ONCE
) -> Iterator[Rows]:
    """What is published of a view, in the order of its keys; a pair's first key in one batch only.

    Args:
        connection: the warehouse.
        view: the view.
        at_once: about how many keys a batch has.
    """
    heads = online_keys_model(view) if view.windowed else _numbered(connection, view)
    (total,) = connection.execute(f"select count(*) from {heads}").fetchall()[0]
    start = 0
    while start < total:
        end = _end(connection, view, heads, start + at_once)
        rows = f"where row >= {start} and row < {end} order by row"
        keys = connection.sql(f"select * exclude (row) from {heads} {rows}").to_arrow_table()
        tiles = None
        if view.windowed:
            tiles = connection.sql(
                f"select * replace (row - {start} as row) from {online_tiles_model(view)} {rows}"
            ).to_arrow_table()
        yield Rows(keys, tiles)
        start = end


def _numbered(connection: duckdb.DuckDBPyConnection, view: type[FeatureView]) -> str:
    name = f"{view.name}_numbered"
    keys = ", ".join(view.entity.keys)
    columns = ", ".join([*view.entity.keys, "event_ts", *view.features])
    connection.execute(
        f"""create or replace temp table {name} as
        select row_number() over (order by {keys}) - 1 as row, {columns}
        from {current_model(view)} order by row"""
    )
    return name


def _end(
    connection: duckdb.DuckDBPyConnection, view: type[FeatureView], heads: str, wanted: int
) -> int:
    """Where a batch ends that should end at ``wanted``: a pair's first key is not cut in two."""
    if len(view.entity.keys) == 1:
        return wanted
    first = next(iter(view.entity.keys))
    found = connection.execute(
        f"""select min(row) from {heads}
        where row >= {wanted}
            and {first} <> (select {first} from {heads} where row = {wanted} - 1)"""
    ).fetchall()
    end = found[0][0]
    return int(end) if end is not None else max(wanted, _count(connection, heads))


def _count(connection: duckdb.DuckDBPyConnection, table: str) -> int:
    return int(connection.execute(f"select count(*) from {table}").fetchall()[0][0])
