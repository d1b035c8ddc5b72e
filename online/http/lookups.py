"""Lookups in their turn: a few at a time, and none that waits for longer than it may."""

import asyncio
import time
from dataclasses import dataclass, field, replace

from slate.errors import RequestError
from slate.online.http import bodies
from slate.online.http.bodies import ARROW, LookupRequest
from slate.online.http.metrics import Stages
from slate.online.http.refusals import Refused
from slate.online.http.request import HttpRequest
from slate.online.http.settings import Settings
from slate.online.serving.answer import Answer
from slate.online.serving.client import AsyncFeatureClient
from slate.online.serving.exposures import Exposure
from slate.plans import Plan

# One lookup computes while another waits for the store. With more at a time all would become late
# together, and so defaults.
AT_WORK = 2

# The seconds that a request has for the store at the least.
LEAST = 0.001


@dataclass(frozen=True)
class PendingLookup:
    """What a request of HTTP asks a service for.

    Attributes:
        plan: the service's plan.
        asked: what its body asks for, once or as a list.
        request_id: what it is known by; empty if it has no id.
        until: the instant, of the monotonic clock, until which it waits for the store.
        stages: what its stages are told to.
        body: the body.
    """

    plan: Plan
    asked: list[LookupRequest] | LookupRequest
    request_id: str
    until: float
    stages: Stages
    body: bytes = field(default=b"", repr=False)


class Lookups:
    """Answers what requests ask for.

    Args:
        client: what looks up.
        settings: how long a request may wait, and how much it may ask for.
    """

    def __init__(self, client: AsyncFeatureClient, settings: Settings) -> None:
        self._client = client
        self._settings = settings
        self._turns = asyncio.Semaphore(AT_WORK)

    async def read(self, plan: Plan, request: HttpRequest, name: str) -> PendingLookup:
        """What a request asks a service for; its time begins.

        Args:
            plan: the service's plan.
            request: the request, whose body is read.
            name: what metrics know the request by.

        Raises:
            Refused: the body is too large, or what the head says of it or of its time is wrong.
            RequestError: it is no request of the service, or asks for too much.
        """
        request.sent()
        body = await request.body(self._settings.max_body)
        stages = Stages(name)
        until = time.monotonic() + request.timeout(self._settings.timeout)
        asked = self._asked(plan, request, body)
        stages.mark("read")
        return PendingLookup(plan, asked, request.request_id, until, stages, body)

    def of_another(self, plan: Plan, lookup: PendingLookup, request: HttpRequest) -> PendingLookup:
        """The same request, asked of another service that has its keys.

        Raises:
            RequestError: it is no request of that.
        """
        if plan is lookup.plan:
            return lookup
        return replace(lookup, plan=plan, asked=self._asked(plan, request, lookup.body))

    def _asked(
        self, plan: Plan, request: HttpRequest, body: bytes
    ) -> list[LookupRequest] | LookupRequest:
        read = bodies.read_arrow if request.sent() == ARROW else bodies.read_json
        return read(plan, body, self._settings.max_rows)

    def log_exposure(self, exposure: Exposure) -> None:
        """Log that a unit was shown what an arm of an experiment ranked; nobody waits for it."""
        self._client.log_exposure(exposure)

    async def answer(
        self, lookup: PendingLookup, asked: LookupRequest, place: int | None = None
    ) -> Answer:
        """Look one request up, in its turn.

        Args:
            lookup: what it is part of.
            asked: the request.
            place: its place in a list of them; None where there is none.

        Raises:
            Refused: its turn did not come.
            RequestError: it cannot be answered.
            ClosedError: the server is ending.
        """
        try:
            async with asyncio.timeout(self._settings.queue):
                await self._turns.acquire()
        except TimeoutError:
            raise Refused(
                503,
                f"the server is too busy: the request has waited {self._settings.queue:g} s for "
                "its turn. Ask again later, and start more --processes if this goes on",
                {"retry-after": "1"},
            ) from None
        lookup.stages.mark("wait")
        request_id = lookup.request_id
        if request_id and place is not None:
            request_id = f"{request_id}.{place}"
        try:
            # Its turn may have come late: what is near is answered in any case.
            client = self._client.within(max(lookup.until - time.monotonic(), LEAST))
            return await client.get(
                lookup.plan.service.full_name, asked.at, request_id=request_id, **asked.given
            )
        except RequestError as error:
            if place is None:
                raise
            raise RequestError(f"{bodies.REQUESTS}[{place}]: {error}") from error
        finally:
            self._turns.release()
            lookup.stages.mark("look_up")
