"""``POST /v1/rankings/{name}``: the best of a request's candidates."""

import asyncio
import time
from collections.abc import Mapping

from slate.errors import DataError, RequestError, SlateError, nearest
from slate.online.http import bodies, ranked
from slate.online.http.access import Grant
from slate.online.http.bodies import ARROW, JSON, LookupRequest
from slate.online.http.experiment_part import ExperimentPart
from slate.online.http.lookups import Lookups
from slate.online.http.metrics import Metrics
from slate.online.http.permissions import Permissions
from slate.online.http.refusals import Refused, refusing
from slate.online.http.request import HttpRequest
from slate.online.http.response import Response, packed
from slate.rankings import Experiment, Order, Ranked, services_of


class RankingEndpoint:
    """Answers what rankings are asked for.

    Args:
        rankings: the rankings, by name.
        permissions: who may ask.
        lookups: what looks up.
        metrics: told of exposures.
    """

    def __init__(
        self,
        rankings: Mapping[str, Ranked],
        permissions: Permissions,
        lookups: Lookups,
        metrics: Metrics,
    ) -> None:
        self._rankings = rankings
        self._permissions = permissions
        self._lookups = lookups
        self._metrics = metrics
        self._ordering = {name: asyncio.Lock() for name in rankings}

    def allowed(self, grant: Grant | None) -> dict[str, Ranked]:
        """The rankings that a key is for, by name: for all services that they may ask."""
        services = {plan.service.full_name for plan in self._permissions.plans(grant)}
        return {
            name: one
            for name, one in self._rankings.items()
            if services.issuperset(services_of(one))
        }

    async def respond(self, name: str, request: HttpRequest) -> Response:
        """Answer with the best of a request's candidates.

        Raises:
            Refused: it may not be answered, or cannot be.
        """
        grant = self._permissions.grant(request)
        if name not in self._rankings:
            raise Refused(
                404, f"there is no ranking {name!r}: {nearest(name, self.allowed(grant))}"
            )
        ranking = self._rankings[name]
        # Whoever asks may have any arm, so the key has to be for all of them.
        plans = {one: self._permissions.plan(one, grant) for one in services_of(ranking)}
        if request.wanted() == ARROW:
            raise Refused(406, f"rankings are answered in JSON: accept {JSON}")
        with refusing():
            most = ranked.limit(request.query["limit"][-1] if "limit" in request.query else None)
            lookup = await self._lookups.read(next(iter(plans.values())), request, name)
            if isinstance(lookup.asked, list):
                raise RequestError("a ranking is of one request: send each by itself")
            asked, part = lookup.asked, None
            if isinstance(ranking, Experiment):
                part = ExperimentPart.of(ranking, lookup.plan.service, asked.given)
                ranking = part.ranking
                lookup = self._lookups.of_another(plans[ranking.service], lookup, request)
                assert isinstance(lookup.asked, LookupRequest)
                asked = part.asked(lookup.asked, plans.values(), lookup.plan)
            began = time.perf_counter()
            answer = await self._lookups.answer(lookup, asked)
            looked_up = time.perf_counter()
            order = Order.of_nothing()
            try:
                # Other requests are answered meanwhile; a ranking need not bear two calls at once.
                async with self._ordering[name]:
                    if answer.rows:
                        order = await asyncio.to_thread(ranking.order, answer, lookup.request_id)
                if not isinstance(order, Order):
                    raise DataError(f"{type(ranking).__name__}.order returns {order!r}, no Order")
                order.require_of(answer.rows)
            except SlateError as error:
                # Also where a model wants a feature that its service has no more.
                raise Refused(503, f"{name} cannot rank: {error}") from None
        # Whoever saw nothing saw nothing of an arm.
        if part is not None and answer.rows:
            exposure = part.exposure(lookup.plan, answer, order, most)
            if exposure is not None:
                self._lookups.log_exposure(exposure)
                self._metrics.exposed(exposure.experiment.name, exposure.arm.name)
        lookup.stages.mark("rank")
        seconds = {"features": looked_up - began, "rank": time.perf_counter() - looked_up}
        told = ranked.document(name, answer, order, most, seconds) | ExperimentPart.told(part)
        return await packed(bodies.document(told), JSON, request)
