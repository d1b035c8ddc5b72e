"""`slate ingest`: events from a file, or from standard input, onto a source's stream."""

import json
import sys
import time
from argparse import Namespace
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO

import pyarrow as pa
import pyarrow.parquet as pq

from cli import processes
from cli.text import clock
from online import EventWriter
from slate.deployment import load
from slate.errors import DataError, nearest

JSON_LINES = (".jsonl", ".ndjson", ".json")
ARROW = (".arrow", ".feather", ".ipc")
ROWS_AT_ONCE = 10_000
BYTES_AT_ONCE = 1 << 20
REPORT_SECONDS = 2.0


@dataclass(frozen=True)
class Chunk:
    """Some of a file's events.

    Attributes:
        events: what can be written.
        places: the line, or the row from 1, of each.
        refused: the place of what is no event, with the reason and its text.
    """

    events: Sequence[dict[str, Any]] | pa.RecordBatch
    places: Sequence[int]
    refused: Sequence[tuple[int, str, str]] = ()


def run(options: Namespace) -> int:
    """Write the events; print those that are refused, each with its place and the reason."""
    say = clock()
    file = options.file
    written = refused = 0
    began = told = time.monotonic()
    deployment = load()
    processes.require_machine_clock(deployment)
    with EventWriter.connect(deployment, options.source) as writer:
        try:
            for chunk in chunks(file):
                result = writer.write(chunk.events, wait=options.wait)
                written += result.written
                wrong = [
                    *chunk.refused,
                    *(
                        (chunk.places[found.place or 0], found.reason, json.dumps(found.event))
                        for found in result.refused
                    ),
                ]
                refused += len(wrong)
                for place, reason, event in sorted(wrong):
                    print(f"{file}:{place}: {reason}: {event}")
                if time.monotonic() - told >= REPORT_SECONDS:
                    told = time.monotonic()
                    say(f"{_counts(written, refused)}, {written / (told - began):,.0f}/s")
        finally:
            # Also where it ends with an error: these are on the stream.
            sys.stdout.flush()
            say(_counts(written, refused))
    return 1 if refused else 0


def chunks(file: str) -> Iterator[Chunk]:
    """A file's events, a few thousand at a time.

    Raises:
        DataError: it cannot be read, or is of another type.
    """
    if file == "-":
        yield from _json_lines(sys.stdin.buffer)
        return
    path = Path(file)
    suffix = path.suffix.lower()
    try:
        if suffix in JSON_LINES:
            with path.open("rb") as stream:
                yield from _json_lines(stream)
        elif suffix == ".parquet":
            with pq.ParquetFile(path) as parquet:
                yield from _batches(parquet.iter_batches(ROWS_AT_ONCE))
        elif suffix in ARROW:
            with pa.memory_map(str(path)) as source:
                yield from _batches(_arrow(source))
        else:
            known = [".parquet", *JSON_LINES, *ARROW]
            raise DataError(f"{file}: {suffix or 'no ending'} is unknown, {nearest(suffix, known)}")
    except (OSError, pa.ArrowException) as error:
        raise DataError(f"{file} cannot be read: {error}") from error


def _json_lines(stream: BinaryIO) -> Iterator[Chunk]:
    """What is there to be read at once makes a chunk, so that a pipe's events do not wait."""
    number, rest = 0, b""
    # What reads ahead as little as it can is there for files and standard input alike.
    while data := stream.read1(BYTES_AT_ONCE):  # type: ignore[attr-defined]
        *lines, rest = (rest + data).split(b"\n")
        yield from _parsed(lines, number)
        number += len(lines)
    if rest:
        yield from _parsed([rest], number)


def _parsed(lines: list[bytes], before: int) -> Iterator[Chunk]:
    events, places, refused = [], [], []
    for place, line in enumerate(lines, before + 1):
        if not line.strip():
            continue
        try:
            event = json.loads(line)
        except (ValueError, RecursionError) as error:
            refused.append((place, f"no JSON ({error})", line.decode(errors="replace")))
            continue
        if isinstance(event, dict):
            events.append(event)
            places.append(place)
        else:
            refused.append((place, "no JSON object", line.decode(errors="replace")))
    if events or refused:
        yield Chunk(events, places, refused)


def _batches(batches: Iterator[pa.RecordBatch]) -> Iterator[Chunk]:
    before = 0
    for batch in batches:
        yield Chunk(batch, range(before + 1, before + 1 + batch.num_rows))
        before += batch.num_rows


def _arrow(source: pa.MemoryMappedFile) -> Iterator[pa.RecordBatch]:
    """The batches of a file, or of a stream that was put into one."""
    try:
        reader = pa.ipc.open_file(source)
    except pa.ArrowInvalid:
        source.seek(0)
        yield from pa.ipc.open_stream(source)
    else:
        yield from map(reader.get_batch, range(reader.num_record_batches))


def _counts(written: int, refused: int) -> str:
    return f"{written:,} events written, {refused:,} refused"
