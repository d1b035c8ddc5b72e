"""Serving: which services there are, and the flows that answer for them."""

from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import Any

from redis.exceptions import ResponseError

from slate.candidates import CandidateSet
from slate.errors import RequestError, StoreError, UnknownNameError, nearest
from slate.limits import REQUEST_ROWS
from slate.locks.contracts import fingerprints
from slate.online.near.near_views import NearViews
from slate.online.rows.answer_errors import AnswerError
from slate.online.rows.keys import Keys
from slate.online.serving.answer import Answer
from slate.online.serving.answer_log import AnswerLog, new_request_id
from slate.online.serving.exposures import Exposure
from slate.online.serving.frozen_answers import FrozenAnswer, not_frozen
from slate.online.serving.given_values import Moment
from slate.online.serving.known_generations import KnownGenerations
from slate.online.serving.lookup import Lookup
from slate.online.serving.lookup_stages import Mark, Stage, observed, unobserved
from slate.online.serving.messages import shown
from slate.online.serving.request_instants import RequestClock, RequestInstant
from slate.online.serving.requests import Request, checked_request_id
from slate.online.serving.service_plan import ServicePlan
from slate.online.store.flows import Flow
from slate.online.store.live_generations import (
    NOTHING,
    LiveViews,
    require_not_before,
    without_those_ahead,
)
from slate.registry import Registry

# How often a lookup is made, if what it reads vanishes or grows again and again.
ATTEMPTS = 5


class Serving:
    """What the clients share: plans, near views, and what is known to be live.

    Args:
        registry: the definitions.
        deployment: the deployment's name.
        refresh: for how many seconds it is believed which generations are live, that a store which
            failed is not worth asking, and that this machine's clock is behind.
        clock: the instant at which a virtual clock stands; None for the machine's clock.
        max_rows: how many rows a request may ask for.
        near: the views that this process keeps.
        log: where a share of the answers is logged; None to log none.
    """

    def __init__(
        self,
        registry: Registry,
        deployment: str,
        refresh: float,
        clock: datetime | None = None,
        max_rows: int = REQUEST_ROWS,
        near: NearViews | None = None,
        log: AnswerLog | None = None,
    ) -> None:
        self._registry = registry
        self._deployment = deployment
        self.near = near
        self.log = log
        self._clock = RequestClock(clock, refresh)
        self._max_rows = max_rows
        self._plans: dict[str, ServicePlan] = {}
        self._fingerprints: dict[str, Mapping[str, str]] = {}
        self._live = KnownGenerations(deployment, registry, refresh)

    @property
    def services(self) -> Iterable[str]:
        """The names of all services, with their versions."""
        return self._registry.plans

    def plan(self, service: str) -> ServicePlan:
        """A service made ready.

        Raises:
            RequestError: there is no such service, or it is not a name.
        """
        if not isinstance(service, str):
            raise RequestError(
                f"{shown(service)} is not a name of a service: give it as text; "
                f"{nearest('', map(self._registry.asked_as, self._registry.services.values()))}"
            )
        if service not in self._plans:
            try:
                plan = self._registry.plan(service)
            except UnknownNameError as error:
                raise RequestError(str(error)) from error
            # By whichever of its names it is asked for.
            name = plan.service.full_name
            if name not in self._plans:
                self._plans[name] = ServicePlan(plan)
            self._plans[service] = self._plans[name]
        return self._plans[service]

    def warm_up(self, service: str) -> Flow[bool]:
        """Make a service ready and look up no row of it, so that the first request need not.

        Nobody is told of it, and nothing is logged.

        Returns:
            Whether the store answered.
        """
        plan = self.plan(service)
        when, nothing = self._clock.instant(None), plan.form.of_nothing()
        yield from self._answer(plan, when, {}, None, nothing, unobserved)
        return self._live.error is None

    def lookup(
        self, service: str, at: Moment | None, given: Mapping[str, Any], request_id: str = ""
    ) -> Flow[Answer]:
        """The flow of one lookup, of which those are told who want to be.

        Raises:
            RequestError: the request is wrong, or asks about an instant before what is published.
        """
        told = observed()
        if told is None:
            return (yield from self._lookup(service, at, given, request_id, unobserved))
        with told:
            told.answer = yield from self._lookup(service, at, given, request_id, told.mark)
            return told.answer

    def _lookup(
        self,
        service: str,
        at: Moment | None,
        given: Mapping[str, Any],
        request_id: str,
        mark: Mark,
    ) -> Flow[Answer]:
        plan = self.plan(service)
        checked_request_id(request_id)
        when = self._clock.instant(at)
        candidates = self._candidates(plan, given)
        request = plan.form.read(given, self._max_rows) if candidates is None else None
        mark(Stage.REQUEST)
        if plan.plan.service.frozen_us is None or not request_id:
            answer, request = yield from self._answer(plan, when, given, candidates, request, mark)
            return self._served(plan, request, answer, request_id)
        if candidates is not None:
            # What was found to be candidates is part of what is frozen, not of what was asked.
            brought = plan.form.read({**given, candidates.key: Keys.of([])}, self._max_rows)
        else:
            assert request is not None
            brought = request
        frozen = FrozenAnswer.of(
            self._deployment,
            plan.plan,
            fingerprints(plan.plan),
            request_id,
            brought,
            when.at if when.named else None,
        )
        untold = yield from self._live.refreshed(mark)
        try:
            if untold is None and (found := (yield from frozen.find())) is not None:
                mark(Stage.STORE, plan.reads)
                return found
        except (StoreError, ResponseError) as error:
            untold = str(error)
        mark(Stage.STORE, plan.reads)
        answer, request = yield from self._answer(plan, when, given, candidates, request, mark)
        answer.request_id = request_id
        try:
            if untold is None and (kept := (yield from frozen.keep(answer))) is not answer:
                # That was logged where it was made, and this one is served to nobody.
                mark(Stage.STORE, plan.reads)
                return kept
        except (StoreError, ResponseError) as error:
            untold = str(error)
        if untold is not None:
            answer.errors = (*answer.errors, not_frozen(plan.plan.service.full_name, untold))
        mark(Stage.STORE, plan.reads)
        return self._served(plan, request, answer, request_id)

    def _served(
        self, plan: ServicePlan, request: Request, answer: Answer, request_id: str
    ) -> Answer:
        """An answer as it is served: with its id, and logged if it is of the share."""
        answer.request_id = request_id
        if self.log is not None and plan.plan.service.logged:
            answer.request_id = request_id or new_request_id()
            self.log.consider(plan.plan, request, answer)
        return answer

    def _answer(
        self,
        plan: ServicePlan,
        when: RequestInstant,
        given: Mapping[str, Any],
        candidates: CandidateSet | None,
        request: Request | None,
        mark: Mark,
    ) -> Flow[tuple[Answer, Request]]:
        """The flow that makes an answer, and tells to which request.

        Of candidates, their keys are found first. A request that names no instant is answered by
        this machine's clock, and whoever asks is not to blame for that: see ``RequestInstant``.
        """
        error = yield from self._live.refreshed(mark)
        broken, untold = False, None
        for _ in range(ATTEMPTS):
            found = self._live.known
            if candidates is not None:
                # All of an answer is of one moment: its candidates, and what is said of them.
                when.move_to(self._streamed_until(candidates))
                found, keys, untold = yield from self._keys_where(candidates, when.at)
                request = plan.form.read({**given, candidates.key: keys}, self._max_rows)
            assert request is not None
            known = NOTHING if error else found
            if when.named:
                _require_not_before(plan, when.at, known)
            else:
                known = without_those_ahead((read.view for read in plan.reads), when.at, known)
            lookup = Lookup(plan, request, when.at, known, self.near, mark)
            answer = yield from lookup.run(error)
            if lookup.failure is not None:
                self._live.fail(lookup.failure)
                if lookup.failure.broken and not broken:
                    # Once more, over another connection and within the same deadline.
                    broken = True
                    continue
                break
            if when.move_to(lookup.later):
                continue
            if not lookup.vanished:
                break
            # It was swept while it was read, after two publishes: what is live by now?
            error = yield from self._live.find()
            mark(Stage.LIVE)
            live = self._live.known.live
            same = (live.get(view) == known.live[view] for view in lookup.vanished)
            if not error and all(same):
                break
        if untold is not None:
            answer.errors = (untold, *answer.errors)
        assert request is not None
        return answer, request

    def _streamed_until(self, candidates: CandidateSet) -> int:
        """The instant just after all that the stream brought to the rows of candidates."""
        kept = self.near.get(candidates.view.name) if self.near is not None else None
        return kept.held.rows.streamed_until if kept is not None and kept.held is not None else 0

    def _candidates(self, plan: ServicePlan, given: Mapping[str, Any]) -> CandidateSet | None:
        """The candidates that a request is answered for; None if it names them itself.

        Raises:
            RequestError: this client cannot tell them.
        """
        candidates = plan.plan.service.candidates
        if candidates is None or candidates.key in given:
            return None
        if self.near is None or self.near.get(candidates.view.name) is None:
            raise RequestError(
                f"{plan.plan.service.name} needs {candidates.key}=..., as this client has no near "
                "views that could tell its candidates: name them, or connect with near=True"
            )
        return candidates

    def _keys_where(
        self, candidates: CandidateSet, at: int
    ) -> Flow[tuple[LiveViews, Keys, AnswerError | None]]:
        """The keys of candidates, what was live when these were they; or why there are none.

        Near views are told of a publish sooner or later than requests are.
        """
        assert self.near is not None
        name = candidates.view.name
        kept = self.near.get(name)
        assert kept is not None
        for last in (False, True):
            for known in (self._live.known, self._live.before):
                keys = kept.keys_where(candidates, at, known.live.get(name))
                # What has been withdrawn since is not served from before it was.
                if keys is not None and known.live.keys() <= self._live.known.live.keys():
                    return known, keys, None
            if last or not kept.ready:
                break
            yield from self._live.find()
        untold = AnswerError.of_views(
            [name],
            "its rows are not in this process, or too far behind, so it tells no candidates: wait "
            "until near views are loaded (`wait_until_near`), publish the view, or name candidates "
            "with the request",
        )
        return self._live.known, Keys.of([]), untold

    def log_exposure(self, exposure: Exposure) -> None:
        """Log an exposure of an experiment, where there is a log."""
        if self.log is not None:
            self.log.put(exposure)

    def close(self) -> None:
        """Stop keeping near views, and log what waits."""
        self._live.close()
        if self.near is not None:
            self.near.close()
        if self.log is not None:
            self.log.close()

    def why_not_ready(self) -> Flow[str | None]:
        """The flow that asks the store whether it answers; why requests should wait, or None."""
        error = yield from self._live.find()
        if error is None and self.near is not None and not self.near.ready:
            return "the near views are not loaded yet"
        return error


def _require_not_before(plan: ServicePlan, when: int, known: LiveViews) -> None:
    for read in plan.reads:
        if (found := known.live.get(read.view.name)) is not None:
            require_not_before(read.view, when, found)
