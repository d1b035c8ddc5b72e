"""The ASGI application: what each path answers."""

import asyncio
import logging
import math
import time
from collections.abc import Awaitable, Callable, Mapping, MutableMapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs

import pyarrow as pa

from slate.deployment import Deployment
from slate.errors import (
    ClosedError,
    DataError,
    RequestError,
    SlateError,
    UnknownNameError,
    nearest,
)
from slate.limits import REQUEST_ROWS
from slate.online import spans
from slate.online.http import bodies, catalogue, codings, ranked
from slate.online.http.access import Access, Grant
from slate.online.http.bodies import ARROW, JSON, Asked
from slate.online.http.metrics import Metrics, Stages
from slate.online.http.refusals import Refused
from slate.online.serving import client_stream
from slate.online.serving.answer import Answer
from slate.online.serving.client import REFRESH, TIMEOUT, AsyncFeatureClient
from slate.online.serving.messages import shown
from slate.online.serving.request_stream import require_few
from slate.plans import Plan
from slate.privacy import PII, is_personal
from slate.rankings import Ranking, rankings

logger = logging.getLogger(__name__)

Scope = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[MutableMapping[str, Any]]]
Send = Callable[[MutableMapping[str, Any]], Awaitable[None]]

# One lookup computes while another waits for the store. With more at a time all would become late
# together, and so defaults.
AT_WORK = 2
BODY_BYTES = 8 << 20
TICK = 1.0

# The seconds that a request has for the store at the least.
LEAST = 0.001
TIMEOUT_HEADER, ID_HEADER = "slate-timeout", "x-request-id"

_SERVICES, _RANKINGS = "/v1/services", "/v1/rankings"


@dataclass(frozen=True)
class Settings:
    """How features are served.

    Attributes:
        timeout: how many seconds a request may wait for the store.
        queue: for how many seconds a request may wait for its turn.
        max_rows: how many rows a request may ask for.
        max_body: how many bytes a body may have, also unpacked.
        near: whether near views are kept in this process, or where another shows them.
        refresh: for how many seconds a generation is taken for live without asking again.
    """

    timeout: float = TIMEOUT
    queue: float = 2.0
    max_rows: int = REQUEST_ROWS
    max_body: int = BODY_BYTES
    near: bool | Path = True
    refresh: float = REFRESH


@dataclass(frozen=True)
class Response:
    """What is answered.

    Attributes:
        body: its bytes.
        content_type: what they are.
        status: HTTP's.
        headers: further ones.
    """

    body: bytes | pa.Buffer
    content_type: str = JSON
    status: int = 200
    headers: dict[str, str] = field(default_factory=dict)


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
        self._access = access
        self._settings = settings or Settings()
        self._metrics = Metrics()
        self._client: AsyncFeatureClient | None = None
        self._rankings: Mapping[str, Ranking] = rankings(deployment)
        self._ticking: asyncio.Task[None] | None = None
        self._turns = asyncio.Semaphore(AT_WORK)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer a request, or open and close what answers them."""
        if scope["type"] == "lifespan":
            await self._live(receive, send)
            return
        service = self._service_name(scope["path"])
        kind = _RANKINGS if _after(_RANKINGS, scope["path"]) else _SERVICES
        name = f"{scope['method']} {kind}/{service or '...'}"
        headers = {
            name.decode("latin-1"): value.decode("latin-1") for name, value in scope["headers"]
        }
        with spans.answering(name, headers) as tell:
            await self._answered(scope, headers, receive, send, service, tell)

    async def _answered(
        self,
        scope: Scope,
        headers: dict[str, str],
        receive: Receive,
        send: Send,
        service: str,
        tell: Callable[[int], None],
    ) -> None:
        """Answer a request for a service, or for anything else; tell its status."""
        began = time.perf_counter()
        path: str = scope["path"]
        try:
            response = await self._respond(scope, headers, receive)
        except Refused as refused:
            response = Response(
                bodies.error(str(refused)), status=refused.status, headers=refused.headers
            )
        except Exception:
            logger.exception("%s %s failed", scope["method"], path)
            response = Response(
                bodies.error(
                    f"the server failed at {scope['method']} {path}: what happened is in its log, "
                    "on the standard error of `slate serve`"
                ),
                status=500,
            )
        tell(response.status)
        await self._send(response, send)
        if service:
            self._metrics.answered(service, response.status, time.perf_counter() - began)

    async def _live(self, receive: Receive, send: Send) -> None:
        while True:
            message = await receive()
            if message["type"] == "lifespan.startup":
                try:
                    self._client = AsyncFeatureClient.connect(
                        self._deployment,
                        timeout=self._settings.timeout,
                        refresh=self._settings.refresh,
                        max_rows=self._settings.max_rows,
                        near=self._settings.near,
                    )
                except SlateError as error:
                    await send({"type": "lifespan.startup.failed", "message": str(error)})
                    return
                self._ticking = asyncio.create_task(self._tick())
            else:
                assert self._client is not None
                assert self._ticking is not None
                self._ticking.cancel()
                await self._client.close()
            await send({"type": f"{message['type']}.complete"})
            if message["type"] == "lifespan.shutdown":
                return

    async def _tick(self) -> None:
        """Note now and then how far behind near views are: another process may be asked for it."""
        while True:
            self._metrics.note_behind()
            await asyncio.sleep(TICK)

    async def _send(self, response: Response, send: Send) -> None:
        headers = {
            "content-type": response.content_type,
            "content-length": str(len(memoryview(response.body))),
            **response.headers,
        }
        if self.draining:
            headers["connection"] = "close"
        await send(
            {
                "type": "http.response.start",
                "status": response.status,
                "headers": [(name.encode(), value.encode()) for name, value in headers.items()],
            }
        )
        await send({"type": "http.response.body", "body": memoryview(response.body)})

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

    async def _respond(self, scope: Scope, headers: dict[str, str], receive: Receive) -> Response:
        method, path = scope["method"], scope["path"]
        if method == "HEAD":
            # Of what GET is answered only the head is sent on.
            method = "GET"
        if name := _after(_SERVICES, path):
            _require(method, path, "POST")
            return await self._serve(name, scope, headers, receive)
        if name := _after(_RANKINGS, path):
            _require(method, path, "POST")
            return await self._rank(name, scope, headers, receive)
        _require(method, path, "GET", known=path in _PATHS)
        match path:
            case "/healthz":
                return Response(bodies.document({"status": "alive"}))
            case "/readyz":
                return await self._ready()
        grant = self._grant(headers)
        services = [
            service
            for service in self._registry.services.values()
            if grant is None or grant.allows(service)
        ]
        plans = [self._registry.plans[service.full_name] for service in services]
        named = {self._registry.asked_as(plan.service): plan for plan in plans}
        match path:
            case "/metrics":
                return Response(*self._metrics.written())
            case "/openapi.json":
                ranked_by = {
                    name: self._registry.plans[one.service] for name, one in self._allowed(grant)
                }
                title = self._deployment.name
                return Response(bodies.document(catalogue.openapi(title, named, ranked_by)))
            case "/v1/rankings":
                found = {name: {"service": one.service} for name, one in self._allowed(grant)}
                return Response(bodies.document({"rankings": found}))
            case _:
                return Response(bodies.document(catalogue.services(plans)))

    def _allowed(self, grant: Grant | None) -> list[tuple[str, Ranking]]:
        """The rankings that a key is for, with their names."""
        services = self._registry.services
        return [
            (name, one)
            for name, one in self._rankings.items()
            if grant is None or grant.allows(services[one.service])
        ]

    async def _ready(self) -> Response:
        assert self._client is not None
        why = "the server is ending" if self.draining else await self._client.why_not_ready()
        if why is not None:
            raise Refused(503, f"not ready: {why}; ask again later")
        return Response(bodies.document({"status": "ready"}))

    def _grant(self, headers: dict[str, str]) -> Grant | None:
        """What a request's key allows; None where no key is needed."""
        if self._access is None:
            return None
        scheme, _, key = headers.get("authorization", "").partition(" ")
        challenge = {"www-authenticate": "Bearer"}
        if scheme.lower() != "bearer" or not key.strip():
            raise Refused(
                401, "this server needs a key: send `Authorization: Bearer KEY`", challenge
            )
        grant = self._access.grant(key.strip())
        if grant is None:
            raise Refused(
                401,
                "the key of the header Authorization is not known here: see that it is whole, or "
                "have another one made with `slate serve --new-key`",
                challenge,
            )
        return grant

    def _plan(self, name: str, headers: dict[str, str]) -> Plan:
        grant = self._grant(headers)
        try:
            service = self._registry.service(name)
        except UnknownNameError as error:
            if grant is not None:
                # No more is told than the key allows.
                known = filter(grant.allows, self._registry.services.values())
                hint = nearest(name, map(self._registry.asked_as, known))
                raise Refused(404, f"there is no service {name!r}: {hint}") from None
            raise Refused(404, str(error)) from None
        if grant is not None and not grant.allows(service):
            asked = self._registry.asked_as(service)
            raise Refused(
                403,
                f"the key {grant.name!r} is not for {asked}: ask with one that is, or have one "
                f"made with `slate serve --new-key NAME --services {asked}`",
            )
        return self._registry.plans[service.full_name]

    async def _serve(
        self, name: str, scope: Scope, headers: dict[str, str], receive: Receive
    ) -> Response:
        plan = self._plan(name, headers)
        grant = self._grant(headers)
        sent = _sent(headers)
        wanted = _wanted(headers.get("accept", "*/*"))
        said = parse_qs(scope["query_string"].decode("latin-1"))
        by_row = said.get("states") == ["rows"]
        body = await self._unpacked(headers, receive)
        stages = self._metrics.stages(plan.service.full_name)
        until = time.monotonic() + _timeout(headers, self._settings.timeout)
        known_as = headers.get(ID_HEADER, "")
        try:
            asked = self._read(plan, sent, body)
            if isinstance(asked, list) and wanted == ARROW:
                raise Refused(
                    406,
                    f"a list of requests is answered in JSON: accept {JSON}, or send each of "
                    "them by itself",
                )
            stages.mark("read")
            if isinstance(asked, list):
                answers, rows = [], 0
                for place, one in enumerate(asked):
                    each = f"{known_as}.{place}" if known_as else ""
                    found = await self._answer(plan, one, stages, until, each, place)
                    answers.append(_hiding(plan, grant, found))
                    # Those that name no candidates have not told how many there are.
                    rows += answers[-1].rows
                    require_few(rows, self._settings.max_rows)
                written: bytes | pa.Buffer = bodies.write_json_of_many(
                    answers, states_by_row=by_row
                )
            else:
                found = await self._answer(plan, asked, stages, until, known_as)
                answers = [_hiding(plan, grant, found)]
                write = bodies.write_arrow if wanted == ARROW else bodies.write_json
                if wanted == ARROW and said.get("form") == [client_stream.FORM]:
                    write = bodies.write_for_clients
                written = write(answers[0], states_by_row=by_row)
        except RequestError as error:
            raise Refused(400, str(error)) from None
        except ClosedError:
            raise Refused(503, "the server is ending: ask another one, or again later") from None
        stages.mark("write")
        return await _packed(written, wanted, headers)

    async def _rank(
        self, name: str, scope: Scope, headers: dict[str, str], receive: Receive
    ) -> Response:
        """Answer with the best of a request's candidates."""
        if name not in self._rankings:
            known = [known for known, _ in self._allowed(self._grant(headers))]
            raise Refused(404, f"there is no ranking {name!r}: {nearest(name, known)}")
        ranking = self._rankings[name]
        plan = self._plan(ranking.service, headers)
        sent = _sent(headers)
        if _wanted(headers.get("accept", "*/*")) == ARROW:
            raise Refused(406, f"rankings are answered in JSON: accept {JSON}")
        said = parse_qs(scope["query_string"].decode("latin-1"))
        body = await self._unpacked(headers, receive)
        stages = self._metrics.stages(name)
        until = time.monotonic() + _timeout(headers, self._settings.timeout)
        known_as, began = headers.get(ID_HEADER, ""), time.perf_counter()
        try:
            most = ranked.limit(said["limit"][-1] if "limit" in said else None)
            asked = self._read(plan, sent, body)
            if isinstance(asked, list):
                raise RequestError("a ranking is of one request: send each by itself")
            stages.mark("read")
            answer = await self._answer(plan, asked, stages, until, known_as)
            looked_up = time.perf_counter()
            order = ranking.order(answer, known_as)
        except RequestError as error:
            raise Refused(400, str(error)) from None
        except ClosedError:
            raise Refused(503, "the server is ending: ask another one, or again later") from None
        except DataError as error:
            raise Refused(503, f"{name} cannot rank: {error}") from None
        stages.mark("rank")
        seconds = {"features": looked_up - began, "rank": time.perf_counter() - looked_up}
        written = bodies.document(ranked.document(name, answer, order, most, seconds))
        return await _packed(written, JSON, headers)

    def _read(self, plan: Plan, sent: str, body: bytes) -> list[Asked] | Asked:
        """What a body asks a service for.

        Raises:
            RequestError: it is no request of it, or too large.
        """
        read = bodies.read_arrow if sent == ARROW else bodies.read_json
        return read(plan, body, self._settings.max_rows)

    async def _unpacked(self, headers: dict[str, str], receive: Receive) -> bytes:
        """A request's body as it was before it was packed."""
        packed = await self._body(headers, receive)
        coding = headers.get("content-encoding", "")
        return codings.unpacked(packed, coding, self._settings.max_body)

    async def _answer(
        self,
        plan: Plan,
        asked: Asked,
        stages: Stages,
        until: float,
        request_id: str,
        place: int | None = None,
    ) -> Answer:
        """Look one request up, in its turn; it waits for the store until an instant."""
        assert self._client is not None
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
        stages.mark("wait")
        try:
            # Its turn may have come late: what is near is answered in any case.
            client = self._client.within(max(until - time.monotonic(), LEAST))
            return await client.get(
                plan.service.full_name, asked.at, request_id=request_id, **asked.given
            )
        except RequestError as error:
            if place is None:
                raise
            raise RequestError(f"{bodies.REQUESTS}[{place}]: {error}") from error
        finally:
            self._turns.release()
            stages.mark("look_up")

    async def _body(self, headers: dict[str, str], receive: Receive) -> bytes:
        most = self._settings.max_body
        length = headers.get("content-length", "")
        # One that says that it is too large is not even read.
        size, parts = 0, list[bytes]()
        while not (length.isdecimal() and int(length) > most):
            message = await receive()
            if message["type"] == "http.disconnect":
                raise Refused(400, "the request ended before its body did: send it again")
            parts.append(message.get("body", b""))
            size += len(parts[-1])
            if size > most:
                break
            if not message.get("more_body", False):
                return b"".join(parts)
        raise codings.too_large(most)


_PATHS = ("/healthz", "/readyz", "/metrics", "/openapi.json", _SERVICES, _RANKINGS)


def _hiding(plan: Plan, grant: Grant | None, answer: Answer) -> Answer:
    """An answer as a key may read it; where none is asked for, all of it may be."""
    if grant is None or PII in grant.scopes:
        return answer
    features = [feature for feature in plan.service.features if is_personal(feature)]
    if not features:
        return answer
    return answer.hiding(features, f"it is tagged {PII}, which the key {grant.name!r} may not read")


def _after(kind: str, path: str) -> str:
    """The name of the service, or ranking, that a path asks for; empty if it is another path."""
    return path.removeprefix(f"{kind}/") if path.startswith(f"{kind}/") else ""


async def _packed(
    written: bytes | pa.Buffer, content_type: str, headers: dict[str, str]
) -> Response:
    """A response, packed if the request lets it be."""
    content, coding = await codings.packed(written, headers.get("accept-encoding", ""))
    more = {"content-encoding": coding, "vary": "accept-encoding"} if coding else {}
    return Response(content, content_type, headers=more)


def _sent(headers: dict[str, str]) -> str:
    """JSON or Arrow, as a request says of its body."""
    sent = headers.get("content-type", "").partition(";")[0].strip().lower()
    if sent not in (JSON, ARROW):
        raise Refused(
            415,
            f"the body is said to be {sent or 'nothing'}: send {JSON} or {ARROW}, and say "
            "which in the header Content-Type",
        )
    return sent


def _require(method: str, path: str, wanted: str, known: bool = True) -> None:
    if not known:
        raise Refused(
            404,
            f"there is nothing at {path}: POST {_SERVICES}/NAME asks for features, and "
            f"{', '.join(_PATHS)} answer GET",
        )
    if method != wanted:
        raise Refused(405, f"{path} does not answer {method}: send {wanted}", {"allow": wanted})


def _timeout(headers: dict[str, str], most: float) -> float:
    """How many seconds a request may wait, as its header says, and no longer than any may."""
    said = headers.get(TIMEOUT_HEADER)
    if said is None:
        return most
    try:
        seconds = float(said)
    except ValueError:
        seconds = 0.0
    if not 0 < seconds < math.inf:
        raise Refused(
            400, f"the header Slate-Timeout is {shown(said)}: give seconds, more than 0, as in 0.05"
        )
    return min(seconds, most)


def _wanted(accept: str) -> str:
    """JSON or Arrow, as a header says."""
    kinds = codings.named(accept)
    if ARROW in kinds:
        return ARROW
    if {JSON, "application/*", "*/*", ""}.intersection(kinds):
        return JSON
    raise Refused(406, f"{accept} cannot be answered: accept {JSON} or {ARROW}")
