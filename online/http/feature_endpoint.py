"""``POST /v1/services/{name}``: the features of a request, or of a list of them."""

import pyarrow as pa

from slate.online.http import bodies
from slate.online.http.access import Grant
from slate.online.http.bodies import ARROW, JSON, LookupRequest
from slate.online.http.lookups import Lookups, PendingLookup
from slate.online.http.permissions import Permissions, readable
from slate.online.http.refusals import Refused, refusing
from slate.online.http.request import HttpRequest
from slate.online.http.response import Response, packed
from slate.online.serving import client_stream
from slate.online.serving.request_stream import require_few


class FeatureEndpoint:
    """Answers what services are asked for.

    Args:
        permissions: who may ask.
        lookups: what looks up.
        max_rows: how many rows a body may ask for.
    """

    def __init__(self, permissions: Permissions, lookups: Lookups, max_rows: int) -> None:
        self._permissions = permissions
        self._lookups = lookups
        self._max_rows = max_rows

    async def respond(self, name: str, request: HttpRequest) -> Response:
        """Answer a request for a service.

        Raises:
            Refused: it may not be answered, or cannot be.
        """
        grant = self._permissions.grant(request)
        plan = self._permissions.plan(name, grant)
        wanted = request.wanted()
        by_row = request.query.get("states") == ["rows"]
        with refusing():
            lookup = await self._lookups.read(plan, request, plan.service.full_name)
            if isinstance(lookup.asked, list):
                if wanted == ARROW:
                    raise Refused(
                        406,
                        f"a list of requests is answered in JSON: accept {JSON}, or send each of "
                        "them by itself",
                    )
                written = await self._many(lookup, lookup.asked, grant, by_row)
            else:
                answer = readable(await self._lookups.answer(lookup, lookup.asked), plan, grant)
                write = bodies.write_arrow if wanted == ARROW else bodies.write_json
                if wanted == ARROW and request.query.get("form") == [client_stream.FORM]:
                    write = bodies.write_for_clients
                written = write(answer, states_by_row=by_row)
        lookup.stages.mark("write")
        return await packed(written, wanted, request)

    async def _many(
        self, lookup: PendingLookup, many: list[LookupRequest], grant: Grant | None, by_row: bool
    ) -> bytes | pa.Buffer:
        answers, rows = [], 0
        for place, one in enumerate(many):
            answer = await self._lookups.answer(lookup, one, place)
            answers.append(readable(answer, lookup.plan, grant))
            # Those that name no candidates have not told how many there are.
            rows += answer.rows
            require_few(rows, self._max_rows)
        return bodies.write_json_of_many(answers, states_by_row=by_row)
