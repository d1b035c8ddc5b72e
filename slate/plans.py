"""Plans: how a service's features are come by, worked out once.

Rows are read in rounds: the first needs only the request's keys, the next the keys that the first
led to (a show leads to its seller). Then expressions run, each after what it reads. Training sets
and requests follow the same plan.
"""

from dataclasses import dataclass
from functools import cached_property

from slate.base import Definition
from slate.entities import Entity
from slate.errors import DefinitionError
from slate.features import Aggregated, Attribute, Computed, Feature, Input
from slate.services import FeatureService, made_of
from slate.views import FeatureView


@dataclass(frozen=True, eq=False)
class Read:
    """The rows of one view that a request needs.

    Attributes:
        view: the view.
        keys: for each of the entity's key columns, the request's key column, or the attribute whose
            value is the key.
        round: the round in which all these keys are known, from 0.
        features: the features of the view that are used, by the service or on the way.
        grain: the request's keys that the row depends on.
    """

    view: type[FeatureView]
    keys: dict[str, str | Attribute]
    round: int
    features: tuple[Feature, ...]
    grain: frozenset[str]


@dataclass(frozen=True, eq=False)
class Plan:
    """A service's reads by round, then its expressions in order.

    Attributes:
        service: what is planned.
        reads: the views to read, ordered by round.
        inputs: what the request brings besides keys and time.
        computed: the expressions, each after those that it reads.
    """

    service: FeatureService
    reads: tuple[Read, ...]
    inputs: tuple[Input, ...]
    computed: tuple[Computed, ...]

    @cached_property
    def rounds(self) -> tuple[tuple[Read, ...], ...]:
        """The reads, grouped by round."""
        last = max((read.round for read in self.reads), default=-1)
        return tuple(
            tuple(read for read in self.reads if read.round == number) for number in range(last + 1)
        )

    def read(self, view: type[FeatureView]) -> Read:
        """The read of one of its views."""
        return next(read for read in self.reads if read.view is view)

    def behind(self, feature: Feature) -> tuple[Feature, ...]:
        """What a feature's value comes of: it, all that it is made of, and what leads to those."""
        found: dict[Feature, None] = {}
        pending = [feature]
        while pending:
            for one in made_of([pending.pop()]):
                if isinstance(one, Feature) and one not in found:
                    found[one] = None
                    if isinstance(one, Attribute | Aggregated):
                        assert issubclass(one.view, FeatureView)
                        ways = self.read(one.view).keys.values()
                        pending += [way for way in ways if isinstance(way, Attribute)]
        return tuple(found)

    def ways(self, read: Read) -> str:
        """How the keys of a view are come by, in words: ``show_id -> show_catalog.seller_id``."""
        return ", ".join(
            way if isinstance(way, str) else f"{self.ways(self._read_of(way))} -> {way.name}"
            for way in read.keys.values()
        )

    def _read_of(self, feature: Attribute) -> Read:
        return next(read for read in self.reads if read.view is feature.view)

    @cached_property
    def views(self) -> tuple[type[FeatureView], ...]:
        """The views read, each once."""
        return tuple(read.view for read in self.reads)


def plan(service: FeatureService, views: list[type[FeatureView]]) -> Plan:
    """Plan a service.

    Args:
        service: the service.
        views: all views of the deployment; the ways between entities are found in them.

    Raises:
        DefinitionError: an entity cannot be reached from the service's keys, or in two ways.
    """
    found = _Ways(service, views)
    keys: dict[type[FeatureView], dict[str, str | Attribute]] = {}
    needed: dict[type[FeatureView], dict[str, Feature]] = {}
    pending: list[Attribute | Aggregated] = list(service.stored)
    while pending:
        feature = pending.pop()
        view = feature.view
        assert issubclass(view, FeatureView)
        if feature.column in needed.setdefault(view, {}):
            continue
        needed[view][feature.column] = feature
        keys[view] = found.keys(view)
        pending += [way for way in keys[view].values() if isinstance(way, Attribute)]
    rounds: dict[type[FeatureView], int] = {}
    grains: dict[type[FeatureView], frozenset[str]] = {}

    def place(view: type[FeatureView]) -> None:
        if view in rounds:
            return
        number, grain = 0, frozenset[str]()
        for way in keys[view].values():
            if isinstance(way, Attribute):
                assert issubclass(way.view, FeatureView)
                place(way.view)
                # A pair's rows lie under its first key, but its second still has to be known.
                number = max(number, rounds[way.view] + 1)
                grain |= grains[way.view]
            else:
                grain |= {way}
        rounds[view], grains[view] = number, grain

    for view in needed:
        place(view)
    order = {view: position for position, view in enumerate(views)}
    reads = [
        Read(
            view,
            keys[view],
            rounds[view],
            tuple(f for f in view.features.values() if f.column in used),
            grains[view],
        )
        for view, used in needed.items()
    ]
    reads.sort(key=lambda read: (read.round, order[read.view]))
    return Plan(service, tuple(reads), service.inputs, service.computed)


class _Ways:
    """How a service comes by the keys of entities: from the request, or from an attribute."""

    def __init__(self, service: FeatureService, views: list[type[FeatureView]]) -> None:
        self._service = service
        self._leads = [
            feature
            for view in views
            for feature in view.features.values()
            if isinstance(feature, Attribute) and feature.key_of is not None
        ]
        # Of an entity that is reached in several ways, the ways of the earliest round.
        self._found: dict[type[Entity], list[str | Attribute]] = {
            entity: [*entity.keys] for entity in service.keys
        }
        while grown := self._next_round():
            self._found |= grown

    def _next_round(self) -> dict[type[Entity], list[str | Attribute]]:
        grown: dict[type[Entity], list[str | Attribute]] = {}
        for lead in self._leads:
            assert lead.key_of is not None
            if lead.key_of not in self._found and self._found.keys() >= set(_parts(lead.view)):
                grown.setdefault(lead.key_of, []).append(lead)
        return grown

    def keys(self, view: type[FeatureView]) -> dict[str, str | Attribute]:
        """Where the value of each key column of a view comes from.

        Raises:
            DefinitionError: an entity cannot be reached, or in two ways.
        """
        return {
            key: self._way(view, part)
            for key, part in zip(view.entity.keys, _parts(view), strict=True)
        }

    def _way(self, view: type[FeatureView], entity: type[Entity]) -> str | Attribute:
        found = self._found.get(entity, [])
        if not found:
            raise DefinitionError(self._unreachable(view, entity))
        if len(found) > 1:
            raise DefinitionError(
                f"{self._service!r}: {entity.__name__} is reached in two ways, by {found[0]!r} and "
                f"by {found[1]!r}, and {view.__name__} needs it: make {entity.__name__} a key of "
                "the service, or let one of them be a plain attribute"
            )
        return found[0]

    def _unreachable(self, view: type[FeatureView], entity: type[Entity]) -> str:
        keys = ", ".join(key.__name__ for key in self._service.keys)
        start = (
            f"{self._service!r}: {view.__name__} needs a {entity.__name__}, which cannot be "
            f"reached from {keys}"
        )
        chain = [entity]
        before = {lead.key_of: _parts(lead.view)[0] for lead in reversed(self._leads)}
        while chain[-1] in before:
            chain.append(before[chain[-1]])
            if chain[-1] in chain[:-1]:
                path = " from ".join(part.__name__ for part in chain)
                return f"{start}; its way is a cycle: {path}. Make one of them a key"
        return (
            f"{start}: give a view of {keys} an attribute `= key_of({chain[-1].__name__})`, or "
            "make it a key of the service"
        )


def _parts(view: type[Definition]) -> tuple[type[Entity], ...]:
    """The entities whose keys a view's rows are found by, in the order of its key columns."""
    assert issubclass(view, FeatureView)
    return tuple(view.entity.parts.values()) or (view.entity,)
