"""What a request's key lets it ask for and read."""

from slate.errors import UnknownNameError, nearest
from slate.online.http.access import Access, Grant
from slate.online.http.refusals import Refused
from slate.online.http.request import HttpRequest
from slate.online.serving.answer import Answer
from slate.plans import Plan
from slate.privacy import PII, is_personal
from slate.registry import Registry


class Permissions:
    """Who may ask for what.

    Args:
        registry: the definitions.
        access: the keys; None lets everybody ask for all, without one.
    """

    def __init__(self, registry: Registry, access: Access | None) -> None:
        self._registry = registry
        self._access = access

    def grant(self, request: HttpRequest) -> Grant | None:
        """What a request's key allows; None where no key is needed.

        Raises:
            Refused: it has none, or one that is not known.
        """
        if self._access is None:
            return None
        scheme, _, key = request.headers.get("authorization", "").partition(" ")
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

    def plan(self, name: str, grant: Grant | None) -> Plan:
        """The plan of a service that is asked for.

        Raises:
            Refused: there is no such service, or the key is not for it.
        """
        try:
            service = self._registry.service(name)
        except UnknownNameError as error:
            if grant is not None:
                # No more is told than the key allows.
                known = list(filter(grant.allows, self._registry.services.values()))
                if set(self._registry.versions(name)) & set(known):
                    raise Refused(404, str(error)) from None
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

    def plans(self, grant: Grant | None) -> list[Plan]:
        """The plans of the services that may be asked for."""
        return [
            self._registry.plans[service.full_name]
            for service in self._registry.services.values()
            if grant is None or grant.allows(service)
        ]


def readable(answer: Answer, plan: Plan, grant: Grant | None) -> Answer:
    """An answer as a key may read it; where none is asked for, all of it may be."""
    if grant is None or PII in grant.scopes:
        return answer
    features = [feature for feature in plan.service.features if is_personal(feature)]
    if not features:
        return answer
    return answer.hiding(features, f"it is tagged {PII}, which the key {grant.name!r} may not read")
