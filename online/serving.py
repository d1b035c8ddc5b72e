"""Serving: which services there are, and which generations are live."""

import logging
import time
from collections.abc import Iterator, Mapping
from datetime import datetime
from typing import Any

from online.commands import command
from online.generations import Generation, Names, pointers, stream_field
from online.instants import instant, microseconds
from online.lookup import Exchange, Flow, Live, Lookup
from online.rows import FORMAT
from online.service_plan import ServicePlan
from online.stream.names import deltas_prefix, streamed_sources
from online.stream.sections import hour_of
from slate.errors import RequestError, StoreError, UnknownNameError
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
    """

    def __init__(
        self, registry: Registry, deployment: str, refresh: float, clock: datetime | None = None
    ) -> None:
        self._registry = registry
        self._clock = clock
        self._refresh = refresh
        self._plans: dict[str, ServicePlan] = {}
        self._names = [Names(deployment, view) for view in registry.views.values()]
        self._streams = streamed_sources(registry)
        fields = [names.pointer for names in self._names]
        fields += [stream_field(source) for source in self._streams]
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
        asked = _instant(self._clock if at is None else at)
        if time.monotonic() >= self._until:
            yield from self._find_live()
        error = self._error
        live = {} if error else self._live
        for read in plan.reads:
            found = live.get(read.view.name)
            if found is not None and found.as_of is not None and asked < found.as_of:
                raise RequestError(
                    f"{read.view.name} is published as of {instant(found.as_of)}, and cannot tell "
                    f"what was before that, at {instant(asked)}: ask about a later instant, or "
                    "read history from a training set"
                )
        lookup = Lookup(plan, request, asked, live)
        answer = yield from lookup.run(error)
        if lookup.failure is not None:
            self._fail(lookup.failure)
        return answer

    def _find_live(self) -> Exchange:
        try:
            yield self._which_are_live
            reply = yield None
        except StoreError as error:
            self._fail(error)
            return
        self._error = None
        self._until = time.monotonic() + self._refresh
        if reply != self._reply:
            self._live = dict(self._read_pointers(reply))
            self._reply = reply

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

    def _fail(self, error: StoreError) -> None:
        if self._error is None:
            logger.warning("%s: answering with defaults until it is back", error)
        self._error = str(error)
        self._until = time.monotonic() + self._refresh


def _instant(at: datetime | None) -> int:
    if at is None:
        return time.time_ns() // 1_000
    if not isinstance(at, datetime):
        raise RequestError(
            f"at={at!r} is no datetime: give one (without a zone it is UTC), or None"
        )
    return microseconds(at)
