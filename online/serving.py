"""Serving: which services there are, and which generations are live."""

import logging
import time
from collections.abc import Iterator, Mapping
from datetime import datetime
from typing import Any

from redis.exceptions import ResponseError

from online.answer import Answer
from online.commands import command, together
from online.exchanges import ExchangeError, Flow
from online.generations import Generation, Names, pointers, stream_field
from online.instants import Moment, asked, instant, microseconds
from online.lookup import Live, Lookup
from online.rows import FORMAT
from online.service_plan import ServicePlan
from online.stream.names import StreamNames, deltas_prefix, streamed_sources
from online.stream.sections import hour_of
from slate.entities import Source
from slate.errors import RequestError, UnknownNameError
from slate.limits import REQUEST_ROWS
from slate.registry import Registry

logger = logging.getLogger(__name__)


class Serving:
    """What the clients share: plans, and which generations are live.

    Args:
        registry: the definitions.
        deployment: the deployment's name.
        refresh: for how many seconds it is believed which generations are live, and that a store
            which failed is not worth asking.
        clock: the instant at which a virtual clock stands; None for the machine's clock.
        max_rows: how many rows a request may ask for.
    """

    def __init__(
        self,
        registry: Registry,
        deployment: str,
        refresh: float,
        clock: datetime | None = None,
        max_rows: int = REQUEST_ROWS,
    ) -> None:
        self._registry = registry
        self._clock = clock
        self._refresh = refresh
        self._max_rows = max_rows
        self._plans: dict[str, ServicePlan] = {}
        self._names = [Names(deployment, view) for view in registry.views.values()]
        self._streams = streamed_sources(registry)
        fields = [names.pointer for names in self._names]
        fields += [stream_field(source) for source in self._streams]
        asked_for = [command("HMGET", pointers(deployment), *fields)]
        if self._streams:
            clocks = [StreamNames(deployment, source).clock for source in self._streams]
            asked_for.append(command("MGET", *clocks))
        self._which_are_live = together(asked_for)
        self._reply: list[bytes | None] = []
        self._live: dict[str, Live] = {}
        # By source, when its stream's latest event arrived.
        self._arrived: dict[type[Source], int] = {}
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

    def lookup(self, service: str, at: Moment | None, given: Mapping[str, Any]) -> Flow[Answer]:
        """The flow of one lookup.

        Raises:
            RequestError: the request is wrong, or asks about an instant before what is published.
        """
        plan = self.plan(service)
        request = plan.form.read(given, self._max_rows)
        when = asked(self._clock if at is None else at)
        error = self._error
        if time.monotonic() >= self._until:
            if error:
                # One request looks whether the store is back; others need not wait for it.
                self._until = time.monotonic() + self._refresh
            error = yield from self._find_live()
        live = {} if error else self._live
        for read in plan.reads:
            found = live.get(read.view.name)
            if found is not None and found.as_of is not None and when < found.as_of:
                raise RequestError(
                    f"{read.view.name} is published as of {instant(found.as_of)}, and cannot tell "
                    f"what was before that, at {instant(when)}: ask about a later instant, or "
                    "read history from a training set"
                )
        lookup = Lookup(plan, request, when, live, self._arrived)
        answer = yield from lookup.run(error)
        if lookup.failure is not None:
            self._fail(lookup.failure)
        return answer

    def _find_live(self) -> Flow[str | None]:
        """Ask which generations are live; return why that cannot be known."""
        try:
            yield self._which_are_live
            reply = yield None
            arrived = (yield None) if self._streams else []
        except ExchangeError as error:
            self._fail(error)
            return str(error)
        except ResponseError as error:
            return f"the online store does not say what is live ({error})"
        self._error = None
        self._until = time.monotonic() + self._refresh
        self._arrived = {
            source: int(clock)
            for source, clock in zip(self._streams, arrived, strict=True)
            if clock is not None and clock.isdigit()
        }
        if reply != self._reply:
            self._live = dict(self._read_pointers(reply))
            self._reply = reply
        return None

    def _read_pointers(self, reply: list[bytes | None]) -> Iterator[tuple[str, Live]]:
        used = reply[len(self._names) :]
        streams = {
            source for source, one in zip(self._streams, used, strict=True) if one is not None
        }
        for names, pointer in zip(self._names, reply, strict=False):
            view, deltas = names.view, None
            if view.windowed and view.source in streams:
                deltas = deltas_prefix(names.deployment, view)
            found = Generation.from_json(pointer) if pointer is not None else None
            if found is not None and found.format == FORMAT:
                since = found.stream_from or found.as_of
                yield (
                    view.name,
                    Live(
                        names.prefix(found.name),
                        microseconds(found.as_of),
                        deltas,
                        hour_of(microseconds(since)),
                    ),
                )
            elif deltas is not None:
                yield view.name, Live(None, None, deltas)

    def _fail(self, error: ExchangeError) -> None:
        """Leave a store alone that is lost; what befell one request alone is no sign of that."""
        if not error.lost:
            return
        if self._error is None:
            logger.warning("%s: answering with defaults until it is back", error)
        self._error = str(error)
        self._until = time.monotonic() + self._refresh
