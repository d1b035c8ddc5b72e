"""Taking landing files into the warehouse, exactly once each.

Rows that the source's definition refuses go to ``raw.quarantine`` with the reason, as their columns
landed; a file that cannot be read as a whole is one such row, costs no other file anything, and is
tried again each time. Nothing is lost, and nothing is counted twice.
"""

import hashlib
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from types import MappingProxyType
from typing import NamedTuple

import duckdb
import pyarrow as pa

from slate.assets import rule_changes
from slate.assets.file_ledger import (
    KnownFile,
    ReadFile,
    changed_at,
    known_files,
    last_number,
    unread_files,
    write_read,
    write_touched,
    write_unread,
)
from slate.assets.landed_rows import Columns, read, shape
from slate.assets.landing_files import LandingFile, closed_folder, is_there, why_closed
from slate.assets.raw_tables import follow_definition
from slate.assets.refusals import coerced_column, null_column, reasons
from slate.compile.model_names import RAW
from slate.errors import DataError
from slate.privacy import HIDDEN, personal_columns
from slate.quoting import quoted_text
from slate.sources import Source

ROWS_AT_ONCE = 4_000_000
# What DuckDB raises where it is values, or their types, that it does not take.
_NOT_TAKEN = (
    duckdb.DataError,
    duckdb.NotSupportedError,
    duckdb.InvalidInputException,
    duckdb.InvalidTypeException,
    duckdb.BinderException,
)


@dataclass(frozen=True)
class Intake:
    """What became of some landing files.

    Attributes:
        files: how many were taken in now.
        known: how many had been taken in before and were passed over.
        rows: the rows taken in.
        quarantined: the rows refused.
        unread: how many cannot be read.
    """

    files: int = 0
    known: int = 0
    rows: int = 0
    quarantined: int = 0
    unread: int = 0

    def __add__(self, other: "Intake") -> "Intake":
        return Intake(
            *(a + b for a, b in zip(vars(self).values(), vars(other).values(), strict=True))
        )


class _Incoming(NamedTuple):
    """A landing file on its way in.

    Attributes:
        file: the file.
        number: its number, in load order.
        stamp: by which a change of it shows.
        changed: when it came to be what it is.
        digest: of its content.
        columns: what it has of the source's columns.
        rows: how many rows it says to have.
        unread: why it cannot be read, if that shows at once.
    """

    file: LandingFile
    number: int
    stamp: tuple[int, ...]
    changed: datetime
    digest: str = ""
    columns: Columns = MappingProxyType({})
    rows: int = 0
    unread: str | None = None


def take_in(
    connection: duckdb.DuckDBPyConnection,
    landing: Path,
    source: type[Source],
    files: Sequence[LandingFile],
    say: Callable[[str], None] = lambda _: None,
) -> Intake:
    """Take landing files into the warehouse, in the order given, and then those still unread.

    A file that is known with the same content is passed over; with another content it takes the
    place of what it held before, and so it does where the source takes other rows by now.

    Args:
        connection: the warehouse, prepared.
        landing: the landing folder.
        source: whose files they are.
        files: the files.
        say: told of files that are judged again, as the definition has changed.

    Raises:
        ConfigurationError: a column's declared type changed, and rows of files that are gone do not
            fit it.
    """
    follow_definition(connection, landing, source)
    ledger, last = dict(known_files(connection, source)), last_number(connection)
    again = rule_changes.judged_otherwise(connection, landing, source, say)
    for file in again:
        # As if its content had changed.
        ledger[file.name] = ledger[file.name]._replace(digest=None)
    names = {file.name for file in files}
    others = [*unread_files(connection, landing, source), *again]
    batch: list[_Incoming] = []
    done, pending = Intake(), 0
    for file in [*files, *(file for file in others if file.name not in names)]:
        known = ledger.get(file.name)
        last += known is None
        incoming = _look_at(source, file, known.number if known else last, known)
        if incoming is None:
            continue  # it was taken away meanwhile
        if known and not known.unread and known.digest == incoming.digest:
            write_touched(connection, known.number, incoming.changed)
            done += Intake(known=1)
            continue
        batch.append(incoming)
        pending += incoming.rows
        if pending >= ROWS_AT_ONCE:
            done += _insert(connection, source, batch)
            batch, pending = [], 0
    if batch:
        done += _insert(connection, source, batch)
    # Killed before, the next intake judges them all again.
    rule_changes.record(connection, source)
    return done


def _look_at(
    source: type[Source], file: LandingFile, number: int, known: KnownFile | None
) -> _Incoming | None:
    """A file on its way in; one whose content is known is not looked into. None if it is gone."""
    # Before it is read, as it may change meanwhile.
    changed, stamp = changed_at(file.path), tuple[int, ...]()
    if changed is None:
        return None
    try:
        stamp = _stamp(file.path)
        with file.path.open("rb") as content:
            hashed = hashlib.file_digest(content, lambda: hashlib.blake2b(digest_size=16))
        digest = hashed.hexdigest()
        same = known and not known.unread and known.digest == digest
        shaped = ({}, 0) if same else shape(source, file.path)
        return _Incoming(file, number, stamp, changed, digest, *shaped)
    except DataError as error:
        reason = str(error)
    except OSError as error:
        if not is_there(file.path):
            return None
        reason = _unreachable(file.path, error)
    return _Incoming(file, number, stamp, changed, unread=reason)


def _unreachable(path: Path, error: OSError) -> str:
    if path.is_dir() and (closed := why_closed(path)) is not None:
        return closed_folder(path, closed)
    if isinstance(error, FileNotFoundError) and path.is_symlink():
        return f"the file is a link to {path.readlink()}, which is not there"
    return f"the file cannot be opened: {error.strerror or error}"


def _stamp(path: Path) -> tuple[int, ...]:
    """What differs as soon as a file is another, or was written to."""
    stat = path.stat()
    return stat.st_ino, stat.st_size, stat.st_mtime_ns


def _changed(incoming: _Incoming) -> bool:
    try:
        return _stamp(incoming.file.path) != incoming.stamp
    except OSError:
        return True


def _insert(
    connection: duckdb.DuckDBPyConnection, source: type[Source], batch: list[_Incoming]
) -> Intake:
    """Take in some files: all that can be read of them, or nothing.

    Where DuckDB refuses them together it does not tell which of them it was: each is tried alone,
    and is unread if it is refused still.
    """
    try:
        return _insert_together(connection, source, batch)
    except _NOT_TAKEN as error:
        if len(batch) > 1:
            return sum((_insert(connection, source, [one]) for one in batch), Intake())
        (incoming,) = batch
        if incoming.unread:
            raise
        reason = f"the file holds what the warehouse cannot take: {str(error).splitlines()[0]}"
        return _insert(connection, source, [incoming._replace(unread=reason)])


def _insert_together(
    connection: duckdb.DuckDBPyConnection, source: type[Source], batch: list[_Incoming]
) -> Intake:
    unread = {incoming.number: incoming.unread for incoming in batch if incoming.unread}
    connection.begin()
    try:
        for alike in _by_columns(incoming for incoming in batch if not incoming.unread):
            unread |= _insert_rows(connection, source, alike)
        whole = []
        for incoming in batch:
            file, number = incoming.file, incoming.number
            if number in unread:
                write_unread(connection, source, file, number, unread[number], incoming.changed)
            else:
                whole.append(ReadFile(file, number, incoming.digest, incoming.changed))
        write_read(connection, source, whole)
        taken = [file.number for file in whole]
        ((rows, quarantined),) = connection.execute(
            f"""select coalesce(sum(rows), 0)::bigint, coalesce(sum(quarantined), 0)::bigint
            from {RAW}.files where file in (select unnest(?))""",
            [taken],
        ).fetchall()
        connection.commit()
    except BaseException:
        connection.rollback()
        raise
    return Intake(len(taken), 0, rows, quarantined, len(unread))


def _by_columns(files: Iterable[_Incoming]) -> list[list[_Incoming]]:
    """Files whose columns have the same types: read together, those of others would change them."""
    alike: dict[str, list[_Incoming]] = {}
    for incoming in files:
        alike.setdefault(str(incoming.columns), []).append(incoming)
    return list(alike.values())


def _insert_rows(
    connection: duckdb.DuckDBPyConnection, source: type[Source], files: list[_Incoming]
) -> dict[int, str]:
    """Sort the rows of files of one schema into good ones and refused ones.

    Returns:
        The numbers of the files that turned out to be damaged, with the reason; what is held of
        these stays as it is.
    """
    landing_paths = pa.table(  # noqa: F841 (read by name)
        {
            "file": pa.array([incoming.number for incoming in files], pa.int64()),
            "hour": pa.array([incoming.file.hour for incoming in files], pa.timestamp("us")),
        }
    )
    columns, present = source.columns.values(), files[0].columns
    unread, stopped = dict[int, str](), list[BaseException]()
    paths = [(incoming.number, incoming.file.path) for incoming in files]
    landed_rows = read(paths, present, unread, stopped)  # noqa: F841 (read by name)
    values = [
        coerced_column(c, present[c.name]) if c.name in present else null_column(c) for c in columns
    ]
    refusals = ",\n".join(
        reason
        for c in columns
        for reason in reasons(source, c, present.get(c.name), hour="paths.hour")
    )
    packed = _packed(source, present)
    try:
        connection.execute(
            f"""create or replace temp table incoming as
            select
                landed._file, landed._row, paths.hour as _hour,
                coalesce(landed._fault, nullif(concat_ws('; ', {refusals}), '')) as _reason,
                {", ".join(values)},
                case when _reason is not null
                    then cast(to_json(struct_pack({packed})) as varchar) end as _content
            from landed_rows as landed
            inner join landing_paths as paths on paths.file = landed._file"""
        )
    except duckdb.Error:
        # An interrupt while rows are read is none of the files' fault.
        if stopped:
            raise stopped[0] from None
        raise
    for incoming in files:
        if incoming.number not in unread and _changed(incoming):
            unread[incoming.number] = "the file changed while it was read"
    whole = [incoming.number for incoming in files if incoming.number not in unread]
    for table, column in ((source.landing, "_file"), ("quarantine", "file")):
        connection.execute(
            f"delete from {RAW}.{table} where {column} in (select unnest(?))", [whole]
        )
    names = ", ".join(source.columns)
    connection.execute(
        f"""insert into {RAW}.{source.landing} ({names}, _file, _row)
        select {names}, _file, _row from incoming
        where _reason is null and _file in (select unnest(?)) order by _file, _row""",
        [whole],
    )
    connection.execute(
        f"""insert into {RAW}.quarantine
        select ?, _file, _row, _hour, _reason, _content, ? from incoming
        where _reason is not null and _file in (select unnest(?)) order by _file, _row""",
        [source.name, datetime.now(UTC).replace(tzinfo=None), whole],
    )
    connection.execute("drop table incoming")
    return unread


def _packed(source: type[Source], names: Iterable[str]) -> str:
    """What the quarantine keeps of a refused row: of what is personal, whether there was any."""
    hides = personal_columns(source)
    shown = {name: f'landed."{name}"' for name in names}
    shown |= {
        name: f"case when {value} is not null then {quoted_text(HIDDEN)} end"
        for name, value in shown.items()
        if name in hides
    }
    return ", ".join(f'"{name}" := {value}' for name, value in shown.items())
