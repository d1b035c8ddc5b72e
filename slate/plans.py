"""Plans: how a service's features are come by, worked out once.

Rows are read in rounds: the first needs only the request's keys, the next the keys that the first
led to (a show leads to its seller). Then expressions run, each after what it reads. Training sets
and requests follow the same plan.
"""

from dataclasses import dataclass
from functools import cached_property

from slate.entities import Entity
from slate.errors import DefinitionError
from slate.expressions import leaves
from slate.features import Aggregated, Attribute, Computed, Feature, Input
from slate.services import FeatureService
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
    computed, inputs, stored = _needs(service)
    ways = _ways(service, views, [feature.view for feature in stored])
    needed: dict[type[FeatureView], dict[str, Feature]] = {}
    pending = list(stored)
    while pending:
        feature = pending.pop()
        view = feature.view
        assert issubclass(view, FeatureView)
        if feature.column in needed.setdefault(view, {}):
            continue
        needed[view][feature.column] = feature
        pending += [way for way in _keys(view, ways).values() if isinstance(way, Attribute)]
    rounds: dict[type[FeatureView], int] = {}
    grains: dict[type[FeatureView], frozenset[str]] = {}

    def place(view: type[FeatureView]) -> None:
        if view in rounds:
            return
        number, grain = 0, frozenset[str]()
        for way in _keys(view, ways).values():
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
            _keys(view, ways),
            rounds[view],
            tuple(f for f in view.features.values() if f.column in used),
            grains[view],
        )
        for view, used in needed.items()
    ]
    reads.sort(key=lambda read: (read.round, order[read.view]))
    return Plan(service, tuple(reads), tuple(inputs), tuple(computed))


def _needs(
    service: FeatureService,
) -> tuple[list[Computed], list[Input], list[Attribute | Aggregated]]:
    """What the service's features are made of: expressions in order, inputs, stored features."""
    computed: dict[Computed, None] = {}
    inputs: dict[Input, None] = {}
    stored: dict[Attribute | Aggregated, None] = {}

    def visit(feature: object) -> None:
        if isinstance(feature, Computed):
            if feature not in computed:
                for leaf in leaves(feature.expression):
                    visit(leaf)
                computed[feature] = None
        elif isinstance(feature, Input):
            inputs[feature] = None
        elif isinstance(feature, Attribute | Aggregated):
            stored[feature] = None

    for feature in service.features:
        visit(feature)
    return list(computed), list(inputs), list(stored)


Ways = dict[type[Entity], "str | Attribute"]


def _keys(view: type[FeatureView], ways: Ways) -> dict[str, str | Attribute]:
    entity = view.entity
    if not entity.parts:
        (key,) = entity.keys
        return {key: ways[entity]}
    return {key: ways[part] for key, part in entity.parts.items()}


def _parts(entity: type[Entity]) -> tuple[type[Entity], ...]:
    return tuple(entity.parts.values()) or (entity,)


def _ways(service: FeatureService, views: list[type[FeatureView]], wanted: list[object]) -> Ways:
    """How the key of each reachable entity is come by: from the request, or from an attribute."""
    ways: Ways = {entity: next(iter(entity.keys)) for entity in service.keys}
    leads = [
        feature
        for view in views
        for feature in view.features.values()
        if isinstance(feature, Attribute) and feature.key_of is not None
    ]
    grown = True
    while grown:
        known = set(ways)
        found: dict[type[Entity], list[Attribute]] = {}
        for feature in leads:
            assert issubclass(feature.view, FeatureView)
            assert feature.key_of is not None
            if feature.key_of not in known and set(_parts(feature.view.entity)) <= known:
                found.setdefault(feature.key_of, []).append(feature)
        for entity, candidates in found.items():
            if len(candidates) > 1:
                raise DefinitionError(
                    f"{service!r}: {entity.__name__} is reached in two ways, by "
                    f"{candidates[0]!r} and by {candidates[1]!r}: make {entity.__name__} a key of "
                    "the service, or let one of them be a plain attribute"
                )
            ways[entity] = candidates[0]
        grown = bool(found)
    for view in wanted:
        assert isinstance(view, type)
        assert issubclass(view, FeatureView)
        for part in _parts(view.entity):
            if part not in ways:
                raise DefinitionError(_unreachable(service, view, part, leads))
    return ways


def _unreachable(
    service: FeatureService,
    view: type[FeatureView],
    entity: type[Entity],
    leads: list[Attribute],
) -> str:
    keys = ", ".join(key.__name__ for key in service.keys)
    start = f"{service!r}: {view.__name__} needs a {entity.__name__}, which cannot be reached from"
    chain, seen = [entity], {entity}
    while True:
        lead = next((f for f in leads if f.key_of is chain[-1]), None)
        if lead is None:
            break
        assert issubclass(lead.view, FeatureView)
        before = _parts(lead.view.entity)[0]
        chain.append(before)
        if before in seen:
            path = " from ".join(part.__name__ for part in chain)
            return f"{start} {keys}; its way is a cycle: {path}. Make one of them a key"
        seen.add(before)
    return (
        f"{start} {keys}: make it a key of the service, or give a view of {keys} an attribute "
        f"`= key_of({chain[-1].__name__})`"
    )
