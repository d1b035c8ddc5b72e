"""The archive: every event of a source, from its log into landing files, once.

A step reads the log behind its position, writes the events as parts of their arrival hours, and
moves the position on in one transaction with all else that it changes in the store. Killed in
between, the next archive writes the same events again, which the files see for what they are. So
only whether the position moved on matters, and two archives at once are slow, not wrong.
"""

import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

import numpy as np
import pyarrow as pa
from redis import Redis
from redis.exceptions import WatchError

from slate.deployment import Deployment
from slate.errors import DataError
from slate.online.store.changes import raise_to
from slate.online.store.cluster_client import clustered, pipeline_at
from slate.online.store.stream_names import LOG, StreamNames, Unit
from slate.online.stream.archive.archive_files import ArchiveFiles
from slate.online.stream.dead_letters.letter_format import fields, late_refusals
from slate.online.stream.dead_letters.overflow_files import make_room
from slate.online.stream.events.arrived_events import revalidated
from slate.online.stream.events.block_schemas import ID
from slate.online.stream.events.blocks import Blocks, Refusal, late
from slate.online.stream.events.redis_entries import ARRIVAL, Entry, after, earlier, number
from slate.sources import Source
from slate.windows import HOUR

MOST = 200_000
FLUSH_SECONDS = 10.0
FIRST_COUNT, MOST_ENTRIES = 64, 10_000
START = b"0-0"


@dataclass(frozen=True)
class ArchiveStep:
    """What a step did.

    Attributes:
        events: how many events were archived, late ones and repeats among them.
        refused: how many events, or entries that cannot be read, went to the dead letters.
        late: how many events went to the dead letters too, as they came too late to be applied.
        closed: the hours that landed.
    """

    events: int = 0
    refused: int = 0
    late: int = 0
    closed: tuple[int, ...] = ()


def archive_files(deployment: Deployment, source: type[Source]) -> ArchiveFiles:
    """The files of a source's archive; the source has landing files."""
    parts, landing = deployment.stream_archive, deployment.landing
    return ArchiveFiles(parts / source.stream, landing / source.landing, source)


class Archive:
    """The archive of one source.

    Of a source without landing files only the dead letters are kept, and the log is let go.

    Args:
        redis: a client of the store.
        deployment: the deployment.
        source: whose events they are.
        flush: how many seconds to wait for more events while they are few.
        most: how many events are many.
        now: what tells the time in microseconds where the past is played again; None for the
            store's clock. To be the writers' own.
    """

    def __init__(
        self,
        redis: Redis,
        deployment: Deployment,
        source: type[Source],
        *,
        flush: float = FLUSH_SECONDS,
        most: int = MOST,
        now: Callable[[], int] | None = None,
    ) -> None:
        self._redis: Any = redis
        self._deployment = deployment
        self._source = source
        self._unit = Unit(deployment.name, source, LOG)
        self._names = StreamNames(deployment.name, source)
        self._blocks = Blocks(redis, deployment.name, source)
        self._files: ArchiveFiles | None = None
        if source.landing:
            self._files = archive_files(deployment, source)
        self._flush, self._most, self._now = flush, most, now
        self._flushed_at: float | None = None
        self._failed = False

    def step(self) -> ArchiveStep:
        """Archive what waits in the log, if it is enough or waited long enough; land what is over.

        Raises:
            RedisError: the store cannot be reached; nothing is lost.
            DataError: a file cannot be written or read; what did not land stays where it is.
        """
        try:
            if self._flushed_at is None:
                self._start()
            elif not self._failed and not self._is_time(self._flushed_at):
                return ArchiveStep()
            # What failed is tried again at once, whether or not there is enough by now.
            self._failed = True
            step = self._step()
            self._failed = False
            return step
        except (OSError, pa.ArrowException, DataError) as error:
            raise DataError(
                f"the archive of the stream {self._source.stream!r} cannot go on: {error}; its "
                "events stay in the log, and those of hours that have not landed in their parts, "
                "until this is fixed"
            ) from error

    def read_since(self, hour: int) -> Iterator[pa.Table]:
        """All archived events from an arrival hour on, in order of arrival; see ``Events.table``.

        What the source's definition refuses by now is left out.

        Raises:
            DataError: a file cannot be read.
        """
        try:
            for table in self._files.read(hour) if self._files else ():
                (batch,) = table.combine_chunks().to_batches()
                arrivals = np.asarray(table.column(self._source.arrival_time).cast(pa.int64()))
                events, bad = revalidated(self._source, batch, arrivals)
                if bad:
                    events = events.take(np.setdiff1d(np.arange(events.num_rows), list(bad)))
                yield events
        except (OSError, pa.ArrowException) as error:
            raise DataError(
                f"the archive of the stream {self._source.stream!r} cannot be read: {error}; see "
                "that its files can be, and are as the archive wrote them"
            ) from error

    def _start(self) -> None:
        """Take up what an archive before this one left on disk, also if the store was lost."""
        if self._files is not None:
            self._files.clean()
            span = self._files.span()
            if span is not None:
                self._redis.setnx(self._names.first, span[0])
                self._raise_floor(span[1] + 1)

    def _is_time(self, flushed_at: float) -> bool:
        """Whether events waited long enough, or are many."""
        if time.monotonic() - flushed_at >= self._flush:
            return True
        return int(self._redis.get(self._unit.pending) or 0) >= self._most

    def _step(self) -> ArchiveStep:
        hour = self._time() // HOUR
        if self._files is not None and any(open_ < hour for open_ in self._files.hours()):
            # Should nothing be found to read now, then nothing more comes into these hours.
            self._raise_floor(hour * HOUR)
        position = self._redis.get(self._unit.position) or START
        assert isinstance(position, bytes)
        entries, told = self._read(position), START
        if clustered(self._redis):
            # Letters lie elsewhere, and are there before the position moves on: of entries of which
            # they are, there is nothing more to tell.
            told = self._redis.get(self._names.dead_position) or START
            if told != earlier(told, position):
                these = [one for one in entries if one[0] == earlier(one[0], told)]
                entries = these or entries
        self._flushed_at = time.monotonic()
        if not entries:
            return ArchiveStep(closed=self._close(hour))
        events = self._blocks.read(entries)
        dropped = late(events, self._source)
        if self._files is not None and events.table.num_rows:
            self._files.write(events.table.drop_columns([ID]))
        letters = [*events.refused, *late_refusals(self._source, events.table, dropped)]
        if entries[-1][0] == earlier(entries[-1][0], told):
            letters = []
        if not self._commit(position, entries, letters, told):
            return ArchiveStep()
        if letters:
            make_room(self._redis, self._deployment, self._source)
        return ArchiveStep(
            events.table.num_rows,
            len(events.refused),
            int(dropped.sum()),
            self._close(_arrival(entries[-1]) // HOUR),
        )

    def _read(self, position: bytes) -> list[Entry]:
        """The next entries, of which the last may make the events more than most."""
        entries: list[Entry] = []
        events, last, count = 0, position, FIRST_COUNT
        while True:
            more = self._redis.xrange(self._unit.stream, b"(" + last, "+", count)
            for entry in more:
                entries.append(entry)
                events += number(entry)
                if events >= self._most:
                    return entries
            if len(more) < count:
                return entries
            last = more[-1][0]
            mean = max(1, events // len(entries))
            count = min(MOST_ENTRIES, 1 + (self._most - events) // mean)

    def _commit(
        self, position: bytes, entries: list[Entry], letters: list[Refusal], told: bytes
    ) -> bool:
        """Move on behind the entries; False if another archive moved first."""
        last = kept = entries[-1][0]
        arrivals = [arrival for entry in entries if (arrival := _arrival(entry))]
        alone = clustered(self._redis)
        if alone:
            if letters and not self._told(letters, told, last):
                return False
            if arrivals:
                self._redis.setnx(self._names.first, arrivals[0])
        with pipeline_at(self._redis, self._unit.stream) as pipe:
            try:
                pipe.watch(self._unit.position)
                if (pipe.get(self._unit.position) or START) != position:
                    return False
                if alone:
                    # What partitions do not have yet stays.
                    kept = earlier(last, pipe.get(self._unit.fanned) or START)
                pipe.multi()
                for letter in letters if not alone else ():
                    pipe.xadd(self._names.dead, fields(letter))
                pipe.set(self._unit.position, last)
                pipe.decrby(self._unit.pending, sum(map(number, entries)))
                pipe.xtrim(self._unit.stream, minid=after(kept), approximate=False)
                if arrivals and not alone:
                    pipe.setnx(self._names.first, arrivals[0])
                pipe.execute()
            except WatchError:
                return False
        return True

    def _told(self, letters: list[Refusal], before: bytes, last: bytes) -> bool:
        """Put dead letters where a cluster has them; False if another archive does so."""
        name = self._names.dead_position
        with pipeline_at(self._redis, name) as pipe:
            try:
                pipe.watch(name)
                if (pipe.get(name) or START) != before:
                    return False
                pipe.multi()
                for letter in letters:
                    pipe.xadd(self._names.dead, fields(letter))
                pipe.set(name, last)
                pipe.execute()
            except WatchError:
                return False
        return True

    def _close(self, before: int) -> tuple[int, ...]:
        """Land the hours that are over; one that cannot land keeps no other from it."""
        if self._files is None:
            return ()
        hours = [hour for hour in self._files.hours() if hour < before]
        closed, failure = [], None
        for hour in hours:
            try:
                # Where another archive closes it too, what is left is for the next step.
                with suppress(FileNotFoundError, FileExistsError):
                    self._files.close(hour)
                    closed.append(hour)
            except (OSError, pa.ArrowException, DataError) as error:
                failure = failure or error
        if failure is not None:
            raise failure
        return tuple(closed)

    def _raise_floor(self, to: int) -> None:
        """Let no more events arrive before some instant, whatever happens to the store's clock."""
        floor = self._unit.floor if clustered(self._redis) else self._names.floor
        raise_to(self._redis, floor, to)

    def _time(self) -> int:
        if self._now is not None:
            return self._now()
        seconds, microseconds = self._redis.time()
        return int(seconds) * 1_000_000 + int(microseconds)


def _arrival(entry: Entry) -> int:
    """When an entry arrived; 0 if it does not tell."""
    try:
        return int(entry[1][ARRIVAL])
    except (KeyError, ValueError):
        return 0
