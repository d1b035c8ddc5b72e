"""Taking landing files into the warehouse, exactly once each.

A source's rows arrive in ``<landing>/<source>/<day>/<hour>*.parquet``, by the hour of arrival. Each
file is taken in once: the ledger ``raw.files`` knows it by its path and its content. Rows that the
source's definition refuses go to ``raw.quarantine`` with the reason; a file that cannot be read at
all is one such row. Nothing is lost, and nothing is counted twice.
"""

import hashlib
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import NamedTuple

import duckdb
import pyarrow as pa
import pyarrow.parquet as pq

from assets.refusals import absent, reasons, typed, unreadable
from slate.compile.names import RAW
from slate.entities import Source
from slate.registry import Registry

ROWS_AT_ONCE = 4_000_000


@dataclass(frozen=True)
class LandingFile:
    """A landing file.

    Attributes:
        path: where it lies.
        name: its path below the landing folder, by which the ledger knows it.
        hour: the hour in which its rows arrived (UTC).
    """

    path: Path
    name: str
    hour: datetime


@dataclass(frozen=True)
class Intake:
    """What became of some landing files.

    Attributes:
        files: how many were taken in now.
        known: how many had been taken in before and were passed over.
        rows: the rows taken in.
        quarantined: the rows refused.
    """

    files: int
    known: int
    rows: int
    quarantined: int


class _Taken(NamedTuple):
    """A landing file on its way in: its number in load order, and whether it was there before."""

    file: LandingFile
    number: int
    digest: str
    replaces: bool


def landing_sources(registry: Registry) -> list[type[Source]]:
    """The sources that are taken in from landing files."""
    return [source for source in registry.sources.values() if source.landing]


def landing_files(
    landing: Path, source: type[Source], hours: Collection[datetime]
) -> list[LandingFile]:
    """The landing files of a source for some hours, in order of hour and name."""
    found = []
    for hour in sorted(hours):
        folder = landing / source.landing / f"{hour:%Y-%m-%d}"
        found += [
            LandingFile(path, str(path.relative_to(landing)), hour.replace(tzinfo=None))
            for path in sorted(folder.glob(f"{hour:%H}*.parquet"))
        ]
    return found


def landed_hours(landing: Path, source: type[Source]) -> Iterator[datetime]:
    """The hours for which a source has landing files."""
    for path in sorted((landing / source.landing).glob("*/*.parquet")):
        try:
            yield datetime.strptime(f"{path.parent.name} {path.name[:2]}", "%Y-%m-%d %H")
        except ValueError:
            continue


def prepare(connection: duckdb.DuckDBPyConnection, sources: Sequence[type[Source]]) -> None:
    """Make the tables that landing files are taken into, where they are missing."""
    connection.execute("set timezone = 'UTC'")
    connection.execute(f"create schema if not exists {RAW}")
    connection.execute(f"""
        create table if not exists {RAW}.files (
            file bigint, source varchar, name varchar, hour timestamp, digest varchar,
            rows bigint, quarantined bigint, replaced boolean, taken_in_at timestamp
        )""")
    connection.execute(f"""
        create table if not exists {RAW}.quarantine (
            source varchar, file bigint, row bigint, hour timestamp, reason varchar,
            content varchar, taken_in_at timestamp
        )""")
    for source in sources:
        columns = ", ".join(f"{c.name} {c.kind.sql}" for c in source.columns.values())
        table = f"{RAW}.{source.landing}"
        connection.execute(
            f"create table if not exists {table} ({columns}, _file bigint, _row bigint)"
        )
        for column in source.columns.values():
            connection.execute(
                f"alter table {table} add column if not exists {column.name} {column.kind.sql}"
            )


def new_files(
    connection: duckdb.DuckDBPyConnection,
    landing: Path,
    source: type[Source],
    hours: Collection[datetime],
) -> list[LandingFile]:
    """The landing files of a source for some hours that came, or changed, since they were taken in.

    Args:
        connection: the warehouse, prepared.
        landing: the landing folder.
        source: whose files they are.
        hours: of arrival (UTC).
    """
    taken = dict(
        connection.execute(
            f"select name, taken_in_at from {RAW}.files where source = ?", [source.name]
        ).fetchall()
    )
    return [
        file
        for file in landing_files(landing, source, hours)
        if file.name not in taken or _changed_at(file.path) >= taken[file.name]
    ]


def _changed_at(path: Path) -> datetime:
    # Not when it was written: it may have been renamed long after that.
    return datetime.fromtimestamp(path.stat().st_ctime, UTC).replace(tzinfo=None)


def take_in(
    connection: duckdb.DuckDBPyConnection, source: type[Source], files: Sequence[LandingFile]
) -> Intake:
    """Take landing files into the warehouse, in the order given.

    A file that is known with the same content is passed over; with another content it takes the
    place of what it held before.

    Args:
        connection: the warehouse, prepared.
        source: whose files they are.
        files: the files.
    """
    ledger = dict(
        connection.execute(
            f"select name, (file, digest) from {RAW}.files where source = ?", [source.name]
        ).fetchall()
    )
    row = connection.execute(f"select coalesce(max(file), 0) from {RAW}.files").fetchone()
    last = row[0] if row else 0
    batch: list[_Taken] = []
    pending = rows = quarantined = taken = 0

    def flush() -> None:
        nonlocal pending, rows, quarantined, taken
        if batch:
            good, bad = _insert(connection, source, batch)
            rows, quarantined, taken = rows + good, quarantined + bad, taken + len(batch)
            batch.clear()
        pending = 0

    for file in files:
        digest = hashlib.blake2b(file.path.read_bytes(), digest_size=16).hexdigest()
        number, known = ledger.get(file.name, (None, None))
        if known == digest:
            continue
        replaces = number is not None
        if number is None:
            last = number = last + 1
        batch.append(_Taken(file, number, digest, replaces))
        pending += _row_count(file.path)
        if pending >= ROWS_AT_ONCE:
            flush()
    flush()
    return Intake(taken, len(files) - taken, rows, quarantined)


def _row_count(path: Path) -> int:
    try:
        return int(pq.ParquetFile(path).metadata.num_rows)
    except (pa.ArrowInvalid, OSError):
        return 0


def _insert(
    connection: duckdb.DuckDBPyConnection,
    source: type[Source],
    batch: list[_Taken],
) -> tuple[int, int]:
    now = datetime.now(UTC).replace(tzinfo=None)
    refused = {taken.number: unreadable(source, taken.file.path) for taken in batch}
    readable = [(taken.file, taken.number) for taken in batch if refused[taken.number] is None]
    numbers = [taken.number for taken in batch]
    connection.begin()
    try:
        for table, column in ((source.landing, "_file"), ("quarantine", "file"), ("files", "file")):
            connection.execute(
                f"delete from {RAW}.{table} where {column} in (select unnest(?))", [numbers]
            )
        for file, number, _, _ in batch:
            if refused[number] is not None:
                connection.execute(
                    f"insert into {RAW}.quarantine values (?, ?, null, ?, ?, ?, ?)",
                    [source.name, number, file.hour, refused[number], file.name, now],
                )
        for alike in _by_schema(readable):
            _insert_rows(connection, source, alike, now)
        for file, number, digest, replaces in batch:
            connection.execute(
                f"""insert into {RAW}.files
                select ?, ?, ?, ?, ?,
                    (select count(*) from {RAW}.{source.landing} where _file = ?),
                    (select count(*) from {RAW}.quarantine where file = ?), ?, ?""",
                [number, source.name, file.name, file.hour, digest, number, number, replaces, now],
            )
        counts = connection.execute(
            f"""select sum(rows), sum(quarantined) from {RAW}.files
            where file in (select unnest(?))""",
            [numbers],
        ).fetchone()
        connection.commit()
    except BaseException:
        connection.rollback()
        raise
    assert counts is not None
    return int(counts[0]), int(counts[1])


def _insert_rows(
    connection: duckdb.DuckDBPyConnection,
    source: type[Source],
    files: list[tuple[LandingFile, int]],
    now: datetime,
) -> None:
    """Sort the rows of readable files of one schema into good ones and refused ones."""
    landing_paths = pa.table(  # noqa: F841 (read by name)
        {
            "path": [str(file.path) for file, _ in files],
            "file": pa.array([number for _, number in files], pa.int64()),
            "hour": pa.array([file.hour for file, _ in files], pa.timestamp("us")),
        }
    )
    columns, schema = source.columns.values(), pq.read_schema(files[0][0].path)
    present = {field.name: field.type for field in schema}
    values = [typed(c, present[c.name]) if c.name in present else absent(c) for c in columns]
    refusals = ",\n".join(
        reason for c in columns for reason in reasons(source, c, present.get(c.name))
    )
    # A file's statistics pass over NaN, and DuckDB would take them at their word: a column of 1.0
    # and NaN for one of 1.0 alone.
    connection.execute("set disabled_optimizers = 'statistics_propagation'")
    connection.execute(
        f"""create or replace temp table incoming as
        select
            paths.file as _file, landed.file_row_number as _row, paths.hour as _hour,
            nullif(concat_ws('; ', {refusals}), '') as _reason,
            {", ".join(values)},
            case when _reason is not null
                then cast(to_json(struct_pack({_packed(list(present))})) as varchar) end as _content
        from read_parquet(?, filename = true, file_row_number = true) as landed
        inner join landing_paths as paths on paths.path = landed.filename""",
        [[str(file.path) for file, _ in files]],
    )
    connection.execute("reset disabled_optimizers")
    names = ", ".join(source.columns)
    connection.execute(
        f"""insert into {RAW}.{source.landing} ({names}, _file, _row)
        select {names}, _file, _row from incoming where _reason is null order by _file, _row"""
    )
    connection.execute(
        f"""insert into {RAW}.quarantine
        select ?, _file, _row, _hour, _reason, _content, ?
        from incoming where _reason is not null order by _file, _row""",
        [source.name, now],
    )
    connection.execute("drop table incoming")


def _by_schema(files: list[tuple[LandingFile, int]]) -> list[list[tuple[LandingFile, int]]]:
    """Files whose columns have the same types: read together, those of others would change them."""
    alike: dict[str, list[tuple[LandingFile, int]]] = {}
    for file, number in files:
        schema = str(pq.read_schema(file.path).remove_metadata())
        alike.setdefault(schema, []).append((file, number))
    return list(alike.values())


def _packed(names: list[str]) -> str:
    return ", ".join(f'"{name}" := landed."{name}"' for name in names)
