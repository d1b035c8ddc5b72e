"""The files of a source's archive.

::

    <data>/stream/<stream>/<YYYY-MM-DD>/<HH>-<first arrival>-<last arrival>.parquet    parts
    <data>/landing/<landing>/<YYYY-MM-DD>/<HH>-stream.parquet                          an hour

A part holds *all* events that arrived between its first and its last arrival, and no two writes
have the same arrival. So an arrival tells which write a row is of, and parts may overlap, as those
of an archive that was killed and of its successor do: rows whose arrival was had are skipped.
When an hour is over its parts are merged. Its landing file appears at once and whole, and no other
takes its place; only then the parts are deleted. Where there are both parts and a landing file,
what the parts hold besides, if anything, lands in a second file.
"""

import logging
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from itertools import chain, groupby
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from slate.errors import DataError
from slate.online.rows.row_format import Words
from slate.online.stream.archive.hour_files import (
    HourPart,
    clean,
    hour_of,
    is_landed,
    landing_name,
    part_name,
    part_of,
    unfinished,
)
from slate.online.stream.durable_files import sync
from slate.sources import Source
from slate.windows import HOUR

logger = logging.getLogger(__name__)

ROW_GROUP = 100_000


class ArchiveFiles:
    """The files of one source's archive.

    Args:
        parts: the folder of its parts.
        landing: its landing folder.
        source: whose events they are.
    """

    def __init__(self, parts: Path, landing: Path, source: type[Source]) -> None:
        self._parts = parts
        self._landing = landing
        self._arrival = source.arrival_time

    def write(self, events: pa.Table) -> None:
        """Write events in order of arrival as parts; they outlast a failure once it returns."""
        arrivals = self._arrivals(events)
        starts = np.flatnonzero(np.diff(arrivals // HOUR, prepend=-1))
        for start, end in zip(starts, [*starts[1:], len(arrivals)], strict=True):
            path = self._parts / part_name(int(arrivals[start]), int(arrivals[end - 1]))
            with unfinished(path, events.schema) as (writer, temporary):
                writer.write_table(events.slice(start, end - start), ROW_GROUP)
            temporary.replace(path)
            sync(path.parent)

    def hours(self) -> list[int]:
        """The hours that have parts, ascending."""
        return sorted({part.first // HOUR for part in self._all_parts()})

    def close(self, hour: int) -> None:
        """Land an hour of which no more events will arrive.

        Killed at any point it may be done again.

        Raises:
            FileNotFoundError, FileExistsError: another is doing it at the same time.
            DataError: a file cannot be read; all of them stay.
        """
        # In this order: parts go only after what they hold has landed.
        parts = self._parts_of(hour)
        landed = self._landed(hour)
        known, had = self._known(landed), -1
        for run in self._by_schema(parts):
            tables = self._rows(run, known, had)
            had = max(had, *(part.last for part in run))
            first = next(tables, None)
            if first is None:
                continue
            path = self._landing / landing_name(hour)
            if landed:
                path = path.with_stem(f"{path.stem}-{self._arrivals(first)[0]}")
            with unfinished(path, first.schema) as (writer, temporary):
                for table in _grouped(chain([first], tables)):
                    writer.write_table(table)
            # Unlike a renamed file, a link never takes the place of another.
            path.hardlink_to(temporary)
            temporary.unlink()
            sync(path.parent)
            landed.append(path)
        for part in parts:
            part.path.unlink(missing_ok=True)

    def read(self, since: int) -> Iterator[pa.Table]:
        """All events from an hour on, in order of arrival, as they were written.

        The events of one arrival are never in two tables. Hours may be closed meanwhile.

        Raises:
            DataError: a file cannot be read.
        """
        paths = chain(self._landing.glob("*/*.parquet"), self._parts.glob("*/*.parquet"))
        for hour in sorted({hour for path in paths if (hour := hour_of(path)) >= since}):
            yield from self._read(hour)

    def span(self) -> tuple[int, int] | None:
        """The first and the last arrival that it holds; None if it holds none.

        Of a landing file that cannot be read they are those that its hour may have at most.
        """
        spans = [(part.first, part.last) for part in self._all_parts()]
        found = (path for path in self._landing.glob("*/*.parquet") if is_landed(path))
        landed = sorted(path for path in found if hour_of(path) >= 0)
        spans += [self._ends(path) for path in {*landed[:1], *landed[-1:]}]
        return (min(first for first, _ in spans), max(last for _, last in spans)) if spans else None

    def clean(self) -> None:
        """Remove what was left unfinished long ago."""
        clean(self._parts)
        clean(self._landing)

    @contextmanager
    def _open(self, path: Path) -> Iterator[pq.ParquetFile]:
        """Read a file; whatever fails in it is told with its name."""
        try:
            with pq.ParquetFile(path, page_checksum_verification=True) as file:
                kinds = dict(zip(file.schema_arrow.names, file.schema_arrow.types, strict=True))
                kind = kinds.get(self._arrival, pa.null())
                if not (pa.types.is_timestamp(kind) and kind.unit == "us"):
                    raise _unreadable(path, f"its column {self._arrival} holds no microseconds")
                yield file
        except FileNotFoundError:
            raise  # a part that has landed meanwhile
        except (OSError, ValueError, pa.ArrowException) as error:
            raise _unreadable(path, error) from error

    def _ends(self, path: Path) -> tuple[int, int]:
        """The first and the last arrival of a landing file, or of its hour."""
        try:
            with self._open(path) as file:
                if not file.num_row_groups:
                    raise _unreadable(path, "it holds no events")
                ends = (
                    file.read_row_group(i, [self._arrival]) for i in (0, file.num_row_groups - 1)
                )
                first, last = map(self._arrivals, ends)
                return int(first[0]), int(last[-1])
        except (DataError, FileNotFoundError) as error:
            # New events go on being archived: only what is made of this hour's needs the file.
            logger.warning("%s", error)
            hour = hour_of(path)
            return hour * HOUR, (hour + 1) * HOUR - 1

    def _all_parts(self) -> list[HourPart]:
        return [part for path in self._parts.glob("*/*.parquet") if (part := part_of(path))]

    def _parts_of(self, hour: int) -> list[HourPart]:
        folder = (self._parts / landing_name(hour)).parent
        found = [part for path in folder.glob("*.parquet") if (part := part_of(path))]
        return sorted(part for part in found if part.first // HOUR == hour)

    def _landed(self, hour: int) -> list[Path]:
        path = self._landing / landing_name(hour)
        return sorted(path.parent.glob(f"{path.stem}*.parquet"), key=lambda found: found.stem)

    def _known(self, landed: Sequence[Path]) -> Words:
        """The arrivals that have landed."""
        found = [np.unique(self._arrivals(table)) for table in self._tables(landed, self._arrival)]
        return np.unique(np.concatenate([np.empty(0, np.int64), *found]))

    def _tables(self, paths: Sequence[Path], *columns: str) -> Iterator[pa.Table]:
        for path in paths:
            with self._open(path) as file:
                for batch in file.iter_batches(ROW_GROUP, columns=columns or None):
                    yield pa.Table.from_batches([batch])

    def _rows(self, parts: Sequence[HourPart], known: Words, had: int = -1) -> Iterator[pa.Table]:
        """The rows of parts in their order, none twice, and none of a known arrival.

        Args:
            parts: the parts.
            known: the arrivals that have landed.
            had: up to which arrival parts before these have the rows.
        """
        for part in parts:
            for table in self._tables([part.path]):
                arrivals = self._arrivals(table)
                wanted = (arrivals > had) & ~np.isin(arrivals, known)
                if wanted.any():
                    yield table.filter(pa.array(wanted))
            had = max(had, part.last)

    def _read(self, hour: int) -> Iterator[pa.Table]:
        had = -1
        while True:
            # In this order: what is not a part any more has landed.
            parts = self._parts_of(hour)
            landed = self._landed(hour)
            rest = None
            try:
                known = self._known(landed) if parts else np.empty(0, np.int64)
                for table in chain(self._tables(landed), self._rows(parts, known)):
                    table = table.filter(pa.array(self._arrivals(table) > had))
                    if rest is not None:
                        table = pa.concat_tables([rest, table], promote_options="default")
                    if table.num_rows:
                        # The last arrival may go on in the next table.
                        arrivals = self._arrivals(table)
                        end = int(np.searchsorted(arrivals, arrivals[-1]))
                        rest = table.slice(end)
                        if end:
                            yield table.slice(0, end)
                            had = int(arrivals[end - 1])
            except FileNotFoundError:
                continue  # the hour was closed
            if rest is not None:
                yield rest
            return

    def _by_schema(self, parts: list[HourPart]) -> Iterator[list[HourPart]]:
        """Parts in runs of one schema, which a changed definition ends."""

        def schema(part: HourPart) -> str:
            with self._open(part.path) as file:
                return str(file.schema_arrow.remove_metadata())

        for _, run in groupby(parts, schema):
            yield list(run)

    def _arrivals(self, table: pa.Table) -> Words:
        return np.asarray(table.column(self._arrival).cast(pa.int64()))


def _unreadable(path: Path, why: object) -> DataError:
    reason = " ".join(str(why).split())  # Parquet's own have several lines
    return DataError(
        f"{path} cannot be read ({reason}): put a good copy in its place, or move it out of its "
        "folder to go on without its events"
    )


def _grouped(tables: Iterator[pa.Table]) -> Iterator[pa.Table]:
    """Tables put together to such as make a row group."""
    group: list[pa.Table] = []
    for table in tables:
        group.append(table)
        if sum(part.num_rows for part in group) >= ROW_GROUP:
            yield pa.concat_tables(group)
            group = []
    if group:
        yield pa.concat_tables(group)
