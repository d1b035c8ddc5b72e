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

from slate.cli import processes
from slate.cli.text import Clock
from slate.deployment import load
from slate.errors import DataError, nearest
from slate.file_formats import require_parquet
from slate.online import EventWriter
from slate.online.stream.events.validation import unknown_column
from slate.online.stream.writing.writer import streamed_source
from slate.privacy import HIDDEN, hidden, personal_columns
from slate.sources import Source
from slate.windows import duration_name

JSON_LINES = (".jsonl", ".ndjson", ".json")
ARROW = (".arrow", ".feather", ".ipc")
ROWS_AT_ONCE = 10_000
BYTES_AT_ONCE = 1 << 20
REPORT_SECONDS = 2.0


@dataclass
class Counts:
    """What became of a file's events; see ``Written``."""

    written: int = 0
    refused: int = 0
    late: int = 0

    def __str__(self) -> str:
        return f"{self.written:,} events written, {self.refused:,} refused"


@dataclass(frozen=True)
class Chunk:
    """Some of a file's events.

    Attributes:
        events: what can be written.
        places: the line, or the row from 1, of each.
        refused: the place of what cannot be an event, with the reason and its text.
    """

    events: Sequence[dict[str, Any]] | pa.RecordBatch
    places: Sequence[int]
    refused: Sequence[tuple[int, str, str]] = ()


def run(options: Namespace) -> int:
    """Write the events; print those that are refused, each with its place and the reason."""
    say = Clock()
    deployment, file = load(), options.file
    source = streamed_source(deployment.registry, options.source)
    counts, hides = Counts(), frozenset() if options.pii else personal_columns(source)

    def shown(event: dict[str, Any] | None) -> str:
        return json.dumps(event and hidden(event, hides))

    began = told = time.monotonic()
    processes.require_machine_clock(deployment)
    with EventWriter.connect(deployment, source) as writer:
        try:
            for chunk in chunks(file, source):
                result = writer.write(chunk.events, wait=options.wait)
                counts.written += result.written
                counts.late += result.late
                wrong = [
                    # What is no event may hold anything.
                    *(
                        (place, why, HIDDEN if hides else text)
                        for place, why, text in chunk.refused
                    ),
                    *(
                        (chunk.places[found.place or 0], found.reason, shown(found.event))
                        for found in result.refused
                    ),
                ]
                counts.refused += len(wrong)
                for place, reason, event in sorted(wrong):
                    print(f"{file}:{place}: {reason}: {event}")
                if time.monotonic() - told >= REPORT_SECONDS:
                    told = time.monotonic()
                    say(f"{counts}, {counts.written / (told - began):,.0f}/s")
        finally:
            # Also where it ends with an error: these are on the stream.
            sys.stdout.flush()
            say(f"{counts}{_late(source, counts.late)}")
    return 1 if counts.refused else 0


def _late(source: type[Source], number: int) -> str:
    """What becomes of late events, said once; empty if there are none."""
    if not number:
        return ""
    others = (
        "and are in the warehouse with the next batch" if source.landing else "and nowhere else"
    )
    return (
        f"; {number:,} of those written happened more than {duration_name(source.horizon)} ago: "
        f"they are dead letters, not served from the stream, {others}"
    )


def chunks(file: str, source: type[Source]) -> Iterator[Chunk]:
    """A file's events, a few thousand at a time.

    Args:
        file: its path; ``-`` for JSON lines from standard input.
        source: whose events they are.

    Raises:
        DataError: it cannot be read, or is of another type.
    """
    if file == "-":
        yield from _json_lines(sys.stdin.buffer, source)
        return
    path = Path(file)
    suffix = path.suffix.lower()
    try:
        if suffix in JSON_LINES:
            with path.open("rb") as stream:
                yield from _json_lines(stream, source)
        elif suffix == ".parquet":
            require_parquet(path)
            with pq.ParquetFile(path) as parquet:
                yield from _batches(parquet.iter_batches(ROWS_AT_ONCE))
        elif suffix in ARROW:
            with pa.memory_map(str(path)) as mapped:
                yield from _batches(_arrow(mapped))
        else:
            known = [".parquet", *JSON_LINES, *ARROW]
            wrong = f"the ending {suffix!r} is unknown" if suffix else "its name has no ending"
            raise DataError(
                f"{file}: {wrong}, and it tells how events are read: {nearest(suffix, known)}; "
                "`-` in place of a file reads JSON lines from standard input"
            )
    except OSError as error:
        raise DataError(f"{file} cannot be read: {error.strerror or error}") from error
    except pa.ArrowException as error:
        raise DataError(
            f"{file} cannot be read ({str(error).strip()}): see that it is whole, and what its "
            "name says"
        ) from error


def _json_lines(stream: BinaryIO, source: type[Source]) -> Iterator[Chunk]:
    """What is there to be read at once makes a chunk, so that a pipe's events do not wait."""
    number, rest = 0, b""
    # What reads ahead as little as it can is there for files and standard input alike.
    while data := stream.read1(BYTES_AT_ONCE):  # type: ignore[attr-defined]
        *lines, rest = (rest + data).split(b"\n")
        yield from _parsed(lines, number, source)
        number += len(lines)
    if rest:
        yield from _parsed([rest], number, source)


def _parsed(lines: list[bytes], before: int, source: type[Source]) -> Iterator[Chunk]:
    events, places, refused = [], [], []
    for place, line in enumerate(lines, before + 1):
        if line.strip():
            event, reason = _event(line, source)
            if reason:
                refused.append((place, reason, line.decode(errors="replace")))
            else:
                events.append(event)
                places.append(place)
    if events or refused:
        yield Chunk(events, places, refused)


def _event(line: bytes, source: type[Source]) -> tuple[dict[str, Any], str]:
    """The event that a line holds; else why it holds none."""
    try:
        event = json.loads(line)
    except (ValueError, RecursionError) as error:
        return {}, f"not JSON ({error})"
    if not isinstance(event, dict):
        return {}, "not a JSON object"
    for name in event:
        if name not in source.columns:
            return {}, unknown_column(source, name)
    return event, ""


def _batches(batches: Iterator[pa.RecordBatch]) -> Iterator[Chunk]:
    before = 0
    for batch in batches:
        yield Chunk(batch, range(before + 1, before + 1 + batch.num_rows))
        before += batch.num_rows


def _arrow(mapped: pa.MemoryMappedFile) -> Iterator[pa.RecordBatch]:
    """The batches of a file, or of a stream that was put into one."""
    try:
        reader = pa.ipc.open_file(mapped)
    except pa.ArrowInvalid:
        mapped.seek(0)
        yield from pa.ipc.open_stream(mapped)
    else:
        yield from map(reader.get_batch, range(reader.num_record_batches))
