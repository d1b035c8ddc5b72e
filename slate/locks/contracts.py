"""Contracts: what a version of a service gives to models, as facts and with a hash of each feature.

A feature's hash is that of all it is made of: its own facts, those of its view and of the way
there, of the source's events, of hand-written SQL, of the features and the code that it is computed
with. The facts say in words what the hash stands for.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache

from slate.expressions import leaves
from slate.features import Aggregated, Attribute, Computed, Feature
from slate.locks import facts
from slate.locks.facts import Facts, digest
from slate.locks.own_models import Origins, OwnModels, tokens
from slate.locks.select_lists import of_columns
from slate.plans import Plan, Read
from slate.registry import Registry
from slate.sources import Source
from slate.views import FeatureView


@dataclass(frozen=True)
class Locked:
    """A feature of a contract.

    Attributes:
        facts: what it says itself.
        fingerprint: the hash of all that it is made of.
    """

    facts: Facts
    fingerprint: str


@dataclass(frozen=True)
class Contract:
    """What a version of a service gives to models.

    Attributes:
        service: the service's name.
        version: its version.
        keys: the kind of each key that a request brings.
        features: its features, in their order.
        behind: what these are computed from or found by, besides.
        views: of each view, by which keys its rows are found, and how the service comes by them.
        sources: of each source, by its model, which events it takes.
        models: the hand-written SQL by model.
        code: the code of resolvers by the feature that calls them.
        uses: of each feature what it is made of, as (section, name); not kept in a file.
    """

    service: str
    version: int
    keys: Facts
    features: dict[str, Locked]
    behind: dict[str, Locked]
    views: dict[str, Facts]
    sources: dict[str, Facts]
    models: dict[str, str]
    code: dict[str, str]
    uses: dict[str, set[tuple[str, str]]] = field(default_factory=dict, compare=False)

    @property
    def name(self) -> str:
        """The service's name with its version."""
        return f"{self.service}_v{self.version}"

    @property
    def all_features(self) -> Mapping[str, Locked]:
        """Its features and those behind them."""
        return {**self.features, **self.behind}


def contract(registry: Registry, plan: Plan, models: OwnModels) -> Contract:
    """The contract of a service as it is defined now.

    Args:
        registry: the definitions.
        plan: the service's plan.
        models: the hand-written models of its dbt project.
    """
    reader = _Reader(plan, registry.sources.values(), models)
    service = plan.service
    everything = dict.fromkeys((*service.features, *reader.stored, *plan.inputs, *plan.computed))
    locked = {feature.name: reader.locked(feature) for feature in everything}
    listed = {feature.name: locked.pop(feature.name) for feature in service.features}
    return Contract(
        service.name,
        service.version,
        {key: kind.value for entity in service.keys for key, kind in entity.keys.items()},
        listed,
        dict(sorted(locked.items())),
        {read.view.name: facts.of_read(plan, read) for read in plan.reads},
        {
            source.model: facts.of_source(source)
            for read in plan.reads
            for source in reader.sources(read.view)
        },
        {
            name: text
            for read in plan.reads
            for name, text in reader.origins(read.view).texts.items()
        },
        {feature.name: code for feature in everything if (code := facts.code_of(feature))},
        {feature.name: set(reader.uses(feature)) for feature in everything},
    )


@cache
def fingerprints(plan: Plan) -> Mapping[str, str]:
    """The hash of all that each feature of a service is made of, by its name.

    That is without hand-written SQL, which need not be there where features are served.

    Args:
        plan: the service's plan.
    """
    reader = _Reader(plan, (), None)
    return {feature.name: reader.fingerprint(feature) for feature in plan.service.features}


class _Reader:
    """What the features of one service are made of."""

    def __init__(
        self, plan: Plan, sources: Iterable[type[Source]], models: OwnModels | None
    ) -> None:
        self._plan = plan
        self._models = models
        self._sources = {source.model: source for source in sources}
        self._hashes: dict[Feature, str] = {}

    @property
    def stored(self) -> Iterator[Feature]:
        """The features that are read, also those on the way to others."""
        for read in self._plan.reads:
            yield from read.features

    def locked(self, feature: Feature) -> Locked:
        """A feature as a contract has it."""
        return Locked(facts.of_feature(feature), self.fingerprint(feature))

    def fingerprint(self, feature: Feature) -> str:
        """The hash of all that a feature is made of."""
        if feature not in self._hashes:
            self._hashes[feature] = digest(*self._texts(feature))
        return self._hashes[feature]

    def _texts(self, feature: Feature) -> Iterator[str]:
        yield _text(facts.exact(feature))
        if isinstance(feature, Computed):
            for leaf in self._leaves(feature):
                yield f"{leaf.name} {self.fingerprint(leaf)}"
        elif (read := self._read(feature)) is not None:
            yield _text(facts.of_read(self._plan, read))
            for way in self._ways(read):
                yield f"{way.name} {self.fingerprint(way)}"
            for source in self.sources(read.view):
                yield _text({"source": source.model, **facts.of_source(source, feature)})
            for name, text in sorted(self.origins(read.view).texts.items()):
                parts: Sequence[str] = tokens(text)
                if name == self._model(read.view):
                    parts = of_columns(parts, facts.columns_of(feature))
                yield f"{name}: {' '.join(parts)}"

    def uses(self, feature: Feature) -> Iterator[tuple[str, str]]:
        """What a feature is made of, itself among it, as (section, name)."""
        yield "feature", feature.name
        if isinstance(feature, Computed):
            for leaf in self._leaves(feature):
                yield from self.uses(leaf)
        elif (read := self._read(feature)) is not None:
            yield "view", read.view.name
            for way in self._ways(read):
                yield from self.uses(way)
            yield from (("source", source.model) for source in self.sources(read.view))
            yield from (("model", name) for name in self.origins(read.view).texts)

    def origins(self, view: type[FeatureView]) -> Origins:
        """The hand-written models that a view is made of; none if all is generated."""
        if self._models is None or (view.windowed and (view.source.landing or view.source.table)):
            return Origins()
        return self._models.origins(self._model(view))

    def _model(self, view: type[FeatureView]) -> str:
        """The model whose rows a view is made of."""
        return view.source.model if view.windowed else view.model

    def sources(self, view: type[FeatureView]) -> list[type[Source]]:
        """The sources whose events a view is made of."""
        found = [view.source] if view.windowed else []
        for model in sorted(self.origins(view).others):
            if model in self._sources and self._sources[model] not in found:
                found.append(self._sources[model])
        return found

    def _read(self, feature: Feature) -> Read | None:
        """How the service reads a feature; None of what a request brings."""
        if not isinstance(feature, Aggregated | Attribute):
            return None
        return next(read for read in self._plan.reads if read.view is feature.view)

    def _ways(self, read: Read) -> list[Attribute]:
        return [way for way in read.keys.values() if isinstance(way, Attribute)]

    def _leaves(self, feature: Computed) -> list[Feature]:
        return [leaf for leaf in leaves(feature.expression) if isinstance(leaf, Feature)]


def _text(found: Facts) -> str:
    return "\n".join(f"{name}: {text}" for name, text in sorted(found.items()))
