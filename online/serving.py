"""Serving: a lookup as a flow of commands to the store, without any I/O of its own.

A flow yields a command, is sent its reply, or is thrown a ``StoreError`` into where there is none,
and returns the answer. The clients are what runs it, synchronous or not.
"""

import logging
import time
from collections.abc import Generator, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from itertools import accumulate, pairwise
from typing import Any

import numpy as np

from online.answer import Answer, ViewState
from online.commands import command, fetch
from online.generations import Generation, Names, pointers
from online.instants import instant, microseconds
from online.keys import Keys, KeySource
from online.requests import Request
from online.rows import FORMAT
from online.service_plan import ServicePlan, ViewRead
from slate.errors import RequestError, StoreError, UnknownNameError
from slate.expressions import NOW, Array, Expr
from slate.registry import Registry

logger = logging.getLogger(__name__)

Flow = Generator[bytes, Any, Answer]


@dataclass(frozen=True)
class Live:
    """A live generation: what its rows' names begin with, and up to when it knows all events."""

    prefix: str
    as_of: int


class Serving:
    """What the clients share: plans, and which generations are live.

    Args:
        registry: the definitions.
        deployment: the deployment's name.
        refresh: for how many seconds it is believed which generations are live, and that a store
            which failed is not worth asking.
    """

    def __init__(self, registry: Registry, deployment: str, refresh: float) -> None:
        self._registry = registry
        self._refresh = refresh
        self._plans: dict[str, ServicePlan] = {}
        self._names = [Names(deployment, view) for view in registry.views.values()]
        fields = [names.pointer for names in self._names]
        self._which_are_live = command("HMGET", pointers(deployment), *fields)
        self._reply: list[bytes | None] = []
        self._live: dict[str, Live] = {}
        self._error: str | None = None
        self._until = 0.0

    def plan(self, service: str) -> ServicePlan:
        """A service made ready.

        Raises:
            RequestError: there is no such service.
        """
        if service not in self._plans:
            try:
                found = self._registry.service(service)
            except UnknownNameError as error:
                raise RequestError(str(error)) from error
            self._plans[service] = ServicePlan(self._registry.plans[found.name])
        return self._plans[service]

    def lookup(self, service: str, at: datetime | None, given: Mapping[str, Any]) -> Flow:
        """The flow of one lookup.

        Raises:
            RequestError: the request is wrong, or asks about an instant before what is published.
        """
        plan = self.plan(service)
        request = plan.form.read(given)
        asked = _instant(at)
        if time.monotonic() >= self._until:
            yield from self._find_live()
        error = self._error
        live = {} if error else self._live
        for read in plan.reads:
            found = live.get(read.view.name)
            if found is not None and asked < found.as_of:
                raise RequestError(
                    f"{read.view.name} is published as of {instant(found.as_of)}, and cannot tell "
                    f"what was before that, at {instant(asked)}: ask about a later instant, or "
                    "read history from a training set"
                )
        return (yield from self._answer(plan, request, asked, live, error))

    def _find_live(self) -> Generator[bytes, Any, None]:
        try:
            reply = yield self._which_are_live
        except StoreError as error:
            self._fail(error)
            return
        self._error = None
        self._until = time.monotonic() + self._refresh
        if reply != self._reply:
            self._live = dict(self._read_pointers(reply))
            self._reply = reply

    def _read_pointers(self, reply: list[bytes | None]) -> Iterator[tuple[str, Live]]:
        for names, pointer in zip(self._names, reply, strict=True):
            if pointer is not None:
                found = Generation.from_json(pointer)
                if found.format == FORMAT:
                    live = Live(names.prefix(found.name), microseconds(found.as_of))
                    yield names.view.name, live

    def _fail(self, error: StoreError) -> None:
        if self._error is None:
            logger.warning("%s: answering with defaults until it is back", error)
        self._error = str(error)
        self._until = time.monotonic() + self._refresh

    def _answer(
        self,
        plan: ServicePlan,
        request: Request,
        at: int,
        live: dict[str, Live],
        error: str | None,
    ) -> Flow:
        values: dict[Expr, Array] = {NOW: np.array([at], "M8[us]"), **request.inputs}
        keys: dict[KeySource, Keys] = dict(request.keys)
        blobs: dict[ViewRead, list[bytes | None]] = {}
        states: dict[str, ViewState] = {}
        for number in range(plan.rounds):
            wanted = [r for r in plan.reads if r.fetch == number and r.view.name in live]
            if error is None and wanted:
                try:
                    blobs |= yield from _fetch(wanted, keys, live)
                except StoreError as failure:
                    self._fail(failure)
                    error = str(failure)
            for read in plan.reads:
                if read.read.round == number:
                    row_keys = [keys[source] for source in read.keys]
                    decoded = read.decoded(blobs.get(read), row_keys, at)
                    values.update(decoded.values)
                    keys.update(decoded.keys)
                    known = read in blobs
                    states[read.view.name] = ViewState(
                        request.rows,
                        at,
                        live[read.view.name].as_of if known else None,
                        decoded.event_ts,
                        decoded.stale,
                        _missing(row_keys) if known else np.ones(1, np.bool_),
                    )
        return Answer(
            plan.plan.service.full_name,
            at,
            request.rows,
            plan.compute(values),
            states,
            (error,) if error else (),
        )


def _fetch(
    reads: list[ViewRead], keys: dict[KeySource, Keys], live: dict[str, Live]
) -> Generator[bytes, Any, dict[ViewRead, list[bytes | None]]]:
    """Fetch the values of the reads' first keys, all at once."""
    rows = [(live[read.view.name].prefix, keys[read.keys[0]].values) for read in reads]
    bounds = [0, *accumulate(len(values) for _, values in rows)]
    reply = (yield fetch(rows)) if bounds[-1] else []
    return {
        read: reply[start:end] for read, (start, end) in zip(reads, pairwise(bounds), strict=True)
    }


def _missing(keys: list[Keys]) -> Array:
    """The rows of which a key is null."""
    missing: Array = keys[0].index < 0
    for other in keys[1:]:
        missing = missing | (other.index < 0)
    return missing


def _instant(at: datetime | None) -> int:
    if at is None:
        return time.time_ns() // 1_000
    if not isinstance(at, datetime):
        raise RequestError(
            f"at={at!r} is no datetime: give one (without a zone it is UTC), or None"
        )
    return microseconds(at)
