"""The ledger of landing files: which were taken in, by path and content, and which are unread.

A file that cannot be read as a whole is *unread*: the hour that it is for is not known until the
file is whole, or is taken away (renamed to ``*.bad``, say). Where a file was read before and cannot
be now, what it held stays.
"""

from collections.abc import Collection, Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import NamedTuple

import duckdb
import pyarrow as pa

from slate.assets import ledger_time
from slate.assets.landing_files import LandingFile, is_reachable, is_there
from slate.compile.model_names import RAW
from slate.sources import Source

# Of what cannot even be looked at: no file that was read came to be then.
_UNKNOWN = datetime(1970, 1, 1)


class KnownFile(NamedTuple):
    """What the ledger knows of a landing file.

    Attributes:
        number: its number, in load order.
        digest: of the content that was taken in; None if none was.
        changed_at: when it had come to be what it was, where it was, as it was taken in.
        unread: why it cannot be read, if it cannot.
    """

    number: int
    digest: str | None
    changed_at: datetime
    unread: str | None


class ReadFile(NamedTuple):
    """A landing file that was read.

    Attributes:
        file: the file.
        number: its number, in load order.
        digest: of its content.
        changed: when it came to be what it is.
    """

    file: LandingFile
    number: int
    digest: str
    changed: datetime


def known_files(
    connection: duckdb.DuckDBPyConnection, source: type[Source]
) -> Mapping[str, KnownFile]:
    """The files of a source that the ledger knows, by name."""
    found = connection.execute(
        f"select name, file, digest, changed_at, unread from {RAW}.files where source = ?",
        [source.name],
    ).fetchall()
    return {name: KnownFile(*rest) for name, *rest in found}


def last_number(connection: duckdb.DuckDBPyConnection) -> int:
    """The number of the file that was taken in last; 0 before the first."""
    ((last,),) = connection.execute(f"select coalesce(max(file), 0) from {RAW}.files").fetchall()
    return int(last)


def new_files(
    connection: duckdb.DuckDBPyConnection, source: type[Source], files: Collection[LandingFile]
) -> list[LandingFile]:
    """Those of a source's landing files that came, or changed, since they were taken in.

    One that was taken away since it was listed is none.

    Args:
        connection: the warehouse, prepared.
        source: whose files they are.
        files: the files.
    """
    known = known_files(connection, source)
    return [
        file
        for file in files
        if (at := changed_at(file.path)) is not None
        and (
            file.name not in known
            or at != known[file.name].changed_at
            or not is_reachable(file.path)
        )
    ]


def changed_at(path: Path) -> datetime | None:
    """When a file came to be what it is, where it is (UTC); None if it is not there.

    Of a link to what cannot be reached: when the link came to be.
    """
    for look in (path.stat, path.lstat):
        try:
            # Not when it was written: it may have been renamed long after that.
            return datetime.fromtimestamp(look().st_ctime, UTC).replace(tzinfo=None)
        except OSError:
            continue
    return _UNKNOWN if is_there(path) else None


def unread_files(
    connection: duckdb.DuckDBPyConnection, landing: Path, source: type[Source]
) -> list[LandingFile]:
    """The files of a source that could not be read, in order; those taken away are let go."""
    found = connection.execute(
        f"""select file, name, hour from {RAW}.files
        where source = ? and unread is not null order by hour, name""",
        [source.name],
    ).fetchall()
    gone = [number for number, name, _ in found if not is_there(landing / name)]
    if gone:
        connection.execute(
            f"""update {RAW}.files set unread = null, taken_in_at = ?
            where file in (select unnest(?))""",
            [ledger_time.stamp(connection), gone],
        )
    return [
        LandingFile(landing / name, name, hour)
        for number, name, hour in found
        if number not in gone
    ]


def write_touched(connection: duckdb.DuckDBPyConnection, number: int, changed: datetime) -> None:
    """Note that a file which was touched is what it was."""
    connection.execute(
        f"update {RAW}.files set changed_at = $changed "
        "where file = $number and changed_at <> $changed",
        {"changed": changed, "number": number},
    )


def write_read(
    connection: duckdb.DuckDBPyConnection, source: type[Source], files: Sequence[ReadFile]
) -> None:
    """Note files that were read together; their rows and refusals are in place."""
    noted = pa.table(  # noqa: F841 (read by name)
        {
            "file": pa.array([read.number for read in files], pa.int64()),
            "name": pa.array([read.file.name for read in files], pa.string()),
            "hour": pa.array([read.file.hour for read in files], pa.timestamp("us")),
            "digest": pa.array([read.digest for read in files], pa.string()),
            "changed_at": pa.array([read.changed for read in files], pa.timestamp("us")),
        }
    )
    known = connection.execute(
        f"delete from {RAW}.files where file in (select file from noted) returning file"
    ).fetchall()
    connection.execute(
        f"""insert into {RAW}.files
        select noted.file, ?, noted.name, noted.hour, noted.digest, noted.changed_at,
            coalesce(landed.rows, 0), coalesce(refused.rows, 0), noted.file in (select unnest(?)),
            ?, null
        from noted
        left join (
            select _file, count(*) as rows from {RAW}.{source.landing}
            where _file in (select file from noted) group by _file
        ) as landed on landed._file = noted.file
        left join (
            select file, count(*) as rows from {RAW}.quarantine
            where row is not null and file in (select file from noted) group by file
        ) as refused on refused.file = noted.file
        order by noted.file""",
        [source.name, [file for (file,) in known], ledger_time.stamp(connection)],
    )


def write_unread(
    connection: duckdb.DuckDBPyConnection,
    source: type[Source],
    file: LandingFile,
    number: int,
    reason: str,
    changed: datetime,
) -> None:
    """Note a file that cannot be read, also in the quarantine."""
    quarantine = f"{RAW}.quarantine"
    connection.execute(f"delete from {quarantine} where file = ? and row is null", [number])
    connection.execute(
        f"insert into {quarantine} values (?, ?, null, ?, ?, ?, ?)",
        [source.name, number, file.hour, reason, file.name, _now()],
    )
    # Where it was known, nothing is new.
    known = connection.execute(
        f"""update {RAW}.files set unread = $reason, changed_at = $changed
        where file = $number returning 1""",
        {"number": number, "reason": reason, "changed": changed},
    )
    if not known.fetchall():
        connection.execute(
            f"insert into {RAW}.files values (?, ?, ?, ?, null, ?, 0, 0, false, ?, ?)",
            [
                *(number, source.name, file.name, file.hour, changed),
                *(ledger_time.stamp(connection), reason),
            ],
        )


def _now() -> datetime:
    return datetime.now(UTC).replace(tzinfo=None)
