"""Serving: which services there are, and which generations are live."""

import logging
import time
from collections.abc import Mapping
from datetime import datetime
from typing import Any

from redis.exceptions import ResponseError

from slate.errors import RequestError, StoreError, UnknownNameError, nearest
from slate.limits import REQUEST_ROWS
from slate.online.rows.hour_sections import hour_of
from slate.online.rows.instants import instant, microseconds
from slate.online.serving.answer import Answer
from slate.online.serving.given_values import Moment, asked
from slate.online.serving.lookup import NOTHING, Known, Live, Lookup
from slate.online.serving.messages import gathered, shown
from slate.online.serving.service_plan import ServicePlan
from slate.online.serving.stream_arrivals import Arrivals
from slate.online.store.commands import command, together
from slate.online.store.flows import ExchangeError, Flow, again_if_broken
from slate.online.store.generations import (
    Generation,
    GenerationNames,
    pointer_field,
    pointers,
    read_pointer,
    stream_field,
    whole_field,
)
from slate.online.store.stream_names import definition, deltas_prefix
from slate.registry import Registry
from slate.views import FeatureView

logger = logging.getLogger(__name__)

# How often a lookup is made, if what it reads vanishes again and again.
ATTEMPTS = 5


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
        self._deployment = deployment
        self._views = list(registry.views.values())
        self._arrivals = Arrivals(deployment, registry)
        self._streams = self._arrivals.sources
        fields = [pointer_field(view) for view in self._views]
        fields += [stream_field(source) for source in self._streams]
        fields += [whole_field(definition(view)) for view in self._views]
        asked_for = [command("HMGET", pointers(deployment), *fields)]
        if self._streams:
            asked_for.append(self._arrivals.question())
        self._which_are_live = together(asked_for)
        self._known = NOTHING
        self._error: str | None = None
        self._until = 0.0

    def plan(self, service: str) -> ServicePlan:
        """A service made ready.

        Raises:
            RequestError: there is no such service, or it is not a name.
        """
        if not isinstance(service, str):
            raise RequestError(
                f"{shown(service)} is not a name of a service: give it as text; "
                f"{nearest('', self._registry.services)}"
            )
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
        broken = False
        for _ in range(ATTEMPTS):
            known = NOTHING if error else self._known
            _require_not_before(plan, when, known)
            lookup = Lookup(plan, request, when, known)
            answer = yield from lookup.run(error)
            if lookup.failure is not None:
                self._fail(lookup.failure)
                if lookup.failure.broken and not broken:
                    # Once more, over another connection and within the same deadline.
                    broken = True
                    continue
                break
            if not lookup.vanished:
                break
            # It was swept while it was read, after two publishes: what is live by now?
            error = yield from self._find_live()
            same = (self._known.live.get(view) == known.live[view] for view in lookup.vanished)
            if not error and all(same):
                break
        return answer

    def _find_live(self) -> Flow[str | None]:
        """Ask which generations are live; return why that cannot be known."""
        try:
            reply, arrived = yield from again_if_broken(self._ask_which_are_live)
        except ExchangeError as error:
            self._fail(error)
            return str(error)
        except ResponseError as error:
            return f"the online store does not say what is live ({error})"
        self._error = None
        self._until = time.monotonic() + self._refresh
        self._arrivals.take(arrived)
        # Each time: what a stream has brought by now counts as much as what is published.
        self._known = self._read_pointers(reply)
        return None

    def _ask_which_are_live(self) -> Flow[tuple[list[bytes | None], list[bytes | None]]]:
        yield self._which_are_live
        reply = yield None
        return reply, (yield None) if self._streams else []

    def _read_pointers(self, reply: list[bytes | None]) -> Known:
        views, streamed = len(self._views), len(self._streams)
        used, whole = reply[views : views + streamed], reply[views + streamed :]
        streams = {
            source for source, one in zip(self._streams, used, strict=True) if one is not None
        }
        known = Known({}, {})
        for view, pointer, all_there in zip(self._views, reply[:views], whole, strict=True):
            try:
                found = _found(view, pointer)
                if all_there is None:
                    self._require_nothing_streamed(view, found)
            except StoreError as error:
                known.unknown[view.name] = str(error)
                continue
            names, as_of = GenerationNames(self._deployment, view.name), microseconds(found.as_of)
            deltas, known_until = None, as_of
            if view.windowed and view.source in streams:
                deltas = deltas_prefix(self._deployment, view)
                known_until = self._arrivals.known(view.source, as_of)
            known.live[view.name] = Live(
                found.name,
                names.prefix(found.name),
                names.marker(found.name),
                as_of,
                deltas,
                hour_of(microseconds(found.stream_from or found.as_of)),
                known_until,
            )
        news = known.unknown.items() - self._known.unknown.items()
        for told in gathered(sorted(news)):
            logger.warning("%s", told)
        return known

    def _require_nothing_streamed(self, view: type[FeatureView], live: Generation) -> None:
        """Refuse a view to which a stream adds what is not there, and may never have been."""
        if live.stream_from is None:
            return
        arrived = self._arrivals.latest.get(view.source)
        if arrived is None or arrived >= microseconds(live.stream_from):
            raise StoreError(
                f"{view.name}: what its stream brought since {live.stream_from:%Y-%m-%d %H:%M} UTC "
                "is not in the store, which lost it or has a new definition: a worker "
                "rebuilds it from the archive (`slate stream`, or `slate rebuild`)"
            )

    def _fail(self, error: ExchangeError) -> None:
        """Leave a lost store alone; what happened to one request is not a sign of that."""
        if not error.lost:
            return
        if self._error is None:
            logger.warning("%s: answering with defaults until it is back", error)
        self._error = str(error)
        self._until = time.monotonic() + self._refresh


def _found(view: type[FeatureView], pointer: bytes | None) -> Generation:
    if pointer is None:
        raise StoreError(
            f"{view.name}: nothing is published under the present definition, or the store lost "
            "it: run `slate run`, or `slate rebuild` for a store that lost its data"
        )
    return read_pointer(view.name, pointer)


def _require_not_before(plan: ServicePlan, when: int, known: Known) -> None:
    for read in plan.reads:
        found = known.live.get(read.view.name)
        if found is not None and when < found.as_of:
            raise RequestError(
                f"{read.view.name} is published as of {instant(found.as_of)}, and cannot tell "
                f"what was before that, at {instant(when)}: ask about a later instant, or "
                "read history from a training set"
            )
