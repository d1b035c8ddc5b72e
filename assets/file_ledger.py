"""The ledger of landing files: which were taken in, by path and content, and which are unread.

A file that cannot be read as a whole is *unread*: the hour that it is for is not known until the
file is whole, or is taken away (renamed to ``*.bad``, say). Where a file was read before and cannot
be now, what it held stays.
"""

from collections.abc import Collection, Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import NamedTuple

import duckdb

from assets import ledger_time
from assets.landing_files import LandingFile, is_reachable, is_there
from slate.compile.names import RAW
from slate.entities import Source

# Of what cannot even be looked at: no file that was read came to be then.
_UNKNOWN = datetime(1970, 1, 1)


class Known(NamedTuple):
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


def known_files(connection: duckdb.DuckDBPyConnection, source: type[Source]) -> Mapping[str, Known]:
    """The files of a source that the ledger knows, by name."""
    found = connection.execute(
        f"select name, file, digest, changed_at, unread from {RAW}.files where source = ?",
        [source.name],
    ).fetchall()
    return {name: Known(*rest) for name, *rest in found}


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
    connection: duckdb.DuckDBPyConnection,
    source: type[Source],
    file: LandingFile,
    number: int,
    digest: str,
    changed: datetime,
) -> None:
    """Note a file that was read; its rows and refusals are in place."""
    found = connection.execute(f"delete from {RAW}.files where file = ? returning 1", [number])
    replaces = bool(found.fetchall())
    _write(connection, source, file, number, digest, changed, None, replaces=replaces)


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
        _write(connection, source, file, number, None, changed, reason, replaces=False)


def _write(
    connection: duckdb.DuckDBPyConnection,
    source: type[Source],
    file: LandingFile,
    number: int,
    digest: str | None,
    changed: datetime,
    unread: str | None,
    *,
    replaces: bool,
) -> None:
    connection.execute(
        f"""insert into {RAW}.files
        select ?, ?, ?, ?, ?, ?,
            (select count(*) from {RAW}.{source.landing} where _file = ?),
            (select count(*) from {RAW}.quarantine where file = ? and row is not null), ?, ?, ?""",
        [
            *(number, source.name, file.name, file.hour, digest, changed, number, number),
            *(replaces, ledger_time.stamp(connection), unread),
        ],
    )


def _now() -> datetime:
    return datetime.now(UTC).replace(tzinfo=None)
