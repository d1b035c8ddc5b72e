"""The registry: all definitions of a deployment, checked against each other."""

import re
import sys
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import cached_property
from types import ModuleType
from typing import TypeVar

from slate.entities import Entity
from slate.errors import DefinitionError, UnknownNameError, nearest
from slate.expressions import leaves
from slate.features import Attribute, Computed, Feature
from slate.importing import import_definitions, lines_of, require_each_once
from slate.plans import Plan, plan
from slate.services import FeatureService
from slate.sources import Source
from slate.views import FeatureView, RequestFeatures

T = TypeVar("T")
# How a version is said beside its name, as in "feed_ranking@1".
_VERSION = re.compile(r"@(\d+)$")


@dataclass(frozen=True)
class Registry:
    """The definitions of a deployment, each kind by name, in order of definition.

    Attributes:
        entities: by name.
        sources: by name.
        views: feature views by name.
        requests: request features by name.
        services: all versions of feature services, by name and version ("feed_ranking_v1").
        plans: the plan of each, by the same.
    """

    entities: dict[str, type[Entity]]
    sources: dict[str, type[Source]]
    views: dict[str, type[FeatureView]]
    requests: dict[str, type[RequestFeatures]]
    services: dict[str, FeatureService]
    plans: dict[str, Plan]

    @classmethod
    def from_module(cls, module: ModuleType | str) -> "Registry":
        """Read what a module defines or imports.

        Args:
            module: the module, or its dotted name.

        Raises:
            ConfigurationError: there is no such module.
            DefinitionError: definitions contradict each other.
        """
        if isinstance(module, str):
            module = import_definitions(module)
        definitions = [d for d in vars(module).values() if _is_definition(d)]
        held = (d.__module__ for d in definitions if isinstance(d, type))
        for name in dict.fromkeys([module.__name__, *held]):
            if name in sys.modules:
                require_each_once(sys.modules[name], _is_definition)
        return cls.of(definitions)

    @classmethod
    def of(cls, definitions: Iterable[object]) -> "Registry":
        """Collect definitions from any objects, passing over what is none.

        Raises:
            DefinitionError: definitions contradict each other.
        """
        found = list(dict.fromkeys(d for d in definitions if _is_definition(d)))
        views = _by_name(found, FeatureView)
        services = _services(found)
        _check_held(found)
        _check_names(found)
        return cls(
            _by_name(found, Entity),
            _by_name(found, Source),
            views,
            _by_name(found, RequestFeatures),
            services,
            {name: plan(service, list(views.values())) for name, service in services.items()},
        )

    @cached_property
    def features(self) -> dict[str, Feature]:
        """All features by full name."""
        return {
            feature.name: feature
            for view in (*self.views.values(), *self.requests.values())
            for feature in view.features.values()
        }

    def service(self, name: str) -> FeatureService:
        """A service by name and version ("feed_ranking_v1"), or by its name, if it has one version.

        Of several versions the name alone means none: a model is trained on one of them.

        Raises:
            UnknownNameError: there is none, or the name alone does not tell which.
        """
        found = self.versions(name)
        if not found:
            hint = nearest(name, map(self.asked_as, self.services.values()))
            raise UnknownNameError(f"there is no service {name!r}: {hint}")
        if len(found) > 1:
            names = " or ".join(service.full_name for service in found)
            raise UnknownNameError(
                f"{name!r} has {len(found)} versions: ask for the one that the model was trained "
                f"on, {names}"
            )
        return found[0]

    def versions(self, name: str) -> list[FeatureService]:
        """The services that a name means: of the name alone all versions, the oldest first.

        Args:
            name: "feed_ranking", or "feed_ranking_v1" for one version; "feed_ranking@1" is
                understood too.
        """
        full_name = _VERSION.sub(r"_v\1", name)
        found = (s for s in self.services.values() if name == s.name or full_name == s.full_name)
        return sorted(found, key=lambda service: service.version)

    def asked_as(self, service: FeatureService) -> str:
        """The shortest name that means a service: with its version where there are others."""
        return service.name if len(self.versions(service.name)) == 1 else service.full_name

    @property
    def service_names(self) -> set[str]:
        """The names that services are known by, alone and with a version."""
        return {*self.services, *(service.name for service in self.services.values())}

    def plan(self, name: str) -> Plan:
        """The plan of a service by its name, as ``service`` takes it.

        Raises:
            UnknownNameError: as ``service`` says.
        """
        return self.plans[self.service(name).full_name]

    def view(self, name: str) -> type[FeatureView]:
        """A feature view by name.

        Raises:
            UnknownNameError: there is none.
        """
        if name in self.views:
            return self.views[name]
        raise UnknownNameError(f"there is no feature view {name!r}: {nearest(name, self.views)}")


def _services(found: list[object]) -> dict[str, FeatureService]:
    """The versions of services by name and version."""
    services: dict[str, FeatureService] = {}
    for service in found:
        if isinstance(service, FeatureService):
            if service.full_name in services:
                raise DefinitionError(
                    f"{service!r} is defined twice: raise the version of the newer one"
                )
            services[service.full_name] = service
    for service in services.values():
        if service.name in services:
            raise DefinitionError(
                f"{service!r} is called as another one is with its version, "
                f"{services[service.name]!r}: rename it"
            )
    return services


def _check_held(found: list[object]) -> None:
    """Refuse what refers to a definition that is not there."""
    for definition in found:
        for other in _refers_to(definition):
            if other not in found:
                _require_defined_once(other, found)
                raise DefinitionError(
                    f"{getattr(definition, '__name__', repr(definition))} uses {other.__name__}, "
                    "which the definitions module does not hold: import it there"
                )


def _require_defined_once(definition: type, found: list[object]) -> None:
    """Refuse a second class of one name in one file, which takes the place of the first."""
    other = next(
        (
            one
            for one in found
            if isinstance(one, type)
            and (one.__module__, one.__name__) == (definition.__module__, definition.__name__)
        ),
        None,
    )
    place = lines_of(definition) if other is not None else None
    if place is not None and len(place[1]) > 1:
        path, lines = place
        raise DefinitionError(
            f"{path}:{lines[-1]}: {definition.__name__} is defined twice, lines "
            f"{' and '.join(map(str, lines))}: rename one"
        )


def _refers_to(definition: object) -> Iterator[type]:
    if isinstance(definition, FeatureService):
        yield from (*definition.keys, definition.spine)
        made_of = (*definition.stored, *definition.computed, *definition.inputs)
        if definition.candidates is not None:
            yield definition.candidates.view
        yield from (feature.view for feature in made_of)
    elif not isinstance(definition, type):
        return
    elif issubclass(definition, Entity):
        yield from definition.parts.values()
    elif issubclass(definition, FeatureView):
        yield definition.entity
        if definition.windowed:
            yield definition.source
        for feature in definition.features.values():
            if isinstance(feature, Attribute) and feature.key_of is not None:
                yield feature.key_of
    elif issubclass(definition, RequestFeatures):
        for feature in definition.features.values():
            for leaf in leaves(feature.expression) if isinstance(feature, Computed) else ():
                if isinstance(leaf, Feature):
                    yield leaf.view


def _check_names(found: list[object]) -> None:
    """Refuse names that contradict each other."""
    both = _by_name(found, FeatureView).keys() & _by_name(found, RequestFeatures).keys()
    if both:
        raise DefinitionError(f"two views are named {min(both)!r}: rename one of the classes")
    sources = _by_name(found, Source).values()
    for setting in ("model", "landing", "stream"):
        held: dict[str, type[Source]] = {}
        for source in sources:
            name = getattr(source, setting)
            if name and held.setdefault(name, source) is not source:
                raise DefinitionError(
                    f"{source.__name__} and {held[name].__name__} have the same {setting}, "
                    f"{name!r}: give each one of its own"
                )
    entities = _by_name(found, Entity).values()
    keys: dict[str, type[Entity]] = {}
    for entity in entities:
        for key in () if entity.parts else entity.keys:
            if keys.setdefault(key, entity) is not entity:
                raise DefinitionError(
                    f"{entity.__name__} and {keys[key].__name__} share the key {key!r}: "
                    "rename one, so that a key says whose it is"
                )
        for key, part in entity.parts.items():
            if key not in part.keys:
                raise DefinitionError(
                    f"{entity.__name__}.{key} is a key of {part.__name__}: name it "
                    f"{next(iter(part.keys))!r}, as there"
                )


def _is_definition(value: object) -> bool:
    bases = (Entity, Source, FeatureView, RequestFeatures)
    if isinstance(value, type):
        return issubclass(value, bases) and value not in bases
    return isinstance(value, FeatureService)


def _by_name(found: list[object], base: type[T]) -> dict[str, type[T]]:
    named: dict[str, type[T]] = {}
    for definition in found:
        if isinstance(definition, type) and issubclass(definition, base):
            name: str = definition.name  # type: ignore[attr-defined]
            if name in named:
                raise DefinitionError(
                    f"two definitions are named {name!r} ({definition.__name__}): rename one"
                )
            named[name] = definition
    return named
