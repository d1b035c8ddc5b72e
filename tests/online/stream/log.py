"""A log that is written and archived as time goes by, and what is to come of it."""

from collections.abc import Callable
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from redis import Redis

from slate.deployment import Deployment
from slate.online import EventWriter
from slate.online.store.stream_names import LOG, StreamNames, Unit
from slate.online.stream.archive.log_archive import Archive, ArchiveStep
from slate.online.stream.dead_letters.letter_format import refusal
from slate.online.stream.events.block_schemas import digest
from slate.windows import HOUR
from tests.deployments.bikes.definitions import Move
from tests.online.stream.moves import NOON, block, entry, former_schema, move, us

UNIT = Unit("bikes", Move, LOG)
NAMES = StreamNames("bikes", Move)
# What identifies a row: the event and the write.
Row = tuple[int, int]


def instant_of(at: int) -> datetime:
    return NOON + timedelta(microseconds=at - us(NOON))


class Log:
    """The log of moves under a clock of its own.

    Attributes:
        now: the time.
        rows: the rows that are to be archived, in order.
        letters: the dead letters that are to be: the events' ids, or None of an entry.
    """

    def __init__(self, redis: Redis, deployment: Deployment) -> None:
        self.redis: Any = redis
        self.deployment = deployment
        self.now = us(NOON)
        self.rows: list[Row] = []
        self.letters: list[int | None] = []
        self._number = 0
        schema = former_schema()
        redis.hset(NAMES.schemas, digest(schema), schema.serialize().to_pybytes())

    def archive(self, **given: Any) -> Archive:
        arguments = {"flush": 0, "now": lambda: self.now, **given}
        return Archive(self.redis, self.deployment, Move, **arguments)

    def write(self, *ages: timedelta, **given: Any) -> None:
        """Write events of these ages, at once."""
        events = []
        for age in ages:
            self._number += 1
            events.append(move(self._number, moved_at=instant_of(self.now) - age, **given))
        with EventWriter.connect(self.deployment, Move, now=lambda: self.now) as writer:
            arrival = writer.write(events).arrival
        self.now = arrival
        self.rows += [(event["move_id"], arrival) for event in events]
        horizon = timedelta(microseconds=Move.horizon)
        self.letters += [
            event["move_id"] for event, age in zip(events, ages, strict=True) if age > horizon
        ]

    def smuggle(self, **given: bytes | None) -> None:
        """Put on the log what no writer would: a good event and a bad one, or damaged ones."""
        self._number += 2
        clock, floor = (int(self.redis.get(name) or 0) for name in (NAMES.clock, NAMES.floor))
        self.now = max(self.now, clock + 1, floor)
        self.redis.set(NAMES.clock, self.now)
        events = [move(self._number - 1), move(self._number, kind="fly")]
        _, fields = entry(events, self.now, **given)
        self.redis.xadd(UNIT.stream, dict(fields))
        self.redis.incrby(UNIT.pending, 2)
        if given:
            self.letters.append(None)
        else:
            self.rows.append((self._number - 1, self.now))
            self.letters.append(self._number)

    def pass_time(self, **given: float) -> None:
        self.now += timedelta(**given) // timedelta(microseconds=1)

    def landed(self, hour: int | None = None) -> list[Row]:
        """What is in landing files, in their order."""
        return rows(tables(self.deployment.landing / "moves", hour))

    def found(self, since: int = 0) -> list[Row]:
        """What the archive reads back."""
        return rows(list(self.archive().read_since(since)))

    def dead(self) -> list[int | None]:
        """The events' ids of the dead letters, None of an entry."""
        found = [refusal(fields).event for _, fields in self.redis.xrange(NAMES.dead)]
        return [event and event["move_id"] for event in found]

    def check_done(self) -> None:
        """All that was written is archived, and landed but for what arrived in this hour."""
        hour = self.now // HOUR
        assert self.found() == self.rows
        assert self.landed() == [row for row in self.rows if row[1] // HOUR < hour]
        assert all(path.stem.split("-")[0] == f"{instant_of(self.now):%H}" for path in self.parts())
        assert sorted(self.dead(), key=str) == sorted(self.letters, key=str)
        assert int(self.redis.get(UNIT.pending)) == 0
        assert self.redis.xlen(UNIT.stream) == 0
        if self.rows:
            assert int(self.redis.get(NAMES.first)) <= self.rows[0][1]

    def parts(self) -> list[Path]:
        return sorted((self.deployment.data / "stream/moves").glob("*/*.parquet"))


def tables(folder: Path, hour: int | None = None) -> list[pa.Table]:
    """The landing files, in order of their hours."""
    name = "*/*" if hour is None else f"{instant_of(hour * HOUR):%Y-%m-%d/%H-stream*}"
    paths = folder.glob(f"{name}.parquet")
    return [pq.read_table(path) for path in sorted(paths, key=lambda p: (p.parent, p.stem))]


def rows(found: list[pa.Table]) -> list[Row]:
    return [
        row
        for table in found
        for row in zip(
            table["move_id"].to_pylist(),
            np.asarray(table["heard_at"].cast(pa.int64())).tolist(),
            strict=True,
        )
    ]


MINUTE, DAY = timedelta(minutes=1), timedelta(days=1)


def script(log: Log, step: Callable[[], ArchiveStep]) -> None:
    """Two hours of events, some of them late, some wrong, some none; and one in which all lands."""
    log.write(MINUTE, 5 * MINUTE)
    step()
    log.write(MINUTE)
    log.write(2 * MINUTE, 3 * DAY, -MINUTE)
    log.smuggle()
    step()
    log.write(MINUTE)
    log.pass_time(hours=1)
    log.write(2 * DAY + MINUTE, MINUTE)
    step()
    log.smuggle(b=block([move(1)])[:99])
    log.write(MINUTE)
    log.pass_time(hours=1)
    step()
    step()
