"""The log of answers: a share of them is kept, without anybody having to wait for that.

A thread makes tables of them (``slate.answer_log``) and puts these into the store, whence a run
takes them into the warehouse. What there is no time or room for is not logged, and counted. The
exposures of experiments (``exposures``) go the same way.
"""

import logging
import os
import queue
import threading
import time
from collections import Counter
from dataclasses import dataclass
from typing import Any, Protocol
from uuid import uuid4

import numpy as np
import pyarrow as pa
from redis import Redis
from redis.exceptions import RedisError

from slate.answer_log import is_logged, log_schema, views_of
from slate.online.serving.answer import Answer
from slate.online.serving.requests import Request
from slate.online.store import logged_entries
from slate.plans import Plan
from slate.privacy import personal

logger = logging.getLogger(__name__)

THREAD = "slate log"
# How many answers may wait for the thread, and how many rows of them make a table.
WAITING, ROWS = 64, 5_000
# How long it waits for more answers to go with one, and at the end for the last of them.
PAUSE, ENDING = 0.5, 5.0
AFTER_FAILURE = 2.0
_TIME = pa.timestamp("us", tz="UTC")
_OPTIONS = pa.ipc.IpcWriteOptions(compression="zstd")


def new_request_id() -> str:
    """An id for a request that brought none."""
    return uuid4().hex


class Entry(Protocol):
    """What is logged."""

    @property
    def log(self) -> str:
        """The name of its log."""

    def table(self) -> pa.Table:
        """Its rows."""


@dataclass(frozen=True)
class Logged:
    """An answer that is logged.

    Attributes:
        plan: its service's plan.
        request: what was asked.
        answer: the answer.
        at: when it was answered, in microseconds.
    """

    plan: Plan
    request: Request
    answer: Answer
    at: int

    @property
    def log(self) -> str:
        """The name of its log: that of its service."""
        return self.plan.service.full_name

    def table(self) -> pa.Table:
        """Its rows, as ``table_of`` makes them."""
        return table_of(self)


def table_of(logged: Logged) -> pa.Table:
    """A logged answer as a table, of the columns of ``slate.answer_log``.

    What is personal is null in it.
    """
    answer, plan, rows = logged.answer, logged.plan, logged.answer.rows
    schema, hidden = log_schema(plan), personal(plan.service.features)

    def spread(name: str, value: Any) -> pa.Array:
        return pa.repeat(pa.scalar(value, schema.field(name).type), rows)

    keys = logged.request.keys_by_row()
    columns: dict[str, pa.Array] = {
        "request_id": spread("request_id", answer.request_id),
        "request_row": pa.array(np.arange(rows, dtype=np.int32)),
        "asked_at": spread("asked_at", answer.at),
        "answered_at": pa.repeat(pa.scalar(logged.at, pa.timestamp("us")), rows).cast(_TIME),
        **{
            name: spread(name, values[0])
            if len(values) != rows
            else pa.array(values, schema.field(name).type)
            for name, values in keys.items()
        },
        **{
            feature.column: feature.value_type.to_arrow(logged.request.inputs[feature], rows)
            for feature in plan.inputs
        },
        **{
            feature.name: pa.nulls(rows, feature.value_type.arrow)
            if feature.name in hidden
            else feature.value_type.to_arrow(values, rows)
            for feature, values in answer.held.items()
        },
    }
    for view in views_of(plan):
        state = answer.states[view]
        columns[f"{view}:state"] = pa.array(np.ascontiguousarray(state.state))
        columns[f"{view}:generation"] = spread(f"{view}:generation", state.generation)
        columns[f"{view}:as_of"] = spread(f"{view}:as_of", state.as_of)
        columns[f"{view}:known_until"] = spread(f"{view}:known_until", state.known_until)
    columns["errors"] = pa.array([list(answer.errors)] * rows, schema.field("errors").type)
    return pa.table([columns[name] for name in schema.names], schema=schema)


class AnswerLog:
    """Logs answers of a deployment, and exposures.

    Args:
        redis: a client of the store, for the thread.
        deployment: the deployment's name.

    Attributes:
        lost: how many entries were not logged, by what they lacked: time, room, a store, or a
            table, where one of them could not be made of them.
    """

    def __init__(self, redis: Redis, deployment: str) -> None:
        self._redis = redis
        self._deployment = deployment
        self._told = ""
        self._begin()
        self.lost: Counter[str] = Counter()

    def _begin(self) -> None:
        """Hold nothing yet, and no thread of the process that this one was forked from."""
        self._process = os.getpid()
        self._queue: queue.SimpleQueue[Entry | None] = queue.SimpleQueue()
        self._thread: threading.Thread | None = None
        self._starting = threading.Lock()

    def consider(self, plan: Plan, request: Request, answer: Answer) -> None:
        """Log an answer if it is of the share; never waits.

        Args:
            plan: its service's plan.
            request: what was asked.
            answer: the answer.
        """
        if is_logged(answer.request_id, plan.service.logged):
            self.put(Logged(plan, request, answer, time.time_ns() // 1_000))

    def put(self, entry: Entry) -> None:
        """Log something; never waits.

        Args:
            entry: what is logged.
        """
        if self._process != os.getpid():
            self._begin()
        if self._queue.qsize() >= WAITING:
            self.lost["time"] += 1
            return
        if self._thread is None:
            self._start()
        self._queue.put(entry)

    def close(self) -> None:
        """Log what waits, and end."""
        if self._thread is not None and self._process == os.getpid():
            self._queue.put(None)
            self._thread.join(ENDING)
        self._redis.close()

    def _start(self) -> None:
        with self._starting:
            if self._thread is None:
                self._thread = threading.Thread(target=self._run, name=THREAD, daemon=True)
                self._thread.start()

    def _run(self) -> None:
        more = True
        while more:
            tables: dict[str, list[pa.Table]] = {}
            answers: Counter[str] = Counter()
            until, rows = float("inf"), 0
            while rows < ROWS:
                try:
                    logged = self._queue.get(timeout=max(min(until - time.monotonic(), 60), 0))
                except queue.Empty:
                    if time.monotonic() < until:
                        continue
                    break
                if logged is None:
                    more = False
                    break
                until = min(until, time.monotonic() + PAUSE)
                name = logged.log
                try:
                    table = logged.table()
                except Exception:
                    # What comes after it is logged all the same.
                    self._lose(name, "table", 1, "a table cannot be made of one", trace=True)
                    continue
                tables.setdefault(name, []).append(table)
                answers[name] += 1
                rows += table.num_rows
            for name, some in tables.items():
                try:
                    self._put(name, pa.concat_tables(some), answers[name])
                except Exception:
                    self._lose(name, "table", answers[name], "their tables differ", trace=True)

    def _put(self, log: str, table: pa.Table, answers: int) -> None:
        sink = pa.BufferOutputStream()
        with pa.ipc.new_stream(sink, table.schema, options=_OPTIONS) as writer:
            writer.write_table(table)
        data = sink.getvalue().to_pybytes()
        try:
            if logged_entries.put(self._redis, self._deployment, log, data, answers):
                self._told = ""
                return
            lacked, why = "room", f"{logged_entries.room(log):,} tables wait: run `slate run`"
        except RedisError as error:
            lacked, why = "store", str(error)
        self._lose(log, lacked, answers, why)

    def _lose(self, log: str, lacked: str, answers: int, why: str, *, trace: bool = False) -> None:
        """Count what is not logged, and tell of it once."""
        self.lost[lacked] += answers
        if why != self._told:
            logger.warning("answers of %s are not logged: %s", log, why, exc_info=trace)
            self._told = why
