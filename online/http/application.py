"""The ASGI application: what each path answers."""

import asyncio
import logging
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from slate.deployment import Deployment
from slate.errors import SlateError, UnknownNameError
from slate.online import spans
from slate.online.http import bodies, catalogue
from slate.online.http.access import Access
from slate.online.http.feature_endpoint import FeatureEndpoint
from slate.online.http.lookups import Lookups
from slate.online.http.metrics import Metrics
from slate.online.http.permissions import Permissions
from slate.online.http.ranking_endpoint import RankingEndpoint
from slate.online.http.refusals import Refused
from slate.online.http.request import HttpRequest, Receive, Scope
from slate.online.http.response import Response, Send
from slate.online.http.settings import Settings
from slate.online.serving.client import AsyncFeatureClient
from slate.rankings import Ranked, rankings, services_of

logger = logging.getLogger(__name__)

TICK = 1.0

_SERVICES, _RANKINGS = "/v1/services", "/v1/rankings"
_PATHS = ("/healthz", "/readyz", "/metrics", "/openapi.json", _SERVICES, _RANKINGS)


@dataclass(frozen=True)
class _Started:
    """What there is from the application's start to its end."""

    client: AsyncFeatureClient
    features: FeatureEndpoint
    rankings: RankingEndpoint
    ticking: asyncio.Task[None]


class Application:
    """Serves a deployment's features, as ASGI has it.

    Args:
        deployment: the deployment.
        access: who may ask; None lets everybody.
        settings: how.

    Attributes:
        draining: whether connections are to end with their next answer.
    """

    def __init__(
        self, deployment: Deployment, access: Access | None = None, settings: Settings | None = None
    ) -> None:
        self.draining = False
        self._deployment = deployment
        self._registry = deployment.registry
        self._permissions = Permissions(deployment.registry, access)
        self._settings = settings or Settings()
        self._metrics = Metrics()
        self._rankings: Mapping[str, Ranked] = rankings(deployment)
        self._started: _Started | None = None

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer a request, or open and close what answers them."""
        if scope["type"] == "lifespan":
            await self._live(receive, send)
            return
        request = HttpRequest.of(scope, receive)
        service = self._service_name(request.path)
        kind = _RANKINGS if _after(_RANKINGS, request.path) else _SERVICES
        name = f"{request.method} {kind}/{service or '...'}"
        with spans.answering(name, request.headers) as tell:
            await self._answered(request, send, service, tell)

    async def _answered(
        self, request: HttpRequest, send: Send, service: str, tell: Callable[[int], None]
    ) -> None:
        """Answer a request for a service, or for anything else; tell its status."""
        began = time.perf_counter()
        try:
            response = await self._respond(request)
        except Refused as refused:
            response = Response(
                bodies.error(str(refused)), status=refused.status, headers=refused.headers
            )
        except Exception:
            logger.exception("%s %s failed", request.method, request.path)
            response = Response(
                bodies.error(
                    f"the server failed at {request.method} {request.path}: what happened is in "
                    "its log, on the standard error of `slate serve`"
                ),
                status=500,
            )
        tell(response.status)
        await response.send(send, last=self.draining)
        if service:
            self._metrics.answered(service, response.status, time.perf_counter() - began)

    async def _live(self, receive: Receive, send: Send) -> None:
        while True:
            message = await receive()
            if message["type"] == "lifespan.startup":
                try:
                    self._started = self._start()
                    await self._started.client.warm_up()
                except SlateError as error:
                    await send({"type": "lifespan.startup.failed", "message": str(error)})
                    return
            else:
                assert self._started is not None
                self._started.ticking.cancel()
                await self._started.client.close()
            await send({"type": f"{message['type']}.complete"})
            if message["type"] == "lifespan.shutdown":
                return

    def _start(self) -> _Started:
        client = AsyncFeatureClient.connect(
            self._deployment,
            timeout=self._settings.timeout,
            refresh=self._settings.refresh,
            max_rows=self._settings.max_rows,
            near=self._settings.near,
        )
        lookups = Lookups(client, self._settings)
        return _Started(
            client,
            FeatureEndpoint(self._permissions, lookups, self._settings.max_rows),
            RankingEndpoint(self._rankings, self._permissions, lookups, self._metrics),
            asyncio.create_task(self._tick(client)),
        )

    async def _tick(self, client: AsyncFeatureClient) -> None:
        """Note now and then what another process may be asked for.

        How views stand, how far behind near ones are, and what was not logged.
        """
        while True:
            self._metrics.note_views()
            self._metrics.note_not_logged(client.not_logged)
            await asyncio.sleep(TICK)

    def _service_name(self, path: str) -> str:
        """The name of the service that a path is about, as metrics have it; empty if of none.

        Of a ranking it is that ranking's.
        """
        ranking = _after(_RANKINGS, path)
        if ranking in self._rankings:
            return ranking
        try:
            return self._registry.service(_after(_SERVICES, path)).full_name
        except UnknownNameError:
            return ""

    async def _respond(self, request: HttpRequest) -> Response:
        assert self._started is not None
        method, path = request.method, request.path
        if method == "HEAD":
            # Of what GET is answered only the head is sent on.
            method = "GET"
        if name := _after(_SERVICES, path):
            _require(method, path, "POST")
            return await self._started.features.respond(name, request)
        if name := _after(_RANKINGS, path):
            _require(method, path, "POST")
            return await self._started.rankings.respond(name, request)
        _require(method, path, "GET", known=path in _PATHS)
        match path:
            case "/healthz":
                return Response(bodies.document({"status": "alive"}))
            case "/readyz":
                return await self._ready(self._started.client)
        grant = self._permissions.grant(request)
        plans = self._permissions.plans(grant)
        ranked = self._started.rankings.allowed(grant)
        match path:
            case "/metrics":
                # A server that nobody asks for features would tell what was live long ago.
                await self._started.client.why_not_ready()
                self._metrics.note_not_logged(self._started.client.not_logged)
                return Response(*self._metrics.written())
            case "/openapi.json":
                named = {self._registry.asked_as(plan.service): plan for plan in plans}
                ranked_by = {
                    name: [self._registry.plans[service] for service in services_of(one)]
                    for name, one in ranked.items()
                }
                title = self._deployment.name
                return Response(bodies.document(catalogue.openapi(title, named, ranked_by)))
            case "/v1/rankings":
                found = {name: catalogue.ranking(one) for name, one in ranked.items()}
                return Response(bodies.document({"rankings": found}))
            case _:
                return Response(bodies.document(catalogue.services(plans)))

    async def _ready(self, client: AsyncFeatureClient) -> Response:
        why = "the server is ending" if self.draining else await client.why_not_ready()
        if why is not None:
            raise Refused(503, f"not ready: {why}; ask again later")
        return Response(bodies.document({"status": "ready"}))


def _after(kind: str, path: str) -> str:
    """The name of the service, or ranking, that a path asks for; empty if it is another path."""
    return path.removeprefix(f"{kind}/") if path.startswith(f"{kind}/") else ""


def _require(method: str, path: str, wanted: str, known: bool = True) -> None:
    if not known:
        raise Refused(
            404,
            f"there is nothing at {path}: POST {_SERVICES}/NAME asks for features, and "
            f"{', '.join(_PATHS)} answer GET",
        )
    if method != wanted:
        raise Refused(405, f"{path} does not answer {method}: send {wanted}", {"allow": wanted})
