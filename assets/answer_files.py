"""Logged answers on disk: what waited in the store, as Parquet.

::

    log/feed_ranking_v1/1764288000000-0.parquet     named by the last of its entries

A file is there as a whole or not at all, and says which entry of the stream is the last that was
taken in. That is there for as long as the others are, so each answer is taken in once, wherever a
run is killed. Where it is not there, what waits is of another stream, as the store was lost: all of
it is taken in, though it may begin with lesser names where a clock was set back, under names that
go on from the last. Any tool reads the folder in one line::

    duckdb.sql("from read_parquet('data/log/feed_ranking_v1/*.parquet', union_by_name=true)")
"""

import os
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
from redis import Redis

from slate.answer_log import definitions_in
from slate.errors import DataError
from slate.exposures import EXPOSURES
from slate.online.store import logged_entries
from slate.online.store.logged_entries import Entry
from slate.online.stream.durable_files import sync

# So many entries make a file: some hundred megabytes in memory at most.
ENTRIES = 20
# Of exposures, which are small.
ENTRIES_OF_EXPOSURES = 2_000
_UNFINISHED = ".unfinished"
_NAME = re.compile(r"[0-9]+-[0-9]+")
_TIME = pa.timestamp("us", tz="UTC")
_MIX = "default"
# The metadata of a file that names the last entry in it.
_LAST = b"slate.last_entry"


@dataclass(frozen=True)
class TakenIn:
    """What was taken in.

    Attributes:
        answers: how many answers.
        rows: how many rows they have.
        files: the files that were written.
    """

    answers: int
    rows: int
    files: tuple[Path, ...]


def take_in(redis: Redis, deployment: str, service: str, folder: Path) -> TakenIn:
    """Take in what waits of a service's logged answers. There may be one who does at a time.

    Args:
        redis: the store.
        deployment: the deployment's name.
        service: the service's full name.
        folder: the service's folder.

    Raises:
        DataError: a table cannot be read, or not be written.
        RedisError: the store fails.
    """
    folder.mkdir(parents=True, exist_ok=True)
    for path in folder.glob(f"*{_UNFINISHED}"):
        path.unlink()
    files_before = names(folder)
    newest = place(files_before[-1]) if files_before else (0, 0)
    last = _last_entry(folder, files_before[-1]) if files_before else None
    answers, rows, files = 0, 0, list[Path]()
    most = ENTRIES_OF_EXPOSURES if service.startswith(EXPOSURES) else ENTRIES
    while entries := logged_entries.waiting(redis, deployment, service, most):
        if last is not None and logged_entries.is_waiting(redis, deployment, service, last):
            new = [entry for entry in entries if place(entry.name) > place(last)]
        else:
            new = entries
        for last, taken in _together(new):
            newest = max(place(last), (newest[0], newest[1] + 1))
            path = folder / "{}-{}.parquet".format(*newest)
            _write(taken.replace_schema_metadata({_LAST: last}), path)
            answers += len(taken["request_id"].unique())
            rows += taken.num_rows
            files.append(path)
        logged_entries.remove(redis, deployment, service, entries)
    return TakenIn(answers, rows, tuple(files))


def names(folder: Path) -> list[str]:
    """The names of a service's files, in their order; what is called otherwise is no such file."""
    found = (path.stem for path in folder.glob("*.parquet"))
    return sorted(filter(_NAME.fullmatch, found), key=place)


def answers_in(folder: Path, name: str) -> pa.Table:
    """The answers of one file.

    Args:
        folder: the service's folder.
        name: the file's name.

    Raises:
        DataError: it cannot be read.
    """
    path = folder / f"{name}.parquet"
    try:
        return pq.read_table(path)
    except (pa.ArrowException, OSError) as error:
        reason = " ".join(str(error).split())
        raise DataError(
            f"{path} cannot be read ({reason}): put it back from a backup, or move it away, and "
            "do without the answers in it"
        ) from error


def stored_at(name: str) -> datetime:
    """When the last answer of a file was stored, by the store's clock (UTC)."""
    return datetime.fromtimestamp(place(name)[0] / 1_000, UTC)


def remove_old(folder: Path, now: datetime, kept: Callable[[str], timedelta]) -> list[str]:
    """Remove files whose last answer was stored longer ago than they are kept.

    The newest always stays: by its name it is known what of the store was taken in.

    Args:
        folder: the service's folder.
        now: the machine's time, as files are named by the store's: neither is a virtual one.
        kept: how long a file is kept, by its name.

    Returns:
        The names of those that were removed.
    """
    old = [name for name in names(folder)[:-1] if now - stored_at(name) > kept(name)]
    for name in old:
        (folder / f"{name}.parquet").unlink(missing_ok=True)
    return old


def _last_entry(folder: Path, name: str) -> str:
    """The entry up to which a file was taken in, by its name in the stream."""
    try:
        metadata = pq.read_schema(folder / f"{name}.parquet").metadata or {}
    except (pa.ArrowException, OSError):
        metadata = {}
    last: bytes = metadata.get(_LAST, name.encode())
    return last.decode()


def place(name: str) -> tuple[int, int]:
    """Where an entry stands in its stream."""
    time, _, number = name.partition("-")
    return int(time), int(number)


def _read(entry: Entry) -> pa.Table:
    """What an entry holds, with the instant at which it was stored, by the store's clock."""
    try:
        table = pa.ipc.open_stream(entry.table).read_all()
        stored = pa.scalar(place(entry.name)[0], pa.timestamp("ms", tz="UTC"))
        return table.append_column("stored_at", pa.repeat(stored, table.num_rows).cast(_TIME))
    except pa.ArrowException as error:
        raise DataError(
            f"entry {entry.name} of the answers' log cannot be read ({error}): remove it from the "
            "store with XDEL, and see what else has written there"
        ) from error


def _together(entries: list[Entry]) -> Iterator[tuple[str, pa.Table]]:
    """The tables that files are made of, each by the name of its last entry.

    Where a feature was defined otherwise, what was logged before and after it are files of their
    own.
    """
    last, waiting, schema = "", list[pa.Table](), pa.schema([])
    for entry in entries:
        table = _read(entry)
        if waiting and not _alike(schema, table.schema):
            yield last, pa.concat_tables(waiting, promote_options=_MIX)
            waiting = []
        schema = table.schema if not waiting else _both(schema, table.schema)
        last = entry.name
        waiting.append(table)
    if waiting:
        yield last, pa.concat_tables(waiting, promote_options=_MIX)


def _both(one: pa.Schema, other: pa.Schema) -> pa.Schema:
    """The columns of two tables."""
    return pa.unify_schemas([one, other], promote_options=_MIX)


def _alike(one: pa.Schema, other: pa.Schema) -> bool:
    """Whether tables can be one: what both have is of one type, and was defined alike."""
    try:
        _both(one, other)
    except pa.ArrowException:
        return False
    before, after = definitions_in(one), definitions_in(other)
    features = set(one.names) & set(other.names)
    return all(before.get(name) == after.get(name) for name in features)


def _write(table: pa.Table, path: Path) -> None:
    unfinished = path.with_name(path.name + _UNFINISHED)
    try:
        with unfinished.open("wb") as file:
            pq.write_table(table, file, compression="zstd")
            file.flush()
            os.fsync(file.fileno())
        unfinished.rename(path)
        # The store lets go of them next.
        sync(path.parent)
    except (OSError, pa.ArrowException) as error:
        raise DataError(f"{path} cannot be written: {error}") from error
