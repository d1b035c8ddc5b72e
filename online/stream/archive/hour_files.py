"""How the files of an archive are named, and how one comes to be: at once and whole, or not."""

import os
import re
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from errno import ENOTDIR
from pathlib import Path
from uuid import uuid4

import pyarrow as pa
import pyarrow.parquet as pq

from slate.stream_files import is_stream_file
from slate.windows import HOUR, SECOND

_PART = re.compile(r"\d\d-(\d+)-(\d+)")
# What is unfinished for as long as this is nobody's any more.
_FORGOTTEN_SECONDS = 3_600


@dataclass(frozen=True, order=True)
class HourPart:
    """Some of the events of an arrival hour.

    Attributes:
        first, last: its first and its last arrival, in microseconds.
        path: where it lies.
    """

    first: int
    last: int
    path: Path


def part_name(first: int, last: int) -> str:
    """The name of a part by its first and last arrival, in microseconds.

    Examples:
        >>> part_name(1772359200000000, 1772359201000000)
        '2026-03-01/10-1772359200000000-1772359201000000.parquet'
    """
    return f"{_hour_name(first // HOUR)}-{first}-{last}.parquet"


def landing_name(hour: int) -> str:
    """The name of an hour's landing file.

    Examples:
        >>> landing_name(492322)
        '2026-03-01/10-stream.parquet'
    """
    return f"{_hour_name(hour)}-stream.parquet"


def part_of(path: Path) -> HourPart | None:
    """The part that a file is; None if it is none."""
    match = _PART.fullmatch(path.stem)
    return HourPart(int(match[1]), int(match[2]), path) if match else None


def is_landed(path: Path) -> bool:
    """Whether a landing file came by the stream."""
    return is_stream_file(path.name)


def hour_of(path: Path) -> int:
    """The hour that a part or a landing file is of; -1 of any other file."""
    if part := part_of(path):
        return part.first // HOUR
    if is_landed(path):
        with suppress(ValueError):
            at = datetime.strptime(f"{path.parent.name} {path.stem[:2]}", "%Y-%m-%d %H")
            return int(at.replace(tzinfo=UTC).timestamp()) * SECOND // HOUR
    return -1


@contextmanager
def unfinished(path: Path, schema: pa.Schema) -> Iterator[tuple[pq.ParquetWriter, Path]]:
    """Write a file under a passing name, which outlasts a failure once this is left.

    Args:
        path: the name that it is to have.
        schema: of its columns.

    Yields:
        What writes it, and its passing name.
    """
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
    except FileExistsError as error:
        # Not to be taken for a file that another has landed at the same time.
        raise NotADirectoryError(ENOTDIR, "it is in the way of a folder", error.filename) from error
    temporary = path.with_name(f".{path.stem}.{uuid4().hex}.tmp")
    try:
        with temporary.open("xb") as file:
            with pq.ParquetWriter(
                file, schema, compression="zstd", write_page_checksum=True
            ) as writer:
                yield writer, temporary
            file.flush()
            os.fsync(file.fileno())
    except BaseException:
        temporary.unlink(missing_ok=True)
        raise


def clean(folder: Path) -> None:
    """Remove unfinished files that were forgotten, and then the folders of days without files."""
    forgotten = time.time() - _FORGOTTEN_SECONDS
    for path in folder.glob("*/.*.tmp"):
        with suppress(FileNotFoundError):
            if path.stat().st_mtime < forgotten:
                path.unlink()
    for day in folder.glob("*-*-*"):
        with suppress(OSError):
            if day.stat().st_mtime < forgotten:
                day.rmdir()


def _hour_name(hour: int) -> str:
    return f"{datetime.fromtimestamp(hour * HOUR // SECOND, UTC):%Y-%m-%d/%H}"
